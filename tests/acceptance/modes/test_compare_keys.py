"""`deletes: compare_keys`: live rows whose key the source no longer has go, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import CheckFailedError

ROWS = 40
TABLE = """
description: Orders.
owner: a@example.com
source:
  kind: postgres
  connection: shop
  query: SELECT id, day, note FROM {schema}_src.orders
  %s
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: note, type: varchar(10)}
key: [day, id]
load: {mode: merge, deletes: compare_keys, shrink_guard: 20%%}
"""
WHOLE = ("on_missing: fail", "")
BY_DAYS = (
    "cursor: {column: day, kind: mutable}",
    "window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-05}",
)


@pytest.fixture
def shop(house: Any, stack: Any) -> Any:
    """The house with a source database beside the warehouse; `house.do` changes it."""
    settings = replace(house.place.settings, connections={"shop": stack.warehouse_url})
    house.place = replace(house.place, settings=settings)
    house.reads_warehouse("shop")
    source = replace(house.place, settings=replace(settings, warehouse_url=stack.warehouse_url))
    house.do = lambda statement: source.ask(statement.replace("orders", f"{house.schema}_src.orders"))
    source.ask(f"CREATE SCHEMA {house.schema}_src")
    house.do("CREATE TABLE orders (id int, day date, note text)")
    house.do(f"INSERT INTO orders SELECT n, date '2024-03-01' + n % 4, 'a' FROM generate_series(1, {ROWS}) n")
    return house


def keys(house: Any, table: str) -> set[int]:
    return {number for (number,) in house.rows(table, "id")}


@pytest.mark.effect("Load.deletes", "Load.deletes=compare_keys")
def test_rows_gone_from_the_source_go_and_changed_ones_stay(shop: Any) -> None:
    table = shop.declare("orders", TABLE % WHOLE)
    shop.load(table)
    shop.do("DELETE FROM orders WHERE id IN (3, 7)")
    shop.do("UPDATE orders SET note = 'b' WHERE id = 4")
    record = shop.load(table, reprocess=True)
    assert (record.counts["deleted"], record.counts["updated"]) == (2, 1)
    assert keys(shop, table) == set(range(1, ROWS + 1)) - {3, 7}
    # Nothing but the table itself is left.
    assert [name for name in shop.side_tables(table) if "__hg_c" in name] == []


def test_more_than_the_guard_allows_is_refused_and_nothing_is_changed(shop: Any) -> None:
    table = shop.declare("orders", TABLE % WHOLE)
    shop.load(table)
    shop.do("DELETE FROM orders WHERE id > 20")
    with pytest.raises(CheckFailedError) as refused:
        shop.load(table, reprocess=True)
    assert refused.value.code == "SHRINK-GUARD"
    assert len(keys(shop, table)) == ROWS


def test_a_window_compares_the_keys_of_the_whole_source(shop: Any) -> None:
    table = shop.declare("orders", TABLE % BY_DAYS)
    for day in range(1, 5):
        shop.load(table, f"2024-03-0{day}")
    assert keys(shop, table) == set(range(1, ROWS + 1))
    # Row 3 belongs to another day than the one that is loaded next.
    shop.do("DELETE FROM orders WHERE id = 3")
    record = shop.load(table, "2024-03-01", reprocess=True)
    assert record.counts["deleted"] == 1
    assert keys(shop, table) == set(range(1, ROWS + 1)) - {3}
