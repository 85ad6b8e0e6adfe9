"""What was rolled back doesn't come back by itself: the same content is held until it changes or somebody asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.errors import DeclarationError
from flows.choosing import Selection
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
    assert [(window.run, window.stands) for window in plan.windows] == [(False, True), (True, False)]
    assert house.load(table, "2026-01-02").status == "held"
    house.source("orders-02.csv", "id,at\n2,2026-01-02 00:00:00\n")
    assert house.load(table, "2026-01-02").status == "published"
    assert [row[0] for row in house.rows(table)] == [1, 2]


def test_an_older_load_that_stands_again_is_undone_not_stale(house: Any) -> None:
    daily = DAILY.replace("mode: append", "mode: replace_window, window_column: at")
    assert daily != DAILY
    table = house.declare("orders", daily)
    house.source("orders-01.csv", GOOD)
    house.load(table, "2026-01-01")
    house.declare("orders", daily.replace("Orders.", "Orders, read another way."))
    bench, now = workbench(), datetime(2026, 1, 2, tzinfo=UTC)
    assert plan_table(bench, bench.project.table(table), now).windows[0].state == "stale"
    house.load(table, "2026-01-01", reprocess=True)
    undo(house, table)
    (window,) = plan_table(bench, bench.project.table(table), now).windows
    assert (window.state, window.stands, window.run) == ("undone", True, False)


def test_a_window_that_isnt_over_says_from_when_on_it_is_read(house: Any) -> None:
    table = house.declare("orders", DAILY)
    bench, now = workbench(), datetime(2026, 1, 2, 12, tzinfo=UTC)
    for label, told in (
        ("2026-01-02", "isn't over yet: it is read from 2026-01-03 00:00 on"),
        ("2026-01-05", "lies in the future"),
    ):
        with pytest.raises(DeclarationError, match=told):
            plan_table(bench, bench.project.table(table), now, Selection(window=label))
