"""How few and how many rows are news whatever the spread of the history: the number of rows is a fact, not an estimate.

What a table's counts usually stray by is judged beside its other figures (`calibrate`). Where counts vary threefold that is so
wide that nearly nothing would be few; here the smallest and the largest count that ever were are what bounds them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median

from expectations.drift.frame import SETTLED

# A history of at least so many batches has shown its smallest and largest count; from SURE on more nearly so.
KNOWN = 7
SURE = 21
# By how many times a count must pass the smallest or largest one of the history, with KNOWN and with SURE batches.
FEWER = (3.0, 2.0)
MORE = (4.0, 2.5)
# Batches of one weekday that are alike enough for theirs to be the smallest, and by how many times it must be passed.
SAME_DAYS = 4
FEWER_ON_A_DAY = 1.7
# Of a table that nearly always has one count: this share of the rows may be missing or too many.
STEADY = 0.03
# The least distance of a limit from what is expected, in logarithms: a count of the last days may lie beyond it.
NEAREST = 0.02
# The first digits of limits of pages and queries, the smallest that is no common count, and by how many rows counts must stray.
PAGES = frozenset({"1", "2", "25", "5"})
SMALLEST_PAGE = 500
BY_PAGES = 100
# Standard deviations of a small count, that may be as small by luck.
BY_LUCK = 3.0


def limits(counts: Sequence[float], weekdays: Sequence[int | None], each: float = 1.0) -> tuple[float, float]:
    """The logarithms of the counts from which on downwards and upwards a batch (the last one) is told: infinite where the
    history can't tell. So many rows come at once, `each` order's: ten orders are six by luck sooner than 250 rows are 150.
    """
    *history, now = counts
    if len(history) < KNOWN or min(history) < 1:
        return -math.inf, math.inf
    sure = len(history) >= SURE
    few = _below(min(history), FEWER[sure], each)
    many = max(history) * MORE[sure] + BY_LUCK * math.sqrt(max(history))
    day = [rows for rows, weekday in zip(history, weekdays, strict=False) if weekday == weekdays[-1]]
    if weekdays[-1] is not None and SAME_DAYS <= len(day) < len(history):
        few = max(few, _below(min(day), FEWER_ON_A_DAY, each))
    usual, times = Counter(history).most_common(1)[0]
    if times >= SETTLED * len(history):
        # One batch that was cut off must not hide the next.
        ordered = sorted(history)
        few = max(few, min(ordered[1] - 1, usual * (1 - STEADY)))
        many = min(many, max(ordered[-2] + 1, usual * (1 + STEADY)))
    if is_a_page(now, history):
        few, many = (max(few, now + 0.5), many) if now < median(history) else (few, min(many, now - 0.5))
    return math.log(few) if few > 0 else -math.inf, math.log(many)


def is_a_page(rows: float, history: Sequence[float]) -> bool:
    """Whether rows end at a limit of pages or queries (500, 1,000, 2,000, 2,500 ...): exactly so many came for the first time, in
    a table whose counts stray too far for that to be luck, and had as many before.
    """
    if len(history) < KNOWN or rows < SMALLEST_PAGE or rows in history:
        return False
    ordered = sorted(history)
    tenth = len(ordered) // 10
    strayed = ordered[-1 - tenth] - ordered[tenth]
    return f"{rows:.0f}".rstrip("0") in PAGES and rows < ordered[-1 - tenth] and strayed >= BY_PAGES


def held(seen: float, expected: float, few: float, many: float, times: float) -> tuple[float, float, float]:
    """How far a count is out (1: at a limit), and the limits, moved away from what is expected by so many times; logarithms.

    A way that goes on as the last weeks did may expect what never was: what is expected must lie within the limits.
    """
    few, many = (expected + (limit - expected) * times for limit in (few, many))
    reach = expected - few if seen < expected else many - expected
    return abs(seen - expected) / max(reach, NEAREST), few, many


def _below(smallest: float, times: float, each: float) -> float:
    return min(smallest / times, smallest - BY_LUCK * math.sqrt(smallest * each))
