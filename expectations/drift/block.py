"""Figures of one sort, side by side: one row per batch (the batch last), one column per figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

from expectations.drift.figures import Key, Pair

Array = NDArray[np.float64]
ABSENT = (math.nan, math.nan)


@dataclass(frozen=True)
class Block:
    """Figures of one sort. Shares: `a` rows of `b`. Levels: value `a` with sampling variance `b`. NaN: not there."""

    keys: tuple[Key, ...]
    a: Array
    b: Array

    def where(self, chosen: Callable[[Key], bool]) -> NDArray[np.bool_]:
        """Which figures are chosen by their key."""
        return np.array([chosen(key) for key in self.keys], dtype=bool)

    def only(self, mask: NDArray[np.bool_]) -> Block:
        """The figures of the mask."""
        return Block(tuple(compress(self.keys, mask)), self.a[:, mask], self.b[:, mask])


def gathered(batches: Sequence[Mapping[Key, Pair]], keys: Sequence[Key]) -> Block:
    """These figures out of the figures of each batch."""
    pairs = chain.from_iterable(batch.get(key, ABSENT) for batch in batches for key in keys)
    both = np.fromiter(pairs, dtype=float).reshape(len(batches), len(keys), 2)
    return Block(tuple(keys), both[:, :, 0], both[:, :, 1])


def listed(figures: Mapping[Key, Sequence[Pair]], batches: int) -> Block:
    """Figures that are listed with a pair for each of so many batches."""
    both = np.array(list(figures.values()), dtype=float).reshape(len(figures), batches, 2)
    return Block(tuple(figures), both[:, :, 0].T, both[:, :, 1].T)


def beside(*blocks: Block) -> Block:
    """Blocks of the same batches, one beside the other."""
    keys = tuple(key for block in blocks for key in block.keys)
    return Block(keys, np.hstack([block.a for block in blocks]), np.hstack([block.b for block in blocks]))


def median(values: Array) -> Array:
    """The median of each column over at least one row, absent values left out, NaN where all are; several times as fast as
    numpy's nanmedian.
    """
    ordered = np.sort(values, axis=0)
    there = len(values) - np.isnan(values).sum(axis=0)
    across = np.arange(values.shape[1])
    # What is absent is sorted to the end, so that a column without any value has one of those in the middle.
    low, high = ordered[np.maximum(there - 1, 0) // 2, across], ordered[np.minimum(there // 2, len(values) - 1), across]
    return np.asarray((low + high) / 2)
