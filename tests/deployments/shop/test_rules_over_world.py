"""Over all the shop's rows exactly one breaks a rule: the planted one. Anything else would be noise in the demo.

The rules are judged here by a few lines of plain Python; Great Expectations judges them in the flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

import pytest

from deployments.declarations.sources import PostgresSource
from deployments.declarations.suite import Rule
from deployments.project import SHOP, load_project
from deployments.shop.world.planted import BAD_ANSWER
from deployments.shop.world.sources import all_rows

Record = dict[str, Any]


def outside(records: list[Record], column: str, min_value: float | None = None, max_value: float | None = None) -> int:
    values = [record[column] for record in records if record[column] is not None]
    low, high = Decimal(str(min_value or 0)), Decimal(str("Infinity" if max_value is None else max_value))
    return sum(not low <= value <= high for value in values)


def repeated(records: list[Record], column: str) -> int:
    return sum(count for count in Counter(record[column] for record in records).values() if count > 1)


def share_of_null(records: list[Record], column: str, mostly: float) -> int:
    missing = sum(record[column] is None for record in records)
    return missing if missing > (1 - mostly) * len(records) else 0


def unknown_pairs(records: list[Record], column_A: str, column_B: str, value_pairs_set: list[list[int]]) -> int:
    return sum([record[column_A], record[column_B]] not in value_pairs_set for record in records)


FAILING: dict[str, Callable[..., int]] = {
    "expect_column_values_to_be_between": outside,
    "expect_column_values_to_be_unique": repeated,
    "expect_column_values_to_not_be_null": share_of_null,
    "expect_column_pair_values_to_be_in_set": unknown_pairs,
    "expect_column_values_to_be_in_set": lambda records, column, value_set: sum(
        record[column] not in (*value_set, None) for record in records
    ),
    "expect_column_value_lengths_to_equal": lambda records, column, value: sum(
        len(record[column]) != value for record in records
    ),
    "expect_table_row_count_to_be_between": lambda records, min_value=0, max_value=10**9: int(
        not min_value <= len(records) <= max_value
    ),
}


@cache
def batches(name: str) -> dict[str, list[Record]]:
    """The records of each window (or of the whole table), by the window's label."""
    table = load_project(SHOP).tables[name]
    records = [dict(record) for record in all_rows()[table.name].records()]
    grid, source = table.grid, table.source
    if grid is None:
        return {"all": records}
    cursor = source.cursor.column if isinstance(source, PostgresSource) and source.cursor else table.load.window_column
    found: dict[str, list[Record]] = {}
    for day, group in groupby(sorted(records, key=lambda record: str(record[cursor])), lambda r: str(r[cursor])[:10]):
        found.setdefault(grid.label(grid.parse(day)), []).extend(group)
    return found


RULES = [
    (name, rule) for name, suite in sorted(load_project(SHOP).suites.items()) for rule in suite.expectations
]  # fmt: skip


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[rule.code for _, rule in RULES])
def test_only_the_planted_answer_breaks_a_rule(name: str, rule: Rule) -> None:
    judge = FAILING[rule.type]
    failing = {label: judge(records, **rule.kwargs) for label, records in batches(name).items()}
    assert failing
    expected = {"2019-09": 1} if rule.code == BAD_ANSWER.reason else {}
    assert {label: count for label, count in failing.items() if count} == expected
