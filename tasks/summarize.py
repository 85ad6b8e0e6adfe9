"""Summarize: inputs checked, the SELECT built beside the live table, the result checked, published in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.declarations.suite import Rule, Suite
from deployments.declarations.summary import Balance, InputCheck, Summary
from deployments.declarations.table import share
from deployments.errors import CheckFailedError, HeadgateError
from deployments.windows import Window
from expectations.record import RuleResult
from tasks.assess import Assessment, key_rule, results_of, stop_on_failures, suite_parameters
from tasks.batch import Override, new_attempt, new_try
from tasks.guard import guarded
from tasks.judge import schema_changes
from tasks.judged_table import judged_table
from tasks.one_sql import as_read
from tasks.only_reads import prove_checks, prove_select, told
from tasks.overrides import marked
from tasks.provision import declared
from tasks.publish import carry_out
from tasks.step import OF_A_JOB, step
from tasks.summary_output import described, select_of, told_of_values
from tasks.summary_windows import batch_key, read_stands, wanted
from tasks.switches import reached
from tasks.warehouses import clock, names, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.publication import prove_ours
from tasks.warehouses.publish_plan import Publication, Published
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import count_rows, explained, one, reading, session, transaction
from tasks.warehouses.shapes import LiveColumn, shape_of_summary
from tasks.within import within
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)
_OF_VALUES = ("22", "23", "XX")
"""Classes of SQLSTATE of a value that can't go into its column; XX is what Redshift says of most."""


@dataclass(frozen=True, slots=True)
class Job:
    """One build of one summary. `fingerprint` names the publishes of its inputs and its own text."""

    target: str
    run_id: str
    attempt_id: str
    expected_sequence: int
    fingerprint: str
    standing_fingerprint: str | None
    spool: Path
    """Its lock says that the build's process is alive; no byte is written there."""
    label: str = ""
    """What people call the build: its window, or its day."""
    window: Window | None = None
    """What the build covers, of a summary that is built window by window."""
    missing: tuple[str, ...] = ()
    """Windows of inputs that aren't published and belong to it."""
    refused: tuple[str, ...] = ()
    """Fingerprints of builds that were rolled back: the same inputs would give the same again."""
    stage_key: str = ""
    """Nothing of a build is staged."""
    has_metrics: bool = False
    """Whether columns of it name metrics, which other summaries may have, too."""
    overrides: tuple[Override, ...] = ()
    """What somebody decided may not stop this build."""

    @property
    def title(self) -> str:
        return f"{self.target} {self.label}".rstrip()

    @property
    def live(self) -> TableName:
        return TableName.parse(self.target)

    @property
    def batch_key(self) -> str:
        return batch_key(self.window)

    def overridden(self, code: str) -> bool:
        """Whether somebody decided that this failure doesn't stop the build."""
        return any(item.code == code for item in self.overrides)


