"""Values of two columns that never stood together: a lookup by position, a stale mapping, columns joined out of step.

Like `compare`: profiles in (the batch last), one pair per profile out. Each column may hold its usual values as often as usual;
what tells is that a row has two of them which no row of any other batch had.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import numpy as np

from expectations.drift.compare import Column
from expectations.drift.figures import Key, Pair, named
from expectations.profile.model import BETWEEN, COMBINATIONS, Profile
from expectations.profile.relations import scrambled

# Batches that must have shown which values of two columns stand together.
SHOWN = 10
# A value that fewer batches had, or a smaller share of them, hasn't shown yet with which others it stands.
SEEN = 3
OFTEN = 0.2
# Of columns that depend on each other a batch has at most this share of the combinations that its values could make.
DEPENDENT = 0.5
# The half of a combination's hash that tells the second value.
SECOND = 0xFFFF
Combinations = tuple[tuple[int, ...], tuple[int, ...]]


def combined(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows whose values of two columns stand together in no other batch, though each of the two stands in several: of columns
    that depend on each other, so that most of what would be possible never comes.
    """
    for pair in profiles[-1].relations.combinations:
        found = _comparable([p.relations.combinations.get(pair) for p in profiles])
        known = [one for one in found[:-1] if one]
        if len(known) < SHOWN or median(map(_of_possible, known)) > DEPENDENT:
            continue
        history = [set(one) for one in known]
        together = Counter(both for marks in history for both in marks)
        first = Counter(a for marks in history for a in {both >> 16 for both in marks})
        second = Counter(b for marks in history for b in {both & SECOND for both in marks})
        least = max(SEEN, OFTEN * len(history))
        pairs: list[Pair] = []
        for i, one in enumerate(found):
            # A batch of the history knows itself.
            own = int(i < len(profiles) - 1)
            rows = 0.0
            for both, count in (one or {}).items():
                stood = min(first[both >> 16], second[both & SECOND]) - own
                if together[both] <= own and stood >= least:
                    rows += count
            pairs.append((math.nan, math.nan) if one is None else (rows, float(sum(one.values()))))
        column, _, other = pair.partition(BETWEEN)
        yield named(column, "relation", "combination", other), pairs


def _comparable(kept: Sequence[Combinations | None]) -> list[dict[int, int] | None]:
    """Of every batch the combinations that are kept of all, where they stand there."""
    found = [None if one is None else (np.array(one[0], dtype=np.int64), one[1]) for one in kept]
    ends = [int(scrambled(one[0])[-1]) for one in found if one is not None and len(one[0]) >= COMBINATIONS]
    end = min(ends, default=2**32)
    return [
        None
        if one is None
        else {
            both: rows
            for both, rows, inside in zip(one[0].tolist(), one[1], scrambled(one[0]) <= end, strict=True)
            if inside
        }
        for one in found
    ]


def _of_possible(marks: Mapping[int, int]) -> float:
    """The share of the combinations that its values could make in its rows that a batch has."""
    possible = len({both >> 16 for both in marks}) * len({both & SECOND for both in marks})
    return len(marks) / min(possible, sum(marks.values()))
