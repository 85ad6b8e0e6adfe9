"""Clean worlds: tables as warehouses hold them, with nothing wrong in any batch. Every alarm on them is a false one.

A world is a maker of batches that is called in order, one cadence after the other, and keeps what goes on: counters,
stock, customers. They start in autumn, so that 60 days cross a month's and a year's end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tables import Table

Columns = dict[str, list[str]]
Batch = Callable[[datetime, int], Columns]
Maker = Callable[[random.Random], Batch]


@dataclass(frozen=True)
class World:
    """One family of tables. `every`: hour, day, week, month or part (files without a date)."""

    name: str
    every: str
    make: Maker


WORLDS: list[World] = []


def world(name: str, every: str = "day") -> Callable[[Maker], Maker]:
    """Registers a maker: given its dice, it returns the function of (start of the batch, its number)."""

    def register(make: Maker) -> Maker:
        WORLDS.append(World(name, every, make))
        return make

    return register


def batches(of: World, seed: int, count: int) -> Iterator[tuple[datetime, Table]]:
    """The first batches of a world with their starts."""
    rng = random.Random(f"{of.name}|{seed}")
    at = datetime(2025, 11, 3) + timedelta(days=rng.randrange(28))
    if of.every == "month":
        at = datetime(2022, at.month, 1)
    batch = of.make(rng)
    for number in range(count):
        yield at, Table(batch(at, number))
        at = after(at, of.every)


def after(at: datetime, every: str) -> datetime:
    """The start of the next batch."""
    if every == "month":
        return datetime(at.year + at.month // 12, at.month % 12 + 1, 1)
    return (
        at
        + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "part": timedelta(days=1)}[
            every
        ]
    )


def volume(
    rng: random.Random, at: datetime, number: int, base: float, growth: float = 0.0, weekend: float = 1.0
) -> int:
    """Rows of a batch: growth per batch, weekend factor, and noise of some percent."""
    usual = base * (1 + growth) ** number * (weekend if at.weekday() >= 5 else 1.0)
    return max(3, int(usual * rng.lognormvariate(0, 0.06)))


def stamps(rng: random.Random, at: datetime, count: int, hours: tuple[float, float] = (14, 3.5)) -> list[datetime]:
    """Rising points in time of one day, most around an hour."""
    return sorted(at + timedelta(hours=min(23.99, max(0.01, rng.gauss(*hours)))) for _ in range(count))


def pick(rng: random.Random, weights: dict[str, float], count: int) -> list[str]:
    """Values drawn with weights."""
    return rng.choices(list(weights), list(weights.values()), k=count)


def sparse(rng: random.Random, values: list[str], kept: float) -> list[str]:
    """Values of which only this share is there."""
    return [v if rng.random() < kept else "" for v in values]


def code(rng: random.Random, letters: int, digits: int) -> str:
    """A made-up code such as KX-0371."""
    return "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=letters)) + f"-{rng.randrange(10**digits):0{digits}d}"


WORDS = (
    "order",
    "came",
    "late",
    "box",
    "broken",
    "please",
    "call",
    "back",
    "thanks",
    "good",
    "wrong",
    "refund",
    "blue",
)
FIRST = ("Anna", "Ben", "Chloe", "David", "Eva", "Finn", "Grace", "Jan", "Kim", "Léa", "Max", "Nora", "Omar", "Zoë")
LAST = ("Smith", "Jones", "Müller", "Lee", "García", "Rossi", "Novak", "Weber", "O'Neil", "Dubois", "Chen", "Patel")
CITIES = ("Berlin", "Paris", "Madrid", "Seoul", "Austin", "Oslo", "Lima", "Cairo", "Milan", "Porto", "Lyon", "Graz")
