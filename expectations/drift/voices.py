"""What owners found not interesting: such changes of a column have to be larger to be told, until somebody takes it back.

A lowered voice isn't a closed mouth: what is many times out of the ordinary is told all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from expectations.drift.acceptance import EVERY_KIND, touches
from expectations.drift.block import Array
from expectations.drift.figures import Key
from expectations.drift.model import Lowered

# By how many times each answer moves the threshold away, and at most.
QUIETER = 2.0
QUIETEST = 8.0


def further(answers: int) -> float:
    """By how many times the threshold lies further after so many answers."""
    return min(QUIETER**answers, QUIETEST)


def voices(keys: Sequence[Key], lowered: Sequence[Lowered]) -> Array:
    """By how many times the threshold of each figure lies further, by owners' answers; 1 where nobody said anything."""
    result = np.ones(len(keys))
    for one in lowered:
        about = np.array([touches(one.column, one.kind, key) for key in keys], dtype=bool)
        result[about] = np.maximum(result[about], further(one.answers))
    return result


def of_kind(column: str | None, kind: str, lowered: Sequence[Lowered]) -> float:
    """The same of one kind of change of a column."""
    said = (one.answers for one in lowered if one.column == column and one.kind in (kind, EVERY_KIND))
    return further(max(said, default=0))
