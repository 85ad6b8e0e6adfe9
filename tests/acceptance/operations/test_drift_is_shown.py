"""What was told of a batch can be looked at: its cause with a confidence, the SQL that shows it, and keys of its rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from deployments.project import load_project
from deployments.windows import Window
from expectations.record import DriftAlert
from tasks.shown import statement

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-20}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: at, type: timestamptz}
  - {name: pieces, type: integer}
  - {name: price, type: "decimal(12,2)"}
  - {name: total, type: "decimal(12,2)"}
  - {name: country, type: varchar(40)}
  - {name: paid, type: boolean}
load: {mode: replace_window, window_column: day}
key: [id]
"""
SUITE = """
table: {schema}.orders
expectations: []
"""


def rows_of(day: int, bad: bool) -> str:
    dice, lines = random.Random(day), ["id,day,at,pieces,price,total,country,paid"]
    for number in range(120):
        when, pieces, price = date(2026, 1, 1) + timedelta(day - 1), dice.randint(1, 9), dice.randint(200, 6000) / 100
        country = "" if dice.random() < 0.03 else dice.choice(["DE", "FR", "IT"])
        if bad:
            country = "unknown" if number % 4 == 0 else country
        total = pieces * price * (1.19 if bad else 1)
        hour = dice.randint(8, 20)
        lines.append(
            f"{day * 1000 + number},{when},{when}T{hour:02}:15:00Z,{pieces},{price:.2f},{total:.2f},{country},"
            + ("true" if number % 2 else "false")
        )
    return "\n".join(lines) + "\n"


def test_the_story_of_a_change_has_its_cause_the_sql_that_shows_it_and_keys(
    house: Any, command: Callable[..., Any]
) -> None:
    table = house.declare("orders", TABLE, SUITE)
    for day in range(1, 13):
        house.source(f"orders-{day:02}.csv", rows_of(day, bad=day == 12))
    command("run", table, "--to", "2026-01-13")
    ((run,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND label = '2026-01-12'", (table,))
    alerts = {a["column"]: a for a in command("drift", "explain", str(run), "--json").json["alerts"] if a.get("cause")}
    placeholder, formula = alerts["country"], alerts["total"]
    assert placeholder["cause"] == "placeholder unknown"
    assert placeholder["keys"] == [{"id": 12000}, {"id": 12004}, {"id": 12008}]
    shown = {first: tuple(map(int, others)) for first, *others in house.place.ask(placeholder["shown_by"])}
    assert shown.get("unknown") == (30, 30) or (shown["this batch"][0], shown["before"][0]) == (120, 120 * 11)
    assert formula["cause"] == "total = pieces * price no longer holds"
    assert len(house.place.ask(formula["shown_by"])) == 20
    assert len(formula["keys"]) == 3
    told = command("drift", "explain", str(run)).out
    assert "likely: placeholder unknown (confidence 0.85)" in told
    assert "rows: id 12000; id 12004; id 12008" in told
    assert f"see: {formula['shown_by']}" in told


@pytest.mark.parametrize(
    ("column", "kind", "cause"),
    [
        (None, "volume", "10 % of the rows"), (None, "duplicates", "rows multiplied by 3"), (None, "redelivery", None),
        ("price", "values", "unit x 100"), ("country", "categories", "label DE renamed DE -> Germany"),
        ("at", "clock", "shifted by +9 h"), ("day", "clock", None), ("country", "completeness", "values missing"),
        ("paid", "categories", None), ("at", "clock", "+1 h next to day"),
        ("total", "relation", "total = pieces * price no longer holds"),
        ("country", "format", "written differently"), ("price", "categories", "empty instead of 0"),
        ("country", "format", "cut at 1 characters"), ("country", "reference", "all values are others"),
        ("at", "clock", "afternoon written as morning"), (None, "duplicates", "rows repeated"),
        (None, "format", "values one column to the right from price on"), ("price", "format", "rounded to whole numbers"),
        ("price", "values", "cut to tens"), ("country", "format", "padded with spaces"),
        ("country", "format", "padded with zeros"),
    ],
)  # fmt: skip
def test_every_statement_runs_with_and_without_windows(
    house: Any, command: Callable[..., Any], column: str | None, kind: str, cause: str | None
) -> None:
    table = house.declare("orders", TABLE, SUITE)
    house.source("orders-01.csv", rows_of(1, bad=False))
    command("run", table, "--to", "2026-01-02")
    alert = DriftAlert(column=column, kind=kind, level="digest", score=1.0, message="", cause=cause, confidence=0.9)
    declared = load_project(house.folder).table(table)
    for window in (Window.from_key("2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"), None):
        asked = statement(declared, window, alert)
        assert asked is not None
        house.place.ask(asked)
