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
