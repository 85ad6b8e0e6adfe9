"""From misses in standard errors to one decision per batch.

Three steps, each learned from the history and each for a batch without that batch:
1. a figure's looseness: how much further than sampling it strays;
2. a group's reach (the same figure, of one column and of all): how large the largest miss of its figures usually gets;
3. the batch's score: the largest of its groups, each in units of its reach. The threshold is a prediction limit of that
   score over the history's own batches, so that false alarms are bounded per batch, however many figures there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.drift.block import Array, Block
from expectations.drift.catalogue import having
from expectations.drift.predict import CHANCE

Groups = NDArray[np.int64]

# A figure's threshold is never nearer than about twice the largest miss of its history.
LARGEST = 2.5
SECOND = 2.0
ISOLATED = 4.0
ALIKE = 0.8
# The nearest threshold of a figure that varies by itself, in standard errors; and of one that only changes when somebody
# changes a program (whether values are there at all, how they are written, rows twice).
LEAST = 7.8
LEAST_WRITTEN = 4.2
# A value that no other batch has, in a column where that was never so.
LEAST_CLOSED = 5.5
# The number of rows is one figure, where columns have hundreds that may each stray by luck.
LEAST_VOLUME = 5.5
# The same for a week against the batches before it: far fewer weeks than batches can stray.
LEAST_SLOW = 7.0
# Standard deviations of the logarithm of a maximum: digest, page. About 1 % and 0.2 % where it is log-normal.
LIMITS = {"low": (3.2, 4.2), "normal": (2.5, 3.5), "high": (2.0, 3.0)}
# The nearest threshold of a digest, where the history was calm.
NEAREST = {"low": 1.25, "normal": 1.0, "high": 0.8}
REACH = 2.5
PAGE = 1.6
# One odd day in the history raises what it was odd in; beyond this many times the second it doesn't raise the rest.
ODD = 1.2
MOST = 1.5
# A number is absurd from so many times the one furthest from zero on, once so many batches have shown theirs.
ABSURD = 5.0
SHOWN = 21
EXTREMES = having("extreme")


@dataclass(frozen=True)
class Calibration:
    """`bounds`: the miss of every figure that makes a digest. `digest`/`page`: thresholds of a batch's score. `history`: the
    misses of the later batches of the history in units of their reach, each without itself.
    """

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


def calibrate(
    z: Array, groups: Sequence[Groups], floor: Array, least: Array, sensitivity: str = "normal"
) -> Calibration:
    """Learns from the misses of the history (batches x figures).

    `groups` number the figures in several ways, the finest first (by column and name, by name): a figure has the reach
    of the wider-reaching of its groups, and is at least nearly as loose as is usual in the finest.
    """
    miss = np.where(np.isfinite(z), np.abs(z), 0.0)
    known = np.isfinite(z).sum(axis=0)
    # Among many alike figures some look regular by luck: none is much tighter than its like.
    floor = np.maximum(floor, ALIKE * _middle(_looseness(miss, known, floor)[0], groups[0]))
    loose, without = _looseness(miss, known, floor)
    freed = miss / without
    reach, reach_without = least * _few(len(z)), np.tile(least * _few(len(z)), (len(z), 1))
    for numbers in groups:
        whole, less = _reach(_largest(freed, numbers))
        reach, reach_without = np.maximum(reach, whole[numbers]), np.maximum(reach_without, less[:, numbers])
    # The first batches of the history had little before them; the later ones tell better what a batch usually scores.
    history = (freed / reach_without)[len(z) // 3 :]
    digest, page = thresholds(history.max(axis=1, initial=0.0), sensitivity)
    return Calibration(loose, reach, history, digest, page)


def _middle(values: Array, numbers: Groups) -> Array:
    """The median of each figure's group."""
    order = np.lexsort((values, numbers))
    starts = np.searchsorted(numbers[order], np.arange(int(numbers.max(initial=-1)) + 2))
    middles = values[order][(starts[:-1] + starts[1:] - 1) // 2]
    return np.asarray(middles[numbers])


def _largest(freed: Array, numbers: Groups) -> Array:
    """The largest miss of each group, per batch."""
    result = np.zeros((len(freed), int(numbers.max(initial=-1)) + 1))
    for i, row in enumerate(freed):
        np.maximum.at(result[i], numbers, row)
    return result


def _looseness(miss: Array, known: NDArray[np.int64], floor: Array) -> tuple[Array, Array]:
    """Per figure, and per batch and figure without that batch."""
    batches, width = miss.shape
    if batches == 0:
        return floor * 3, np.ones((0, width))
    ordered = np.vstack([np.sort(miss, axis=0)[::-1], np.zeros((3, width))])
    first, second, third = ordered[0], ordered[1], ordered[2]
    squares = (miss**2).sum(axis=0)
    whole = _loose(squares, first, second, known, floor)
    is_first = miss == first
    is_second = (miss == second) & ~is_first
    top = np.where(is_first, second, first)
    next_top = np.where(is_first | is_second, third, second)
    return whole, _loose(squares - miss**2, top, next_top, np.maximum(known - 1, 0), floor)


def _loose(squares: Array, top: Array, second: Array, known: NDArray[np.int64], floor: Array) -> Array:
    # A figure that was seen straying few times may stray further than it did.
    few = 1 + 2 / np.maximum(known, 1)
    trimmed = np.sqrt(np.maximum(squares - top**2, 0) / np.maximum(known - 1, 1))
    # A single batch far beyond all others was an error, or nearly one: it must not hide the next.
    believed = np.minimum(top, ISOLATED * np.maximum(second, floor))
    by_largest = np.maximum(believed / LARGEST, second / SECOND)
    # Less than chance is believed only by half: few batches often look more regular than they are.
    least = np.where(floor < CHANCE, np.clip(2 * trimmed, floor, CHANCE), floor)
    return np.asarray(few * np.maximum(least, np.maximum(trimmed, by_largest)))


def _few(batches: int) -> float:
    """How much further the nearest threshold lies while fewer than four batches could be scored."""
    return {0: 2.5, 1: 2.2, 2: 1.8, 3: 1.5}.get(batches, 1.0)


def _reach(by_group: Array) -> tuple[Array, Array]:
    """Per group: the limit of its largest misses; and the same without each batch."""
    batches, count = by_group.shape
    if batches < 4:
        return np.zeros(count), np.zeros((batches, count))
    ordered = np.sort(by_group, axis=0)
    believed = np.minimum(by_group, ISOLATED * np.maximum(ordered[-2], 1.0))
    logs = np.log(np.maximum(believed, 1.0))

    def limit(total: Array, squares: Array, n: int) -> Array:
        mean = total / n
        spread = np.sqrt(np.maximum(squares / n - mean**2, 0) * n / max(n - 1, 1))
        return np.asarray(np.exp(mean + REACH * (1 + 2 / n) * spread))

    total, squares = logs.sum(axis=0), (logs**2).sum(axis=0)
    return limit(total, squares, batches), limit(total - logs, squares - logs**2, batches - 1)


def thresholds(scores: Array, sensitivity: str) -> tuple[float, float]:
    """Digest and page in units of the groups' reach, at least NEAREST; higher where the history itself came near or passed."""
    digest_at, page_at = LIMITS[sensitivity]
    nearest = NEAREST[sensitivity]
    if len(scores) < 4:
        return nearest, PAGE * nearest
    # One odd day among them must not make the detector deaf to everything else.
    ordered = np.sort(scores)
    logs = np.log(np.maximum(np.minimum(scores, ODD * ordered[-2]), 0.3))
    spread = max(float(np.std(logs, ddof=1)), 0.1) * (1 + 2 / len(scores))
    middle = float(np.mean(logs))
    digest = min(MOST, max(nearest, float(np.exp(middle + digest_at * spread))))
    return digest, min(2 * PAGE * digest, max(PAGE * digest, float(np.exp(middle + page_at * spread))))


def furthest(levels: Block, scales: Array) -> dict[int, float]:
    """For the largest and smallest number of each column, by place: the number furthest from zero of all earlier batches.

    How far these usually stray is judged beside the other figures. Where they stray by factors that is so wide that nothing is
    absurd; what is many times further out than any number of any batch before is news all the same.
    """
    by_column: dict[str | None, float] = {}
    places = [i for i, key in enumerate(levels.keys) if key.of in EXTREMES]
    for i in places:
        history = levels.a[:-1, i]
        known = np.abs(np.sinh(history[np.isfinite(history)]) * scales[i])
        name = levels.keys[i].column
        size = float(known.max()) if len(known) >= SHOWN else np.inf
        by_column[name] = max(by_column.get(name, 0.0), size)
    return {i: by_column[levels.keys[i].column] for i in places if 0 < by_column[levels.keys[i].column] < np.inf}
