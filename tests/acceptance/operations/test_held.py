"""What was rolled back doesn't come back by itself: the same content is held until it changes or somebody asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.planning import plan_table
from flows.taking_back import roll_back
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders%s.csv"}
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
load: {mode: %s}
"""
WHOLE = TABLE % ("", "", "full_refresh")
DAILY = TABLE % ("-{window.start:%d}", "window: {every: day, timezone: UTC, start: 2026-01-01}", "append")
GOOD = "id,at\n1,2026-01-01 00:00:00\n"
BAD = "id,at\n9,2026-01-01 00:00:00\n"


def undo(house: Any, table: str) -> None:
    house.open()
    assert roll_back(workbench(), table, window=None, to=None, by="maria", reason="").record is not None


def test_a_source_without_windows(house: Any) -> None:
    table = house.declare("orders", WHOLE)
    for content in (GOOD, BAD):
        house.source("orders.csv", content)
        house.load(table)
    undo(house, table)
    assert house.load(table).status == "held"
    assert [row[0] for row in house.rows(table)] == [1]
    house.source("orders.csv", "id,at\n2,2026-01-01 00:00:00\n")
    assert house.load(table).status == "published"
    assert [row[0] for row in house.rows(table)] == [2]


def test_the_same_content_when_somebody_asks_for_it(house: Any) -> None:
    table = house.declare("orders", WHOLE)
    for content in (GOOD, BAD):
        house.source("orders.csv", content)
        house.load(table)
    undo(house, table)
    assert house.load(table, reprocess=True).status == "published"
    assert [row[0] for row in house.rows(table)] == [9]
    assert house.load(table).status == "unchanged"


def test_another_declaration_is_a_reason_to_load_it_again(house: Any) -> None:
    table = house.declare("orders", WHOLE)
    for content in (GOOD, BAD):
        house.source("orders.csv", content)
        house.load(table)
    undo(house, table)
    house.declare("orders", WHOLE.replace("Orders.", "Orders, read another way."))
    assert house.load(table).status == "published"


def test_a_window(house: Any) -> None:
    table = house.declare("orders", DAILY)
    house.source("orders-01.csv", GOOD)
    house.source("orders-02.csv", BAD)
    for label in ("2026-01-01", "2026-01-02"):
        house.load(table, label)
    undo(house, table)
    bench = workbench()
    plan = plan_table(bench, bench.project.table(table), datetime(2026, 1, 3, tzinfo=UTC))
    assert [(window.label, window.state) for window in plan.windows] == [
        ("2026-01-01", "loaded"), ("2026-01-02", "undone"),
    ]  # fmt: skip
    assert house.load(table, "2026-01-02").status == "held"
    house.source("orders-02.csv", "id,at\n2,2026-01-02 00:00:00\n")
    assert house.load(table, "2026-01-02").status == "published"
    assert [row[0] for row in house.rows(table)] == [1, 2]
