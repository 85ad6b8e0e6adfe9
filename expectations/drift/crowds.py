"""Batches in which one user, customer or order has most of the rows: these are its habits, and no change of the data."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from expectations.drift.block import Block
from expectations.drift.first_time import names_things
from expectations.drift.implied import alike
from expectations.profile.model import Profile

# A thing has most of a batch's rows where two of its rows are of one thing with this chance; so many rows then tell as much as
# one thing does.
CROWDED = 0.35
ROWS_OF_ONE = 20.0
# Things come and go: the commonest is another one in this share of the batches.
OTHERS = 0.5
SHOWN = 10
HABITS = frozenset({"values", "categories", "order"})


def thinned(shares: Block, profiles: Sequence[Profile]) -> Block:
    """The shares of values, each batch with as many rows as its things tell by."""
    names = [name for name in profiles[-1].columns if _comes_and_goes(profiles, name)]
    if not names or len(profiles) <= SHOWN:
        return shares
    chance = np.array([max(alike(p.columns[name]) for name in names) for p in profiles])
    most = np.where(chance >= CROWDED, ROWS_OF_ONE / np.maximum(chance, CROWDED), np.inf)
    habit = shares.where(lambda key: key.kind in HABITS and key.column not in names)
    with np.errstate(invalid="ignore"):
        by = np.where(habit[None, :], np.maximum(1.0, shares.b / most[:, None]), 1.0)
    return Block(shares.keys, shares.a / by, shares.b / by)


def rows_of_one(profiles: Sequence[Profile]) -> float:
    """How many rows an order, user or customer usually has, of those of which the most rows come at once."""
    names = [name for name in profiles[-1].columns if _comes_and_goes(profiles, name)]
    history = profiles[:-1]
    return max(
        (median(p.columns[name].text.counted / max(p.columns[name].distinct, 1.0) for p in history) for name in names),
        default=1.0,
    )


def _comes_and_goes(profiles: Sequence[Profile], name: str) -> bool:
    if not names_things(name) or any(name not in p.columns for p in profiles):
        return False
    first = [p.columns[name].top[0][0] for p in profiles if p.columns[name].top]
    return len(first) == len(profiles) and len(set(first)) >= OTHERS * len(first)
