"""Keys of the rows that an alarm is about are looked up by a value that came out of the data."""

from __future__ import annotations

from typing import Any

import pytest

from expectations.record import DriftAlert
from tasks.shown import keys_of
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: label, type: varchar(80)}
load: {mode: full_refresh}
key: [id]
"""


@pytest.mark.parametrize("value", ["plain", "it's", "100 %", "back\\slash", "\\' OR 1 = 1 --", "\\", "'; SELECT 1 --"])
def test_a_value_of_the_data_is_no_sql(house: Any, value: str) -> None:
    """Pasted, the quote behind a backslash would end the text where a backslash is an escape, as on Redshift."""
    table = house.declare("orders", TABLE)
    quoted = value.replace('"', '""')
    house.source("orders.csv", f'id,label\n1,"{quoted}"\n2,other\n3,"{quoted}"\n')
    house.load(table)
    alert = DriftAlert(
        column="label",
        kind="categories",
        level="digest",
        score=2.0,
        message="",
        cause=f"label renamed other -> {value}",
    )
    found = keys_of(workbench(), workbench().project.table(table), None, alert)
    assert [one["id"] for one in found] == [1, 3]


@pytest.mark.parametrize(("cause", "ids"), [("cut at 5 characters", [1, 4]), ("empty instead of 0", [3])])
def test_rows_of_a_cause_that_names_no_value_are_found(house: Any, cause: str, ids: list[int]) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id,label\n1,south\n2,west\n3,\n4,north\n5,middle\n")
    house.load(table)
    alert = DriftAlert(column="label", kind="format", level="digest", score=2.0, message="", cause=cause)
    assert [one["id"] for one in keys_of(workbench(), workbench().project.table(table), None, alert)] == ids
