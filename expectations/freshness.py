"""When a promise about freshness is broken: the one rule of on-call, report and review. Pure; no clock is read here.

A table with windows: each window has to be published by a moment. A table without windows: the source has to be looked at
again by a moment, and a run that found nothing new proves as much as one that published. A summary: it has to be built
after the awaited window of each table below it was published. Where a promise names both a time of day and a greatest
age, both hold: the earlier moment counts. Promises begin with the first run, whichever way it ended: a new table isn't late
for the years before it was there, nor while it catches up with them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from deployments.windows import Grid, Window

GOOD_STATUSES = ("published", "warned", "unchanged", "already_published")
"""Runs after which readers have what the source has."""


class Promise(Protocol):
    """What is promised: data by a local time of day (HH:MM), or never older than so many seconds, or both."""

    @property
    def fresh_by(self) -> str | None:
        """HH:MM."""

    @property
    def max_age_seconds(self) -> float | None:
        """Seconds."""


def next_clock_time(after: datetime, time_of_day: str, zone: ZoneInfo) -> datetime:
    """The first moment at or after `after` at which clocks of `zone` show `time_of_day` (HH:MM)."""
    hour, minute = map(int, time_of_day.split(":"))
    local = after.astimezone(zone)
    wanted = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if wanted.timestamp() < after.timestamp():
        wanted += timedelta(days=1)
    return wanted.astimezone(after.tzinfo)


def window_due(promise: Promise, window: Window, lag: timedelta, zone: ZoneInfo) -> datetime:
    """When a window has to be published. Before it the data end where the window starts; it can't come before its end and the
    `lag` after which its source is read.
    """
    there = window.end + lag
    moments = []
    if promise.fresh_by is not None:
        moments.append(next_clock_time(there, promise.fresh_by, zone))
    if promise.max_age_seconds is not None:
        moments.append(max(window.start + timedelta(seconds=promise.max_age_seconds), there))
    return min(moments)


def look_due(promise: Promise, looked: datetime, zone: ZoneInfo) -> datetime:
    """When a source without windows has to be looked at again, after the last good look."""
    moments = []
    if promise.fresh_by is not None:
        # That look was for the time of day after it; what is promised now is the one after.
        kept = next_clock_time(looked, promise.fresh_by, zone)
        moments.append(next_clock_time(kept + timedelta(seconds=1), promise.fresh_by, zone))
    if promise.max_age_seconds is not None:
        moments.append(looked + timedelta(seconds=promise.max_age_seconds))
    return min(moments)


def next_window(grid: Grid, newest: Window | None) -> Window | None:
    """The window after the newest published one; None when the grid has ended."""
    return grid.nth(0) if newest is None else grid.next_after(newest.end)


def awaited_window(
    promise: Promise, grid: Grid, lag: timedelta, newest: Window | None, since: datetime | None
) -> Window | None:
    """The window that readers wait for: the first one after the `newest` published whose moment came `since` the first
    attempt to load the table. What fell due before it was promised by nobody. None when the grid has ended, and for a table
    that was never tried.
    """
    if newest is None and since is None:
        return None
    return _due_since(promise, grid, lag, next_window(grid, newest), since)


def awaited_below(
    promise: Promise, grid: Grid, lag: timedelta, newest: Window | None, since: datetime | None, *, built_since: bool
) -> Window | None:
    """The window of a table that the summary above it doesn't show yet: the newest one until the summary is `built_since` its
    publish. None where there is none, nothing below was ever published, or the summary was never tried (`since`).
    """
    if newest is None or since is None:
        return None
    return _due_since(promise, grid, lag, grid.next_after(newest.end) if built_since else newest, since)


def _due_since(
    promise: Promise, grid: Grid, lag: timedelta, window: Window | None, since: datetime | None
) -> Window | None:
    """The first window from this one on that falls due `since` then."""
    if window is None or since is None:
        return window
    # No window that had ended this long before can fall due since; years of history are passed over at once.
    age = timedelta(seconds=promise.max_age_seconds or 0)
    near = grid.next_after(since - (lag + timedelta(days=2) if promise.fresh_by is not None else max(age, lag)))
    following = None if near is None else max(window, near)
    while following is not None and window_due(promise, following, lag, grid.zone) < since:
        following = grid.next_after(following.end)
    return following
