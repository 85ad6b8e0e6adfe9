"""A publish taken back on every warehouse: readers see what they saw before, and the next load goes on from there."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import CheckFailedError, DeclarationError
from tasks import switches
from tasks.rollback import batch_key_of, choose, take_back, target_of
from tasks.warehouses.names import TableName, anew
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(10)}
  - {name: at, type: timestamp, source_timezone: UTC}
%s
load: {mode: %s}
"""
KEY = "key: [id]"
MODES = {
    "append": (KEY, "append"),
    "append without a key": ("", "append"),
    "replace_window": (KEY, "replace_window, window_column: at"),
    "merge": (KEY, "merge"),
}
DAY = {
    1: "id,note,at\n1,a,2026-01-01 01:00:00\n2,b,2026-01-01 02:00:00\n",
    2: 'id,note,at\n3,"c ",2026-01-02 01:00:00\n4,,\n5,"",\n',
}


def roll_back(table: str, window: str | None = None, to: str | None = None) -> None:
    bench = workbench()
    target = target_of(bench, table)
    chosen = choose(bench, target, batch_key_of(bench, table, window), to)
    take_back(bench, target, chosen, "rollback-1", "somebody", "a test")


@pytest.mark.parametrize("mode", MODES)
def test_the_last_window_is_taken_back(house: Any, mode: str) -> None:
    table = house.declare("orders", TABLE % MODES[mode])
    for day, content in DAY.items():
        if mode == "replace_window":
            content = content.replace('4,,\n5,"",\n', "")
        house.source(f"orders-{day:02}.csv", content)
        house.load(table, f"2026-01-{day:02}")
    before = house.rows(table, "id, note")
    roll_back(table)
    assert house.rows(table, "id, note") == [(1, "a"), (2, "b")]
    # What was taken back isn't loaded again by itself.
    house.load(table, "2026-01-02", reprocess=True)
    assert house.rows(table, "id, note") == before


def test_a_merge_that_changed_rows_is_taken_back(house: Any) -> None:
    table = house.declare("orders", TABLE % (KEY, "merge"))
    house.source("orders-01.csv", DAY[1])
    house.source("orders-02.csv", 'id,note,at\n1,"a ",2026-01-01 01:00:00\n2,,2026-01-01 02:00:00\n3,c,\n')
    for day in ("2026-01-01", "2026-01-02"):
        house.load(table, day)
    assert house.rows(table, "id, note") == [(1, "a "), (2, None), (3, "c")]
    roll_back(table)
    assert house.rows(table, "id, note") == [(1, "a"), (2, "b")]


def test_a_full_refresh_is_taken_back(house: Any) -> None:
    text = (TABLE % (KEY, "full_refresh")).replace("-{window.start:%d}", "")
    table = house.declare("orders", text.replace("window: {every: day, timezone: UTC, start: 2026-01-01}\n", ""))
    house.source("orders.csv", DAY[1])
    house.load(table)
    house.place.ask(f"CREATE VIEW {house.schema}.notes AS SELECT note FROM {table}")
    house.source("orders.csv", DAY[1] + "3,c,\n")
    house.load(table)
    roll_back(table)
    assert house.rows(f"{house.schema}.notes") == [("a",), ("b",)]
    assert [proof[1] for proof in house.proofs(table)] == ["publish", "publish", "rollback"]


@pytest.mark.parametrize("mode", ["append", "append without a key", "replace_window"])
def test_the_first_window_is_taken_back_alone(house: Any, mode: str) -> None:
    table = house.declare("orders", TABLE % MODES[mode])
    house.source("orders-01.csv", DAY[1])
    house.source("orders-02.csv", "id,note,at\n3,c,2026-01-02 01:00:00\n")
    for day in ("2026-01-01", "2026-01-02"):
        house.load(table, day)
    roll_back(table, window="2026-01-01")
    assert house.rows(table, "id, note") == [(3, "c")]


FULL = (TABLE % (KEY, "full_refresh")).replace("-{window.start:%d}", "").replace(
    "window: {every: day, timezone: UTC, start: 2026-01-01}\n", ""
)  # fmt: skip
HEADER = "id,note,at\n"


def test_a_content_that_was_rolled_back_the_last_time_is_held(house: Any) -> None:
    table = house.declare("orders", FULL)
    for content in ("1,a,\n", "2,b,\n", "1,a,\n"):
        house.source("orders.csv", HEADER + content)
        house.load(table)
    roll_back(table)
    assert house.load(table).status == "held"
    assert house.rows(table, "id, note") == [(2, "b")]
    # Somebody's word ends it; another content in between doesn't bring it back.
    house.load(table, reprocess=True)
    assert house.rows(table, "id, note") == [(1, "a")]
    for content, row in (("2,b,\n", (2, "b")), ("1,a,\n", (1, "a"))):
        house.source("orders.csv", HEADER + content)
        house.load(table)
        assert house.rows(table, "id, note") == [row]


def moved(house: Any) -> str:
    """A row that has moved from the first day to the second, which were loaded in that order."""
    table = house.declare("orders", TABLE % MODES["replace_window"])
    row = "1,a,2026-01-0%d 01:00:00\n"
    house.source("orders-01.csv", HEADER + row % 1 + "2,b,2026-01-01 02:00:00\n")
    house.load(table, "2026-01-01")
    house.source("orders-01.csv", HEADER + "2,b,2026-01-01 02:00:00\n")
    house.load(table, "2026-01-01", reprocess=True)
    house.source("orders-02.csv", HEADER + row % 2)
    house.load(table, "2026-01-02")
    return str(table)