@dataclass(frozen=True, slots=True)
class InputsChecked:
    """Rows and verdicts of the inputs."""

    rows: dict[str, int]
    rules: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """The candidate a SELECT filled."""

    candidate: TableName
    rows: int
    changes: tuple[tuple[str, str], ...] = ()
    """Differences between contract and live table, as (kind, column); () without a contract."""
    warnings: tuple[str, ...] = ()
    sql: str = ""
    """The SELECT that ran, where it isn't the one that was written: `written_for: redshift` on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class OutputChecked:
    """Verdicts on the candidate."""

    rules: tuple[RuleResult, ...]


def plan_job(bench: Workbench, summary: Summary, run_id: str, window: Window | None = None, label: str = "") -> Job:
    """What a build covers: the publishes of the inputs as they stand now, or of those of a window."""
    stands = read_stands(bench, summary)
    made_of = wanted(bench.project, summary, stands, window)
    key, own = batch_key(window), stands.own
    standing = proofs.standing(own).get(key)
    return Job(
        target=summary.target,
        run_id=run_id,
        attempt_id=new_attempt(clock.now(bench.warehouse)),
        expected_sequence=proofs.latest(own, key),
        fingerprint=made_of.fingerprint,
        standing_fingerprint=standing.fingerprint if standing is not None and stands.there else None,
        spool=bench.spool / run_id,
        label=label,
        window=window,
        missing=made_of.missing,
        refused=proofs.refused(own, key, summary.fingerprint, summary.fingerprint),
        has_metrics=any(column.metric is not None for column in summary.columns),
    )


@step("check inputs", of=OF_A_JOB)
def check_inputs(job: Job) -> InputsChecked:
    """Judge the inputs before the build. Raises CheckFailedError when a critical check fails or an input is absent."""
    bench = workbench()
    summary = as_read(bench, bench.project.summary(job.target))
    if job.missing:
        raise CheckFailedError(
            f"{job.target} needs windows that aren't published: {', '.join(job.missing)}; nothing was built",
            code="INPUT-MISSING", next_command=f"headgate run {job.missing[0].partition(' ')[0]}",
        )  # fmt: skip
    rows: dict[str, int] = {}
    results: list[RuleResult] = []
    with explained(f"inputs of {job.target}"):
        for item in summary.inputs:
            rows[item.table] = _count(bench, summary, item.table)
        prove_checks(bench.warehouse, summary, "inputs", None)
        for item in summary.inputs:
            results += [_sql_check(bench, job, item.table, c, rows) for c in item.checks if c.sql is not None]
            rules = [_rule(check) for check in item.checks if check.type is not None]
            if rules:
                results += _expectations(bench, summary, TableName.parse(item.table), rules, "input")
    judged = marked(job.overrides, results)
    stop_on_failures(f"inputs of {job.title}", job.run_id, Assessment(False, judged))
    return InputsChecked(rows, judged)


@step("build", of=OF_A_JOB)
def build(job: Job) -> Built:
    """Run the SELECT into a new candidate that nobody reads; a retry makes another one."""
    bench = workbench()
    summary = as_read(bench, bench.project.summary(job.target))
    candidate = names.candidate(job.live, f"{job.attempt_id}{new_try()}")
    prove_select(bench.warehouse, summary)
    changes, warnings = _schema_changes(bench, summary)
    try:
        with transaction(bench.warehouse.address) as cursor:
            guarded(bench, cursor, summary, job.window)
            rows = fill(bench, cursor, candidate, summary, job.window)
            _prove_inside(cursor, job, summary, candidate)
    except Error as error:
        raise why_not_built(bench, summary, error, job.window) from None
    reached("built")
    as_written = bench.project.summary(job.target).sql
    return Built(candidate, rows, changes, warnings, "" if summary.sql == as_written else summary.statement(job.window))


def fill(bench: Workbench, cursor: Cursor, candidate: TableName, summary: Summary, window: Window | None = None) -> int:
    """Make the candidate of the contract, or of what the SELECT makes, and fill it with the rights the project gives to
    summaries; its rows."""
    adapter, role, shape = bench.warehouse, declared(bench).summaries_as, shape_of_summary(summary)
    statement = summary.statement(window)
    select: sql.Composable = sql.SQL(statement)
    if shape.columns:
        select = select_of(summary, described(adapter, cursor, candidate.schema, statement), window)
    if role is not None:
        return adapter.fill_as(cursor, candidate, select, shape, role)
    if not shape.columns:
        return adapter.create_as(cursor, candidate, select, shape)
    adapter.create_candidate(cursor, candidate, shape)
    columns = listed([column.name for column in shape.columns])
    cursor.execute(sql.SQL("INSERT INTO {} ({})\n").format(qualified(candidate), columns) + select)
    return int(cursor.rowcount)


def _prove_inside(cursor: Cursor, job: Job, summary: Summary, candidate: TableName) -> None:
    """CheckFailedError when rows of a window lie outside of it: building another window would double or lose them."""
    if summary.replaced_by is None or job.window is None:
        return
    inside = within(identifier(summary.replaced_by.name), summary.replaced_by.bounds(job.window))
    statement = sql.SQL("SELECT count(*) FROM {} WHERE coalesce(NOT {}, true)").format(qualified(candidate), inside)
    outside = int(one(cursor, statement)[0])
    if outside:
        raise CheckFailedError(
            f"{job.target} {summary.label_of(job.window)}: rows of which {summary.replaced_by.name} lies outside of the window: "
            f"{outside:,}; the table readers see is unchanged",
            code="OUT-OF-WINDOW",
            next_command=f"mend the WHERE of the SELECT, or {summary.replaced_by.name}; headgate summary try {job.target}",
            rows=outside,
        )


def why_not_built(bench: Workbench, summary: Summary, error: Error, window: Window | None = None) -> HeadgateError:
    """Our error for what the server says of the SELECT; of values that don't fit the contract, which ones."""
    if summary.columns and (error.pgcode or "").startswith(_OF_VALUES):
        role = declared(bench).summaries_as
        with suppress(Error), session(bench.warehouse.address) as connection, connection.cursor() as cursor:
            bench.warehouse.create_schema(cursor, summary.schema_name)
            made = described(bench.warehouse, cursor, summary.schema_name, summary.statement(window))
            if role is not None:
                bench.warehouse.act_as(cursor, role)
            found = told_of_values(cursor, summary, made, error, window)
            connection.rollback()
            if found is not None:
                return found
    return told(error, summary.statement(window), f"the SELECT of {summary.target}")


