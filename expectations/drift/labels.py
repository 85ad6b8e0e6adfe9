"""Values that were in every batch and are gone, hours without rows, and numbers that left their usual digits.

Like `compare`: profiles in (the batch last), one pair per profile out. A value that is merged into another one leaves no unseen
value behind, and a price with a tax on it no unusual size: what tells is what isn't there any more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from expectations.drift.compare import Column, likely_clocks, peers
from expectations.drift.figures import Key, each_column, named
from expectations.drift.first_time import names_things
from expectations.profile.categories import TOP
from expectations.profile.model import GRID, Clock, ColumnProfile, Numbers, Profile
from expectations.profile.numbers import DAY

# A value counts as always there from so many rows in every batch on.
ALWAYS = 3
# A value that isn't listed among the commonest may stand in as many rows as the last of them; it is gone only where that is
# this share of what it usually has.
UNLISTED = 0.2
# Batches that must have had a value, and of its usual share what the last of them must have had: a version that is rolled out
# leaves the one before step by step.
SHOWN = 10
STILL = 0.5
# Rows without a value that must be expected, where the fewest that ever were are, for none to be no chance.
SURELY = 5
# The same of the rows that are usual, as every batch had some.
USUALLY = 10
# A column of one value in each batch has another one now and then.
ALL = 0.98
# A last digit is not used where it ends at most this share of the numbers; a column has usual digits where so few are used.
HARDLY = 0.01
# Where a column has so many different numbers, many rows don't share the outermost by chance.
VARIED = 15
# Beyond the outermost number of a batch lies usually at most this share of the others' rows.
ENDS = 0.05
# A few rows share the outermost now and then: a cap is where so many of the rows do.
CAP = 0.1
USED = 6
# The same of the last two digits (multiples of 12; cents of .00, .49, .99), which so many numbers must have shown.
HARDLY_OF_TWO = 0.001
USED_OF_TWO = 60
LISTED = 1000
SETTLED = 0.9
# What was there in so many batches one after the other, and then in none of so many, has ended: more than so many times the
# longest gap of before, if there was any.
STOOD = 3
GONE = 7
LONGER = 2.0


def since_it_ended(absent: Sequence[bool]) -> int:
    """For how many batches (oldest first) what is absent now has been so; 0 where it never stood, or comes and goes."""
    phases = [(gone, len(list(batches))) for gone, batches in groupby(absent)]
    if len(phases) < 2 or not phases[-1][0] or phases[-1][1] < GONE or phases[-2][1] < STOOD:
        return 0
    # How long it hadn't been there when it first came is no gap.
    gaps = [length for gone, length in phases[1:-1] if gone]
    return phases[-1][1] if phases[-1][1] > LONGER * max(gaps, default=0) else 0


def gone(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows that values have at least which stand in every other batch, but not in this one."""
    last = len(profiles) - 1
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if any(c.clocks for c in columns) or not lost_values(columns):
            continue
        history = columns[:-1]
        # Each batch of the history against the others: what all of them have, and it has not.
        often = Counter(value for c in history for value, rows in c.top if rows >= ALWAYS)
        once = [value for value, batches in often.items() if batches == last - 1]
        pairs = []
        for column in history:
            there = {value for value, _ in column.top}
            shares = [_least([c for c in history if c is not column], value) for value in once if value not in there]
            pairs.append((min(1.0, sum(shares)) * column.text.counted, column.text.counted))
        rows = columns[-1].text.counted
        yield named(name, "categories", "gone"), [*pairs, (rows * min(1.0, sum(lost_values(columns).values())), rows)]


