"""How fresh a table is, as its page shows it: what is published counts, not that something ran. The clock is passed in.

The rule by which a promise is broken is `expectations.freshness`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.windows import Grid, Window
from expectations.freshness import GOOD_STATUSES, awaited_below, awaited_window, look_due, next_window, window_due
from expectations.report.about import Described, Promise
from expectations.report.lines import by_batch
from expectations.report.model import Broken, Facts, Freshness, Line

SEARCHED_WINDOWS = 400
GAPS = 12


def freshness(
    described: Described,
    lines: Sequence[Line],
    facts: Facts,
    now: datetime,
    below: Mapping[str, Freshness] | None = None,
) -> Freshness:
    """Freshness of a table from its runs (oldest first) and, where they are known, its proofs of publish; of a summary also
    from that of the tables `below` it.
    """
    standing = by_batch(lines)
    if described.window is None:
        return _windowless(described, lines, standing, below or {})
    grid, lag = described.window.grid, timedelta(seconds=described.lag_seconds)
    published = _published(standing, facts)
    newest = max(published, default=None)
    since = _since(lines, facts)
    waits = [(promise, awaited_window(promise, grid, lag, newest, since)) for promise in described.promises]
    moments = [(window_due(promise, awaited, lag, grid.zone), promise) for promise, awaited in waits if awaited]
    until, promised_to = _first(moments, described.promises)
    last = next((line for line in reversed(standing) if newest and line.batch_key == newest.key), None)
    missing = _missing(grid, published, now - lag)
    return Freshness(
        until=until, promised_to=promised_to, missing=len(missing), complete=next_window(grid, newest) is None and not missing,
        gaps=_gaps(grid, missing, published),
        broken=tuple(_broken(described.promises, missing, grid, lag, since, now)),
        last_label=grid.label(newest) if newest else "", last_at=_last_at(newest, last, facts),
        data_until=newest.end if newest else None, newest_key=newest.key if newest else "",
    )  # fmt: skip


def _windowless(
    described: Described, lines: Sequence[Line], standing: Sequence[Line], below: Mapping[str, Freshness]
) -> Freshness:
    good = (line for line in reversed(lines) if line.status in GOOD_STATUSES and line.kind != "rollback")
    looked = next((line.at for line in good), None)
    last = standing[-1] if standing else None
    if described.below:
        moments = _of_summary(described, looked, below, _since(lines, Facts()))
    else:
        zone = ZoneInfo(described.timezone)
        moments = [(look_due(promise, looked, zone), promise) for promise in described.promises if looked is not None]
    until, promised_to = _first(moments, described.promises)
    return Freshness(
        until=until, promised_to=promised_to, last_label=last.label if last else "", last_at=last.at if last else None,
        data_until=looked, built_from=_built_from(described, last.at if last else None, below),
    )  # fmt: skip


def _built_from(
    described: Described, built: datetime | None, below: Mapping[str, Freshness]
) -> tuple[tuple[str, str], ...]:
    """The tables below with the newest batch that the build has read. A batch of theirs that came later tells nothing of it."""
    known = [(below.get(table.table, Freshness()), table.table) for table in described.below]
    if built is None or any(of.last_at is None or of.data_until is None or of.last_at > built for of, _ in known):
        return ()
    return tuple(
        (name, of.last_label) for of, name in sorted(known, key=lambda item: (str(item[0].data_until), item[1]))
    )


def _of_summary(
    described: Described, built: datetime | None, below: Mapping[str, Freshness], tried: datetime | None
) -> list[tuple[datetime, Promise]]:
    moments = []
    for table in described.below:
        known, grid = below.get(table.table, Freshness()), table.window.grid
        newest = Window.from_key(known.newest_key) if known.newest_key else None
        since = built is not None and known.last_at is not None and built >= known.last_at
        lag = timedelta(seconds=table.lag_seconds)
        for promise in described.promises:
            awaited = awaited_below(promise, grid, lag, newest, tried, built_since=since)
            if awaited is not None:
                moments.append((window_due(promise, awaited, lag, grid.zone), promise))
    return moments


def _since(lines: Sequence[Line], facts: Facts) -> datetime | None:
    """The first attempt that is known."""
    begun = (*(line.started_at for line in lines[:1]), *(item.published_at for item in facts.publishes))
    return min(begun, default=None)


def _first(moments: Sequence[tuple[datetime, Promise]], promises: Sequence[Promise]) -> tuple[datetime | None, str]:
    """The earliest moment, and to whom it is promised; no moment where nothing of what is promised is due."""
    at, promise = min(moments, key=lambda item: item[0], default=(None, next(iter(promises), None)))
    return at, "" if promise is None else promise.stakeholder


def _published(standing: Iterable[Line], facts: Facts) -> set[Window]:
    if facts.publishes:
        live = (item for item in facts.publishes if item.undone_by is None and item.kind != "rollback")
        keys = {item.batch_key for item in live}
    else:
        keys = {line.batch_key for line in standing}
    # Keys are ISO moments: their order is that of the windows, and older ones than are searched don't matter.
    newest = sorted(key for key in keys if "/" in key)[-SEARCHED_WINDOWS:]
    return {Window.from_key(key) for key in newest}


def _broken(
    promises: Iterable[Promise],
    missing: Sequence[Window],
    grid: Grid,
    lag: timedelta,
    since: datetime | None,
    now: datetime,
) -> Iterator[Broken]:
    """Promises by a time of day about batches that fell due since the first attempt and aren't there. A greatest age is kept by
    newer batches.
    """
    for promise in promises:
        if promise.fresh_by is None or since is None:
            continue
        by_clock = promise.model_copy(update={"max_age_seconds": None})
        for window in missing:
            due = window_due(by_clock, window, lag, grid.zone)
            if since <= due < now:
                yield Broken(stakeholder=promise.stakeholder, label=grid.label(window), since=due)
                break


def _missing(grid: Grid, published: set[Window], now: datetime) -> list[Window]:
    """Windows that have ended and aren't published, oldest first, among the last SEARCHED_WINDOWS."""
    probe = grid.next_after(now)
    last = probe.start if probe else max((w.end for w in published), default=now)
    length = grid.nth(1).start - grid.nth(0).start
    low = max(grid.nth(0).start, min(last, now) - SEARCHED_WINDOWS * length)
    return [window for window in grid.between(low, now) if window not in published]


def _gaps(grid: Grid, missing: Iterable[Window], published: Iterable[Window]) -> tuple[str, ...]:
    """What readers lack in the middle: what lies before the first batch was never loaded, what lies after the last is due."""
    known = sorted(published)
    inside = [grid.label(window) for window in missing if known and known[0] < window < known[-1]]
    return tuple(inside[-GAPS:])


def _last_at(newest: Window | None, line: Line | None, facts: Facts) -> datetime | None:
    if newest is None:
        return None
    key = newest.key
    proven = [item.published_at for item in facts.publishes if item.batch_key == key and item.undone_by is None]
    return max(proven) if proven else line.at if line else None
