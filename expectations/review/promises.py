"""Which promises about freshness were due in a span of time, and which of them were kept.

With windows, each window that fell due is one promise: it must have been published by then. Without windows, each day is
one: `fresh_by` asks for a good run since the day before, `max_age` for good runs that are never further apart. A summary
has a promise for each window of the tables below it, kept by a build after that window was published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.table import Sla, Table
from deployments.project import Project
from expectations.freshness import GOOD_STATUSES, next_clock_time, window_due
from expectations.review.facts import History

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """One promise that fell due."""

    target: str
    stakeholder: str
    at: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class Looks:
    """When good runs of each target ended, and when each batch was first published."""

    good: Mapping[str, Sequence[datetime]]
    published: Mapping[tuple[str, str], datetime]


def promises_due(project: Project, history: History, start: datetime, end: datetime) -> list[Due]:
    """Every promise that fell due in `[start, end)`. What a target promised before its first run counts for nothing."""
    looks = _looks(history)
    found: list[Due] = []
    for name, table in project.tables.items():
        since = history.known_since.get(name)
        if since is not None:
            for sla in table.sla:
                found += _of_table(table, sla, looks, max(start, since), end)
    for name, summary in project.summaries.items():
        since = history.known_since.get(name)
        if since is not None:
            for sla in summary.sla:
                found += _of_summary(project, name, sla, looks, max(start, since), end)
    return found


def _looks(history: History) -> Looks:
    good: dict[str, list[datetime]] = {}
    for run in sorted(history.runs, key=lambda run: run.started_at):
        if run.status in GOOD_STATUSES and run.kind != "rollback" and run.finished_at is not None:
            good.setdefault(run.target, []).append(run.finished_at)
    published: dict[tuple[str, str], datetime] = {}
    for item in sorted(history.publishes, key=lambda item: item.at):
        published.setdefault((item.target, item.batch_key), item.at)
    return Looks(good, published)


def _of_table(table: Table, sla: Sla, looks: Looks, start: datetime, end: datetime) -> Iterator[Due]:
    if table.grid is None:
        yield from _daily(table.table, sla, looks.good.get(table.table, ()), table.zone, start, end)
        return
    for key, at in _deadlines(table, sla, start, end):
        published = looks.published.get((table.table, key))
        yield Due(table.table, sla.for_, at, published is not None and published <= at)


def _of_summary(
    project: Project, name: str, sla: Sla, looks: Looks, start: datetime, end: datetime
) -> Iterator[Due]:  # fmt: skip
    kept: dict[datetime, bool] = {}
    built = looks.good.get(name, ())
    for below in project.base_tables(name):
        table = project.tables[below]
        if table.grid is None:
            continue
        for key, at in _deadlines(table, sla, start, end):
            published = looks.published.get((below, key))
            in_time = published is not None and any(published <= look <= at for look in built)
            kept[at] = kept.get(at, True) and in_time
    yield from (Due(name, sla.for_, at, good) for at, good in sorted(kept.items()))


def _deadlines(table: Table, sla: Sla, start: datetime, end: datetime) -> Iterator[tuple[str, datetime]]:
    """(batch key, when it must be there) of the windows whose moment lies in the span."""
    grid = table.grid
    assert grid is not None
    age = timedelta(seconds=sla.max_age_seconds or 0)
    length = grid.nth(0).end - grid.nth(0).start
    # Months differ in length: a wide margin costs a few windows that are then left out.
    for window in grid.between(start - age - table.lag - 2 * length - 2 * DAY, end):
        due = window_due(sla, window, table.lag, table.zone)
        if start <= due < end:
            yield window.key, due


def _daily(
    target: str, sla: Sla, good: Sequence[datetime], zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[Due]:
    """A day is kept when somebody looked between its moment and the one before, and no look was ever too long ago."""
    stale = () if sla.max_age_seconds is None else tuple(_stale(good, timedelta(seconds=sla.max_age_seconds), end))
    for before, at in _days(sla, zone, start, end):
        looked = bool(good) if sla.fresh_by is None else any(before < look <= at for look in good)
        yield Due(target, sla.for_, at, looked and not any(a < at and b > before for a, b in stale))


def _days(sla: Sla, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The moments that close the days of the span, each with the one before: the promised time of day, or whole days."""
    if sla.fresh_by is None:
        at = start + DAY
        while at <= end:
            yield at - DAY, at
            at += DAY
        return
    before = next_clock_time(start - DAY, sla.fresh_by, zone)
    at = next_clock_time(start, sla.fresh_by, zone)
    while at < end:
        yield before, at
        before, at = at, next_clock_time(at + timedelta(seconds=1), sla.fresh_by, zone)


def _stale(good: Sequence[datetime], age: timedelta, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the last good look was older than promised."""
    for look, following in zip(good, [*good[1:], end][: len(good)], strict=True):
        if following - look > age:
            yield look + age, following
