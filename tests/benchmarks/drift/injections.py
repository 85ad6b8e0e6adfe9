"""Errors put into a clean batch. Each names the columns that are guilty (None: the table as a whole).

Written before the detector. The kinds marked `held_out` (every third) are not looked at while it is improved.
An injection returns None where the batch has no column it could spoil, or where it would change next to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tables import Table

Guilty = frozenset[str | None]
Spoiled = tuple[Table, Guilty]
Change = Callable[[Table, "Context", float], Spoiled | None]


@dataclass(frozen=True)
class Context:
    """What an injection may use: its own dice, and the batches before (oldest first)."""

    rng: random.Random
    earlier: list[Table]


@dataclass(frozen=True)
class Injection:
    kind: str
    magnitudes: tuple[float, ...]
    change: Change
    held_out: bool = False


REGISTRY: list[Injection] = []


def injection(kind: str, *magnitudes: float, held_out: bool = False) -> Callable[[Change], Change]:
    """Registers a kind of error with its magnitudes (meaning depends on the kind: share of rows, factor, hours)."""

    def register(change: Change) -> Change:
        REGISTRY.append(Injection(kind, magnitudes or (1.0,), change, held_out))
        return change

    return register


def pick(context: Context, names: list[str]) -> str | None:
    return context.rng.choice(sorted(names)) if names else None


def spoil(table: Table, name: str | None, context: Context, share: float, new: Callable[[str], str]) -> Spoiled | None:
    """Replace this share of the column's rows by `new(old)`; None when fewer than 1 % of the rows would differ."""
    if name is None:
        return None
    old = table.columns[name]
    values = [new(v) if share >= 1 or context.rng.random() < share else v for v in old]
    changed = sum(a != b for a, b in zip(old, values, strict=True))
    if changed < max(3, 0.01 * len(old)):
        return None
    return table.with_column(name, values), frozenset({name})
