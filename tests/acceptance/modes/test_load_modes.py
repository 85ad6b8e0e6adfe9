"""Every load mode, first and again, on every warehouse: the rows are exactly right and all are accounted for."""

from __future__ import annotations

from typing import Any

import pytest

COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: amount, type: "decimal(10,2)"}
  - {name: note, type: varchar(40)}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
"""
WHOLE = (
    """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
"""
    + COLUMNS
)
DAILY = (
    """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%Y-%m-%d}.csv", on_missing: empty}
window: {every: day, timezone: UTC, start: 2026-01-01}
"""
    + COLUMNS
)
HEADER = "id,amount,note,at\n"
FIRST = HEADER + '1,1.50,a,2026-01-01 10:00:00\n2,,"",2026-01-01T11:00:00\n3,-3,,2026-01-01 12:00:00.5\n'
ORDER = "id, amount, note"


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(id, None if amount is None else str(amount), note) for id, amount, note in rows]


def test_full_refresh(house: Any) -> None:
    table = house.declare("orders", WHOLE + "key: [id]\nload: {mode: full_refresh}\n")
    house.source("orders.csv", FIRST)
    assert house.load(table).accounting == "extracted 3 = published 3 + quarantined 0 + superseded 0"
    assert plain(house.rows(table, ORDER)) == [(1, "1.50", "a"), (2, None, ""), (3, "-3.00", None)]
    assert house.load(table).status == "unchanged"
    house.source("orders.csv", FIRST + "4,4,d,2026-01-01 13:00:00\n")
    assert house.load(table).status == "published"
    assert [row[0] for row in house.rows(table)] == [1, 2, 3, 4]
    assert house.proofs(table) == [(1, "publish", 3, 3, 0, 0, 0, 0, 0), (2, "publish", 4, 4, 0, 0, 3, 0, 0)]
    assert house.side_tables(table) == ["orders__hg_g2"]


def test_append(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: append}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    house.source("orders-2026-01-02.csv", HEADER + "4,4,d,2026-01-02 13:00:00\n")
    house.load(table, "2026-01-01")
    assert house.load(table, "2026-01-02").accounting == "extracted 1 = published 1 + quarantined 0 + superseded 0"
    assert [row[0] for row in house.rows(table)] == [1, 2, 3, 4]


def test_replace_window(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: replace_window, window_column: at}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    house.source("orders-2026-01-02.csv", HEADER + "4,4,d,2026-01-02 13:00:00\n")
    for day in ("2026-01-01", "2026-01-02"):
        house.load(table, day)
    house.source("orders-2026-01-01.csv", HEADER + "1,9,new,2026-01-01 10:00:00\n5,5,e,2026-01-01 23:59:59.999999\n")
    house.load(table, "2026-01-01", reprocess=True)
    assert plain(house.rows(table, ORDER)) == [(1, "9.00", "new"), (4, "4.00", "d"), (5, "5.00", "e")]
    assert house.proofs(table)[-1] == (3, "publish", 2, 2, 0, 0, 3, 0, 0)


def test_replace_window_with_a_window_that_became_empty(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: replace_window, window_column: at}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    house.load(table, "2026-01-01")
    house.source("orders-2026-01-01.csv", HEADER)
    assert house.load(table, "2026-01-01", reprocess=True).counts["deleted"] == 3
    assert house.rows(table) == []


def test_merge(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: merge}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    house.source(
        "orders-2026-01-02.csv",
        HEADER
        + '1,1.50,a,2026-01-01 10:00:00\n2,2,"",2026-01-01 11:00:00\n3,-3,"a ",2026-01-01 12:00:00.5\n4,,,2026-01-02 00:00:00\n',
    )
    house.load(table, "2026-01-01")
    house.load(table, "2026-01-02")
    assert plain(house.rows(table, ORDER)) == [(1, "1.50", "a"), (2, "2.00", ""), (3, "-3.00", "a "), (4, None, None)]
    assert house.proofs(table)[-1] == (2, "publish", 4, 1, 2, 1, 0, 0, 0)
    house.load(table, "2026-01-02", reprocess=True)
    assert house.proofs(table)[-1] == (3, "publish", 4, 0, 0, 4, 0, 0, 0)


@pytest.mark.effect("Keep.latest_by", "Load.keep")
def test_merge_keeps_the_latest_row_of_a_key(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: merge, keep: {latest_by: at}, tolerance: 50%}\n")
    newer = HEADER + "1,1,first,2026-01-02 01:00:00\n1,2,second,2026-01-02 02:00:00\n2,5,only,2026-01-02 03:00:00\n"
    house.source("orders-2026-01-02.csv", newer)
    house.source("orders-2026-01-01.csv", HEADER + "1,9,late,2026-01-01 01:00:00\n3,3,c,2026-01-01 02:00:00\n")
    assert house.load(table, "2026-01-02").accounting == "extracted 3 = published 2 + quarantined 0 + superseded 1"
    # An older window that is loaded later doesn't bring an older version back.
    assert house.load(table, "2026-01-01").accounting == "extracted 2 = published 1 + quarantined 0 + superseded 1"
    assert plain(house.rows(table, ORDER)) == [(1, "2.00", "second"), (2, "5.00", "only"), (3, "3.00", "c")]


@pytest.mark.effect("CsvSource.on_missing", "CsvSource.on_missing=empty")
def test_an_empty_batch_publishes_its_proof_and_nothing_else(house: Any) -> None:
    table = house.declare("orders", DAILY + "key: [id]\nload: {mode: append}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    house.load(table, "2026-01-01")
    assert house.load(table, "2026-01-02").status == "published"
    assert len(house.rows(table)) == 3
    assert house.proofs(table)[-1] == (2, "empty", 0, 0, 0, 0, 0, 0, 0)


LOADS = {
    "full_refresh": (WHOLE, "source", "key: [id]\nload: {mode: full_refresh}\n", "orders.csv"),
    "append": (DAILY, "2026-01-01", "load: {mode: append}\n", "orders-2026-01-01.csv"),
    "replace_window": (
        DAILY, "2026-01-01", "key: [id]\nload: {mode: replace_window, window_column: at}\n", "orders-2026-01-01.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", LOADS)
def test_a_table_whose_first_batch_is_empty_is_there(house: Any, mode: str) -> None:
    """Its readers find no rows, not an error; the rows that come later and an undo find it as any other."""
    text, window, load, file = LOADS[mode]
    table = house.declare("orders", text + load)
    house.source(file, HEADER)
    assert house.load(table, window).status == "published"
    assert house.rows(table) == []
    assert house.proofs(table)[-1][1:4] == ("empty", 0, 0)
    assert not [name for name in house.side_tables(table) if "__hg_c" in name]
    if mode == "full_refresh":
        house.source(file, FIRST)
        house.load(table)
    else:
        house.source("orders-2026-01-02.csv", HEADER + "4,4,d,2026-01-02 13:00:00\n")
        house.load(table, "2026-01-02")
    assert len(house.rows(table)) == (3 if mode == "full_refresh" else 1)
