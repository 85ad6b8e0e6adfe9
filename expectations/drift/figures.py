"""How a figure is named, and the figures of one profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from expectations.drift import catalogue
from expectations.profile.model import BETWEEN, Profile


class Key(NamedTuple):
    """One figure of one column: the column it blames, its kind and name in the `catalogue`, and a second column or a value it
    speaks of. Made by `named`.
    """

    column: str | None
    kind: str
    name: str
    other: str = ""

    @property
    def of(self) -> catalogue.Name:
        """Kind and name, as `catalogue.having` lists them."""
        return self.kind, self.name

    @property
    def figure(self) -> catalogue.Figure:
        """Its row in the catalogue."""
        return catalogue.FIGURES[self.of]

    @property
    def second(self) -> str | None:
        """The other column of a figure that lies between two, or within the rows of one value of it."""
        return self.other.split(BETWEEN)[0] if self.figure.other in ("column", "segment") else None


@lru_cache(maxsize=65_536)
def named(column: str | None, kind: str, name: str, other: str = "") -> Key:
    """The key of a figure, the same object for every batch: a history has tens of thousands of figures and few names.

    ValueError for a figure that isn't in the catalogue.
    """
    catalogue.figure(kind, name)
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
