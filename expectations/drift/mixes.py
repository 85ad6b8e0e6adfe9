"""How far the mix of a column's values lies from its usual one: one figure where each label moves by less than its own bounds.

Shares or profiles in (the batch last), one pair per batch out. A lookup by position gives every label the share of another one, a
factor gives every number another last digit: each of them strays by itself, all of them together hardly do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from expectations.drift.block import Array, Block
from expectations.drift.catalogue import known
from expectations.drift.compare import Column
from expectations.drift.figures import Key, each_column, named
from expectations.profile.model import Profile

# A batch is held against so many before it at most, and at least; of fewer rows there is no mix.
LATELY = 14
LEAST = 3
ROWS = 10.0
# Where one digit ends most of the numbers, the others come and go with a few of these.
COMMONEST = 0.5
# The mean size of a normal error, and the variance of its size, where its own is 1.
SIZE = math.sqrt(2 / math.pi)
VARIANCE = 1 - 2 / math.pi
# How far a mix strays by itself, squared.
WOBBLE = 1e-4
CATEGORY = known("categories", "category")


def labels_mixed(shares: Block, runs: Mapping[str, tuple[float, float]]) -> Iterator[tuple[Key, Column]]:
    """Of each column whose labels are followed: how far their shares lie from those of the batches before (0: alike, 1: others),
    beyond what so many rows make by chance. So many rows of a column, `runs`, tell as much as one.
    """
    places: dict[str, list[int]] = {}
    for at, key in enumerate(shares.keys):
        if key.of == CATEGORY and key.column is not None:
            places.setdefault(key.column, []).append(at)
    for column, labels in places.items():
        if len(labels) > 1:
            counts, rows = (np.nan_to_num(x[:, labels]) for x in (shares.a, shares.b))
            yield named(column, "categories", "mix"), _distances(counts, rows.max(axis=1), runs[column])


def last_digits(profiles: Sequence[Profile], runs: Mapping[str, tuple[float, float]]) -> Iterator[tuple[Key, Column]]:
    """The same of the digits in which the units and the hundredths of a column's numbers end, where several do."""
    for name in each_column(list(profiles)):
        found = [p.columns[name].numbers for p in profiles]
        for place in ("units", "hundredths"):
            counted = [getattr(n, place) if n is not None else () for n in found]
            if not all(counted):
                continue
            counts = np.array(counted, dtype=float)
            digits = counts[:-1].sum(axis=0)
            if digits.max() <= COMMONEST * digits.sum():
                yield named(name, "values", "last_digit", place), _distances(counts, counts.sum(axis=1), runs[name])


def _distances(counts: Array, rows: Array, run: tuple[float, float]) -> Column:
    """Of each batch: half of the sum of what the shares of its values differ from those of the batches before."""
    told = rows >= ROWS
    known, together = np.where(told, rows, 1.0), max(run)
    mix = counts / known[:, None]
    mix = np.hstack([mix, np.maximum(0.0, 1 - mix.sum(axis=1, keepdims=True))])
    before = _before(tuple(told.tolist()))
    # Weights add up to 1 but for a last digit.
    usual = np.minimum(before @ mix, 1.0)
    error = usual * (1 - usual) * (1 / known + before**2 @ (1 / known))[:, None]
    distance = np.abs(mix - usual).sum(axis=1) / 2 - SIZE * np.sqrt(error * together).sum(axis=1) / 2
    variance = VARIANCE * error.sum(axis=1) * together / run[0] / 2 + WOBBLE
    there = told & (before.sum(axis=1) > 0)
    return list(
        zip(np.where(there, distance, np.nan).tolist(), np.where(there, variance, np.nan).tolist(), strict=True)
    )


@lru_cache(maxsize=64)
def _before(told: tuple[bool, ...]) -> Array:
    """The weight of every batch in what is usual for each: alike for the latest before it that are told, if they are enough."""
    weights = np.zeros((len(told), len(told)))
    for at in range(len(told)):
        latest = np.flatnonzero(told[:at])[-LATELY:]
        if len(latest) >= LEAST:
            weights[at, latest] = 1 / len(latest)
    return weights
