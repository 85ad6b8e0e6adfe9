"""From misses in standard errors to one decision per batch.

Three steps, each learned from the history and each for a batch without that batch:
1. a figure's looseness: how much further than sampling it strays (never below 1);
2. a group's reach (a column and a kind of change): how large the largest miss of its figures usually gets;
3. the batch's score: the largest of its groups, each in units of its reach. The threshold is a prediction limit of that
   score over the history's own batches, so that false alarms are bounded per batch, however many figures there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.drift.frame import Array

# A figure's threshold is never nearer than about twice the largest miss of its history.
LARGEST = 2.5
SECOND = 2.0
# The nearest threshold of a group, in standard errors: chance alone reaches it once in some 15,000 figures.
LEAST = 4.0
# Standard deviations of the logarithm of a maximum: digest, page. About 1 % and 0.2 % where it is log-normal.
LIMITS = {"low": (3.2, 4.2), "normal": (2.5, 3.5), "high": (2.0, 3.0)}
REACH = 2.5
PAGE = 1.3


@dataclass(frozen=True)
class Calibration:
    """`bounds`: the miss of every figure that makes a digest. `digest`/`page`: thresholds of a batch's score."""

    looseness: Array
    reach: Array
    history: Array
    digest: float
    page: float

    @property
    def bounds(self) -> Array:
        """Standard errors at which a figure alone makes a digest."""
        return self.looseness * self.reach * self.digest

    def scores(self, z: Array) -> Array:
        """Every figure of a batch in units of the digest threshold."""
        return np.where(np.isfinite(z), np.abs(z), 0.0) / self.bounds


def calibrate(z: Array, groups: NDArray[np.int64], sensitivity: str = "normal") -> Calibration:
    """Learns from the misses of the history (batches x figures); `groups` gives every figure's group, from 0."""
    count = int(groups.max()) + 1 if len(groups) else 0
    miss = np.where(np.isfinite(z), np.abs(z), 0.0)
    known = np.isfinite(z).sum(axis=0)
    loose, without = _looseness(miss, known)
    by_group = np.zeros((len(z), count))
    for i in range(len(z)):
        np.maximum.at(by_group[i], groups, miss[i] / without[i])
    reach, reach_without = _reach(by_group)
    history = (by_group / reach_without).max(axis=1) if count and len(z) else np.zeros(0)
    digest, page = thresholds(history, sensitivity)
    return Calibration(loose, reach[groups] if count else np.zeros(0), history, digest, page)


def _looseness(miss: Array, known: NDArray[np.int64]) -> tuple[Array, Array]:
    """Per figure, and per batch and figure without that batch."""
    batches, width = miss.shape
    if batches == 0:
        return np.ones(width), np.ones((0, width))
    ordered = np.vstack([np.sort(miss, axis=0)[::-1], np.zeros((3, width))])
    first, second, third = ordered[0], ordered[1], ordered[2]
    squares = (miss**2).sum(axis=0)
    whole = _loose(squares, first, second, known)
    is_first = miss == first
    is_second = (miss == second) & ~is_first
    top = np.where(is_first, second, first)
    next_top = np.where(is_first | is_second, third, second)
    return whole, _loose(squares - miss**2, top, next_top, np.maximum(known - 1, 0))


def _loose(squares: Array, top: Array, second: Array, known: NDArray[np.int64]) -> Array:
    few = 1 + 2 / np.maximum(known, 1)
    trimmed = np.sqrt(np.maximum(squares - top**2, 0) / np.maximum(known - 1, 1))
    by_largest = np.maximum(top / LARGEST, second / SECOND)
    return np.asarray(np.maximum(1.0, few * np.maximum(trimmed, by_largest)))


def _reach(by_group: Array) -> tuple[Array, Array]:
    """Per group: the limit of its largest misses, at least LEAST; and the same without each batch."""
    batches, count = by_group.shape
    if batches < 4:
        few = {0: 2.5, 1: 2.2, 2: 1.8, 3: 1.5}[batches]
        return np.full(count, LEAST * few), np.full((batches, count), LEAST * few)
    logs = np.log(np.maximum(by_group, 1.0))

    def limit(total: Array, squares: Array, n: int) -> Array:
        mean = total / n
        spread = np.sqrt(np.maximum(squares / n - mean**2, 0) * n / max(n - 1, 1))
        return np.maximum(LEAST, np.exp(mean + REACH * (1 + 2 / n) * spread))

    total, squares = logs.sum(axis=0), (logs**2).sum(axis=0)
    return limit(total, squares, batches), limit(total - logs, squares - logs**2, batches - 1)


def thresholds(scores: Array, sensitivity: str) -> tuple[float, float]:
    """Digest and page in units of the groups' reach, at least 1; higher where the history itself came near or passed."""
    digest_at, page_at = LIMITS[sensitivity]
    if len(scores) < 4:
        return 1.0, PAGE
    logs = np.log(np.maximum(scores, 0.3))
    spread = max(float(np.std(logs, ddof=1)), 0.1) * (1 + 2 / len(scores))
    middle = float(np.mean(logs))
    digest = max(1.0, float(np.exp(middle + digest_at * spread)))
    return digest, max(PAGE * digest, float(np.exp(middle + page_at * spread)))
