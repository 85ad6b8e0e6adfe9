"""Whose rows are missing, or came as well: the label of a column that has nearly all of them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from expectations.drift.figures import each_column
from expectations.profile.categories import TOP
from expectations.profile.model import Profile

# A label is named where so much of the difference is its own, and so little of all rows usually are.
MOSTLY = 0.75
NOT_ALL = 0.7
# Rows that a label must usually have, or have now.
ROWS = 5


def whose(profiles: Sequence[Profile]) -> tuple[str, str, float, float] | None:
    """Of the rows that are missing from the last batch, or are too many: column, label, its rows now, and as many as it would
    have; None where they are of no one label. Of a masked column no label is named.
    """
    *history, batch = profiles
    usual = median(p.rows for p in history)
    found = []
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        if columns[-1].masked or columns[-1].clocks:
            continue
        now = dict(columns[-1].top)
        # What isn't listed may be there.
        values = set(now)
        if len(now) < TOP:
            values |= {value for value, _ in columns[-2].top}
        for value in values:
            shares = [dict(c.top).get(value, 0.0) / max(p.rows, 1) for c, p in zip(columns, history, strict=False)]
            share = median(shares)
            # All others are as usual: what they lack or have beside that is this label's.
            rows, would = now.get(value, 0.0), share * usual
            others, theirs = batch.rows - rows, usual - would
            if share > NOT_ALL or max(rows, would) < ROWS or theirs <= 0:
                continue
            # As many as it would have beside the others that are there.
            beside = share / (1 - share) * others
            apart = abs(rows - beside) / max(abs(batch.rows - usual), 1.0)
            if (
                (rows > beside) == (batch.rows > usual)
                and MOSTLY <= apart <= 1 / MOSTLY
                and not min(shares) <= rows / max(batch.rows, 1) <= max(shares)
                and abs(rows - beside) >= ROWS
                and abs(others - theirs) < (1 - MOSTLY) * abs(batch.rows - usual)
            ):
                found.append((-abs(apart - 1), name, value, rows, would))
    if not found:
        return None
    _, name, value, rows, would = max(found)
    return name, value, rows, would


def told(profiles: Sequence[Profile]) -> tuple[str, tuple[str, ...]]:
    """`: most are those with `JFK` in origin, 10 where about 24 are usual`, and the column; nothing where they are no one's."""
    found = whose(profiles)
    if found is None:
        return "", ()
    name, value, rows, would = found
    usual = f"about {would:,.0f}" if would >= 1 else "hardly any"
    return f": most are those with `{value}` in {name}, {rows:,.0f} where {usual} are usual", (name,)
