"""A publish taken back on every warehouse: readers see what they saw before, and the next load goes on from there."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.rollback import choose, take_back, target_of
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


def roll_back(table: str) -> None:
    bench = workbench()
    target = target_of(bench, table)
    choice = choose(bench, target, None, None)
    take_back(bench, target, choice.publishes, "rollback-1", "somebody", "a test")


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
