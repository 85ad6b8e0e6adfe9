"""Which rows are missing, where those that came are as usual: hours without any, numbers beyond an end, rows without a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from expectations.drift.compare import likely_clocks
from expectations.drift.first_time import names_things
from expectations.drift.model import Cause
from expectations.drift.words import counted_rows, percent
from expectations.profile.model import GRID, ColumnProfile, Profile
from expectations.profile.numbers import DAY

# Batches that must have shown what is usual.
SHOWN = 7
# What is missing is at least this share of the usual rows, and more than any batch before lacked.
MISSING = 0.02
MORE = 1.5
# Numbers of which an end is missing are as they were but for that: so near, of their middle half, is each of them.
NEAR = 0.2
AS_USUAL = 0.95
# A cap is where so much of what usually lies beyond is written as the end.
AT_THE_END = 0.6
# Of a zero less: numbers pile up there by nothing else.
AT_ZERO = 0.4
# What is missing is one number where so much of it was.
MOST_OF = 0.85
INNER = range(3, len(GRID) - 3)


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, and has to do with this column."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    if len(columns) <= SHOWN:
        return
    yield from _hours(name, columns)
    yield from _an_end(name, columns)
    yield from _without(name, columns, profiles[-1].rows)


def _hours(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """The longest time of the day in which no row lies, where rows usually do."""
    if not all(c.clocks for c in columns):
        return
    hours = np.array([clock.hours for clock in likely_clocks(columns)])
    shares = hours / np.maximum(hours.sum(axis=1, keepdims=True), 1.0)
    usual = shares[:-1].mean(axis=0)
    lacks = [_longest(row, usual) for row in shares]
    missing, first, last = lacks[-1]
    if missing < MISSING or missing <= MORE * max(lack[0] for lack in lacks[:-1]):
        return
    # The others come when they usually do.
    rest = np.where(shares[-1] > 0, usual, 0.0)
    if not rest.any() or float(np.sqrt(rest / rest.sum()) @ np.sqrt(shares[-1])) < AS_USUAL:
        return
    # A day of which one hour alone has rows has no hours that could be missing.
    if (shares[-1] > 0).sum() < 2 or likely_clocks(columns)[-1].quantiles[-1] - likely_clocks(columns)[-1].quantiles[
        0
    ] > 2 * DAY:
        return
    span = f"{first:02d}:00 and {last % 24:02d}:00" if last != 24 else f"{first:02d}:00 and 24:00"
    yield Cause(
        f"rows from {first:02d}:00 to {last if last == 24 else last % 24:02d}:00 missing", 0.84,
        f"No row of {name} lies between {span}; {usually(missing, columns[-1].text.counted)} usually do.",
    )  # fmt: skip


def _longest(row: np.ndarray, usual: np.ndarray) -> tuple[float, int, int]:
    """Of the times of day without a row the one in which most rows usually lie: their share, its first hour and its end."""
    there = np.flatnonzero(row).tolist()
    if not there:
        return 0.0, 0, 0
    gaps = [(a + 1, b) for a, b in pairwise([*there, there[0] + 24]) if b > a + 1]
    found = [(float(usual[np.arange(a, b) % 24].sum()), a % 24, b) for a, b in gaps]
    return max(found, default=(0.0, 0, 0))


def _an_end(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Numbers below or above which none lies any more, where those that are there are the usual ones."""
    numbers = [c.numbers for c in columns]
    found = [n for n in numbers[:-1] if n is not None]
    now = numbers[-1]
    if now is None or len(found) < SHOWN or columns[-1].clocks or names_things(name):
        return
    each, here, grid = np.array([n.quantiles for n in found]), np.array(now.quantiles), np.array(GRID)
    usual = np.median(each, axis=0)
    middle_half = max(float(np.interp(0.75, GRID, usual) - np.interp(0.25, GRID, usual)), 1e-9)
    for side, sign in (("below", 1), ("above", -1)):
        rising, own = (usual, here) if sign > 0 else (-usual[::-1], -here[::-1])
        ends = each[:, 0] if sign > 0 else -each[:, -1]
        lost = _beyond(own[0], rising, grid)
        before = max((_beyond(end, rising, grid) for end in ends.tolist()), default=0.0)
        if lost < MISSING or lost <= MORE * before:
            continue
        at_end = _at_the_end(own, grid) - _share_at(usual if sign > 0 else -usual[::-1], own[0])
        value = here[0] if sign > 0 else here[-1]
        others = float(np.median(np.abs(own - np.maximum(rising, own[0]))[INNER]))
        known = any(str(value) in {text, f"{text}.0"} for c in columns[:-1] for text, _ in c.top)
        # A cap is an end that many rows had, or the others are very much as they were: the mean of a group is neither.
        if (
            at_end > (AT_ZERO if value == 0 else AT_THE_END) * lost
            and others <= (2 if known else 1) * NEAR * middle_half
        ):
            yield Cause(
                f"capped at {value:,.6g}", 0.8,
                f"No number of {name} lies {side} {value:,.6g}, where {usually(lost, now.count)} usually do, and "
                f"{percent(_at_the_end(own, grid))} are exactly that: what lay {side} is written as {value:,.6g}.",
            )  # fmt: skip
            continue
        expected = np.interp(lost + (1 - lost) * grid, grid, rising)
        if float(np.median(np.abs(own - expected)[INNER])) > NEAR * middle_half:
            continue
        limit = f"{value:,.6g}"
        ended = rising[grid <= MOST_OF * lost]
        if len(ended) > 1 and ended[0] == ended[-1] and lost < 1:
            # What is missing is one number only, as of a filter that leaves out zeros.
            rows = usually(lost, now.count / (1 - lost))
            number = f"{sign * ended[0] + 0.0:,.6g}"
            yield Cause(
                f"rows with {name} {number} missing", 0.77,
                f"No row has {number} in {name}; {rows} usually have it, and the others are as usual.",
            )  # fmt: skip
            continue
        # As many rows were there as make this part of all.
        rows = usually(lost, now.count / (1 - lost)) if lost < 1 else percent(lost)
        yield Cause(
            f"rows with {name} {side} {limit} missing", 0.76,
            f"No row has {name} {side} {limit}, the others are as usual; {rows} usually have.",
        )  # fmt: skip


