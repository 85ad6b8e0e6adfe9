"""Try a summary for real: its checks run, it is built where nobody reads, it is compared with the live table, and gone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.summary import Summary
from deployments.errors import CheckFailedError
from deployments.windows import Window
from expectations.record import RuleResult
from tasks.adhoc import Adhoc, keep_for, prove_reader
from tasks.assess import Assessment
from tasks.batch import new_attempt
from tasks.guard import guarded
from tasks.leftovers import TRIED, find_leftovers, remove
from tasks.one_sql import as_read
from tasks.only_reads import prove_select
from tasks.spool import hold, release
from tasks.summarize import Built, Job, check_inputs, check_output, fill, why_not_built
from tasks.trial_keys import HIDDEN, ByKey, compare_keys
from tasks.warehouses import clock, names
from tasks.warehouses.cost import Cost, cost_of
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import one, rows, session, transaction
from tasks.warehouses.shapes import LiveColumn
from tasks.workbench import Workbench

FIRST_ROWS = 10
SPOOL = "trial-"


@dataclass(frozen=True, slots=True)
class Compared:
    """The built table beside the live one. `only_new` and `only_live`: different rows that the other one lacks, by the
    columns both have with the same type; None when there is no live table."""

    live_rows: int | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]
    only_new: int | None
    only_live: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `rows` None: it wasn't built, since an input isn't fit."""

    target: str
    input_rows: dict[str, int]
    rules: tuple[RuleResult, ...]
    rows: int | None = None
    columns: tuple[LiveColumn, ...] = ()
    first: tuple[tuple[object, ...], ...] = ()
    compared: Compared | None = None
    by_key: ByKey | None = None
    cost: Cost | None = None
    seconds: float | None = None
    kept: Adhoc | None = None

    @property
    def failed(self) -> bool:
        """Whether a run would have published nothing."""
        return any(rule.severity == "critical" and rule.outcome in ("fail", "error") for rule in self.rules)

    @property
    def would_be_refused(self) -> bool:
        """Whether an empty result would be kept from replacing rows."""
        return self.rows == 0 and self.compared is not None and bool(self.compared.live_rows)


@dataclass(frozen=True, slots=True)
class Keep:
    """That the rows stay, for so many days, for a login or group of the warehouse; None: whoever runs this, by the same name."""

    days: int
    reader: str | None = None


def try_summary(bench: Workbench, summary: Summary, window: Window | None = None, keep: Keep | None = None) -> Trial:
    """Run the trial; the workbench's project has the summary. `window`: of a summary that is built by windows.

    Raises what a broken SELECT or an absent input raises."""
    attempt = new_attempt(clock.now(bench.warehouse))
    job = Job(summary.target, "trial", attempt, 0, "", None, bench.spool / f"{SPOOL}{attempt}", window=window)
    if keep is not None:
        prove_reader(bench, keep.reader)
    _clean(bench, summary.target)
    # A killed trial is known to be dead by its free lock: what it left goes with the next one, or with the next run.
    hold(job.spool, summary.target, job.attempt_id, "")
    try:
        input_rows, rules, fit = _inputs(job)
        if not fit:
            return Trial(summary.target, input_rows, rules)
        began = time.monotonic()
        with _built(bench, summary, job) as built:
            seconds = time.monotonic() - began
            rules += _output(job, built)
            with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
                columns = tuple(bench.warehouse.columns(cursor, built.candidate))
                order = summary.key or (columns[0].name,)
                first = rows(cursor, sql.SQL("SELECT * FROM {} ORDER BY {} LIMIT {}").format(
                    qualified(built.candidate), listed(order), sql.Literal(FIRST_ROWS)))  # fmt: skip
                compared, common = _compared(bench, cursor, job.live, built.candidate, columns)
                by_key = compare_keys(cursor, summary, built.candidate, job.live, common, window)
                # After the build: what a SELECT calls is proven before it reaches the server's planner.
                cost = cost_of(cursor, as_read(bench, summary).statement(window))
            now = clock.now(bench.warehouse)
            kept = keep_for(bench, summary, built.candidate, keep.reader, keep.days, now) if keep is not None else None
            return Trial(
                summary.target, input_rows, rules, built.rows, columns, _shown(summary, columns, first), compared,
                by_key, cost, seconds, kept,
            )  # fmt: skip
    finally:
        release(job.spool)


