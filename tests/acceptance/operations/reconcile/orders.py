"""Days of orders: how they are declared, made, loaded and compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2

from flows.reconciling import Asked, Reconciliation, reconcile_table
from tasks.workbench import workbench

FIRST = datetime(2024, 3, 1)
DAYS = 6
PER_DAY = 20
NOW = FIRST.replace(tzinfo=UTC) + timedelta(days=DAYS)
"""The moment up to which windows are published; writers go on after it."""
COLUMNS = (
    ("id", "integer", "int"), ("at", "timestamp", "timestamp"), ("day", "date", "date"), ("note", "varchar(40)", "text"),
    ("amount", "decimal(12,2)", "numeric(12,2)"), ("share", "double precision", "float8"), ("paid", "boolean", "boolean"),
    ("seen", "timestamptz", "timestamptz"), ("email", "varchar(64)", "text"),
)  # fmt: skip
OTHERS = "day, 'later', amount, share, paid, seen, email"
"""The columns after `at`, of a later version of a row."""
MODES = {
    "merge": "key: [id]\nload: {mode: merge}",
    "replace_window": "load: {mode: replace_window, window_column: at}",
    "replace_window with a key": "key: [id]\nload: {mode: replace_window, window_column: at}",
    "append": "load: {mode: append}",
}


@dataclass
class Orders:
    """The declared table, its source `orders`, and the warehouse it is loaded into."""

    house: Any
    url: str
    name: str = ""

    def declare(self, mode: str, *, kind: str = "immutable", more: str = "", window: str = "") -> str:
        columns = "\n".join(
            f"  - {{name: {name}, type: '{of}'{', nullable: false' if name in ('id', 'email') else ''}"
            f"{', source_timezone: UTC' if name == 'at' else ''}}}"
            for name, of, _ in COLUMNS
        )
        self.name = self.house.declare(
            "orders",
            f"description: Orders.\nowner: a@example.com\n"
            f"source: {{kind: postgres, connection: shop, query: SELECT * FROM orders, cursor: {{column: at, kind: {kind}}}}}\n"
            f"window: {{every: day, timezone: UTC, start: {FIRST:%Y-%m-%d}{window}}}\n"
            f"columns:\n{columns}\npii: {{email: hash}}\n{mode}\n{more}\n",
        )
        return self.name

    def load(self, days: int = DAYS) -> None:
        for n in range(days):
            self.house.load(self.name, f"{FIRST + timedelta(days=n):%Y-%m-%d}")

    def source(self, statement: str, parameters: Sequence[object] = ()) -> None:
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            connection.commit()

    def live(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.house.place.ask(statement.replace("LIVE", self.name), parameters)
        return found

    def reconcile(self, start: str = "", end: str = "", newest: int | None = None) -> Reconciliation:
        asked = Asked(self.name, start, end, newest)
        return reconcile_table(workbench(), asked, NOW)


def made(number: int, at: datetime, dice: random.Random) -> tuple[object, ...]:
    """One order, with values at the ends of their types and NULLs among them."""
    none = dice.random() < 0.1
    return (
        number, at, at.date(), None if none else dice.choice(["plain", "", "a,b", 'q"q', "two\nlines", "ümlaut ☃"]),
        None if none else dice.choice([0, -0.05, 12.5, 9999999999.99, -1]),
        dice.choice([None, 0.1, -0.0, 1e300, 1 / 3, 1e-300, -2.5e15]), dice.choice([None, True, False]),
        at.replace(tzinfo=UTC) + timedelta(microseconds=dice.randrange(10**6)), f"p{number}@example.com",
    )  # fmt: skip