def _beyond(end: float, rising: np.ndarray, grid: np.ndarray) -> float:
    """The share of the rows that usually lie before the first of the numbers that came."""
    at = int(np.searchsorted(rising, end))
    if at < len(rising) and rising[at] == end:
        return float(grid[at])
    return float(np.interp(end, rising, grid)) if end > rising[0] else 0.0


def _at_the_end(rising: np.ndarray, grid: np.ndarray) -> float:
    """The share of the rows that hold the first of the rising numbers, nearly."""
    return float(grid[np.flatnonzero(rising == rising[0])[-1]])


def _share_at(rising: np.ndarray, value: float) -> float:
    """The share of rows that hold a number, nearly."""
    same = np.flatnonzero(rising == value)
    return float(GRID[same[-1]] - GRID[same[0]]) if len(same) else 0.0


def _without(name: str, columns: Sequence[ColumnProfile], rows: int) -> Iterator[Cause]:
    """No row without a value, where every batch had some."""
    empty = [c.nulls / max(c.nulls + c.text.counted, 1.0) for c in columns]
    if columns[-1].nulls or min(empty[:-1]) <= 0 or median(empty[:-1]) < MISSING:
        return
    yield Cause(
        f"rows without {name} missing", 0.7,
        f"Every row has a value in {name}; {usually(median(empty[:-1]), rows)} usually have none: these rows are missing, "
        f"or something was put in.",
        frozenset({"completeness", "values", "categories", "relation", "segment", "order", "reference"}),
    )  # fmt: skip


def usually(share: float, rows: float) -> str:
    """`about 240 of 2,000 rows`, as a share where they are many."""
    return f"about {percent(share)}{counted_rows(share, rows)}"
