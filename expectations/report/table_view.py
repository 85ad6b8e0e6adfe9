"""What the page of a table shows: its verdict, what waits with what to do, trends, rules, contract and past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.report import words
from expectations.report.about import Column, DeclaredRule, Described
from expectations.report.actions import Links
from expectations.report.compare import ChangeRow, change_rows, compared
from expectations.report.decided import together
from expectations.report.groups import Group, groups
from expectations.report.lines import by_batch, latest_runs
from expectations.report.model import (
    Because,
    Comparison,
    Decision,
    Freshness,
    Line,
    OpenIncident,
    Publish,
    TableTwin,
)
from expectations.report.outcomes import Last, last_outcomes
from expectations.report.schemas import SchemaChange, schema_history
from expectations.report.texts import Texts
from expectations.report.trends import Chart, charts
from expectations.report.upstream import TONES
from expectations.report.verdict import Verdict, code_said, of_table, when_it_fails
from expectations.report.watched import Alarms, Watched, alarms, sentences, watched
from expectations.report.weeks import Weeks, weeks

SHOWN_RUNS = 60
_BY_PEOPLE = ("rollback", "override", "replay")


@dataclass(frozen=True, slots=True)
class BelowRow:
    """A table below a summary that isn't good."""

    of: Because
    tone: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with how it came out last; `batch`: in which batch."""

    rule: DeclaredRule
    severity: str
    place: str
    outcome: str
    tone: str
    aside: int
    batch: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Rows set aside for one reason over the kept runs."""

    code: str
    column: str | None
    sentence: str
    rows: int
    batches: int
    last_label: str
    last_run: str | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list of runs."""

    line: Line
    status: str
    tone: str
    label: str
    page: bool
    why: str
    """Of a run that failed: its code in plain words."""


@dataclass(frozen=True, slots=True)
class TableView:
    described: Described
    columns: tuple[Column, ...]
    verdict: Verdict
    because: tuple[BelowRow, ...]
    freshness: Freshness
    promises: tuple[str, ...]
    broken: tuple[str, ...]
    late: bool
    facts: tuple[str, ...]
    groups: tuple[Group, ...]
    things: int
    newest: Line | None
    comparison: Comparison
    changes: tuple[ChangeRow, ...]
    weeks: Weeks | None
    incidents: tuple[OpenIncident, ...]
    answers: dict[str, str]
    on_call: str
    watched: tuple[Watched, ...]
    watched_said: tuple[str, ...]
    alarms: Alarms | None
    charts: tuple[Chart, ...]
    more_charts: tuple[Chart, ...]
    rules: tuple[RuleRow, ...]
    aside: tuple[Aside, ...]
    schema: tuple[SchemaChange, ...]
    runs: tuple[RunRow, ...]
    older_runs: tuple[RunRow, ...]
    decisions: tuple[Decision, ...]
    undone: tuple[Publish, ...]
    rules_intro: str
    reconciled: str


def table_view(
    twin: TableTwin, lines: Sequence[Line], pages: set[str], texts: Texts, links: Links, now: datetime
) -> TableView:
    described = twin.described
    shown_charts, more_charts = charts(described, lines, pages, texts)
    runs = [_run(line, pages, texts) for line in reversed(lines)]
    told = latest_runs(lines)
    judged = [line for line in told if line.judged]
    last = judged[-1] if judged else told[-1] if told else None
    columns = described.columns or (twin.schemas.get(last.schema_hash, ()) if last else ())
    metrics = described.metrics
    newest = next(reversed(by_batch(lines)), None)
    comparison = compared(newest, lines, columns) if newest else Comparison()
    # An old window that was loaded again came last, but what is said of the table is of its newest batch.
    shown = newest if newest is not None and newest.judged else last
    verdict = of_table(
        described, twin.own, twin.freshness, twin.open_items, shown, now, texts, twin.because, twin.taken_back
    )
    return TableView(
        described=described,
        columns=tuple(
            column.model_copy(
                update={"metric": metrics.get(column.name), "metric_name": described.metric_names.get(column.name)}
            )
            for column in columns
        ),
        verdict=verdict,
        because=tuple(BelowRow(item, TONES[item.state]) for item in twin.because),
        freshness=twin.freshness, promises=_promises(described, texts),
        broken=_broken(twin.freshness, now, texts), late=twin.freshness.late(now), facts=_facts(described, texts),
        groups=groups(twin.open_items, described, {line.run_id: line for line in lines}, pages, texts, links, now),
        things=sum(item.under is None for item in twin.open_items), newest=newest, comparison=comparison,
        changes=change_rows(comparison, newest.alerts if newest else (), texts),
        weeks=weeks(described, lines, twin.schemas, texts),
        incidents=twin.facts.incidents,
        answers={item.incident_id: _answered(item, now, texts) for item in twin.facts.incidents},
        on_call=twin.facts.on_call, watched=watched(lines, texts),
        watched_said=sentences(described, lines, texts), alarms=alarms(lines, twin.facts.decisions, texts),
        charts=shown_charts, more_charts=more_charts,
        rules=tuple(_rule(found, texts) for found in last_outcomes(described.rules, lines)),
        aside=_aside(lines, pages), schema=schema_history(lines, twin.schemas, pages), runs=tuple(runs[:SHOWN_RUNS]),
        older_runs=tuple(runs[SHOWN_RUNS:]),
        decisions=_decisions(twin, lines),
        undone=tuple(p for p in reversed(twin.facts.publishes) if p.undone_by is not None or p.kind in _BY_PEOPLE),
        rules_intro=_rules_intro(described, texts), reconciled=twin.facts.reconciled,
    )  # fmt: skip


def _answered(incident: OpenIncident, now: datetime, texts: Texts) -> str:
    """Who has an incident, since when and after how long; or for how long nobody has."""
    if not incident.acknowledged_by:
        return texts("readers.unanswered_for", time=words.duration((now - incident.opened_at).total_seconds()))
    if incident.acknowledged_at is None:
        return texts("readers.acknowledged", who=incident.acknowledged_by)
    after = words.duration((incident.acknowledged_at - incident.opened_at).total_seconds())
    return texts(
        "readers.answered_at", who=incident.acknowledged_by, at=words.moment(incident.acknowledged_at), time=after
    )


def _rule(last: Last, texts: Texts) -> RuleRow:
    rule = last.rule
    tone = {"pass": "good", "aside": "warn", "none": "idle"}.get(
        last.outcome, "bad" if rule.severity == "critical" else "warn"
    )
    return RuleRow(rule, when_it_fails(rule, texts), texts(f"place.{rule.place}"), last.outcome, tone, last.rows,
                   _of_batch(last.line, texts) if last.line else "")  # fmt: skip


def _of_batch(line: Line, texts: Texts) -> str:
    return texts("words.batch", label=line.label) if line.window_start else words.moment(line.at)


def _aside(lines: Sequence[Line], pages: set[str]) -> tuple[Aside, ...]:
    found: dict[tuple[str, str | None], Aside] = {}
    for line in by_batch(lines):
        for item in line.quarantine:
            key = (item.code, item.column)
            before = found.get(key)
            found[key] = Aside(
                item.code, item.column, item.sentence, item.rows + (before.rows if before else 0),
                1 + (before.batches if before else 0), line.label, line.run_id if line.run_id in pages else None,
            )  # fmt: skip
    return tuple(sorted(found.values(), key=lambda aside: -aside.rows))


def _decisions(twin: TableTwin, lines: Sequence[Line]) -> tuple[Decision, ...]:
    """Newest first; a batch's key is said as its label."""
    labels = {line.batch_key: line.label for line in lines}
    newest = sorted(twin.facts.decisions, key=lambda decision: decision.decided_at, reverse=True)
    return tuple(together(item.model_copy(update={"what": labels.get(item.what, item.what)}) for item in newest))


