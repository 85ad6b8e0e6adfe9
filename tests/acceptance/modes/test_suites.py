"""A suite's rules on the candidate, inside each warehouse, before anybody reads it."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import CheckFailedError

TABLE = """
description: Lines of orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/lines.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: order_id, type: integer}
key: [id]
load: {mode: full_refresh}
"""
SUITE = """
table: {schema}.lines
expectations:
  - code: LINE-ORDER
    type: expect_column_values_to_refer_to_table
    kwargs: {column: order_id, other_table: "{schema}.orders", other_column: id}
    severity: critical
"""


@pytest.mark.story
def test_a_critical_rule_in_the_warehouse_stops_the_publish(house: Any) -> None:
    orders = house.declare("orders", TABLE.replace("lines.csv", "orders.csv"))
    lines = house.declare("lines", TABLE, SUITE)
    house.source("orders.csv", "id,order_id\n1,\n2,\n")
    house.load(orders)
    house.source("lines.csv", "id,order_id\n10,1\n11,2\n12,\n")
    (rule,) = house.load(lines).rules
    assert (rule.code, rule.outcome, rule.place) == ("LINE-ORDER", "pass", "candidate")
    house.source("lines.csv", "id,order_id\n10,1\n11,3\n12,2\n")
    with pytest.raises(CheckFailedError, match="LINE-ORDER"):
        house.load(lines)
    assert house.rows(lines, "order_id", "id") == [(1,), (2,), (None,)]


IN_MEMORY = """
table: {schema}.lines
expectations:
  - code: LINE-ROWS
    type: expect_table_row_count_to_be_between
    kwargs: {min_value: 1, max_value: 2}
    severity: critical
"""


@pytest.mark.effect("Rule.on=batch")
def test_a_rule_of_the_whole_batch_beside_a_key(house: Any) -> None:
    lines = house.declare("lines", TABLE, IN_MEMORY)
    house.source("lines.csv", "id,order_id\n10,1\n11,2\n")
    (rule,) = house.load(lines).rules
    assert (rule.code, rule.outcome, rule.place) == ("LINE-ROWS", "pass", "batch")
    house.source("lines.csv", "id,order_id\n10,1\n11,2\n12,3\n")
    with pytest.raises(CheckFailedError, match="LINE-ROWS"):
        house.load(lines)
