"""How a figure is named, and the figures of one profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from expectations.profile.model import Profile


class Key(NamedTuple):
    """One figure: the column it blames, the kind of alert, its name, and a second column or a value it speaks of."""

    column: str | None
    kind: str
    name: str
    other: str = ""


@lru_cache(maxsize=65_536)
def named(column: str | None, kind: str, name: str, other: str = "") -> Key:
    """The key of a figure, the same object for every batch: a history has tens of thousands of figures and few names."""
    return Key(column, kind, name, other)


Pair = tuple[float, float]


@dataclass
class Figures:
    """Shares as (rows that have it, rows); levels as (value, variance from the number of rows alone).

    `scaled` are levels in the unit of the column: they are compared as asinh(value / scale of the history).
    `open` are shares of a vocabulary that may grow: absent means at most
    `unlisted` of the rows `counted` under (column, kind, name), because only the commonest are kept.
    """

    shares: dict[Key, Pair] = field(default_factory=dict)
    levels: dict[Key, Pair] = field(default_factory=dict)
    scaled: dict[Key, Pair] = field(default_factory=dict)
    open: dict[Key, Pair] = field(default_factory=dict)
    counted: dict[Key, float] = field(default_factory=dict)
    unlisted: dict[Key, float] = field(default_factory=dict)


def each_column(profiles: list[Profile]) -> Iterator[str]:
    """Columns that every profile has, in the order of the last one."""
    for name in profiles[-1].columns:
        if all(name in p.columns for p in profiles):
            yield name
