"""Values that come one after the other and stay: releases of a version, cities of a shop that grows.

The first batches of a history are held against later ones, too, as they have little before them; a value that stayed is then
new in none of them. So how many rows a value has on its first day is looked up here, in the order of the batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from expectations.drift.block import Array
from expectations.drift.catalogue import known
from expectations.drift.figures import Key, each_column
from expectations.drift.predict import first_scored
from expectations.profile.categories import TOP
from expectations.profile.model import ColumnProfile, Profile

# A value is there from so many rows on.
ROWS = 3
# What happened so often is usual, and so many times as much as well.
OFTEN = 2
MORE = 2.0
UNSEEN, CATEGORY, MIX = known("reference", "unseen"), known("categories", "category"), known("categories", "mix")


def arriving(profiles: Sequence[Profile]) -> dict[str | None, float]:
    """Of the columns in which the last batch has values that no batch before had: their share of the rows, as far as values
    that came and stayed had half as many on their first day, at least twice. Columns of many values are left out.
    """
    found: dict[str | None, float] = {}
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        fresh = _fresh(columns)
        usual = _usual(columns[:-1]) if fresh else 0.0
        if usual:
            found[name] = min(fresh, MORE * usual)
    return found


def explained(keys: Sequence[Key], miss: Array, arrived: Mapping[str | None, float]) -> Array:
    """The share of each miss that values which `arrived` explain: they are unseen, and the others have so many rows fewer."""
    result = np.zeros(len(keys))
    for i, key in enumerate(keys if arrived else ()):
        more = miss[i] > 0
        if key.column in arrived and ((key.of in (UNSEEN, MIX) and more) or (key.of == CATEGORY and not more)):
            result[i] = min(1.0, arrived[key.column] / max(abs(float(miss[i])), 1e-9))
    return result


def _fresh(columns: Sequence[ColumnProfile]) -> float:
    """The share of the last batch's rows with values of no batch before it; 0 where not all of its values are listed."""
    *history, batch = columns
    if len(batch.top) >= TOP:
        return 0.0
    fresh = {value for value, _ in batch.top}
    for column in reversed(history):
        fresh.difference_update(value for value, _ in column.top)
        if not fresh:
            return 0.0
    return sum(rows for value, rows in batch.top if value in fresh) / max(batch.text.counted, 1.0)


def _usual(history: Sequence[ColumnProfile]) -> float:
    """The share of rows that a value has on its first day, as often as that is usual; 0 where values don't come and stay."""
    first = first_scored(len(history))
    if len(history) < first + OFTEN or any(len(column.top) >= TOP for column in history):
        return 0.0
    listed = [dict(column.top) for column in history]
    seen = {value for values in listed[:first] for value in values}
    shares = []
    for values, after, column in zip(listed[first:], [*listed[first + 1 :], None], history[first:], strict=True):
        came = [
            rows for value, rows in values.items()
            if rows >= ROWS and value not in seen and (after is None or value in after)
        ]  # fmt: skip
        shares.append(max(came, default=0.0) / max(column.text.counted, 1.0))
        seen.update(values)
    return sorted(shares, reverse=True)[OFTEN - 1]
