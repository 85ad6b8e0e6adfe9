"""Values that two other columns of the row determine together, by whatever rule: a price by product and size, a humidity by
temperature and dew point.

Like `compare`: profiles in (the batch last), one pair per profile out. No sum or product need hold, and a change may leave each
column well within its own bounds; what tells is that what always came with the two others is another value now.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from expectations.drift.compare import Column
from expectations.drift.figures import Key, each_column, named
from expectations.profile.model import Profile

Marks = NDArray[np.int64]

# Batches that must have shown what two columns determine, and pairs of rows of different ones that must show it.
SHOWN = 10
PAIRS = 60
# Two columns determine a third where their values come with the same one in this share of such pairs of rows, and in the second
# one beyond chance (two errors), as many are tried; and one of them alone doesn't: it leaves so many times as many others, and at
# least this share.
DETERMINED = 0.9
SURELY = 0.85
BETTER = 3.0
ALONE = 0.1
# Of so many columns, those of the most values first, every two are tried.
TRIED = 12
# Of a column that is tried this share of the rows has a value that stands in another batch, and no value more than the second.
REPEATED = 0.25
COMMONEST = 0.9
# Batches fit into so many bits.
BATCHES = 6


def by_two(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Rows whose value is another one than those that ever came with the values of two other columns, of the rows whose two
    values stood together in another batch.
    """
    batch = profiles[-1]
    names = [name for name in sorted(each_column(list(profiles))) if name in batch.value_marks]
    kept = [i for i, p in enumerate(profiles) if _is_comparable(p, batch, names)]
    if len(names) < 3 or len(kept) <= SHOWN or kept[-1] != len(profiles) - 1:
        return
    marks = {name: np.concatenate([_of(profiles[i], name) for i in kept]) for name in names}
    of = np.repeat(kept, [len(profiles[i].value_marks[names[0]]) for i in kept])
    before = of < len(profiles) - 1
    for target, (a, b) in sorted(_determined({n: m[before] for n, m in marks.items()}, of[before]).items()):
        two = (marks[a] << 16) | marks[b]
        known, same = (_elsewhere(values, of, before) for values in (two, (two << 16) | marks[target]))
        rows = np.bincount(of[known], minlength=len(profiles))
        others = np.bincount(of[known & ~same], minlength=len(profiles))
        pairs = [(float(o), float(n)) if n else (math.nan, math.nan) for o, n in zip(others, rows, strict=True)]
        yield named(target, "relation", "by_two", f"{a} and {b}"), pairs


def _is_comparable(profile: Profile, batch: Profile, names: Sequence[str]) -> bool:
    marks = profile.value_marks
    return profile.marked_by == batch.marked_by and all(name in marks for name in names) and bool(marks[names[0]])


def _of(profile: Profile, name: str) -> Marks:
    return np.array(profile.value_marks[name], dtype=np.int64)


def _determined(marks: Mapping[str, Marks], of: Marks) -> dict[str, tuple[str, str]]:
    """Columns that two others determine in the history, with those of which most rows tell it; `of`: the batch of each row."""
    names, rows = list(marks), np.vstack(list(marks.values()))
    tried = _tried(marks, of)
    alone = {name: _agreement(marks[name], of, rows)[1] for name in tried}
    found: dict[str, tuple[float, tuple[str, str]]] = {}
    for a, b in combinations(tried, 2):
        pairs, together = _agreement((marks[a] << 16) | marks[b], of, rows)
        if pairs < PAIRS:
            continue
        left = 1 - np.maximum(alone[a], alone[b])
        error = np.sqrt(together * (1 - together) / pairs)
        told = (together >= DETERMINED) & (together - 2 * error >= SURELY)
        told &= (left >= ALONE) & (left >= BETTER * (1 - together))
        for place in np.flatnonzero(told).tolist():
            name, weight = names[place], pairs * float(together[place])
            if name not in (a, b) and weight > found.get(name, (0.0, ("", "")))[0]:
                found[name] = weight, (a, b)
    return {name: two for name, (_, two) in found.items()}


def _tried(marks: Mapping[str, Marks], of: Marks) -> list[str]:
    """Columns that may determine others: of several values, most of which come again in other batches."""
    found = []
    for name, values in marks.items():
        different, counts = np.unique(values, return_counts=True)
        if counts.max() > COMMONEST * len(values):
            continue
        if _elsewhere(values, of, np.ones(len(values), dtype=bool)).mean() >= REPEATED:
            found.append((-len(different), name))
    return sorted(name for _, name in sorted(found)[:TRIED])


def _agreement(values: Marks, of: Marks, rows: Marks) -> tuple[int, NDArray[np.float64]]:
    """How many pairs of rows of two batches have the same value, each batch's with the next one that has it; and in which share
    of them each column (the first index of `rows`) has the same one as well.
    """
    order = np.argsort(values, kind="stable")
    one, two = order[:-1], order[1:]
    pairs = (values[one] == values[two]) & (of[one] != of[two])
    if not pairs.any():
        return 0, np.zeros(len(rows))
    return int(pairs.sum()), np.asarray((rows[:, one[pairs]] == rows[:, two[pairs]]).mean(axis=1))


def _elsewhere(values: Marks, of: Marks, before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a row's value stands in a batch of the history (rows `before`) other than the row's own."""
    different, place = np.unique(values, return_inverse=True)
    inside = np.unique((place[before] << BATCHES) | of[before]) >> BATCHES
    batches = np.bincount(inside, minlength=len(different))
    return np.asarray(batches[place] - before > 0)
