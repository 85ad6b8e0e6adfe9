"""Evidence of one column, pooled: figures that each stay below the threshold can say together that something happened.

Of each kind of a column's own figures the strongest counts, and of the kinds the three strongest: a sum of squares, so that one
figure alone says no more than it does by itself. What such a sum usually gets to in the table's own history, each batch without
itself, is where its threshold lies; a column of which something is told anyway needs no second word. That sizes and shares of
the values of a column move together is what the world does: one of the figures must say whether values are there or how they
are written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from expectations.drift.block import Array
from expectations.drift.calibrate import thresholds
from expectations.drift.catalogue import having
from expectations.drift.figures import Key

WRITTEN, OF_VALUES = having("any_weekday"), having("of_values")
# Kinds that are pooled, and from which score on one is evidence at all.
KINDS = 3
EVIDENCE = 0.5
# The nearest threshold of a sum. Of two figures that are each just below theirs it is 1.4.
LEAST = 1.25


def pooled(
    keys: Sequence[Key], scores: Array, history: Array, sensitivity: str
) -> dict[str | None, tuple[float, list[int]]]:
    """Columns whose figures say together what none of them says alone, with their score (1.0 makes a digest) and the places of
    those figures, strongest first. `history` holds the scores of every batch of the history, each without itself.
    """
    own = [i for i, key in enumerate(keys) if key.second is None and key.column is not None]
    if not own:
        return {}
    groups, columns = _numbered([(keys[i].column, _sort(keys[i])) for i in own])
    usual = _sums(_largest(history[:, own], groups, len(columns)), columns)
    limit = max(LEAST, thresholds(usual.max(axis=1, initial=0.0), sensitivity)[0])
    now = _sums(_largest(scores[own][None, :], groups, len(columns)), columns)[0]
    found = {}
    for column, total in zip(dict.fromkeys(columns), now.tolist(), strict=True):
        places = _strongest(column, keys, scores, own)
        by_program = any(keys[i].of in WRITTEN for i in places)
        if total >= limit and len(places) > 1 and by_program and scores[places[0]] < 1:
            found[column] = (total / limit, places)
    return found


def _strongest(column: str | None, keys: Sequence[Key], scores: Array, own: Sequence[int]) -> list[int]:
    """The strongest figure of each sort of a column that is evidence, strongest first."""
    of_column = [i for i in own if keys[i].column == column and scores[i] >= EVIDENCE]
    best: dict[str, int] = {}
    for i in sorted(of_column, key=lambda i: -float(scores[i])):
        best.setdefault(_sort(keys[i]), i)
    return list(best.values())[:KINDS]


def _sort(key: Key) -> str:
    """What is counted once: figures of a kind, and all that tell of the values which came, as these are of the same rows."""
    return "of_values" if key.of in OF_VALUES else key.kind


def _numbered(names: Sequence[tuple[str | None, str]]) -> tuple[list[int], list[str | None]]:
    """The number of each figure's column and kind, and the column of each number."""
    numbers: dict[tuple[str | None, str], int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names], [column for column, _ in numbers]


def _largest(scores: Array, groups: Sequence[int], count: int) -> Array:
    """The largest score of each group, per batch."""
    result = np.zeros((len(scores), count))
    for row, largest in zip(scores, result, strict=True):
        np.maximum.at(largest, groups, row)
    return result


def _sums(largest: Array, columns: Sequence[str | None]) -> Array:
    """Per batch and column: the root of the sum of squares of its KINDS largest groups that are evidence."""
    squares = np.where(largest >= EVIDENCE, largest, 0.0) ** 2
    of = np.array([list(dict.fromkeys(columns)).index(column) for column in columns])
    sums = [np.sort(squares[:, of == at], axis=1)[:, -KINDS:].sum(axis=1) for at in range(of.max(initial=-1) + 1)]
    return np.asarray(np.sqrt(np.stack(sums, axis=1)))
