"""How surprising each figure of each batch is, given only the batches before it.

A figure is predicted in several plain ways (all batches before, the last few, the same weekday, the last plus its usual
step). Which way holds for a figure is learned from the history: the one that missed least. A miss is measured in
standard errors, so that a small batch may stray further; see `calibrate` for what else a figure is known to stray.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.drift.block import Array, Block, median
from expectations.drift.catalogue import having, known
from expectations.drift.frame import CLUSTERED, LATELY

RECENT = 5
# None or all of the rows is no news where it was so in this share of the batches, and in one of the latest.
COMMON = 0.25
# Another way than "all batches before" must miss this much less to be believed.
BETTER = 0.9
# Some figures vary less than chance would make them (as many rows of each kind every day); believed down to this.
REGULAR = 0.3
# What independent rows would make of the misses, with CLUSTERED; levels that can't be more regular than this.
CHANCE = 0.71
SAMPLED = having("sampled")
ROWS = known("volume", "rows")
# What begins anew moves back by so much at most, as a share of how far it did before; then it went on from there, and didn't come
# back by more than so much of that.
ANEW = 1.25
CAME_BACK = 0.5
WAYS = ("all", "recent", "weekday", "step")
STEP = WAYS.index("step")


@dataclass(frozen=True)
class Surprise:
    """Signed misses in standard errors, per batch and figure (NaN: not predicted), and for the batch what was expected.

    `support` is how many rows a share is expected from, or one standard error of a level. `floor` is the least looseness:
    1 where a share was always so near 0 or 1 that its history can't show how regular it is, else REGULAR.
    """

    z: Array
    expected: Array
    support: Array
    way: NDArray[np.int64]
    floor: Array


def surprise(block: Block, weekdays: Sequence[int | None], shares: bool) -> Surprise:
    """Scores every batch of a block against those before it; the last row is the batch itself."""
    count, width = block.a.shape
    start = first_scored(count - 1)
    z = np.full((len(WAYS), count, width), np.nan)
    expected, support = np.full((len(WAYS), width), np.nan), np.full((len(WAYS), width), np.nan)
    score = _score_shares if shares else _score_levels
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Figures that a few batches lack make empty medians, which stay NaN: that is what is meant.
        warnings.simplefilter("ignore", RuntimeWarning)
        for i in range(start, count):
            for way, rows in enumerate(_windows(i, weekdays)):
                if rows is not None and not (shares and way == STEP):
                    z[way, i], expected[way], support[way] = score(block, i, rows, way == STEP)
        used = _choose(z[:, start : count - 1], np.isfinite(z[:, -1]))
    every = np.arange(width)
    # What the chosen way couldn't tell yet (the first weekdays) stays unknown.
    picked = z[used, :, every].T
    floor = _floor(block) if shares else np.array([CHANCE if k.of in SAMPLED else REGULAR for k in block.keys])
    return Surprise(picked, expected[used, every], support[used, every], used, floor)


def _floor(block: Block) -> Array:
    with np.errstate(all="ignore"):
        p = np.nansum(block.a[:-1], axis=0) / np.nansum(block.b[:-1], axis=0)
        rare = np.minimum(p, 1 - p) * median(block.b[:-1]) / CLUSTERED
    return np.where(rare >= 1, REGULAR, 1.0)


def first_scored(history: int) -> int:
    """The first batch that has enough before it to be scored."""
    return max(2, min(7, history // 3))


def _windows(i: int, weekdays: Sequence[int | None]) -> tuple[list[int] | None, ...]:
    before = list(range(i))
    same = [j for j in before if weekdays[j] is not None and weekdays[j] == weekdays[i]]
    several = len({w for w in weekdays if w is not None}) > 1
    return before, before[-RECENT:], same[-6:] if several and len(same) >= 2 else None, before if i >= 3 else None


def _score_shares(block: Block, i: int, rows: list[int], step: bool) -> tuple[Array, Array, Array]:
    """Signed root of twice the log-likelihood ratio of two binomials: the batch and the batches it is held against."""
    k, n = block.a[i] / CLUSTERED, block.b[i] / CLUSTERED
    ks, ns = np.nansum(block.a[rows], axis=0) / CLUSTERED, np.nansum(block.b[rows], axis=0) / CLUSTERED
    z = binomial_surprise(k, n, ks, ns)
    return np.where(ns > 0, z, np.nan), ks / np.maximum(ns, 1e-9), ns


def binomial_surprise(k: Array, n: Array, ks: Array, ns: Array) -> Array:
    """Signed root deviance of k of n against ks of ns; 0 where either is empty."""
    p, q, both = k / np.maximum(n, 1e-9), ks / np.maximum(ns, 1e-9), (k + ks) / np.maximum(n + ns, 1e-9)

    def part(count: Array, share: Array, usual: Array) -> Array:
        told = np.log(np.maximum(share, 1e-300) / np.maximum(usual, 1e-300))
        return np.asarray(np.where(count > 0, count * told, 0.0))

    against = 1 - both
    deviance = part(k, p, both) + part(n - k, 1 - p, against) + part(ks, q, both) + part(ns - ks, 1 - q, against)
    signed = np.sign(p - q) * np.sqrt(np.maximum(2 * deviance, 0))
    return np.asarray(np.where((n > 0) & (ns > 0), signed, 0.0))


def is_common(shares: Block) -> NDArray[np.bool_]:
    """Which shares of the batch, the last row, are none or all, as in COMMON of the history: one batch that was all otherwise
    moves the mean away from where the others were.
    """
    there = shares.b > 0
    none, every = there & (shares.a <= 0), there & (shares.a >= shares.b)
    least = np.maximum(3, COMMON * there[:-1].sum(axis=0))

    def common(so: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(so[-1] & (so[:-1].sum(axis=0) >= least) & so[-1 - LATELY : -1].any(axis=0))

    return common(none) | common(every)


def begins_anew(levels: Block, way: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which levels that go on step by step move back in the last batch as far as they did once before, and went on from there:
    sales of the week so far, and what is fitted to them. A batch that was wrong by itself came back at once.
    """
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        moves = np.diff(levels.a, axis=0)
        last, before, after = moves[-1], moves[:-2], moves[1:-1]
        back = last * median(moves[:-1]) < 0
        as_far = (before * last > 0) & (np.abs(last) <= ANEW * np.abs(before))
        stayed = after * before > -CAME_BACK * before**2
        return np.asarray((way == STEP) & back & (as_far & stayed).any(axis=0))


