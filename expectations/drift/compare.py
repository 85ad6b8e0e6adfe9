"""Figures of a batch that only exist against others: unseen values and patterns, numbers out of range, clocks'
advance, and redelivered rows.

Every function takes the profiles (history, oldest first, the batch last) and returns one pair per profile. A profile
of the history is compared with the others of the history and never with itself or with the batch.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from expectations.drift.figures import Key, Pair, each_column, named
from expectations.drift.implied import formats
from expectations.profile.categories import FORMATS
from expectations.profile.model import CLOCK_GRID, GRID, Clock, ColumnProfile, Profile, Sketch
from expectations.profile.numbers import DAY

# The first batches have little before them: they are compared with this many others, later ones included.
AROUND = 10
# A day whose hours look this much like themselves six hours later has no shape that a shift could be told by.
EVEN = 0.85
# A number is a limit where it is the outermost in so many batches, and in this share of them.
LIMIT_BATCHES = 3
LIMIT_SHARE = 0.25
# Batches of a history whose largest number rose every time, for a column that only goes on.
COUNTED_ON = 3
# Of the way from the middle to the limit: a year of birth whose limit moves by one is no news, a sixth star is.
SLACK = 0.1
# Rows that must lie beyond a quantile for it to be more than the first or last row.
FIRM = 1
# The quantiles of CLOCK_GRID that tell together where a clock of whole hours stands, and the variance of that.
INNER = range(2, 9)
BY_STEPS = 0.04
# The hours of a day that is turned by -11 to 12 hours.
TURNED = (np.arange(24) - np.arange(-11, 13)[:, None]) % 24
Column = list[Pair]
Array = NDArray[np.float64]


def peers(position: int, count: int) -> list[int]:
    """Positions of the history that the profile at `position` is compared with; `count` is the batch's own position."""
    return [i for i in range(min(max(position, AROUND), count)) if i != position]


