"""The meaning of a column changes in the real flow: told before readers see it, in a sentence, until an owner accepts it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
DAYS, BAD = 18, 3
START = date(2026, 1, 5)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/{window.start:%Y-%m-%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-05}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: paid, type: "decimal(12,2)"}
  - {name: channel, type: varchar(20)}
  - {name: at, type: timestamp, source_timezone: UTC}
load: {mode: append}
"""
SUITE = "table: {schema}.orders\nexpectations: []\ndrift: {policy: %s}\n"
Row = tuple[int, float, str, datetime]


def rows_of(day: int) -> list[Row]:
    dice, date_of = random.Random(day), datetime.combine(START, datetime.min.time()) + timedelta(days=day)
    return [
        (1000 * day + number, round(dice.lognormvariate(3, 0.6), 2), dice.choice(["web", "web", "shop", "mail"]),
         date_of + timedelta(minutes=int(min(1320, max(420, dice.gauss(840, 150))))))
        for number in range(300)
    ]  # fmt: skip


CHANGES: dict[str, tuple[Callable[[int], list[Row]], str, str]] = {
    "a unit": (lambda day: [(i, paid * 100, c, at) for i, paid, c, at in rows_of(day)], "paid", "times the usual"),
    "a time zone": (lambda day: [(i, p, c, at + timedelta(hours=9)) for i, p, c, at in rows_of(day)], "at", "at"),
    "a redelivery": (lambda day: rows_of(DAYS - 1), "table", "earlier batch"),
    "a renamed category": (
        lambda day: [(i, p, "online" if c == "web" else c, at) for i, p, c, at in rows_of(day)], "channel", "online",
    ),
}  # fmt: skip


def write(house: Any, day: int, rows: list[Row]) -> str:
    label = f"{START + timedelta(days=day)}"
    lines = [f"{i},{paid:.2f},{channel},{at:%Y-%m-%d %H:%M:%S}" for i, paid, channel, at in rows]
    house.source(f"{label}.csv", "\n".join(["id,paid,channel,at", *lines]) + "\n")
    return label


def told(house: Any, table: str, label: str) -> list[tuple[str, str, str]]:
    """(column, kind, message) of what the last run of a window told."""
    found = house.place.ask(
        "SELECT coalesce(a.column_name, 'table'), a.kind, a.message FROM ops.alert a JOIN ops.run r USING (run_id) "
        "WHERE r.target = %s AND r.label = %s ORDER BY a.score DESC",
        (table, label),
    )
    return [(str(column), str(kind), str(message)) for column, kind, message in found]


@pytest.mark.parametrize("policy", ["warn", "stop"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_meaning(house: Any, command: Callable[..., Any], change: str, policy: str) -> None:
    changed, column, words = CHANGES[change]
    table = house.declare("orders", TABLE, SUITE % policy)
    for day in range(DAYS):
        write(house, day, rows_of(day))
    done = command("run", table, "--to", f"{START + timedelta(days=DAYS)}")
    assert done.code == 0, str(done.error)
    loaded = house.rows(table, "count(*)")

    labels = [write(house, day, changed(day)) for day in range(DAYS, DAYS + BAD)]
    assert command("run", table, "--window", labels[0]).code == (1 if policy == "stop" else 3)
    first = told(house, table, labels[0])
    assert column in {of for of, _, _ in first}
    assert any(words in message for of, _, message in first if of == column)
    assert (house.rows(table, "count(*)") == loaded) == (policy == "stop"), "readers saw nothing that was stopped"

    # Nobody answers: it doesn't become usual by itself.
    if policy == "warn" and change != "a redelivery":
        assert command("run", table, "--window", labels[1]).code == 3

    for of, kind, _ in first:
        assert command("drift", "accept", table, "--column", of, "--kind", kind, "--reason", "meant").code == 0
    if policy == "stop":
        (run,) = next(iter(house.place.ask(
            "SELECT run_id FROM ops.run WHERE target = %s AND status = 'failed'", (table,))))  # fmt: skip
        assert command("retry", run).code == 0
    if change != "a redelivery":
        assert command("run", table, "--window", labels[2]).code == 0, told(house, table, labels[2])


@pytest.mark.parametrize(("kept", "end", "alarms"), [(290, "", True), (300, "\n", False), (290, "\n", False)])
def test_a_file_that_was_cut_off_inside_its_last_row(house: Any, kept: int, end: str, alarms: bool) -> None:
    """Ten rows fewer are nothing; a file that for once has no line end at its end is."""
    table = house.declare("orders", TABLE, SUITE % "warn")
    for day in range(4):
        write(house, day, rows_of(day))
        house.load(table, f"{START + timedelta(days=day)}")
    label = write(house, 4, rows_of(4)[:kept])
    path = house.folder / f"{label}.csv"
    path.write_text(path.read_text().rstrip("\n") + end)
    house.load(table, label)
    said = [message for _, _, message in told(house, table, label) if "line end" in message]
    assert bool(said) is alarms
