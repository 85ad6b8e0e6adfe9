"""Two labels in each other's place: what the rows of one were like, those of the other are.

Like `compare`: profiles in (the batch last), one pair per profile out. How many rows each label has may hardly change; what the
other columns hold within them does, and each of them a little: here they say together how far they agree with what is usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from expectations.drift.block import Array, median
from expectations.drift.compare import Column
from expectations.drift.figures import Key, Pair, each_column, named
from expectations.profile.model import BETWEEN, Profile

# Batches that must have shown how the rows of two labels differ.
SHOWN = 10
# Of a share of few rows that are all or none, as many rows of each sort are added for its variance.
DOUBT = 0.5
# How far beyond the usual difference one column may speak, in units of it.
MOST = 3.0


def exchanged(profiles: Sequence[Profile], names: Sequence[str] | None = None) -> Iterator[tuple[Key, Column]]:
    """How far the rows of a column's two commonest labels differ in the way they usually do: 1 as usual, 0 not at all, -1 the
    other way round. Of all columns, or of those named.
    """
    last = len(profiles) - 1
    told_by = {key.split(BETWEEN)[0] for key in profiles[-1].relations.segments}
    for name in each_column(list(profiles)) if names is None else names:
        two = labels(profiles[-1], name)
        if len(two) != 2 or last < SHOWN or name not in told_by:
            continue
        found = [_differences(p, name, two) for p in profiles if name in p.columns]
        if not found[-1] or sum(map(bool, found[:-1])) < SHOWN:
            continue
        others = sorted(found[-1])
        both = np.array([[f.get(other, (math.nan, math.nan)) for other in others] for f in found])
        yield named(name, "relation", "exchanged"), _agreement(both[:, :, 0], both[:, :, 1])


def labels(profile: Profile, name: str) -> list[str]:
    """The two commonest labels of a column, by name."""
    return sorted(value for value, _ in profile.columns[name].top[:2])


def _differences(profile: Profile, name: str, of: Sequence[str]) -> dict[str, Pair]:
    """By column and what is measured of it: how much more it is in the rows of the first label, with its variance."""
    found: dict[str, Pair] = {}
    segments = profile.relations.segments
    for other in profile.columns:
        one, two = (segments.get(BETWEEN.join((name, label, other))) for label in of)
        if one is None or two is None:
            continue
        shares = [(missing / rows, _of_share(missing, rows)) for rows, missing, *_ in (one, two)]
        if one[1] + two[1]:
            found[f"{other}{BETWEEN}missing"] = _difference(*shares)
        if len(one) > 2 and len(two) > 2 and not profile.columns[other].clocks:
            found[other] = _difference(
                *((mean, max(spread**2, 1e-4) / rows) for _, _, rows, mean, spread in (one, two))
            )
    return found


def _of_share(count: float, rows: float) -> float:
    share = (count + DOUBT) / (rows + 2 * DOUBT)
    return share * (1 - share) / rows


def _difference(one: Pair, two: Pair) -> Pair:
    return one[0] - two[0], one[1] + two[1]


def _agreement(differences: Array, variances: Array) -> Column:
    """The differences of each batch as a multiple of what they usually are, those that stray least counting most."""
    pairs = []
    for at in range(len(differences)):
        rest = np.delete(differences[:-1], at, axis=0) if at < len(differences) - 1 else differences[:-1]
        known = (np.isfinite(rest).sum(axis=0) >= SHOWN - 1) & np.isfinite(differences[at])
        if not known.any():
            pairs.append((math.nan, math.nan))
            continue
        rest, own = rest[:, known], differences[at, known]
        usual = median(rest)
        error = variances[at, known] + _variance(rest)
        told = float((usual**2 / error).sum())
        own = np.clip(own, -MOST * np.abs(usual), MOST * np.abs(usual))
        pairs.append((float((own * usual / error).sum()) / told, 1 / told) if told > 0 else (math.nan, math.nan))
    return pairs


def _variance(values: Array) -> Array:
    """Of each column over what is there; several times as fast as numpy's nanvar."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    mean = np.where(there, values, 0.0).sum(axis=0) / count
    return np.asarray((np.where(there, values - mean, 0.0) ** 2).sum(axis=0) / count)
