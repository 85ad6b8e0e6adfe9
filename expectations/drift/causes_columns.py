"""Values that stand in the column beside their own: a separator inside a text, a field that is missing or too many.

Each of the columns is odd by itself, and none says why; what each of them holds is what its neighbour held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.drift.implied import formats
from expectations.drift.model import EVERYTHING, Cause
from expectations.drift.words import percent
from expectations.profile.model import Profile

# Columns that must hold what their neighbour held, and of those that hold something new the share of them.
SEVERAL = 3
MOST = 0.7
# Of the rows of a column that are written in a new way, those that are written as its neighbour's are.
LIKE = 0.8
LEAST_ROWS = 2
# From this share on it is all of the rows.
ALL = 0.9
EXPLAINS = EVERYTHING - {"volume", "redelivery"}


@dataclass(frozen=True)
class _Odd:
    """Rows of a column that are written as none of its own ever was; `like`: those that are written as the neighbour's."""

    name: str
    neighbour: str
    rows: float
    like: float
    example: str


def moved(profiles: Sequence[Profile], asked: Sequence[str | None]) -> Cause | None:
    """The cause of odd columns (`asked`) that each hold what the one before them, or after them, held; None where they don't."""
    names = [name for name in profiles[-1].columns if all(name in p.columns for p in profiles)]
    if len([name for name in asked if name is not None]) < 2 or len(names) < SEVERAL:
        return None
    for step, side in ((1, "right"), (-1, "left")):
        odd = [_odd(name, names[(at - step) % len(names)], profiles) for at, name in enumerate(names)]
        new = [one for one in odd if one.rows >= LEAST_ROWS]
        like = [one for one in new if one.like >= LIKE * one.rows]
        if len(like) >= SEVERAL and len(like) >= MOST * len(new):
            return _cause(like, names, side, profiles[-1])
    return None


def _odd(name: str, neighbour: str, profiles: Sequence[Profile]) -> _Odd:
    *history, batch = profiles
    own = {shape for p in history for shape in formats(p.columns[name])}
    others = {shape for p in profiles for shape in formats(p.columns[neighbour])}
    fresh = {shape: rows for shape, rows in formats(batch.columns[name]).items() if shape not in own}
    like = {shape: rows for shape, rows in fresh.items() if shape in others}
    known = {value for value, _ in history[-1].columns[neighbour].top}
    column = batch.columns[name]
    shown = "" if column.masked else next((value for value, _ in column.top if value in known), "")
    return _Odd(name, neighbour, sum(fresh.values()), sum(like.values()), shown)


def _cause(like: Sequence[_Odd], names: Sequence[str], side: str, batch: Profile) -> Cause:
    # Of a row all values but the first or last are moved; where every row is, the last one may stand in the first column.
    wrapped = {names[0]: names[-1], names[-1]: names[0]}
    inner = [one for one in like if wrapped.get(one.name) != one.neighbour] or list(like)
    rows = max(one.rows for one in inner)
    places = [names.index(one.name) for one in inner]
    begin = min(places) if side == "right" else 0
    ends = len(names) if side == "right" else max(places) + 1
    # Where a field is missing its column is empty there, or the last one is.
    empty = [p for p in (begin - 1, ends) if 0 <= p < len(names) and batch.columns[names[p]].nulls]
    begin, ends = min([begin, *empty]), max([ends, *(p + 1 for p in empty)])
    every = len(inner) < len(like) or rows >= ALL * batch.rows
    first = inner[0] if side == "right" else inner[-1]
    told = [_told(one, every) for one in inner[:2]]
    where = f"from {first.name} on" if side == "right" else f"up to {first.name}"
    share = f"{rows:,.0f} of {batch.rows:,} rows ({percent(rows / batch.rows)})"
    why = "as with a field too many or too few" if every else "as where a separator stands inside a text"
    return Cause(
        f"values one column to the {side} {where}", 0.96,
        f"In {'every row' if every else f'about {share}'} the values stand one column too far to the {side} {where}, {why}: "
        f"{', '.join(told)}, and so on.",
        EXPLAINS, all_of=tuple(names if every else names[begin:ends]),
    )  # fmt: skip


def _told(one: _Odd, every: bool) -> str:
    example = f" (`{one.example}`)" if one.example else ""
    return f"{one.name} holds what {one.neighbour} {'held' if every else 'holds elsewhere'}{example}"
