"""Figures of a column read as numbers, and of one read as points in time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from expectations.profile.model import CLOCK_GRID, GRID, Clock, Numbers

Array = NDArray[np.float64]
DAY = 86_400
# Last digits are counted of every second, third or further number, so that at most so many are read.
DIGITS_READ = 8192
MULTIPLES = (10, 100, 1000)


def signed_log(values: Array) -> Array:
    """log(1 + |x|) with the sign of x: nearly linear for small, logarithmic for large numbers."""
    return np.sign(values) * np.log1p(np.abs(values))


def numbers(values: Array, scale: float) -> Numbers | None:
    """Figures of the numbers that are not NaN; `scale` raises counts of a sample to the batch."""
    found = values[np.isfinite(values)]
    if not len(found):
        return None
    logs = signed_log(found)
    # Of the numbers in their own order, so that the order of delivery doesn't matter.
    ordered = np.sort(found)
    few = np.abs(ordered[:: _stride(len(ordered))])
    decimals = tuple(float(count) * scale for count in _decimals(found))
    cents, units = np.rint(few * 100), np.floor(few + 1e-9)
    return Numbers(
        count=len(found) * scale,
        zero=float((found == 0).sum()) * scale,
        negative=float((found < 0).sum()) * scale,
        decimals=decimals,
        mean=float(found.mean()),
        deviation=float(found.std()),
        log_mean=float(logs.mean()),
        log_deviation=float(logs.std()),
        quantiles=_of_sorted(ordered, GRID),
        units=tuple(float(count) for count in _last_digits(units)),
        hundredths=tuple(float(count) for count in _last_digits(cents)),
        multiples=tuple(_multiples(few[few != 0])),
        endings=tuple(float(count) for count in _last_digits(units if not any(decimals[1:]) else cents, 100)),
    )


def _stride(count: int) -> int:
    """Every how many of the numbers one is read: without a factor in common with 100, as every second of ids that go on by one
    would have an even last digit, or an odd one.
    """
    stride = 1 + count // DIGITS_READ
    while math.gcd(stride, 100) > 1:
        stride += 1
    return stride


def _last_digits(whole: Array, of: int = 10) -> NDArray[np.int64]:
    """How many whole numbers end in each digit, or in each two digits (`of` 100)."""
    return np.bincount(np.mod(whole, of).astype(int), minlength=of)


def steps(values: Array) -> tuple[float, float]:
    """How often values fall and rise from one that is there (not NaN) to the next."""
    moved = np.diff(values[np.isfinite(values)])
    return float(np.count_nonzero(moved < 0)), float(np.count_nonzero(moved > 0))


def _multiples(sizes: Array) -> Iterator[float]:
    """How many numbers there are, and how many of them are multiples of each of MULTIPLES."""
    yield float(len(sizes))
    for of in MULTIPLES:
        # A multiple of 100 is one of 10.
        sizes = sizes[np.mod(sizes, of) == 0]
        yield float(len(sizes))


def _decimals(found: Array) -> tuple[int, int, int, int]:
    """How many numbers need no digit after the point, one, two, or more."""
    counts, rest = [], found
    for digits in range(3):
        shifted = rest * 10**digits
        needs_more = np.abs(shifted - np.rint(shifted)) >= 1e-6 * np.maximum(1, np.abs(rest))
        counts.append(len(rest) - int(np.count_nonzero(needs_more)))
        rest = rest[needs_more]
    return counts[0], counts[1], counts[2], len(rest)


def likelier(*readings: Array) -> Array:
    """Of the ways to read points in time (day or month first) the one that reads more of them, then the one that sees them
    closer together.
    """
    told = [values[np.isfinite(values)] for values in readings]
    best = max(range(len(readings)), key=lambda i: (len(told[i]), -float(np.ptp(told[i])) if len(told[i]) else 0.0))
    return readings[best]


def clock(order: str, seconds: Array, scale: float) -> Clock | None:
    """The clock of a column of points in time (seconds since 1970, NaN where there is none)."""
    found = seconds[np.isfinite(seconds)]
    if not len(found):
        return None
    in_day = np.mod(found, DAY)
    return Clock(
        order=order,
        count=len(found) * scale,
        days=len(np.unique(found // DAY)),
        midnight=float((in_day == 0).sum()) * scale,
        whole_minutes=float((np.mod(found, 60) == 0).sum()) * scale,
        hours=tuple(float(n) * scale for n in np.bincount((in_day // 3600).astype(int), minlength=24)),
        quantiles=_quantiles(found, CLOCK_GRID),
    )


def _quantiles(found: Array, grid: tuple[float, ...]) -> tuple[float, ...]:
    """Values that stand there (numpy's "inverted_cdf", which takes four times as long on 100,000 values)."""
    return _of_sorted(np.sort(found), grid)


def _of_sorted(ordered: Array, grid: tuple[float, ...]) -> tuple[float, ...]:
    at = np.maximum(np.ceil(np.array(grid) * len(ordered)).astype(int) - 1, 0)
    return tuple(float(q) for q in ordered[at])
