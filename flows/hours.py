"""Which server a table is read from, and at which hours it may be: what waits for them, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from deployments.declarations.connections import Hours, Protection, protection_of, read_from
from deployments.declarations.table import Table
from deployments.settings import Settings
from expectations.freshness import window_due
from flows.waiting import Waiting


def read_of(settings: Settings, table: Table) -> tuple[str, Protection] | None:
    """The connection that a table is read from, where its rows are a database's, and what is declared of it."""
    connection = table.source.connection
    if connection is None or not table.source.is_database:
        return None
    return read_from(settings.project, connection)


def hours_of(settings: Settings, table: Table) -> Hours | None:
    """The hours of that connection."""
    read = read_of(settings, table)
    return None if read is None else read[1].allowed


def replica_lines(settings: Settings, table: Table) -> Iterator[str]:
    """For people: which replica is read, and what when it isn't as far as its primary."""
    read, primary = read_of(settings, table), table.source.connection
    if read is None or primary is None or read[0] == primary:
        return
    declared = protection_of(settings.project, primary)
    then = f"they are read from '{primary}'" if declared.otherwise == "primary" else "the run fails, and is tried again"
    yield (
        f"its rows are read from '{read[0]}', once it has all that '{primary}' has when the read begins; if it hasn't within "
        f"{declared.catch_up}, {then}"
    )


def waits_for_hours(settings: Settings, table: Table, label: str) -> Waiting | None:
    """What a window that is due waits for where its source may not be read now."""
    hours = hours_of(settings, table)
    opening = None if hours is None else hours.opening(datetime.now(UTC))
    if opening is None:
        return None
    read = read_of(settings, table)
    assert read is not None
    return Waiting(label, f"the hours in which '{read[0]}' may be read, {hours}", opening, None)


def hours_lines(settings: Settings, table: Table, now: datetime) -> Iterator[str]:
    """For people: whether the source may be read now, from when on otherwise, and which promise that breaks each time."""
    hours = hours_of(settings, table)
    if hours is None:
        return
    opening, zone = hours.opening(now), ZoneInfo(hours.timezone)
    when = "now" if opening is None else f"next from {opening.astimezone(zone):%Y-%m-%d %H:%M}"
    yield f"its source may be read {hours}: {when}"
    window = None if table.grid is None else table.grid.next_after(now - table.lag)
    if window is None:
        return
    there = window.end + table.lag
    first = hours.opening(there) or there
    for promise in table.sla:
        due = window_due(promise, window, table.lag, table.zone)
        if first >= due:
            yield (
                f"late by itself for {promise.for_}: promised by {due.astimezone(zone):%Y-%m-%d %H:%M}, read from "
                f"{first.astimezone(zone):%Y-%m-%d %H:%M} on"
            )
