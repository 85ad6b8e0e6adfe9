"""Metrics of a build held against the same metrics of other summaries, before it is published.

Two summaries are compared when both are built from their inputs as they stand: until then they differ because one of them
waits for its turn, and the one that is built last compares. Dates are compared where both summaries have some.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.metric_grains import Grain, grain_of, metric_columns
from deployments.declarations.metrics import Metric
from deployments.declarations.summary import Summary
from deployments.errors import HeadgateError
from deployments.windows import Grid, Window
from expectations.record import RuleResult
from tasks.assess import Assessment, stop_on_failures
from tasks.step import OF_A_JOB, step
from tasks.summarize import Built, Job
from tasks.summary_windows import batch_key, read_stands, wanted
from tasks.warehouses import clock, metric_comparisons, proofs
from tasks.warehouses.metric_comparisons import Comparison
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import explain, one, rows, session
from tasks.within import within
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)
EXAMPLES = 5
HIDDEN = "(hidden)"
_OF_DOUBLES = 1e-9
"""Sums of doubles depend on the order of their rows."""


@dataclass(frozen=True, slots=True)
class MetricsCompared:
    """What was compared, and per metric that wasn't why. `rules`: a verdict per metric of the build."""

    found: tuple[Comparison, ...] = ()
    skipped: tuple[str, ...] = ()
    rules: tuple[RuleResult, ...] = ()

    @property
    def differs(self) -> bool:
        return any(item.differing for item in self.found)


NOTHING = MetricsCompared()


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: rows to read, and the days it is complete for; None: whatever it has."""

    summary: Summary
    column: str
    relation: sql.Composable
    covers: tuple[date, date] | None


@step("compare metrics", of=OF_A_JOB)
def compare_metrics(job: Job, built: Built) -> MetricsCompared:
    """Raises CheckFailedError where a metric of severity critical isn't the same in another summary."""
    bench = workbench()
    summary = bench.project.summary(job.target)
    found: list[Comparison] = []
    skipped: list[str] = []
    standing = _Standing(bench)
    try:
        for name, column in metric_columns(summary).items():
            metric = bench.project.metrics[name]
            for other, theirs in bench.project.summaries_with(name).items():
                if other == summary.target:
                    continue
                grain = grain_of(name, metric, summary, bench.project.summaries[other])
                why_not = grain.why_not or standing.why_not(summary, other, job.window)
                if why_not:
                    skipped.append(f"{name} of {other}: {why_not}")
                    continue
                here = _Side(
                    summary,
                    column.name,
                    _as_it_will_be(bench, job, built, summary),
                    standing.covers(summary, job.window),
                )
                there = _Side(bench.project.summaries[other], theirs, qualified(TableName.parse(other)),
                              standing.covers(bench.project.summaries[other], None))  # fmt: skip
                compared = _compared(bench, job, name, metric, grain, here, there)
                if compared.compared:
                    found.append(compared)
                else:
                    skipped.append(f"{name} of {other}: there is nothing that both have {grain}")
    except Error as error:
        raise explain(error, f"metrics of {job.target}") from None
    rules = tuple(
        _rule(bench, summary, name, found) for name in metric_columns(summary) if any(f.metric == name for f in found)
    )
    what = f"{job.target}: a figure isn't that of another summary (kept as {built.candidate})"
    stop_on_failures(what, job.run_id, Assessment(False, rules))
    return MetricsCompared(tuple(found), tuple(skipped), rules)


def keep_compared(compared: MetricsCompared) -> None:
    """Keep what was found where the watch and the report look; after the publish, since it is about what readers see.

    Never raises: what is published is published, and the next build of either summary compares again.
    """
    try:
        metric_comparisons.save(workbench().warehouse, compared.found)
    except (Error, HeadgateError) as error:
        logger.warning("what metrics differ could not be kept: %s", error)