def share_limits(expected: Array, support: Array, rows: Array, bound: Array) -> tuple[Array, Array]:
    """The shares below and above what is expected that would just miss by `bound`; 0 and 1 where none would."""
    n, ks = rows / CLUSTERED, expected * support

    def reaches(share: Array) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(binomial_surprise(share * n, n, ks, support)) >= bound)

    limits = []
    for end in (np.zeros_like(expected), np.ones_like(expected)):
        inside, outside = expected.copy(), end.copy()
        for _ in range(30):
            middle = (inside + outside) / 2
            out = reaches(middle)
            inside, outside = np.where(out, inside, middle), np.where(out, middle, outside)
        limits.append(outside)
    return limits[0], limits[1]


def _score_levels(block: Block, i: int, rows: list[int], step: bool) -> tuple[Array, Array, Array]:
    before, spread = block.a[rows], block.b[rows]
    if step:
        expected = before[-1] + median(np.diff(before, axis=0))
        variance = np.where(np.isnan(spread[-1]), median(spread), spread[-1])
    else:
        expected = median(before)
        variance = median(spread) * 1.5 / len(rows)
    # A batch that happens to vary little within itself is not therefore nearer to what is expected.
    # A count of rows is a fact: that there are few of them doesn't make it less certain how few.
    own = np.fmax(np.where(block.where(lambda key: key.of == ROWS), np.nan, block.b[i]), median(spread))
    error: Array = np.sqrt(CLUSTERED * (np.maximum(own, 0) + np.maximum(variance, 0)) / 2 + 1e-12)
    return (block.a[i] - expected) / error, expected, error


def _choose(z: Array, able: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The way with the smallest mean miss over the batches that all ways could predict; "all" unless clearly worse.

    Only a way that is `able` to predict the batch itself (ways x figures): else the looseness of one way would judge the
    miss of another.
    """
    if not z.shape[1]:
        return np.zeros(z.shape[2], dtype=np.int64)
    miss = np.abs(z)
    cap = 4 * median(miss[0]) + 1e-9
    miss = np.minimum(miss, cap)
    base = np.where(np.isnan(miss), np.nan, miss[0])
    # Where nothing ever missed no way is better than the one that has seen most.
    cost = (np.nanmean(miss, axis=1) + 1e-9) / (np.nanmean(base, axis=1) + 1e-9)
    told = np.isfinite(miss).sum(axis=1)
    # The fewer batches speak for a way, the more it must be better: one of several looks good by luck.
    cost = np.where(np.isfinite(cost) & (told >= 6) & able, cost / (1 - 1 / np.sqrt(np.maximum(told, 2))), np.inf)
    cost[0] = BETTER
    return np.asarray(np.argmin(cost, axis=0), dtype=np.int64)
