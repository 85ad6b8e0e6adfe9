"""From declarations to what a reader of the report needs of them; addresses and secrets stay behind."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.declarations.suite import Rule, Suite
from deployments.declarations.summary import InputCheck, Summary
from deployments.declarations.table import Cron, Sla, Table, WindowSpec
from deployments.project import Project
from expectations.report import words
from expectations.report.about import Below, Column, DeclaredRule, Described, Promise, Reader, WindowGrid
from expectations.report.texts import Texts
from expectations.suites.sentences import sentence


def described(project: Project, name: str, texts: Texts) -> Described:
    """What a project says of one table or summary; DeclarationError when it has none of that name."""
    full = project.full_name(name)
    if full in project.tables:
        made = describe_table(project.tables[full], project.suite(full), texts)
    else:
        below = [project.tables[table] for table in project.base_tables(full)]
        made = describe_summary(project.summaries[full], below, texts)
    dependents = tuple(project.dependents(full))
    readers: dict[str, Reader] = {}
    for table in (full, *dependents):
        for consumer, item in project.consumers_of(table).items():
            readers.setdefault(consumer, Reader(
                name=consumer, kind=item.kind, owner=item.owner, url=item.url, columns=item.columns_of(table),
                through="" if table == full else table,
            ))  # fmt: skip
    return made.model_copy(update={"dependents": dependents, "consumers": tuple(readers.values())})


def describe_table(table: Table, suite: Suite, texts: Texts) -> Described:
    source = table.source
    return Described(
        table=table.table, kind="table", description=table.description, owner=table.owner, tier=table.tier,
        mode=table.load.mode, source=f"{source.kind}, {source.place}", drift_policy=suite.drift.policy, runbook=table.runbook,
        columns=tuple(
            Column(name=c.name, type=c.type, nullable=c.nullable, unit=c.unit, description=c.description,
                   masked=c.name in table.masked, key=c.name in table.key)
            for c in table.columns
        ),
        rules=tuple(_rule(rule, table.owner) for rule in suite.expectations), rules_about=suite.description,
        promises=_promises(table.sla), readers=table.grants, window=_window(table.window),
        holidays=table.holidays, lag_seconds=table.lag.total_seconds(),
        timezone=_zone(table.window, table.schedule), cron=table.schedule.cron if table.schedule else None,
    )  # fmt: skip


def describe_summary(summary: Summary, below: Sequence[Table], texts: Texts) -> Described:
    """`below`: the tables it is made of, through other summaries."""
    checks = [_input_check(check, item.table, summary.owner, texts) for item in summary.inputs for check in item.checks]
    return Described(
        table=summary.target, kind="summary", description=summary.description, owner=summary.owner, tier=summary.tier,
        mode="summary", runbook=summary.runbook, metrics=summary.definitions,
        metric_names={column.name: column.metric for column in summary.columns if column.metric is not None},
        rules=(*checks, *_output_rules(summary)),
        inputs=tuple(item.table for item in summary.inputs),
        below=tuple(
            Below(table=table.table, window=window, lag_seconds=table.lag.total_seconds())
            for table in below
            if (window := _window(table.window)) is not None
        ), sql=summary.sql, promises=_promises(summary.sla), readers=summary.grants,
        timezone=_zone(None, summary.schedule), cron=summary.schedule.cron if summary.schedule else None,
    )  # fmt: skip


def _output_rules(summary: Summary) -> tuple[DeclaredRule, ...]:
    """Rules of the built table: its key first, as the build itself checks it."""
    rules = [_rule(rule, summary.owner).model_copy(update={"place": "candidate"}) for rule in summary.expectations]
    if summary.key:
        single = len(summary.key) == 1
        kind = "expect_column_values_to_be_unique" if single else "expect_compound_columns_to_be_unique"
        kwargs = {"column": summary.key[0]} if single else {"column_list": list(summary.key)}
        key = _rule(Rule(code="KEY", type=kind, kwargs=kwargs), summary.owner)
        rules.insert(0, key.model_copy(update={"place": "candidate"}))
    return tuple(rules)


def _rule(rule: Rule, owner: str) -> DeclaredRule:
    return DeclaredRule(
        code=rule.code, sentence=sentence(rule), severity=rule.severity, owner=rule.owner or owner, notes=rule.notes,
        meta=rule.meta or {}, sets_aside=rule.rows == "quarantine", tolerance=rule.tolerance,
        place="candidate" if rule.on == "candidate" or not rule.signature.memory else "batch",
    )  # fmt: skip


def _input_check(check: InputCheck, table: str, owner: str, texts: Texts) -> DeclaredRule:
    if check.type is not None:
        said = sentence(Rule(code=check.code, type=check.type, kwargs=check.kwargs))
    else:
        bound, value = next(
            (name, getattr(check, name))
            for name in ("equals", "at_least", "at_most")
            if getattr(check, name) is not None
        )
        said = texts(f"describe.input_{bound}", table=table, value=words.number(value))
    return DeclaredRule(
        code=check.code, sentence=said, severity=check.severity, owner=owner, notes=check.notes, place="input"
    )


def _promises(slas: tuple[Sla, ...]) -> tuple[Promise, ...]:
    return tuple(
        Promise(
            stakeholder=sla.for_, fresh_by=sla.fresh_by, contact=sla.contact,
            max_age_seconds=sla.max_age_seconds,
        )
        for sla in slas
    )  # fmt: skip


def _window(window: WindowSpec | None) -> WindowGrid | None:
    if window is None:
        return None
    return WindowGrid(every=window.every, timezone=window.timezone, start=window.start, end=window.end)


def _zone(window: WindowSpec | None, schedule: Cron | None) -> str:
    if schedule is not None and schedule.timezone is not None:
        return schedule.timezone
    return "UTC" if window is None else window.timezone