def _shown(
    summary: Summary, columns: Sequence[LiveColumn], found: Sequence[Sequence[object]]
) -> tuple[tuple[object, ...], ...]:
    """Rows without the values that are never shown."""
    hidden = [column.name in summary.masked for column in columns]
    return tuple(tuple(HIDDEN if hide else value for hide, value in zip(hidden, row, strict=True)) for row in found)


def _inputs(job: Job) -> tuple[dict[str, int], tuple[RuleResult, ...], bool]:
    try:
        checked = check_inputs.fn(job)
    except CheckFailedError as error:
        if error.code != "CHECK-FAILED":
            raise
        return {}, _results(error), False
    return checked.rows, checked.rules, True


def _output(job: Job, built: Built) -> tuple[RuleResult, ...]:
    try:
        return check_output.fn(job, built).rules
    except CheckFailedError as error:
        return _results(error)


def _results(error: CheckFailedError) -> tuple[RuleResult, ...]:
    found = error.facts["assessment"]
    assert isinstance(found, Assessment)
    return found.rules


@contextmanager
def _built(bench: Workbench, summary: Summary, job: Job) -> Iterator[Built]:
    """The SELECT's rows in a table that is closed to everybody else, and dropped afterwards with all that was made."""
    adapter, summary = bench.warehouse, as_read(bench, summary)
    # Not named after the target: leftovers of this name are looked for in every schema, whatever is declared there.
    candidate = names.candidate(TableName(job.live.schema, TRIED), job.attempt_id)
    made_schema = False
    prove_select(adapter, summary)
    try:
        try:
            with transaction(adapter.address) as cursor:
                made_schema = job.live.schema not in adapter.schemas(cursor)
                adapter.create_schema(cursor, job.live.schema)
                guarded(bench, cursor, summary, job.window)
                count = fill(bench, cursor, candidate, summary, job.window)
        except Error as error:
            made_schema = False
            raise why_not_built(bench, summary, error, job.window) from None
        yield Built(candidate, count)
    finally:
        with transaction(adapter.address) as cursor:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(candidate)))
            if made_schema and adapter.is_empty(cursor, job.live.schema):
                cursor.execute(sql.SQL("DROP SCHEMA {}").format(identifier(job.live.schema)))


def _compared(
    bench: Workbench, cursor: Cursor, live: TableName, new: TableName, columns: Sequence[LiveColumn]
) -> tuple[Compared, list[str]]:
    """The difference, and the columns that both have with the same type."""
    before = {column.name: column.type for column in bench.warehouse.columns(cursor, live)}
    after = {column.name: column.type for column in columns}
    if not before:
        return Compared(None, (), (), (), None, None), []
    same = [name for name, kind in after.items() if before.get(name) == kind]
    retyped = tuple(
        f"{name}: {before[name]} -> {kind}" for name, kind in after.items() if before.get(name, kind) != kind
    )
    live_rows = int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(qualified(live)))[0])
    return Compared(
        live_rows, tuple(name for name in after if name not in before), tuple(n for n in before if n not in after),
        retyped, _lacking(cursor, new, live, same), _lacking(cursor, live, new, same),
    ), same  # fmt: skip


def _lacking(cursor: Cursor, one_table: TableName, other: TableName, columns: Sequence[str]) -> int | None:
    """Different rows of one table that the other doesn't have."""
    if not columns:
        return None
    listing = listed(columns)
    statement = sql.SQL("SELECT count(*) FROM (SELECT {} FROM {} EXCEPT SELECT {} FROM {}) q")
    return int(one(cursor, statement.format(listing, qualified(one_table), listing, qualified(other)))[0])


def _clean(bench: Workbench, target: str) -> None:
    """Remove what killed trials in this schema left; what killed runs left is for the next run."""
    now = datetime.now(UTC)
    for leftover in list(find_leftovers(bench, [target], now)):
        of_a_trial = Path(leftover.name).name.startswith(SPOOL) if leftover.kind == "spool" else TRIED in leftover.name
        if of_a_trial:
            remove(bench, leftover, now)
