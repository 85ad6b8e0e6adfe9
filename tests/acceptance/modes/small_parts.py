"""A table whose batches come in parts of 2,000 bytes, and what lies ahead of the steps of one."""

from __future__ import annotations

from threading import Event
from time import sleep
from typing import Any

from tasks import ahead
from tasks.spool import release
from tasks.workbench import workbench

ORDERS = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(64)}
load: {mode: full_refresh}
"""
ROWS = 900
NOT_MANY = """
table: {schema}.orders
expectations:
  - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 5}, severity: critical}
"""


def numbered(rows: int = ROWS, last: str = "") -> str:
    return "id,note\n" + "".join(f"{n},note {n}\n" for n in range(rows)) + last


def all_in(batch: Any) -> ahead.Ahead:
    """What is ahead of a batch, once it has done all it could."""
    begun = ahead._begun[batch.attempt_id]
    for future in (*begun._checked, *begun._staged, *begun._copied, begun._proven, begun._finished):
        if future is not None:
            future.exception()
    return begun


def clear(batch: Any) -> None:
    """The end of a run."""
    with ahead.until_its_end(batch):
        pass
    release(batch.spool)


def candidates(house: Any, table: str) -> list[str]:
    return [name for name in house.side_tables(table) if "__hg_c" in name]


def staged(batch: Any) -> list[str]:
    return workbench().stage.keys(f"{batch.stage_key}/")


def indexes(house: Any, table: str, name: str | None = None) -> int:
    schema, live = table.split(".")
    asked = "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND tablename = %s"
    return int(house.place.ask(asked, (schema, name or live))[0][0])


def at_work(checking: Event) -> None:
    """Once another thread is inside its query."""
    assert checking.wait(10)
    sleep(0.1)