def test_a_key_that_another_window_has_by_now_is_not_put_back(house: Any) -> None:
    table = moved(house)
    before = house.rows(table)
    with pytest.raises(DeclarationError) as told:
        roll_back(table, window="2026-01-01")
    assert told.value.code == "ROLLBACK-KEYS"
    assert "2026-01-02T00:00:00Z/2026-01-03T00:00:00Z) has them now" in told.value.message
    assert house.rows(table) == before


@pytest.mark.parametrize("mode", ["append", "replace_window"])
def test_a_key_that_somebody_has_put_in_is_not_put_back(house: Any, mode: str) -> None:
    table = TableName.parse(gone_and_put_in(house))
    house.declare("orders", TABLE % MODES[mode])
    house.open()
    with pytest.raises(DeclarationError) as told:
        roll_back(str(table), window="2026-01-01")
    assert told.value.code == "ROLLBACK-KEYS"
    # Loading the window again is refused of a table that only grows by now.
    again = f"headgate run {table} --window 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z   ("
    assert str(told.value.next_command).startswith(anew(table) if mode == "append" else again)


def gone_and_put_in(house: Any) -> str:
    """A row that a load of its day took out, and somebody has put in again by hand."""
    table = house.declare("orders", TABLE % MODES["replace_window"])
    row = "1,a,2026-01-01 01:00:00\n"
    for content in (row + "2,b,2026-01-01 02:00:00\n", "2,b,2026-01-01 02:00:00\n"):
        house.source("orders-01.csv", HEADER + content)
        house.load(table, "2026-01-01", reprocess=True)
    house.place.ask(f"INSERT INTO {table} SELECT 1, note, at + interval '30 days' FROM {table}")
    return str(table)


def test_both_windows_of_a_key_that_moved_are_taken_back_together(house: Any) -> None:
    table = moved(house)
    first = house.place.ask(f"SELECT run_id FROM ops.proof__{table.replace('.', '__')} WHERE sequence = 1")[0][0]
    roll_back(table, to=first)
    assert house.rows(table, "id, note") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("change", ["INSERT INTO {t} (id) SELECT max(id) + 7 FROM {t}", "DELETE FROM {t} WHERE id = 1"])
def test_a_full_refresh_that_others_have_changed_is_not_taken_back(house: Any, change: str) -> None:
    table = house.declare("orders", FULL)
    for content in ("1,a,\n", "1,a,\n2,b,\n"):
        house.source("orders.csv", HEADER + content)
        house.load(table)
    house.place.ask(change.format(t=table))
    before = house.rows(table)
    with pytest.raises(CheckFailedError) as told:
        roll_back(table)
    assert told.value.code == "LIVE-CHANGED"
    assert house.rows(table) == before


def test_a_rollback_uses_up_no_generation(house: Any) -> None:
    table = house.declare("orders", FULL.replace("mode: full_refresh", "mode: full_refresh, generations: 2"))
    for content in ("1,a,\n", "2,b,\n", "3,c,\n"):
        house.source("orders.csv", HEADER + content)
        house.load(table)
    roll_back(table)
    assert house.side_tables(table) == ["orders__hg_g2"]
    house.source("orders.csv", HEADER + "4,d,\n")
    house.load(table)
    # Both publishes that stand on another can be undone: the rollback between them has taken no place.
    assert house.side_tables(table) == ["orders__hg_g2", "orders__hg_g5"]


@pytest.mark.parametrize("mode", ["replace_window", "merge"])
def test_what_others_keep_in_a_column_of_theirs_comes_back(house: Any, mode: str) -> None:
    table = house.declare("orders", TABLE % MODES[mode])
    house.source("orders-01.csv", DAY[1])
    house.load(table, "2026-01-01")
    house.place.ask(f"ALTER TABLE {table} ADD COLUMN theirs varchar(9)")
    house.place.ask(f"UPDATE {table} SET theirs = 'mine' WHERE id = 1")
    house.source("orders-01.csv", HEADER + "1,z,2026-01-01 01:00:00\n2,b,2026-01-01 02:00:00\n")
    house.load(table, "2026-01-01", reprocess=True)
    roll_back(table)
    assert house.rows(table, "id, note, theirs") == [(1, "a", "mine"), (2, "b", None)]


def test_a_column_that_appears_while_a_full_refresh_is_loaded_is_not_lost(house: Any, monkeypatch: Any) -> None:
    table = house.declare("orders", FULL)
    house.source("orders.csv", HEADER + "1,a,\n")
    house.load(table)
    house.source("orders.csv", HEADER + "2,b,\n")
    at_point("publish-begun", lambda: house.place.ask(f"ALTER TABLE {table} ADD COLUMN theirs integer"), monkeypatch)
    with pytest.raises(CheckFailedError, match="theirs") as told:
        house.load(table)
    assert told.value.code == "LIVE-CHANGED"
    assert house.rows(table, "id, note, theirs") == [(1, "a", None)]


def at_point(name: str, work: Any, monkeypatch: Any) -> None:
    """Do something the first time a point of the run is passed."""
    left = [work]
    monkeypatch.setattr(switches, "_actions", [lambda passed: left.pop()() if passed == name and left else None])
