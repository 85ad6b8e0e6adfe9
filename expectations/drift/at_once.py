"""Columns that are odd at once: a header among the rows, a line of sums at the end, a line of another file.

One row that is written in a new way is next to nothing in each of its columns. That it is so in several of them at once,
where each of them hardly ever was, is no chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from expectations.drift.catalogue import having, known
from expectations.drift.compare import Column, new_patterns
from expectations.drift.figures import Figures, Key, Pair, each_column, named
from expectations.profile.model import Profile

# Batches that must have shown how the columns are written.
SHOWN = 10
# A column says something where nothing of it was new in this share of the batches, each against all others.
SETTLED = 0.9
# One new spelling is told by itself, two columns may be exchanged, a station's three readings may be empty: so many columns, and
# such a share of them, make a row that belongs elsewhere.
SEVERAL = 3
OF_ALL = 1 / 3
# Shares that are none or all of the rows in a settled column: how values are written, and whether they are there.
PLAIN = {of for of in having("program") if of[0] == "format"} | {known("completeness", "absent")}


def odd_at_once(profiles: Sequence[Profile], figures: Sequence[Figures]) -> Iterator[tuple[Key, Column]]:
    """Columns with a row that is empty or written as none of any other batch, of the columns where that hardly ever was so."""
    last = len(profiles) - 1
    if last < SHOWN:
        return
    names = list(each_column(list(profiles)))
    odd = np.zeros((len(profiles), len(names)), dtype=bool)
    for at, name in enumerate(names):
        odd[:, at] = [count > 0 for count, _ in new_patterns([p.columns[name] for p in profiles])]
        for kind, of in PLAIN:
            odd[:, at] |= _first_time([f.shares.get(named(name, kind, of), (0.0, 0.0)) for f in figures])
    settled = odd[:last].sum(axis=0) <= (1 - SETTLED) * last
    columns = float(settled.sum())
    counts = odd[:, settled].sum(axis=1)
    least = max(SEVERAL, OF_ALL * columns)
    if columns >= SEVERAL:
        yield named(None, "format", "odd_at_once"), [(n if n >= least else 0.0, columns) for n in counts.tolist()]


def _first_time(pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    """Which batches have rows of a share that no other batch of the history has, or rows without what all others have."""
    found = np.zeros(len(pairs), dtype=bool)
    a, b = np.array(pairs, dtype=float).T
    for side in (a, b - a):
        has = (b > 0) & (side > 0)
        # The batch itself is none of the others.
        found |= has & (has[:-1].sum() - np.append(has[:-1], False) == 0)
    return found
