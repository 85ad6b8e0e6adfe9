"""One absurd number is news whatever the spread of the history: many times further out than any number of any batch before.

How far the largest and smallest number of a batch usually stray is judged beside the other figures (`calibrate`). Where they
stray by factors that is so wide that nothing is absurd; here the number furthest from zero that ever was bounds them.
"""

from __future__ import annotations

import numpy as np

from expectations.drift.block import Array, Block
from expectations.drift.catalogue import having

# From so many times the number furthest from zero on, once so many batches have shown theirs.
ABSURD = 5.0
SHOWN = 21
EXTREMES = having("extreme")


def furthest(levels: Block, scales: Array) -> dict[int, float]:
    """For the largest and smallest number of each column, by place: the number furthest from zero of all earlier batches."""
    by_column: dict[str | None, float] = {}
    places = [i for i, key in enumerate(levels.keys) if key.of in EXTREMES]
    for i in places:
        history = levels.a[:-1, i]
        known = np.abs(np.sinh(history[np.isfinite(history)]) * scales[i])
        name = levels.keys[i].column
        size = float(known.max()) if len(known) >= SHOWN else np.inf
        by_column[name] = max(by_column.get(name, 0.0), size)
    return {i: by_column[levels.keys[i].column] for i in places if 0 < by_column[levels.keys[i].column] < np.inf}