def _schema_changes(bench: Workbench, summary: Summary) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """As of a table that is refreshed as a whole; nothing without a contract."""
    if not summary.columns:
        return (), ()
    live = TableName.parse(summary.target)
    return schema_changes(
        bench, live, shape_of_summary(summary), summary.on_schema_change, replaced=summary.mode == "rebuild"
    )


@step("check output", of=OF_A_JOB)
def check_output(job: Job, built: Built) -> OutputChecked:
    """Judge the candidate. Raises CheckFailedError when its key repeats or a critical check fails."""
    bench = workbench()
    summary = as_read(bench, bench.project.summary(job.target))
    rules = list(summary.expectations)
    if summary.key:
        rules.insert(0, key_rule(summary.key))
    prove_checks(bench.warehouse, summary, "expectations", built.candidate)
    results = _expectations(bench, summary, built.candidate, rules, "candidate") if rules else []
    with explained(f"balances of {job.target}"):
        results += [
            _balance(bench, job, built, item.table, balance) for item in summary.inputs for balance in item.balances
        ]
    judged = marked(job.overrides, results)
    stop_on_failures(f"{job.title} (kept as {built.candidate})", job.run_id, Assessment(False, judged))
    return OutputChecked(judged)


@step("publish", of=OF_A_JOB, retries=3)
def publish_summary(job: Job, built: Built) -> Published:
    """Swap the candidate in, with its proof; calling it again finds the proof and changes nothing.

    After a COMMIT whose answer was lost the candidate has the live table's name: there is nothing to finish then.
    """
    bench = workbench()
    summary, adapter = bench.project.summary(job.target), bench.warehouse
    shape = shape_of_summary(summary, bench.project.readers(summary.schema_name))
    with session(adapter.address) as connection, connection.cursor() as cursor:
        made = adapter.columns(cursor, built.candidate)
    if not shape.columns:
        shape = replace(shape, columns=_as_made(summary, made))
    with explained(f"publish of {job.target}"):
        if made:
            with transaction(adapter.address) as cursor:
                adapter.finish_candidate(cursor, built.candidate, shape)
    return carry_out(
        Publication(
            live=job.live, candidate=built.candidate, shape=shape, mode=summary.load_mode, batch_key=job.batch_key,
            window=job.window, window_column=summary.replaced_by, expected_sequence=job.expected_sequence,
            kind="override" if job.overrides else "publish",
            run_id=job.run_id, attempt_id=job.attempt_id, fingerprint=job.fingerprint,
            declaration_hash=summary.fingerprint, suite_hash=summary.fingerprint,
            counts=Counts(extracted=built.rows, staged=built.rows, copied=built.rows),
            generations=summary.generations,
            shrink_guard=None if job.overridden("SHRINK-GUARD") else summary.may_lose, changes=built.changes,
            before=summary.statements_of(summary.before_publish, job.window),
            after=summary.statements_of(summary.after_publish, job.window),
        )
    )  # fmt: skip


