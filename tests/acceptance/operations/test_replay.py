"""Rows set aside come back after the rule, the contract or the data was mended: each once, the others stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expectations.contract.mask import masked
from tasks.deciding import named

COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: amount, type: "decimal(10,2)"}
  - {name: note, type: varchar(%s)}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
"""
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders%s.csv"}
%s
key: [id]
"""
DAILY = TABLE % ("-{window.start:%Y-%m-%d}", "window: {every: day, timezone: UTC, start: 2026-01-01}")
MODES = {
    "full_refresh": (TABLE % ("", ""), "load: {mode: full_refresh, tolerance: 90%%}\n"),
    "append": (DAILY, "load: {mode: append, tolerance: 90%%}\n"),
    "replace_window": (DAILY, "load: {mode: replace_window, window_column: at, tolerance: 90%%}\n"),
    "merge": (DAILY, "load: {mode: merge, tolerance: 90%%}\n"),
    "merge latest": (DAILY, "load: {mode: merge, keep: {latest_by: at}, tolerance: 90%%}\n"),
}
SUITE = """
table: {schema}.orders
expectations:
  - code: AMOUNT
    type: expect_column_values_to_be_between
    kwargs: {column: amount, min_value: 0, max_value: %s}
    rows: quarantine
"""
HEADER = "note,id,amount,at\n"
ROWS = HEADER + (
    "fine,1,1.00,2026-01-01 01:00:00\n"
    '"dear, and\nold",2,900.00,2026-01-01 02:00:00\n'
    '"",3,950.00,2026-01-01 03:00:00\n'
    "much too long a note,4,4.00,2026-01-01 04:00:00\n"
    "short,5\n"
)


def declared(house: Any, mode: str, *, note: int = 14, most: int = 100) -> str:
    head, load = MODES[mode]
    return str(house.declare("orders", head + COLUMNS % note + load.replace("%%", "%"), SUITE % most))


def loaded(house: Any, mode: str, rows: str = ROWS) -> str:
    table = declared(house, mode)
    windowed = mode != "full_refresh"
    house.source("orders-2026-01-01.csv" if windowed else "orders.csv", rows)
    house.load(table, "2026-01-01" if windowed else "source")
    return table


def states(house: Any, table: str) -> dict[str, int]:
    name = table.replace(".", "__")
    return dict(house.place.ask(f"SELECT state, count(*) FROM quarantine.{name} GROUP BY state"))


@pytest.mark.parametrize("mode", MODES)
def test_rows_come_back_once(house: Any, command: Callable[..., Any], mode: str) -> None:
    table = loaded(house, mode)
    assert [row[0] for row in house.rows(table, "id")] == [1]
    declared(house, mode, note=40, most=1000)
    done = command("quarantine", "replay", table, "--json")
    assert done.code == 3, "one row is broken in its bytes and stays"
    (run,) = done.json["runs"]
    assert run["accounting"] == "extracted 3 = published 3 + quarantined 0 + superseded 0"
    assert "can't be replayed: 1 broken in their bytes; only the source can mend them" in run["warnings"]
    assert [row[:2] for row in house.rows(table, "id, note")] == [
        (1, "fine"), (2, "dear, and\nold"), (3, ""), (4, "much too long a note"),
    ]  # fmt: skip
    assert states(house, table) == {"replayed": 3, "open": 1}
    assert house.proofs(table)[-1][:3] == (2, "replay", 3)
    again = command("quarantine", "replay", table, "--json")
    assert again.json["runs"][0]["counts"] == {}
    assert len(house.rows(table)) == 4


def test_only_a_reason(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "append")
    declared(house, "append", most=1000)
    done = command("quarantine", "replay", table, "--code", "AMOUNT", "--json")
    assert (done.code, done.json["runs"][0]["counts"]["published"]) == (0, 2)
    assert [row[0] for row in house.rows(table, "id")] == [1, 2, 3]
    assert command("quarantine", "replay", table, "--window", "2026-01-02").out.endswith(
        "no row is open in quarantine\n"
    )


def test_rows_that_still_fail_stay(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "append")
    declared(house, "append", most=920)
    done = command("quarantine", "replay", table, "--json")
    assert done.json["runs"][0]["accounting"] == "extracted 3 = published 1 + quarantined 2 + superseded 0"
    assert [row[0] for row in house.rows(table, "id")] == [1, 2]
    assert states(house, table) == {"replayed": 1, "open": 3}


def test_a_key_that_lives_meanwhile_is_not_doubled(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "append")
    house.source("orders-2026-01-02.csv", HEADER + "better,2,9.00,2026-01-02 00:00:00\n")
    declared(house, "append", note=40, most=1000)
    house.load(table, "2026-01-02")
    done = command("quarantine", "replay", table, "--code", "AMOUNT", "--json")
    run = done.json["runs"][0]
    assert run["accounting"] == "extracted 2 = published 1 + quarantined 1 + superseded 0"
    assert [(reason["code"], reason["rows"]) for reason in run["quarantine"]] == [("KEY-EXISTS", 1)]
    assert house.rows(table, "id, note") == [(1, "fine"), (2, "better"), (3, "")]
    assert states(house, table) == {"replayed": 1, "open": 3}


def test_an_older_version_of_a_key_is_superseded(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "merge latest")
    house.source("orders-2026-01-02.csv", HEADER + "newer,2,9.00,2026-01-02 00:00:00\n")
    declared(house, "merge latest", note=40, most=1000)
    house.load(table, "2026-01-02")
    run = command("quarantine", "replay", table, "--code", "AMOUNT", "--json").json["runs"][0]
    assert run["accounting"] == "extracted 2 = published 1 + quarantined 0 + superseded 1"
    assert house.rows(table, "id, note") == [(1, "fine"), (2, "newer"), (3, "")]


@pytest.mark.parametrize("pii_key", ["k" * 32])
def test_hashes_are_not_hashed_again(house: Any, command: Callable[..., Any]) -> None:
    head = (TABLE % ("", "")).replace("key: [id]\n", "pii: {email: hash}\n")
    columns = (
        'columns:\n  - {name: id, type: integer}\n  - {name: email, type: varchar(64), cast: [lower], "null": ["-"]}\n'
    )
    table = house.declare("orders", head + columns + "load: {mode: full_refresh, tolerance: 90%}\n")
    house.source("orders.csv", "id,email\n1,A@example.com\nx2,B@example.com\nx3,-\nx4\n")
    house.load(table)
    house.declare(
        "orders", head + columns.replace("integer", "varchar(9)") + "load: {mode: full_refresh, generations: 1}\n"
    )
    house.place.ask(f"DROP TABLE {table}")
    assert command("repair", table, "--lost").code == 0
    run = command("quarantine", "replay", table, "--json").json["runs"][0]
    assert run["warnings"] == ["can't be replayed: 1 withheld or cut; load the window again from the source"]
    key = b"k" * 32
    assert house.rows(table) == [("x2", masked("b@example.com", key)), ("x3", None)]


def test_a_replay_can_be_undone(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "replace_window")
    before = house.rows(table)
    declared(house, "replace_window", note=40, most=1000)
    command("quarantine", "replay", table)
    assert command("rollback", table, "--reason", "of a test").code == 0
    assert house.rows(table) == before
    assert states(house, table) == {"open": 4}
    assert command("quarantine", "replay", table, "--json").json["runs"][0]["counts"]["published"] == 3


def test_a_window_loaded_again_replaces_what_was_replayed(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "replace_window")
    declared(house, "replace_window", note=40, most=1000)
    command("quarantine", "replay", table)
    house.open()
    record = house.load(table, "2026-01-01", reprocess=True)
    assert record.accounting == "extracted 5 = published 4 + quarantined 1 + superseded 0"
    assert [row[0] for row in house.rows(table, "id")] == [1, 2, 3, 4]


def test_rows_are_given_up_with_a_reason(house: Any, command: Callable[..., Any]) -> None:
    table = loaded(house, "append")
    arguments = ("quarantine", "discard", table, "--code", "AMOUNT", "--reason", "tests", "--by", "maria", "--json")
    assert command(*arguments).json["discarded"] == 2
    assert command(*arguments).json["discarded"] == 0
    assert states(house, table) == {"discarded": 2, "open": 2}
    decided = house.place.ask("SELECT kind, what, decided_by, reason FROM ops.decision WHERE target = %s", (table,))
    assert decided == [("discard", "AMOUNT", named("maria"), "tests")]
    declared(house, "append", note=40, most=1000)
    assert command("quarantine", "replay", table, "--json").json["runs"][0]["counts"]["published"] == 1
