"""What a history of a few batches can tell: only what lies beyond all that it showed, and by much.

How far a figure strays from batch to batch is learned from the history; two batches have shown it once, and the more rows
they have the smaller a change would look certain. Until KNOWN batches are there a figure is held against the furthest that
any of them had, plus a margin: what is plainly another thing (a tenth of the rows, a column that is empty, another unit) lies
beyond it from the third batch on. A figure that already moved as far to that side may do so again; the first batch has no
part in that, as it often holds what had gathered until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from expectations.drift.block import Array, Block
from expectations.drift.catalogue import Unit, having, known
from expectations.drift.figures import Key
from expectations.profile.model import Profile

# From so many batches on the history itself tells how far figures stray.
KNOWN = 7
# How much of the margins is left after so many batches.
LEFT = {2: 1.0, 3: 0.85, 4: 0.7, 5: 0.6, 6: 0.5}
# Points of a share: of one that was all or none and changes only with a program, and of others.
WRITTEN = 0.1
SHARE = 0.4
# Of levels, in what they are compared by: logarithms (0.7: twice), or hours.
LEVELS: dict[Unit, float] = {
    "rows": 1.3, "number": 1.3, "size": 1.3, "duration": 2.0, "characters": 0.5, "more_characters": 0.5, "odds": 2.5,
    "times": 1.2, "clock": 30.0, "whole_hours": 2.5,
}  # fmt: skip
OTHERS = 1.0
# The outermost number is one row; that all numbers lie above those before is so of whatever grows, and a file in the order of a
# key holds the values of its stretch of it (unseen ones are told).
EXTREME = 2.5
EXTREMES, ESTIMATES = having("extreme"), having("estimate")
SIZES = having("of_names") | having("size")
# What is plain from the second batch on: how far it is out is all that counts, if chance can't make it (standard errors).
PLAIN = frozenset(
    known(*of)
    for of in (
        ("volume", "rows"), ("completeness", "absent"), ("completeness", "missing"), ("format", "new_pattern"),
        ("values", "mean"), ("values", "log_mean"), ("format", "unreadable_rows"),
    )
)  # fmt: skip
CERTAIN = 5.5
# Where the history holds no weekend, or nothing else.
WEEKEND = 2.0
NEVER = (
    ESTIMATES
    | {known("values", name) for name in ("above", "below", "below_usual")}
    | {known("categories", "category")}
)
# Under a day apart a day's rhythm hasn't been seen: hours may hold a tenth of the rows of others.
HOURLY = 2.5
SATURDAY = 5
# In logarithms: what rose in every batch, to twice its size.
ADDED_UP = 0.7
# Numbers that only go on may go on by so many times the way they have come.
STRIDE = 10
# What they are beyond that is worth a word, and no page.
NO_PAGE = 1.5


@dataclass(frozen=True)
class Shown:
    """What the history showed of every figure (shares first), at least and at most, and from where on something is said."""

    least: Array
    most: Array
    low: Array
    high: Array

    def reached(self, seen: Array) -> Array:
        """How far each figure of the batch is on the way from what was there to where something is said (1)."""
        with np.errstate(all="ignore"):
            up, down = (seen - self.most) / (self.high - self.most), (self.least - seen) / (self.least - self.low)
        return np.asarray(np.nan_to_num(np.fmax(np.fmax(up, down), 0.0), posinf=0.0))


def shown(shares: Block, levels: Block, written: frozenset[Key], hourly: bool, new_day: bool, times: Array) -> Shown:
    """The limits of the batch, the last row; the margins taken so many `times`. Batches may lie `hourly` apart, and the last may
    be the first on a weekend, or on another day (`new_day`).
    """
    with np.errstate(all="ignore"):
        values = np.hstack([np.where(shares.b > 0, shares.a / shares.b, np.nan), levels.a])[:-1]
        least, most = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    margins = [WRITTEN if key in written else SHARE for key in shares.keys] + [
        _level(key, hourly, new_day) for key in levels.keys
    ]
    never = np.array([key.of in NEVER for key in shares.keys + levels.keys], dtype=bool)
    margin = np.where(never, np.inf, np.array(margins) * LEFT[max(2, len(values))] * times)
    moves = np.nan_to_num(np.diff(values[1:], axis=0))
    down, up = (np.max(side * moves, axis=0, initial=0.0) for side in (-1, 1))
    # What only rose so far may add up from some day on, and begin anew: sales of the week, of the year.
    rises = (np.diff(values, axis=0) > 0).all(axis=0) & (values[-1] - values[0] >= ADDED_UP) & (len(values) > 2)
    adds_up = rises & np.array([key.of in SIZES for key in shares.keys + levels.keys], dtype=bool)
    down = np.where(adds_up, np.inf, down)
    return Shown(least, most, least - np.maximum(margin, down), most + np.maximum(margin, up))


def _level(key: Key, hourly: bool, new_day: bool) -> float:
    margin = EXTREME if key.of in EXTREMES else LEVELS.get(key.figure.unit, OTHERS)
    if new_day and key.kind == "volume":
        margin *= WEEKEND
    return margin * (HOURLY if hourly else 1.0)


def is_new_day(weekdays: Sequence[int | None]) -> bool:
    """Whether the last batch is the only one on a weekend, or on another day."""
    *history, day = (None if weekday is None else weekday >= SATURDAY for weekday in weekdays)
    return day is not None and day not in history


def going_on(profiles: Sequence[Profile]) -> dict[str, bool]:
    """Number columns of which every batch lies beyond the one before it, to the same side (ids, points in time, counters); and
    whether the last batch went on about as far as they do: gaps between files say nothing.
    """
    found = {}
    for name, column in profiles[-1].columns.items():
        numbers = [p.columns[name].numbers for p in profiles if name in p.columns]
        ends = [(n.quantiles[0], n.quantiles[-1]) for n in numbers if n is not None]
        if column.numbers is None or len(ends) < len(profiles):
            continue
        for side in (1, -1):
            way = [(low, high) if side > 0 else (-high, -low) for low, high in ends]
            if all(a[1] <= b[0] and a[0] < b[1] for a, b in pairwise(way)):
                come = way[-2][1] - way[0][0]
                found[name] = way[-1][0] - way[-2][1] <= STRIDE * come
    return found
