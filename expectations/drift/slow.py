"""Slow drift: a column that moves a little every batch, so that no single batch is out of the ordinary.

The last WEEK batches together are held against those before them. A week, so that weekdays cancel out. What such a
difference usually is, is learned from the same difference at every earlier batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from expectations.drift.block import Array, Block, median
from expectations.drift.catalogue import having
from expectations.drift.frame import CLUSTERED
from expectations.drift.predict import binomial_surprise

WEEK = 7
# Batches before the first compared week, and scored weeks that must be there to learn from.
BEFORE = 5
LEARNED = 6
# Of the last WEEK batches so many must lie where the figure moved to.
CARRIED = 6
FOLLOWED = having("slow_drift")


def slow_surprise(shares: Block, levels: Block) -> tuple[list[int], Array]:
    """Positions of the figures followed (shares first, then levels), and their misses per batch, the batch last.

    No positions where the history is too short to tell a slow movement from the usual one.
    """
    count = shares.a.shape[0]
    start = BEFORE + WEEK - 1
    if count - WEEK - start < LEARNED:
        return [], np.zeros((0, 0))
    a = [i for i, key in enumerate(shares.keys) if key.of in FOLLOWED]
    b = [i for i, key in enumerate(levels.keys) if key.of in FOLLOWED]
    rows = []
    with np.errstate(all="ignore"):
        for i in range(start, count):
            week, before = range(i - WEEK + 1, i + 1), range(i - WEEK + 1)
            rows.append(np.concatenate([_of_shares(shares, a, week, before), _of_levels(levels, b, week, before)]))
    return [*a, *(len(shares.keys) + i for i in b)], np.vstack(rows)


def carried(shares: Block, levels: Block, at: int) -> bool:
    """Whether most batches of the last week lie to the side to which the figure moved: one batch far out is no slow drift."""
    then, now = then_and_now(shares, levels, at)
    with np.errstate(all="ignore"):
        split = len(shares.keys)
        week = (shares.a[-WEEK:, at] / shares.b[-WEEK:, at]) if at < split else levels.a[-WEEK:, at - split]
    return int(np.sum((week - then) * (now - then) > 0)) >= CARRIED


def then_and_now(shares: Block, levels: Block, at: int) -> tuple[float, float]:
    """The figure at a position before the last week and in it."""
    split = len(shares.keys)
    with np.errstate(all="ignore"):
        if at < split:
            a, b = shares.a[:, at], shares.b[:, at]
            now = np.nansum(a[-WEEK:]) / np.nansum(b[-WEEK:])
            return float(np.nansum(a[:-WEEK]) / np.nansum(b[:-WEEK])), float(now)
        value = levels.a[:, at - split]
        return float(np.nanmedian(value[:-WEEK])), float(np.nanmedian(value[-WEEK:]))


def _of_shares(block: Block, chosen: Sequence[int], week: range, before: range) -> Array:
    def total(values: Array, rows: range) -> Array:
        return np.asarray(np.nansum(values[rows.start : rows.stop][:, chosen], axis=0) / CLUSTERED)

    return binomial_surprise(total(block.a, week), total(block.b, week), total(block.a, before), total(block.b, before))


def _of_levels(block: Block, chosen: Sequence[int], week: range, before: range) -> Array:
    now, then = block.a[week.start : week.stop][:, chosen], block.a[: before.stop][:, chosen]
    spread = np.maximum(median(block.b[week.start : week.stop][:, chosen]), median(block.b[: before.stop][:, chosen]))
    # A number that is mostly 0 has no spread on most days, and all of it on the others.
    every = block.b[: week.stop][:, chosen]
    known = np.isfinite(every)
    spread = np.fmax(
        spread, np.where(known, every, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    )
    error = np.sqrt(spread * (1 / WEEK + 1.5 / len(before)) + 1e-6)
    return np.asarray((median(now) - median(then)) / error)
