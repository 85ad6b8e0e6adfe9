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

from deployments.declarations.model import seconds
from deployments.declarations.sources import PostgresSource
from deployments.declarations.table import Sla, Table
from deployments.project import Project
from expectations.report.freshness import next_clock_time
from expectations.review.facts import GOOD, History

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
        if run.status in GOOD and run.kind != "rollback" and run.finished_at is not None:
            good.setdefault(run.target, []).append(run.finished_at)
    published: dict[tuple[str, str], datetime] = {}
    for item in sorted(history.publishes, key=lambda item: item.at):
        published.setdefault((item.target, item.batch_key), item.at)
    return Looks(good, published)


def _of_table(table: Table, sla: Sla, looks: Looks, start: datetime, end: datetime) -> Iterator[Due]:
    if table.grid is None:
        zone = ZoneInfo((table.schedule and table.schedule.timezone) or "UTC")
        yield from _daily(table.table, sla, looks.good.get(table.table, ()), zone, start, end)
        return
    for key, at in _deadlines(table, sla, start, end):
        published = looks.published.get((table.table, key))
        yield Due(table.table, sla.for_, at, published is not None and published <= at)


def _of_summary(
    project: Project, name: str, sla: Sla, looks: Looks, start: datetime, end: datetime
) -> Iterator[Due]:  # fmt: skip
    kept: dict[datetime, bool] = {}
    built = looks.good.get(name, ())
    for below in _base_tables(project, name):
        table = project.tables.get(below)
        if table is None or table.grid is None:
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
    lag = timedelta(0)
    if isinstance(table.source, PostgresSource) and table.source.cursor is not None:
        lag = timedelta(seconds=seconds(table.source.cursor.lag))
    age = timedelta(seconds=seconds(sla.max_age)) if sla.max_age else timedelta(0)
    length = grid.nth(0).end - grid.nth(0).start
    # Months differ in length: a wide margin costs a few windows that are then left out.
    for window in grid.between(start - age - lag - 2 * length - 2 * DAY, end):
        moments = []
        if sla.fresh_by is not None:
            moments.append(next_clock_time(window.end + lag, sla.fresh_by, grid.zone))
        if sla.max_age is not None:
            moments.append(max(window.start + age, window.end + lag))
        if start <= min(moments) < end:
            yield window.key, min(moments)


def _daily(
    target: str, sla: Sla, good: Sequence[datetime], zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[Due]:
    if sla.fresh_by is not None:
        at = next_clock_time(start, sla.fresh_by, zone)
        while at < end:
            yield Due(target, sla.for_, at, any(at - DAY < look <= at for look in good))
            at = next_clock_time(at + timedelta(seconds=1), sla.fresh_by, zone)
        return
    age = timedelta(seconds=seconds(str(sla.max_age)))
    at = start + DAY
    while at <= end:
        yield Due(target, sla.for_, at, not any(a < at and b > at - DAY for a, b in _stale(good, age, end)))
        at += DAY


def _stale(good: Sequence[datetime], age: timedelta, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the last good look was older than promised."""
    for look, following in zip(good, [*good[1:], end], strict=True):
        if following - look > age:
            yield look + age, following


def _base_tables(project: Project, name: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for item in project.summaries[name].inputs if name in project.summaries else ():
        found.update(dict.fromkeys((item.table, *_base_tables(project, item.table))))
    return tuple(found)
