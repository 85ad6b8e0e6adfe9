"""Hours in which the source of a table may be read: what waits for them, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from deployments.declarations.connections import Hours, protection_of
from deployments.declarations.table import Table
from deployments.settings import Settings
from expectations.freshness import window_due
from flows.waiting import Waiting


def hours_of(settings: Settings, table: Table) -> Hours | None:
    """The hours of the connection that a table is read from, where its rows are a database's."""
    connection = table.source.connection
    if connection is None or not table.source.is_database:
        return None
    return protection_of(settings.project, connection).allowed


def waits_for_hours(settings: Settings, table: Table, label: str) -> Waiting | None:
    """What a window that is due waits for where its source may not be read now."""
    hours = hours_of(settings, table)
    opening = None if hours is None else hours.opening(datetime.now(UTC))
    if opening is None:
        return None
    return Waiting(label, f"the hours in which '{table.source.connection}' may be read, {hours}", opening, None)


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