def _as_made(summary: Summary, made: Sequence[LiveColumn]) -> tuple[Column, ...]:
    """The columns as the warehouse made them of the SELECT, whose types need not be those of contracts."""
    return tuple(
        Column.model_construct(
            name=column.name, type=column.type, nullable=True, unit=None, description=summary.metrics.get(column.name)
        )
        for column in made
    )


def _count(bench: Workbench, summary: Summary, name: str) -> int:
    table = TableName.parse(name)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not bench.warehouse.exists(cursor, table):
            raise CheckFailedError(
                f"{summary.target} needs {name}, which has never been published", code="INPUT-MISSING",
                next_command=f"headgate run {name}",
            )  # fmt: skip
        # Before the first row is read: a view that somebody planted would run with our rights.
        prove_ours(bench.warehouse, cursor, table)
        return count_rows(cursor, table)


def _sql_check(bench: Workbench, job: Job, table: str, check: InputCheck, rows: dict[str, int]) -> RuleResult:
    assert check.sql is not None
    summary = as_read(bench, bench.project.summary(job.target))
    role = declared(bench).summaries_as
    with reading(bench.warehouse.address) as cursor:
        if role is not None:
            bench.warehouse.act_as(cursor, role)
        found = one(cursor, sql.SQL(summary.with_moments(check.sql, job.window)))[0]
    value = None if found is None else float(found)
    bounds = {"equals": check.equals, "at_least": check.at_least, "at_most": check.at_most}
    expected = {name: bound for name, bound in bounds.items() if bound is not None}
    good = value is not None and all(
        (name == "equals" and value == bound)
        or (name == "at_least" and value >= bound)
        or (name == "at_most" and value <= bound)
        for name, bound in expected.items()
    )
    wanted = " and ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in expected.items())
    seen = "nothing" if value is None else f"{value:,g}"
    return RuleResult(
        code=check.code, type="sql", sentence=f"a count over {table}: {wanted}", severity=check.severity,
        outcome="pass" if good else "fail", place="input", owner=summary.owner, notes=check.notes,
        expected=expected, observed=value, rows_checked=rows[table],
        message=f"{seen} found, {wanted} expected",
    )  # fmt: skip


def _balance(bench: Workbench, job: Job, built: Built, table: str, balance: Balance) -> RuleResult:
    """A figure of the built rows beside that of an input; no rows count as 0."""
    summary = as_read(bench, bench.project.summary(job.target))
    role = declared(bench).summaries_as
    there_sql = sql.SQL(summary.with_moments(balance.select_of(table), job.window))
    with reading(bench.warehouse.address) as cursor:
        here = one(cursor, sql.SQL(balance.select_here(str(built.candidate))))[0] or 0
        if role is not None:
            bench.warehouse.act_as(cursor, role)
        there = one(cursor, there_sql)[0] or 0
    apart, allowed = abs(Decimal(str(here)) - Decimal(str(there))), Decimal(str(share(balance.tolerance)))
    good = apart <= allowed * abs(Decimal(str(there)))
    wanted = f"{balance.here} here = {balance.there} of {table}"
    return RuleResult(
        code=balance.code, type="balance", sentence=wanted, severity=balance.severity, outcome="pass" if good else "fail",
        place="candidate", owner=summary.owner, notes=balance.notes, expected={"equals": float(there)},
        observed=float(here), rows_checked=built.rows, message=f"{here:,} here, {there:,} in {table} ({wanted})",
    )  # fmt: skip


def _expectations(
    bench: Workbench, summary: Summary, table: TableName, rules: list[Rule], place: Literal["candidate", "input"]
) -> list[RuleResult]:
    from expectations.suites.run import run_suite

    suite = Suite(table=str(table).split("__hg_")[0], expectations=tuple(rules))
    owner = summary if place == "candidate" else bench.project.tables.get(str(table))
    outcome = run_suite(
        suite, judged_table(bench, table), key=summary.key, masked=owner.masked if owner is not None else (),
        mask_key=bench.pii_key or b"", parameters=suite_parameters(None, 0),
    )  # fmt: skip
    return list(results_of(outcome.rules, suite, summary.owner, place))


def _rule(check: InputCheck) -> Rule:
    assert check.type is not None
    return Rule(code=check.code, type=check.type, kwargs=check.kwargs, severity=check.severity, notes=check.notes)