class _Standing:
    """Which summaries are built from their inputs as they stand now, each looked at once."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.now = clock.now(bench.warehouse)
        self._current: dict[str, bool] = {}
        self._covered: dict[tuple[str, Window | None], tuple[date, date] | None] = {}

    def why_not(self, summary: Summary, other: str, window: Window | None) -> str:
        """Why the two can't be compared now; '' where they can."""
        behind = [item.table for item in summary.inputs if not self._is_current(item.table)]
        if behind:
            return f"{behind[0]}, which this is built from, is to be built again first"
        if not self._is_current(other):
            return "it is to be built again first, and is compared then"
        for side, of in ((summary, window), (self.bench.project.summaries[other], None)):
            if side.grid is not None and self.covers(side, of) is None:
                return f"{side.target} has no window that stands"
        return ""

    def covers(self, summary: Summary, building: Window | None) -> tuple[date, date] | None:
        """The days, first and last exclusive, of the newest windows without a gap that are built from what stands."""
        key = (summary.target, building)
        if summary.grid is not None and key not in self._covered:
            self._covered[key] = self._newest(summary, summary.grid, building)
        return self._covered.get(key)

    def _newest(self, summary: Summary, grid: Grid, building: Window | None) -> tuple[date, date] | None:
        stands = read_stands(self.bench, summary)
        standing = proofs.standing(stands.own)
        newest: list[Window] = []
        for window in reversed(list(grid.due(self.now))):
            proof = standing.get(window.key)
            made_of = proof and wanted(self.bench.project, summary, stands, window)
            if window == building or (proof and made_of and proof.fingerprint == made_of.fingerprint):
                newest.append(window)
            elif newest:
                break
        if not newest:
            return None
        return newest[-1].start.astimezone(grid.zone).date(), newest[0].end.astimezone(grid.zone).date()

    def _is_current(self, name: str) -> bool:
        """Whether a table, or a summary with everything that it is made of, waits for nothing."""
        summary = self.bench.project.summaries.get(name)
        if summary is None:
            return True
        if name not in self._current:
            self._current[name] = self._looked(summary)
        return self._current[name]

    def _looked(self, summary: Summary) -> bool:
        if not all(self._is_current(item.table) for item in summary.inputs):
            return False
        stands = read_stands(self.bench, summary)
        if not stands.there:
            return False
        standing = proofs.standing(stands.own)
        windows: list[Window | None] = [None] if summary.grid is None else list(summary.grid.due(self.now))
        for window in windows:
            proof = standing.get(batch_key(window))
            made_of = wanted(self.bench.project, summary, stands, window)
            # A window that was never built, or whose inputs aren't all there, is no part of what is compared.
            if proof is None and window is not None:
                continue
            if proof is None or proof.fingerprint != made_of.fingerprint:
                return False
        return True


def _as_it_will_be(bench: Workbench, job: Job, built: Built, summary: Summary) -> sql.Composable:
    """The rows of the table after the publish, as a relation to read from."""
    candidate, live = qualified(built.candidate), qualified(job.live)
    if job.window is None:
        return candidate
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not bench.warehouse.exists(cursor, job.live):
            return candidate
    columns = listed([column.name for column in summary.columns])
    if summary.replaced_by is not None:
        inside = within(identifier(summary.replaced_by.name), summary.replaced_by.bounds(job.window))
        stays = sql.SQL("NOT {}").format(inside)
    else:
        same = sql.SQL(" AND ").join(sql.SQL("c.{0} = l.{0}").format(identifier(name)) for name in summary.key)
        stays = sql.SQL("NOT EXISTS (SELECT 1 FROM {} c WHERE {})").format(candidate, same)
    return sql.SQL("(SELECT {0} FROM {1} l WHERE {2} UNION ALL SELECT {0} FROM {3})").format(
        columns, live, stays, candidate
    )


def _compared(
    bench: Workbench, job: Job, name: str, metric: Metric, grain: Grain, here: _Side, there: _Side
) -> Comparison:
    apart = _apart(metric, here, there)
    order = sql.SQL(", ").join(sql.SQL(str(n + 1)) for n in range(len(grain.dimensions) or 1))
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        span = _span(cursor, grain, here, there) if grain.period else None
        both = _joined(metric, grain, here, there, span)
        counted = sql.SQL("SELECT count(*), count(CASE WHEN {} THEN 1 END) FROM ({}) hg_both").format(apart, both)
        total, differing = one(cursor, counted)
        shown = sql.SQL("SELECT * FROM ({}) hg_both WHERE {} ORDER BY {} LIMIT {}")
        first = rows(cursor, shown.format(both, apart, order, sql.Literal(EXAMPLES))) if differing else []
    examples = tuple(_example(metric, grain, here, there, row) for row in first)
    return Comparison(name, job.target, there.summary.target, str(grain), job.run_id, datetime.now(UTC), int(total),
                      int(differing), examples)  # fmt: skip


def _joined(metric: Metric, grain: Grain, here: _Side, there: _Side, span: tuple[date, date] | None) -> sql.Composed:
    """A row per value of the grain: its dimensions, the figure here and there; a sum of no rows is 0, as is a count."""
    parts = []
    for side, columns, mine in ((here, grain.here, True), (there, grain.there, False)):
        cells = [
            sql.SQL("{} AS {}").format(_cut(column, grain, position), identifier(f"d{position}"))
            for position, column in enumerate(columns)
        ]
        value, none = identifier(side.column), sql.SQL("NULL")
        cells += [
            sql.SQL("{} AS here").format(value if mine else none),
            sql.SQL("{} AS there").format(none if mine else value),
        ]
        part = sql.SQL("SELECT {} FROM {} {}").format(sql.SQL(", ").join(cells), side.relation, identifier("hg_side"))
        if span is not None:
            part += sql.SQL(" WHERE {}").format(within(_cut(columns[0], grain, 0), span))
        parts.append(part)
    names = [identifier(f"d{position}") for position in range(len(grain.dimensions))]
    form = "sum({})" if metric.adds_up == "ratio" else "coalesce(sum({}), 0)"
    figures = [sql.SQL(form + " AS {}").format(identifier(side), identifier(side)) for side in ("here", "there")]
    statement = sql.SQL("SELECT {} FROM ({}) hg_sides").format(
        sql.SQL(", ").join([*names, *figures]), sql.SQL(" UNION ALL ").join(parts)
    )
    return statement + sql.SQL(" GROUP BY {}").format(sql.SQL(", ").join(names)) if names else statement