def unseen(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows whose value (or pattern) stands in no other batch."""
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if not any(c.clocks for c in columns):
            yield named(name, "reference", "unseen"), _unseen_hashes([c.sketch for c in columns])
        yield named(name, "format", "new_pattern"), new_patterns(columns)


def new_patterns(columns: Sequence[ColumnProfile]) -> Column:
    """Rows of a column spelled in a way of no other batch, of how many."""
    return _unseen_patterns([formats(c) for c in columns], [_unlisted(c) for c in columns])


def _unlisted(column: ColumnProfile) -> float:
    """The largest share of rows that a pattern may have without being listed."""
    listed = column.text.formats
    return listed[-1][1] / max(column.text.counted, 1.0) if len(listed) >= FORMATS else 0.0


def _bound(sketch: Sketch) -> float:
    return math.inf if sketch.complete or not sketch.hashes else sketch.hashes[-1]


def _unseen_hashes(sketches: Sequence[Sketch]) -> Column:
    """Rows of values that stand in no other batch, of how many."""
    last = len(sketches) - 1
    # Where not all values are kept, only hashes that every batch kept can be told to be unseen.
    bound = min(_bound(s) for s in sketches)
    sizes = [len(s.hashes) if bound == math.inf else bisect_right(s.hashes, bound) for s in sketches]
    values = np.concatenate([np.array(s.hashes[:n], dtype=np.int64) for s, n in zip(sketches, sizes, strict=True)])
    batch = np.repeat(np.arange(last + 1), sizes)
    order = np.lexsort((batch, values))
    values, batch = values[order], batch[order]
    # Two values of one batch may share the part of their hash that is kept: they count as one.
    starts = (np.diff(values, prepend=-1) != 0) | (np.diff(batch, prepend=-1) != 0)
    pair = np.cumsum(starts) - 1
    values, batch = values[starts], batch[starts]
    begins = np.append(np.flatnonzero(np.diff(values, prepend=-1)), len(values))
    # A value is new in the first batch that has it, if no other batch or only one out of its reach has it.
    first, alone = begins[:-1], np.diff(begins) == 1
    after = batch[np.minimum(first + 1, len(batch) - 1)]
    reach = np.minimum(np.maximum(batch[first], AROUND), last)
    new_pair = np.zeros(len(values), dtype=bool)
    new_pair[first[alone | (after >= reach)]] = True
    is_new = np.zeros(len(order), dtype=bool)
    is_new[order] = new_pair[pair]
    counts = np.concatenate([np.array(s.counts[:n], dtype=float) for s, n in zip(sketches, sizes, strict=True)])
    at = np.concatenate([[0], np.cumsum(sizes)])
    return [(float(counts[i:j][is_new[i:j]].sum()), float(counts[i:j].sum())) for i, j in pairwise(at.tolist())]


def _unseen_patterns(sets: Sequence[dict[str, float]], hidden: Sequence[float]) -> Column:
    """Rows spelled in a way of no other batch, of how many. `hidden`: shares up to which a pattern may have stood in a batch
    without being listed, so that only what goes beyond them is new.
    """
    last = len(sets) - 1
    first: dict[str, int] = {}
    second: dict[str, int] = {}
    for i, values in enumerate(sets):
        for value in values:
            if value not in first:
                first[value] = i
            else:
                second.setdefault(value, i)
    result = []
    for i, values in enumerate(sets):
        reach = min(max(i, AROUND), last)
        total = sum(values.values())
        usual = max((hidden[j] for j in peers(i, last)), default=0.0) * total
        new = sum(
            max(0.0, count - usual)
            for value, count in values.items()
            if first[value] == i and second.get(value, math.inf) >= reach
        )
        result.append((float(new), float(total)))
    return result


def out_of_range(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows above the largest and below the smallest number of the other batches, and below the usual quartiles. Of numbers that
    went on in every batch (ids) the first is no news.

    Where several batches have the same largest number (360 degrees, 5 stars) it is a limit, named `above_limit`.
    """
    last = len(profiles) - 1
    others = _others(last)
    for name in each_column(list(profiles)):
        found = [p.columns[name].numbers for p in profiles]
        history = [n for n in found[:last] if n is not None]
        if found[last] is None or len(history) < max(2, 0.6 * last):
            continue
        quantiles = np.array([n.quantiles if n else [np.nan] * len(GRID) for n in found])
        counts = np.array([n.count if n else 0.0 for n in found])
        for side, rising in (("above", quantiles), ("below", -quantiles[:, ::-1])):
            ends = rising[:, -1]
            if last >= COUNTED_ON and bool((np.diff(ends) > 0).all()):
                # An id goes on in every batch; the first ones, held against later ones, hide that.
                continue
            slack = 0.0
            if _is_limit(ends[:last], float(np.nanmin(rising[:last]))):
                side = f"{side}_limit"
                slack = SLACK * float(np.nanmax(ends[:last]) - np.nanmedian(rising[:last, len(GRID) // 2]))
            limits = np.fmax.reduce(np.where(others, ends, np.nan), axis=1) + slack
            yield named(name, "values", side), _of(counts, _beyond(rising, limits))
        cuts = np.nanmedian(quantiles[:last], axis=0)
        for p in (0.1, 0.25, 0.5, 0.75, 0.9):
            below = _below(quantiles, float(np.interp(p, GRID, cuts)))
            yield named(name, "values", "below_usual", str(p)), _of(counts, below)


def outside(profiles: Sequence[Profile], days: Sequence[float | None], turned: int) -> Iterator[tuple[Key, Column]]:
    """Rows later and earlier, counted from the batch's date, than any of the other batches; where labels tell the date.

    Where several batches end (begin) in the same place it is a limit, as the last day of a week is. `turned`: by how many
    hours the clocks have just been changed (`calendar.turned_clocks`): a local day may end (begin) so much later (earlier).
    """
    if any(day is None for day in days):
        return
    last = len(profiles) - 1
    others = _others(last)
    start = np.array(days, dtype=float)[:, None] * DAY
    for name, clocks in each_clock(profiles):
        quantiles = np.array([k.quantiles for k in clocks]) - start
        counts = np.array([k.count for k in clocks])
        for side, rising in (("late", quantiles), ("early", -quantiles[:, ::-1])):
            ends = rising[:, -1]
            same = float(np.ptp(quantiles[:last])) == 0
            limited = same or _is_limit(ends[:last], float(rising[:last].min()))
            limits = np.max(np.where(others, ends, -np.inf), axis=1)
            limits[last] += 3600 * max(turned if side == "late" else -turned, 0)
            share = _beyond(rising, limits, CLOCK_GRID)
            # Of those between the last two quantiles one is known to be beyond.
            share = np.where(rising[:, -2] <= limits, np.minimum(share, 1 / counts), share)
            yield named(name, "clock", f"{side}_limit" if limited else side), _of(counts, share)


def _others(last: int) -> NDArray[np.bool_]:
    """Which profiles each is compared with."""
    others = np.zeros((last + 1, last + 1), dtype=bool)
    for i in range(last + 1):
        others[i, peers(i, last)] = True
    return others


def _of(counts: Array, shares: Array) -> Column:
    return list(zip((counts * shares).tolist(), counts.tolist(), strict=True))


def _is_limit(ends: np.ndarray, inside: float) -> bool:
    """Whether the outermost number of all batches is that of several: a limit that they reach and none passes.

    A number that was always the same so far isn't one. `inside`: the number furthest from it.
    """
    known = ends[np.isfinite(ends)]
    often = max(LIMIT_BATCHES, LIMIT_SHARE * len(known))
    return bool(inside < known.max() and (known == known.max()).sum() >= often)


def _beyond(rising: Array, limits: Array, at_shares: Sequence[float] = GRID) -> Array:
    """Share of rows above the limit of each batch, from its quantiles; half of the step in which the limit lies is counted."""
    grid = np.array(at_shares)
    at = (rising <= limits[:, None]).sum(axis=1)
    # A batch or a limit without numbers is nowhere beyond.
    told = np.isfinite(limits) & np.isfinite(rising).all(axis=1) & (at < len(grid))
    step = np.clip(at, 1, len(grid) - 1)
    share = np.where(at == 0, 1.0, 1 - (grid[step - 1] + grid[step]) / 2)
    return np.asarray(np.where(told, share, 0.0))


def _below(quantiles: Array, cut: float) -> Array:
    """Share of rows below the cut in each batch, ties counted half."""
    grid, every = np.array(GRID), np.arange(len(quantiles))
    low, high = (quantiles < cut).sum(axis=1), (quantiles <= cut).sum(axis=1)
    tied = (grid[np.minimum(low, len(grid) - 1)] + grid[np.maximum(high, 1) - 1]) / 2
    step = np.clip(low, 1, len(grid) - 1)
    before, after = quantiles[every, step - 1], quantiles[every, step]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = grid[step - 1] + (grid[step] - grid[step - 1]) * (cut - before) / (after - before)
    return np.select([low < high, low == 0, low == len(grid)], [tied, 0.0, 1.0], between)


def redelivered(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows that stand in one earlier batch, exactly or but for their dates; and columns whose figures are all equal."""
    last = len(profiles) - 1
    ends = [math.inf if p.row_marks_complete or not p.row_marks else p.row_marks[-1][0] for p in profiles]
    bare = [[a for a, _ in p.row_marks] for p in profiles]
    for name, marks in (("exact", [[b for _, b in p.row_marks] for p in profiles]), ("restamped", bare)):
        sets = [set(own) for own in marks]
        pairs = []
        for i, own in enumerate(marks):
            best = (0.0, float(len(own)))
            for j in range(i) if i < last else range(last):
                if profiles[i].marked_by != profiles[j].marked_by:
                    continue
                # Marks are kept in the order of those without clocks.
                within = bisect_right(bare[i], min(ends[i], ends[j]))
                again = sum(map(sets[j].__contains__, own[:within]))
                if within and again / within > best[0] / max(best[1], 1):
                    best = (float(again), float(within))
            pairs.append(best)
        yield named(None, "redelivery", name), pairs
    figures = [_column_marks(p) for p in profiles]
    pairs = []
    for i, column_marks in enumerate(figures):
        same = [len(column_marks & figures[j]) for j in range(i)]
        pairs.append((float(max(same, default=0)), float(max(1, len(column_marks)))))
    yield named(None, "redelivery", "same_figures"), pairs


def _column_marks(profile: Profile) -> set[tuple[object, ...]]:
    """One mark per column that varies, equal only where the whole column is very likely equal."""

    def mark(name: str, column: ColumnProfile) -> tuple[object, ...]:
        return name, column.distinct, column.nulls, column.sketch.hashes[:64], column.sketch.counts[:64]

    return {mark(n, c) for n, c in profile.columns.items() if c.distinct > 10 and not c.clocks}


def advance(profiles: Sequence[Profile], days: Sequence[float | None]) -> Iterator[tuple[Key, Column]]:
    """Where a clock stands, in hours: against the batch's own date where labels tell it, else against the last batch."""
    for name, clocks in each_clock(profiles):
        labelled = all(d is not None for d in days)
        since = "the batch's date" if labelled else "the batch before"
        # Of fewer rows the hundredth is one row, which may be any.
        inside = 1 if float(np.median([k.count for k in clocks[:-1]])) >= FIRM / CLOCK_GRID[1] else 2
        for what, at in (("starts", inside), ("middle", 5), ("ends", 10 - inside)):
            stands = [k.quantiles[at] / 3600 for k in clocks]
            error = [_clock_error(k, at) for k in clocks]
            yield named(name, "clock", what, since), list(zip(_since(stands, days, labelled), error, strict=True))
        if 2 * sum(_step(k) == 1 for k in clocks[:-1]) > len(clocks) - 1:
            inner = np.array([_since([k.quantiles[at] / 3600 for k in clocks], days, labelled) for at in INNER])
            yield named(name, "clock", "all", since), [(hour, BY_STEPS) for hour in _together(inner)]
        shifts = _shifts([np.array(k.hours) for k in clocks])
        if shifts:
            yield named(name, "clock", "shift"), shifts


def _since(stands: Sequence[float], days: Sequence[float | None], labelled: bool) -> list[float]:
    """Hours since the batch's date, or where labels don't tell it since the batch before."""
    if labelled:
        return [s - 24 * (d or 0.0) for s, d in zip(stands, days, strict=True)]
    return [math.nan, *(b - a for a, b in pairwise(stands))]


def _together(stands: Array) -> list[float]:
    """Where all of a clock stands, per batch: its middle as it usually is, moved as far as every one of its quantiles
    (quantiles x batches) has moved at least. Single quantiles of whole hours jump now and then; with another zone all do.
    """
    usual = np.nanmedian(stands[:, :-1], axis=1)
    moved = stands - usual[:, None]
    least, most = moved.min(axis=0), moved.max(axis=0)
    return [float(x) for x in usual[len(usual) // 2] + np.maximum(least, 0) + np.minimum(most, 0)]


def _step(clock: Clock) -> float:
    """Hours from one point in time that stands there to the next, where they are whole hours or the days of several; else 0.

    A batch of one day in dates without a time has no steps: another day is another day.
    """
    if clock.midnight >= clock.count:
        return 24.0 if clock.quantiles[-3] - clock.quantiles[2] > DAY else 0.0
    return 1.0 if all(seconds % 3600 == 0 for seconds in clock.quantiles) else 0.0


def _clock_error(clock: Clock, at: int) -> float:
    """Variance in hours of a quantile: from the quantiles beside it, or where it moves by steps from those that chance may put
    in its place, and at least half a step: it stays put for long and then jumps.
    """
    q = clock.quantiles
    error = ((q[at + 1] - q[at - 1]) / 3600) ** 2 / max(4.0, clock.count) + 0.01
    step = _step(clock)
    if not step and clock.midnight < clock.count:
        return error
    p = CLOCK_GRID[at]
    # Of the last day's rows, nine of which are expected, there is always one.
    reach = max(5 * math.sqrt(p * (1 - p) / clock.count), 9 / clock.count)
    low = max(i for i, g in enumerate(CLOCK_GRID) if g <= max(0.0, p - reach))
    high = min(i for i, g in enumerate(CLOCK_GRID) if g >= min(1.0, p + reach))
    return max(error, ((q[high] - q[low]) / 3600) ** 2, (step / 2) ** 2)


def _shifts(hours: Sequence[Array]) -> Column:
    """By how many hours each batch's day is turned against the others': 0 where the hours of the day match best as is.

    Nothing where the hours are so even that a turned day looks like any other.
    """
    last = len(hours) - 1
    shapes = [np.sqrt(h / max(h.sum(), 1.0)) for h in hours]
    total = np.sum(shapes[:last], axis=0)
    if float(np.roll(total, 6) @ total) > EVEN * float(total @ total):
        return []
    result = []
    for i, shape in enumerate(shapes):
        usual = total - shape if i < last else total
        alike = np.round(usual[TURNED] @ shape, 6).tolist()
        # Of equally good turns the smallest: a flat day is not turned.
        best = max(range(24), key=lambda t: (alike[t], -abs(t - 11)))
        result.append((float(best - 11), 0.15 + 500 / max(float(hours[i].sum()), 1.0)))
    return result


def each_clock(profiles: Sequence[Profile]) -> Iterator[tuple[str, list[Clock]]]:
    """The columns that are clocks in all batches."""
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if all(c.clocks for c in columns):
            yield name, likely_clocks(columns)


def likely_clocks(columns: Sequence[ColumnProfile]) -> list[Clock]:
    """The clock of every batch, each read in the same order of day and month."""
    order = best_order(columns)
    return [next((k for k in c.clocks if k.order in (order, "")), c.clocks[0]) for c in columns]


def best_order(columns: Sequence[ColumnProfile]) -> str:
    """Whether day or month comes first, decided over all batches: more values read, then less spread within a batch."""
    read: Callable[[str], tuple[float, float]] = lambda order: (  # noqa: E731
        sum(k.count for c in columns for k in c.clocks if k.order in (order, "")),
        -sum(k.quantiles[-1] - k.quantiles[0] for c in columns for k in c.clocks if k.order in (order, "")),
    )
    return max(("dmy", "mdy"), key=read)
