"""Numbers and times in their order: rows that break it, numbers that a sequence left out, and how many rows each thing has.

Like `compare`: profiles in (the batch last), one pair per profile out. Whether a file is in order, whether ids follow each
other without a gap, and how many lines an order has, hardly depends on how much business there was: rows that are lost, late,
doubled or joined by position show here where their number stays within what it strays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median, pstdev

from expectations.drift.compare import Column
from expectations.drift.figures import Key, Pair, each_column, named
from expectations.profile.model import ColumnProfile, Profile

# Batches that must have shown an order or a sequence.
SHOWN = 10
# The share of the batches that must have been in the same order.
SETTLED = 0.9
# Whether all is in order is one observation of a batch: it counts as this many rows.
STATE = 18.0
# A column is in order where so few of its steps at most go the other way, of so many at least.
BREAKS = 0.1
STEPS = 10
# A sequence leaves out at most so much of its numbers. However long it is, what it leaves out counts as a share of so many rows.
DENSE = 0.5
PER = 200.0
# Rows per thing say more than the number of rows where they stray less than this, as a share of what that strays.
STEADIER = 0.5
# A moment has several rows from so many on average on, as a logarithm: of others two that coincide are chance.
SEVERAL = math.log(1.5)
# How far rows per thing stray by themselves, in squares of a hundredth.
WOBBLE = 4e-4


def out_of_order(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Whether a column that usually rises (or falls) from row to row turns back more often than it always did: never in a file in
    order of time, once where two parts stand one after the other.
    """
    last = len(profiles) - 1
    for name in each_column(list(profiles)):
        steps = [p.columns[name].steps for p in profiles]
        known = [s for s in steps[:last] if s is not None]
        now = steps[last]
        if len(known) < SHOWN or now is None or sum(now) < STEPS:
            continue
        side = int(sum(s[1] for s in known) < sum(s[0] for s in known))
        usual, batches = Counter(s[side] for s in known).most_common(1)[0]
        if batches < SETTLED * len(known) or usual > BREAKS * median(sum(s) for s in known):
            continue
        pairs = [(math.nan, math.nan) if s is None else (STATE * (s[side] > usual), STATE) for s in steps]
        yield named(name, "order", "out_of_order"), pairs


def skipped(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Numbers that a sequence left out within a batch, and between a batch and the one before: of whole numbers that go on, and
    of texts that end in one. Where many are left out within every batch, each may still begin where the one before ended.
    """
    last = len(profiles) - 1
    for name in each_column(list(profiles)):
        ends = [_ends(p.columns[name]) for p in profiles]
        whole = [e for e in ends if e is not None]
        if last < SHOWN or len(whole) <= last or not all(a[1] < b[0] for a, b in pairwise(whole)):
            continue
        spans = [high - low + 1 for low, high in whole]
        held = [p.columns[name].distinct if p.rows == p.sampled else math.nan for p in profiles]
        dense = [h / span for h, span in zip(held, spans, strict=True) if not math.isnan(h)]
        if len(dense) < SHOWN or math.isnan(held[last]):
            continue
        between = [b[0] - a[1] - 1 for a, b in pairwise(whole)]
        if median(dense) >= DENSE:
            within = [_of_rows(max(0.0, span - h), span) for h, span in zip(held, spans, strict=True)]
            yield named(name, "values", "skipped"), within
        elif sum(gap == 0 for gap in between[:-1]) <= DENSE * len(between[:-1]):
            continue
        if median(gap / (gap + span) for gap, span in zip(between[:-1], spans[1:], strict=False)) > DENSE:
            # Numbers that leave out more than they use, as of a table that takes a part of them, say nothing by a larger gap.
            continue
        yield (
            named(name, "values", "skipped_before"),
            [(math.nan, math.nan), *(_of_rows(gap, gap + span) for gap, span in zip(between, spans[1:], strict=True))],
        )


def _ends(column: ColumnProfile) -> tuple[float, float] | None:
    """The smallest and the largest of whole numbers, or of those in which texts end."""
    numbers = column.numbers
    if numbers is None:
        return column.ends
    if numbers.decimals[0] < numbers.count:
        return None
    return numbers.quantiles[0], numbers.quantiles[-1]


def _of_rows(part: float, of: float) -> Pair:
    rows = min(of, PER)
    return part / of * rows, rows


def per_value(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """How many rows each value of a column has on average, where that strays less than the number of rows: lines of an order,
    rows of a moment.
    """
    *history, _ = profiles
    if len(history) < SHOWN:
        return
    strays = pstdev(math.log(max(p.rows, 1)) for p in history)
    for name in each_column(list(profiles)):
        pairs = [_per_value(p.rows == p.sampled, p.columns[name]) for p in profiles]
        known = [value for value, _ in pairs[:-1] if not math.isnan(value)]
        if len(known) < SHOWN or (history[-1].columns[name].clocks and median(known) < SEVERAL):
            continue
        if pstdev(known) < STEADIER * strays:
            yield named(name, "values", "per_value"), pairs


def _per_value(exact: bool, column: ColumnProfile) -> Pair:
    counted, distinct = column.text.counted, column.distinct
    if not exact or distinct < STEPS:
        return math.nan, math.nan
    times = counted / distinct
    return math.log(times), (1 - 1 / times) / distinct + WOBBLE
