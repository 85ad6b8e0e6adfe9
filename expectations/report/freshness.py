"""How fresh a table is, and the moment from which a promise is broken. The clock is passed in.

What counts is what is published, not that something ran. For a table with windows a promise holds for the window after
the newest published one: it must be there at the first `fresh_by` o'clock after its end. For a table without windows
every day needs a successful look at the source before `fresh_by`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.windows import Grid, Window
from expectations.report.about import Described, Promise
from expectations.report.lines import by_batch
from expectations.report.model import Facts, Freshness, Line

SEARCHED_WINDOWS = 400
_LOOKED = ("published", "warned", "unchanged", "already_published")


def freshness(described: Described, lines: Sequence[Line], facts: Facts, now: datetime) -> Freshness:
    """Freshness of a table from its runs (oldest first) and, where they are known, its proofs of publish."""
    standing = by_batch(lines)
    if described.window is None:
        return _windowless(described, lines, standing)
    spec = described.window
    grid = Grid(spec.every, spec.timezone, spec.start, spec.end)
    published = _published(standing, facts)
    newest = max(published, default=None)
    lag = timedelta(seconds=described.lag_seconds)
    following = grid.nth(0) if newest is None else grid.next_after(newest.end)
    until, promised_to = None, ""
    for promise in described.promises:
        moment = _deadline(promise, following, newest, lag, grid.zone)
        if moment is not None and (until is None or moment < until):
            until, promised_to = moment, promise.stakeholder
    last = next((line for line in reversed(standing) if newest and line.batch_key == newest.key), None)
    missing = _missing(grid, published, now - lag)
    return Freshness(
        until=until, promised_to=promised_to, missing=missing, complete=following is None and missing == 0,
        last_label=grid.label(newest) if newest else "", last_at=_last_at(newest, last, facts),
        data_until=newest.end if newest else None,
    )  # fmt: skip


def next_clock_time(after: datetime, time_of_day: str, zone: ZoneInfo) -> datetime:
    """The first moment at or after `after` at which clocks of `zone` show `time_of_day` (HH:MM)."""
    hour, minute = map(int, time_of_day.split(":"))
    local = after.astimezone(zone)
    wanted = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if wanted.timestamp() < after.timestamp():
        wanted += timedelta(days=1)
    return wanted.astimezone(after.tzinfo)


def _windowless(described: Described, lines: Sequence[Line], standing: Sequence[Line]) -> Freshness:
    # A run that found nothing new proves as much as one that published.
    looked = next((line for line in reversed(lines) if line.status in _LOOKED and line.kind != "rollback"), None)
    last = standing[-1] if standing else None
    until, promised_to = None, ""
    for promise in described.promises:
        moment = None
        if looked is not None and promise.fresh_by is not None:
            today = next_clock_time(looked.at, promise.fresh_by, ZoneInfo(described.timezone))
            moment = next_clock_time(today + timedelta(seconds=1), promise.fresh_by, ZoneInfo(described.timezone))
        elif looked is not None and promise.max_age_seconds is not None:
            moment = looked.at + timedelta(seconds=promise.max_age_seconds)
        if moment is not None and (until is None or moment < until):
            until, promised_to = moment, promise.stakeholder
    return Freshness(
        until=until, promised_to=promised_to, last_label=last.label if last else "", last_at=last.at if last else None,
        data_until=looked.at if looked else None,
    )  # fmt: skip


def _deadline(
    promise: Promise, following: Window | None, newest: Window | None, lag: timedelta, zone: ZoneInfo
) -> datetime | None:
    if following is None:
        return None
    if promise.fresh_by is not None:
        return next_clock_time(following.end + lag, promise.fresh_by, zone)
    start = newest.end if newest else following.end
    return start + timedelta(seconds=promise.max_age_seconds or 0)


def _published(standing: Iterable[Line], facts: Facts) -> set[Window]:
    if facts.publishes:
        live = (item for item in facts.publishes if item.undone_by is None and item.kind != "rollback")
        keys = {item.batch_key for item in live}
    else:
        keys = {line.batch_key for line in standing}
    # Keys are ISO moments: their order is that of the windows, and older ones than are searched don't matter.
    newest = sorted(key for key in keys if "/" in key)[-SEARCHED_WINDOWS:]
    return {Window.from_key(key) for key in newest}


def _missing(grid: Grid, published: set[Window], now: datetime) -> int:
    """Windows that have ended and aren't published, among the last SEARCHED_WINDOWS."""
    probe = grid.next_after(now)
    last = probe.start if probe else max((w.end for w in published), default=now)
    length = grid.nth(1).start - grid.nth(0).start
    low = max(grid.nth(0).start, min(last, now) - SEARCHED_WINDOWS * length)
    return sum(window not in published for window in grid.between(low, now))


def _last_at(newest: Window | None, line: Line | None, facts: Facts) -> datetime | None:
    if newest is None:
        return None
    proven = [item.published_at for item in facts.publishes if item.batch_key == newest.key and item.undone_by is None]
    return max(proven) if proven else line.at if line else None