def _run(line: Line, pages: set[str], texts: Texts) -> RunRow:
    status = "undone" if line.undone and line.status in ("published", "warned") else str(line.status)
    if line.kind == "rollback" and status == "published":
        status = "taken_back"
    tone = {"published": "good", "warned": "warn", "failed": "bad", "undone": "bad", "unchanged": "good",
            "already_published": "good"}.get(status, "idle")  # fmt: skip
    label = texts("words.last_load_short") if line.label == "source" else line.label
    why = code_said(line.failure.code, texts) if line.failure is not None else ""
    return RunRow(line, status, tone, label, line.run_id in pages, why)


def _rules_intro(described: Described, texts: Texts) -> str:
    if described.kind == "summary":
        return texts("table.rules_intro_summary")
    said = [described.rules_about] if described.rules_about else []
    said.append(texts("table.rules_intro"))
    if any(column.key for column in described.columns):
        said.append(texts("table.rules_key"))
    return " ".join([*said, texts(f"table.drift_{described.drift_policy}")])


def _promises(described: Described, texts: Texts) -> tuple[str, ...]:
    said = []
    for promise in described.promises:
        if promise.fresh_by is not None:
            said.append(
                texts(
                    "table.promise_by" if described.window else "table.promise_daily",
                    who=promise.stakeholder,
                    time=promise.fresh_by,
                    zone=described.timezone,
                )
            )
        if promise.max_age_seconds is not None:
            age = words.duration(promise.max_age_seconds)
            said.append(texts("table.promise_age", who=promise.stakeholder, age=age))
    return tuple(said)


def _broken(freshness: Freshness, now: datetime, texts: Texts) -> tuple[str, ...]:
    """Promises that aren't kept, one sentence for each stakeholder."""
    said = {
        item.stakeholder: texts(
            "table.fresh.broken", who=item.stakeholder, at=words.moment(item.since), label=item.label
        )
        for item in freshness.broken
    }
    if freshness.late(now) and freshness.promised_to not in said:
        at = words.moment(freshness.until)
        said[freshness.promised_to] = texts("table.fresh.broken_late", who=freshness.promised_to, at=at)
    return tuple(said.values())


def _facts(described: Described, texts: Texts) -> tuple[str, ...]:
    """Short facts under the title: tier, how it is loaded, from where."""
    said = [texts(f"tier.{described.tier}")]
    if described.kind == "summary":
        said.append(texts("table.built_from", tables=", ".join(described.inputs)))
    else:
        if described.window is not None:
            said.append(texts("table.batch_per", every=described.window.every, zone=described.window.timezone))
        else:
            said.append(texts("table.batch_whole"))
        if described.mode and texts.known(f"mode.{described.mode}"):
            said.append(texts(f"mode.{described.mode}"))
        if described.source:
            said.append(texts("table.from_source", source=described.source))
    return tuple(said)
