"""Chance that falls the same way on every machine and Python version.

Only `random.Random.random()` is used: it is the one method whose sequence Python promises to keep for a seed. No
function of the C library (exp, log) takes part, whose last digit differs between machines, and no sum of fractions,
which Python 3.12 rounds in another way than 3.11.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """One stream of chance. Streams with different names don't disturb each other when one of them draws more."""

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big")).random  # noqa: S311 - test data, no secret

    def share(self) -> float:
        """A number in [0, 1)."""
        return self._random()

    def below(self, limit: int) -> int:
        """A whole number in [0, limit)."""
        return int(self._random() * limit)

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._random()

    def chance(self, probability: float) -> bool:
        """True as often as `probability` says."""
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.below(len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[int]) -> T:
        """One of the options, as likely as its weight."""
        point = self._random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]

    def about(self, mean: float) -> int:
        """A whole number whose mean is `mean`, spread from none to twice as many."""
        wanted = mean * 2 * self._random()
        return int(wanted) + (self._random() < wanted - int(wanted))