def _cut(column: str, grain: Grain, position: int) -> sql.Composable:
    """A dimension as it is compared: a date, to the beginning of the span."""
    if position or grain.period is None:
        return identifier(column)
    return sql.SQL("CAST(date_trunc({}, {}) AS date)").format(sql.Literal(grain.period), identifier(column))


def _apart(metric: Metric, here: _Side, there: _Side) -> sql.Composed:
    """Whether the two figures differ by more than they may; where only one of them is empty, they do."""
    kinds = [
        column.contract.column_type.kind
        for side in (here, there)
        for column in side.summary.columns
        if column.name == side.column
    ]
    allowed = max(metric.may_differ, _OF_DOUBLES) if "double precision" in kinds else metric.may_differ
    return sql.SQL(
        "(abs(here - there) > {} * (CASE WHEN abs(here) > abs(there) THEN abs(here) ELSE abs(there) END) "
        "OR (here IS NULL AND there IS NOT NULL) OR (here IS NOT NULL AND there IS NULL))"
    ).format(sql.Literal(Decimal(str(allowed))))


def _span(cursor: Cursor, grain: Grain, here: _Side, there: _Side) -> tuple[date, date]:
    """The days, first and last exclusive, for which both have figures: whole spans of the calendar that windows cover."""
    assert grain.period is not None
    low, high = date.min, date.max
    for side, columns in ((here, grain.here), (there, grain.there)):
        cut = _cut(columns[0], grain, 0)
        statement = sql.SQL("SELECT min({0}), max({0}) FROM {1} hg_side").format(cut, side.relation)
        first, last = one(cursor, statement)
        if first is None:
            return date.max, date.max
        low, high = max(low, first), min(high, following(last, grain.period))
        if side.covers is not None:
            begin, end = side.covers
            whole = begun_in(begin, grain.period)
            low = max(low, whole if whole == begin else following(whole, grain.period))
            high = min(high, begun_in(end, grain.period))
    return low, max(low, high)


def begun_in(day: date, period: str) -> date:
    """The first day of the span of the calendar that a day is in; weeks begin on Monday, as `date_trunc` has them."""
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "day":
        return day
    month = {"month": day.month, "quarter": 3 * ((day.month - 1) // 3) + 1, "year": 1}[period]
    return date(day.year, month, 1)


def following(day: date, period: str) -> date:
    """The first day of the next span."""
    begun = begun_in(day, period)
    days = {"day": 1, "week": 7, "month": 31, "quarter": 93, "year": 366}[period]
    return begun_in(begun + timedelta(days=days), period)


def _example(metric: Metric, grain: Grain, here: _Side, there: _Side, row: Sequence[object]) -> str:
    *values, mine, theirs = row
    shown = []
    for name, own, other, value in zip(grain.dimensions, grain.here, grain.there, values, strict=True):
        hidden = own in here.summary.masked or other in there.summary.masked
        shown.append(f"{name} {HIDDEN if hidden else '(null)' if value is None else value}")
    unit = f" {metric.unit}" if metric.unit else ""
    hidden = here.column in here.summary.masked or there.column in there.summary.masked
    said = HIDDEN if hidden else f"{_figure(mine)} here, {_figure(theirs)} there{unit}"
    return f"{', '.join(shown) or 'in total'}: {said}"


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float | Decimal) else "empty"


def _rule(bench: Workbench, summary: Summary, name: str, found: Sequence[Comparison]) -> RuleResult:
    """The verdict on a metric: of all summaries that have it."""
    metric, mine = bench.project.metrics[name], [item for item in found if item.metric == name]
    differing = [item for item in mine if item.differing]
    told = [
        f"{name} isn't that of {item.other} {item.grain} ({item.differing:,} of {item.compared:,} differ): "
        + "; ".join(item.examples)
        for item in differing
    ]
    return RuleResult(
        code=f"METRIC-{name.upper().replace('_', '-')}"[:64], type="metric",
        sentence=f"{name} is the same in {' and '.join(item.other for item in mine)}", severity=metric.severity,
        outcome="fail" if differing else "pass", place="candidate", owner=metric.owner, notes=metric.definition,
        column=metric_columns(summary)[name].name, rows_checked=sum(item.compared for item in mine),
        rows_failed=sum(item.differing for item in differing), message=" | ".join(told),
    )  # fmt: skip