def filled(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows without a value, at least, where every other batch has some and this one has none: a join that keeps what matches
    leaves no unusual value behind.
    """
    last = len(profiles) - 1
    for name in each_column(list(profiles)):
        empty = [p.columns[name].nulls if p.columns[name].nulls >= ALWAYS else 0 for p in profiles]
        shares = [count / max(p.rows, 1) for count, p in zip(empty, profiles, strict=True)]
        if last < SHOWN or sum(share > 0 for share in shares[:last]) < last or profiles[-1].columns[name].nulls:
            continue
        least, rows, usual = min(shares[:last]), float(profiles[-1].rows), median(shares[:last])
        if not (least * rows >= SURELY or usual * rows >= USUALLY) or shares[last - 1] < STILL * usual:
            continue
        # As many are missing as most batches had.
        lost = sorted(shares[:last])[last // 4]
        if lost < ALL:
            yield (
                named(name, "completeness", "filled"),
                [*((0.0, float(p.rows)) for p in profiles[:-1]), (rows * lost, rows)],
            )


def lost_values(columns: Sequence[ColumnProfile]) -> dict[str, float]:
    """Values in every column of the history and not in the last one, with the least share of the rows that each ever had."""
    *history, batch = columns
    if len(history) < SHOWN or not batch.text.counted:
        return {}
    often = Counter(value for c in history for value, rows in c.top if rows >= ALWAYS)
    there = {value for value, _ in batch.top}
    always = [value for value, batches in often.items() if batches == len(history) and value not in there]
    unlisted = batch.top[-1][1] / batch.text.counted if len(batch.top) >= TOP else 0.0
    found = {value: least for value in always if unlisted <= UNLISTED * (least := _least(history, value))}
    return {value: least for value, least in found.items() if least < ALL and _stood(history, value)}


def _stood(history: Sequence[ColumnProfile], value: str) -> bool:
    """Whether a value was there as usual in the last batch."""
    shares = [_share(column, value) for column in history]
    return shares[-1] >= STILL * median(shares)


def pauses(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows that usually come in the longest stretch of hours without one, between the first and the last hour of a batch."""
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if len(columns) <= SHOWN or not all(c.clocks for c in columns):
            continue
        clocks = likely_clocks(columns)
        pairs = [(share * k.count, k.count) for k, (share, _, _) in zip(clocks, pauses_of(clocks), strict=True)]
        yield named(name, "clock", "pause"), pairs


def pauses_of(clocks: Sequence[Clock]) -> list[tuple[float, int, int]]:
    """Of each batch the share of its usual rows in the longest stretch of hours without one, that stretch's first hour and how
    many hours it has.
    """
    hours = np.array([k.hours for k in clocks])
    shares = hours / np.maximum(hours.sum(axis=1, keepdims=True), 1.0)
    found = []
    for i, clock in enumerate(clocks):
        usual = np.delete(shares[:-1], i, axis=0).mean(axis=0) if i < len(clocks) - 1 else shares[:-1].mean(axis=0)
        # A local day told in UTC begins in the evening of the day before.
        first = int(clock.quantiles[0] % DAY // 3600)
        usual, there = np.roll(usual, -first), np.flatnonzero(np.roll(hours[i], -first))
        stretches = [
            (float(usual[a + 1 : b].sum()), (a + 1 + first) % 24, b - a - 1) for a, b in pairwise(there.tolist())
        ]
        found.append(max(stretches, default=(0.0, 0, 0)))
    return found


def _least(columns: Sequence[ColumnProfile], value: str) -> float:
    """The least share that a value ever had: what comes and goes by half may be gone for once."""
    return min(_share(column, value) for column in columns)


def _share(column: ColumnProfile, value: str) -> float:
    return dict(column.top).get(value, 0.0) / max(column.text.counted, 1.0)


def capped(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows that share the outermost number where no other batch has it as often: a cap was put in, or a sensor is saturated.

    Not of numbers that name things: the first order of a day may be a large one. Zeros have a figure of their own.
    """
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if names_things(name) or columns[-1].distinct < VARIED or median(c.distinct for c in columns) < VARIED:
            continue
        common = [_numbers(c) for c in columns]
        for end, step in (("at_largest", 1), ("at_smallest", -1)):
            pairs = []
            for i, column in enumerate(columns):
                if column.numbers is None:
                    pairs.append((0.0, 0.0))
                    continue
                tied, value = _tied(column.numbers.count, column.numbers.quantiles[::step])
                before = max((c.get(value, 0.0) for j, c in enumerate(common[:-1]) if j != i), default=0.0)
                more = tied - before * column.numbers.count if value else 0.0
                pairs.append((more if more >= CAP * column.numbers.count else 0.0, column.numbers.count))
            yield named(name, "values", end), pairs


def _numbers(column: ColumnProfile) -> dict[float, float]:
    """The share of the rows that each of the commonest numbers has."""
    found = {}
    for text, rows in column.top:
        try:
            found[float(text)] = rows / max(column.text.counted, 1.0)
        except ValueError:
            continue
    return found


def _tied(count: float, rising: Sequence[float]) -> tuple[float, float]:
    """Rows that hold the last number of the quantiles beside the one that is it, at least; and that number."""
    first = next(p for p, value in zip(GRID, rising, strict=True) if value == rising[-1])
    return max(0.0, count - max(1, math.ceil(first * count * (1 - 1e-12)))), rising[-1]


def left_out(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows that the other batches have above the largest number of each batch, and below its smallest: a filter or a cap takes
    away what lies beyond, and nothing that is left is unusual. Not of numbers that only go on.
    """
    last = len(profiles) - 1
    others = np.zeros((last + 1, last + 1), dtype=bool)
    for i in range(last + 1):
        others[i, peers(i, last)] = True
    for name in each_column(list(profiles)):
        found = [p.columns[name].numbers for p in profiles]
        if found[last] is None or sum(n is not None for n in found[:last]) < max(SHOWN, 0.6 * last):
            continue
        quantiles = np.array([n.quantiles if n else [np.nan] * len(GRID) for n in found])
        counts = np.array([n.count if n else 0.0 for n in found])
        if bool((np.diff(quantiles[:, -1]) >= 0).all() or (np.diff(quantiles[:, 0]) >= 0).all()):
            continue
        for side, rising in (("above", quantiles), ("below", -quantiles[:, ::-1])):
            at_end = 1 - np.array(GRID)[(rising < rising[:, -1:]).sum(axis=1).clip(max=len(GRID) - 1)]
            if float(np.median(at_end[:-1])) > ENDS:
                # They end at a limit that many rows have: that none has it is told as that of any value.
                continue
            shares = _each_beyond(rising, rising[:, -1])
            told = others & np.isfinite(shares)
            usual = np.where(told, shares, 0.0).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
            if float(np.median(usual[:-1])) > ENDS:
                # The numbers of a batch move as a whole, as temperatures do: what lies beyond them is the other days' weather.
                continue
            rows = (counts * usual).tolist()
            yield named(name, "values", f"none_{side}"), list(zip(rows, counts.tolist(), strict=True))


def _each_beyond(rising: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of rows of each batch (second index) above each of the limits; half of the step in which one lies is counted."""
    grid = np.array(GRID)
    at = (rising[None, :, :] <= limits[:, None, None]).sum(axis=2)
    step = np.clip(at, 1, len(grid) - 1)
    share = np.where(at == 0, 1.0, np.where(at == len(grid), 0.0, 1 - (grid[step - 1] + grid[step]) / 2))
    told = np.isfinite(limits[:, None]) & np.isfinite(rising.sum(axis=1))[None, :]
    return np.asarray(np.where(told, share, np.nan))


def off_grid(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Numbers that end in a digit, or in two, in which hardly any number of the other batches ends, where few are used."""
    for name in each_column(list(profiles)):
        found = [p.columns[name].numbers for p in profiles]
        digits = {
            "units": [n.units if n is not None else () for n in found],
            "hundredths": [n.hundredths if n is not None else () for n in found],
        }
        for place, counted in digits.items():
            yield from _off(named(name, "values", "off_grid", place), counted, HARDLY, USED)
        if (now := found[-1]) is not None and (any(now.decimals[1:]) or _is_large(found)):
            alike = [n.endings if n is not None and _whole(n) == _whole(now) else () for n in found]
            if sum(map(sum, alike[:-1])) >= LISTED and sum(map(bool, alike[:-1])) >= SHOWN:
                for key, pairs in _off(
                    named(name, "values", "off_grid", "two digits"), alike, HARDLY_OF_TWO, USED_OF_TWO
                ):
                    # Where some numbers always end otherwise there is no grid, but a mix of prices that goes with the season.
                    settled = [off == 0 for off, rows in pairs[:-1] if rows > 0]
                    if sum(settled) >= SETTLED * len(settled):
                        yield key, pairs


def _off(key: Key, counted: Sequence[Sequence[float]], hardly: float, most: int) -> Iterator[tuple[Key, Column]]:
    """Rows per batch that end otherwise than the other batches do, where these use `most` endings at most."""
    if not counted[-1]:
        return
    endings = np.array([c or [math.nan] * len(counted[-1]) for c in counted])
    total = endings.sum(axis=1)
    if not total[-1] > 0 or not (history := np.nansum(endings[:-1], axis=0)).any():
        return
    pairs = []
    for i, counts in enumerate(endings):
        others = history - np.nan_to_num(counts) if i < len(endings) - 1 else history
        used = others > hardly * others.sum()
        off = float(counts[~used].sum()) if 0 < used.sum() <= most else 0.0 * float(total[i])
        pairs.append((off, float(total[i])))
    yield key, pairs


def _whole(numbers: Numbers) -> bool:
    return not any(numbers.decimals[1:])


def _is_large(found: Sequence[Numbers | None]) -> bool:
    """Whether numbers have three digits usually: of smaller ones the last two are the number itself."""
    return median(abs(n.quantiles[len(GRID) // 2]) for n in found if n is not None) >= 100
