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


TOLD = [
    (None, "volume", "10 % of the rows"), (None, "duplicates", "rows multiplied by 3"), (None, "redelivery", None),
    ("price", "values", "unit x 100"), ("country", "categories", "label renamed DE -> Germany"),
    ("at", "clock", "shifted by +9 h"), ("day", "clock", None), ("country", "completeness", "values missing"),
    ("paid", "categories", None), ("at", "clock", "+1 h next to day"), ("at", "clock", "+1 h next to a_column_gone"),
    ("total", "relation", "total = pieces * price no longer holds"), ("price", "values", "all -1"),
    ("country", "format", "written differently"), ("price", "categories", "empty instead of 0"),
    ("country", "format", "cut at 1 characters"), ("country", "reference", "all values are others"),
    ("at", "clock", "afternoon written as morning"), (None, "duplicates", "rows repeated"),
    (None, "format", "values one column to the right from price on"), ("price", "format", "rounded to whole numbers"),
    ("price", "format", "values one column to the left up to price"), ("price", "values", "cut to tens"),
    ("country", "format", "padded with spaces"), ("country", "format", "padded with zeros"),
    ("country", "format", "zeros in front lost"), (None, "duplicates", "one row 41 times"),
    (None, "duplicates", "rows with DE twice"), (None, "redelivery", "an earlier file again"),
    (None, "redelivery", "an earlier file with new dates"), (None, "redelivery", "rows of an earlier batch"),
    (None, "format", "header among the rows"), (None, "format", "a row of another kind"), (None, "volume", "14 rows missing"),
    (None, "volume", "the first 1,000 rows"), (None, "volume", "next to no rows"),
    ("country", "categories", "label DE merged into it's"), ("country", "categories", "label DE gone"),
    ("country", "categories", "labels DE and FR exchanged"), ("pieces", "categories", "labels in other shares"),
    ("country", "categories", "new label X % \\ Y"), ("pieces", "categories", "more rows with 7"),
    ("price", "values", "placeholder -999"), ("country", "completeness", "text NULL instead of empty"),
    ("price", "completeness", "14911.0 instead of empty"), ("pieces", "completeness", "0 instead of empty"),
    ("country", "completeness", "rows without country missing"), ("price", "values", "columns price and total swapped"),
    ("price", "values", "price holds country"), ("price", "values", "price holds paid"), ("country", "format", "in lower case"),
    ("country", "format", "in upper case"), ("country", "format", "in another case"),
    ("country", "format", "with no-break spaces"), ("country", "format", "with `it's %` in front"),
    ("country", "format", "with ` GmbH` behind"), ("country", "format", "with something else behind"),
    ("pieces", "values", "capped at 1,000.5"), ("price", "values", "rows with price below 9 missing"),
    ("price", "values", "rows with price 0 missing"), ("at", "clock", "rows from 13:00 to 17:00 missing"),
    ("price", "values", "sign flipped"), ("price", "values", "minus signs lost"), ("at", "clock", "-5 h where country is FR"),
    ("price", "values", "factor x 103 where pieces is 3"), ("price", "values", "19 % higher where paid is true"),
    ("price", "values", "unit x 100 in some rows"), ("at", "clock", "+9 h in some rows"), ("at", "clock", "time of day lost"),
    ("at", "clock", "seconds lost"), ("day", "clock", "day and month swapped"), ("at", "clock", "dates far off"),
    ("day", "clock", "a year earlier"), ("at", "clock", "30 days later"), ("price", "relation", "price in other rows"),
    ("country", "relation", "country in other rows"), ("price", "format", "digits of a float"),
    ("price", "values", "sums so far"), ("country", "order", "rows sorted by country"),
    ("total", "relation", "tax renamed to vat"), ("total", "relation", "tax gone"),
]  # fmt: skip


def test_every_statement_runs_with_and_without_windows(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE, SUITE)
    house.source("orders-01.csv", rows_of(1, bad=False))
    command("run", table, "--to", "2026-01-02")
    declared = load_project(house.folder).table(table)
    masked = declared.model_copy(update={"pii": dict.fromkeys((c.name for c in declared.columns), "mask")})
    for column, kind, cause in TOLD:
        alert = DriftAlert(column=column, kind=kind, level="digest", score=1.0, message="", cause=cause, confidence=0.9)
        for window in (Window.from_key("2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"), None):
            for one in (declared, masked):
                asked = statement(one, window, alert)
                assert asked is not None
                house.place.ask(asked)
                assert one is declared or not any(text in asked for text in ("'DE'", "it''s", "SELECT  FROM"))


@pytest.mark.parametrize(
    ("column", "cause", "shown"),
    [
        ("country", "label renamed DE -> Germany", {"before": (60, 60, 60, 0), "this batch": (60, 60, 20, 40)}),
        ("country", "new label Germany", {"before": (60, 60, 0), "this batch": (60, 60, 40)}),
        ("price", "minus signs lost", {"before": (60, 0, 0), "this batch": (0, 0, 60)}),
        ("price", "capped at 7", {"before": (60, -7, -7, 60, 0, 0), "this batch": (60, 7, 7, 0, 60, 0)}),
        ("at", "time of day lost", {"before": (60, 0), "this batch": (60, 60)}),
        ("country", "cut at 2 characters", {"before": (2, 60), "this batch": (7, 20)}),
        ("country", "with `Ger` in front", {"before": (60, 0), "this batch": (60, 40)}),
        ("country", "all values are others", {"Germany": (40,)}),
    ],
)
def test_what_is_shown_is_what_the_cause_says(
    house: Any, command: Callable[..., Any], column: str, cause: str, shown: dict[str, tuple[int, ...]]
) -> None:
    """One day of sixty orders from DE at -7.00 and 08:15, and one of which 40 are from Germany, all at 7.00 and midnight."""
    table = house.declare("orders", TABLE, SUITE)
    for day, (price, hour) in {1: (-7, "08:15"), 2: (7, "00:00")}.items():
        lines = [
            f"{day * 1000 + at},2026-01-{day:02},2026-01-{day:02}T{hour}:00Z,1,{price},{price},"
            f"{'Germany' if day == 2 and at % 3 else 'DE'},true"
            for at in range(60)
        ]
        house.source(f"orders-{day:02}.csv", "\n".join(["id,day,at,pieces,price,total,country,paid", *lines]) + "\n")
    command("run", table, "--to", "2026-01-03")
    alert = DriftAlert(column=column, kind="values", level="digest", score=1.0, message="", cause=cause, confidence=0.9)
    window = Window.from_key("2026-01-02T00:00:00Z/2026-01-03T00:00:00Z")
    asked = statement(load_project(house.folder).table(table), window, alert)
    found = {first: tuple(int(float(other)) for other in others) for first, *others in house.place.ask(asked)}
    assert {first: others[: len(shown[first])] for first, others in found.items()} == shown
