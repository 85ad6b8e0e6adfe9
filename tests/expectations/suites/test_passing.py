"""A pass that is told without the library is what the library would have told: in memory and in the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from deployments.declarations.suite import Rule, Suite
from expectations.suites import passing as module
from expectations.suites.frames import frame_of
from expectations.suites.passing import Rows, may_pass, passing
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch, WarehouseTable

from .conftest import COLUMNS, ROWS, suite_of

TYPES = {name: {"DOUBLE PRECISION": "DOUBLE"}.get(kind, kind.partition("(")[0]) for name, kind in COLUMNS.items()} | {
    "amount": "DECIMAL(10,2)"
}
PASSED: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_not_be_null", {"column": "id"}),
    ("column_values_to_be_unique", {"column": "id"}),
    ("column_values_to_be_unique", {"column": "word"}),
    ("compound_columns_to_be_unique", {"column_list": ["n", "step"]}),
    ("column_values_to_be_between", {"column": "amount", "min_value": 0.1, "max_value": 9.9}),
    ("column_values_to_be_between", {"column": "n", "min_value": 1, "max_value": 10, "strict_max": True}),
    ("column_values_to_be_between", {"column": "f", "min_value": 0.1}),
    ("column_values_to_be_between", {"column": "d", "min_value": "2024-01-01", "max_value": "2024-01-04"}),
    ("column_values_to_be_between", {"column": "t", "max_value": "2024-01-04T00:00:00"}),
    ("column_values_to_be_in_set", {"column": "n", "value_set": [1, 2, 4, 9]}),
    ("column_values_to_not_be_in_set", {"column": "s", "value_set": ["mail"]}),
    ("column_value_lengths_to_equal", {"column": "word", "value": 4}),
    ("column_value_lengths_to_be_between", {"column": "s", "min_value": 2, "max_value": 5}),
    ("column_values_to_match_regex", {"column": "word", "regex": "^[a-z]{2}[0-9]{2}$"}),
    ("column_values_to_not_match_regex", {"column": "word", "regex": "^[A-Z]"}),
    ("table_row_count_to_be_between", {"min_value": 1, "max_value": 6}),
    ("table_row_count_to_be_between", {"min_value": 6}),
    ("table_row_count_to_equal", {"value": 6}),
    ("column_unique_value_count_to_be_between", {"column": "s", "min_value": 1, "max_value": 4}),
    ("column_unique_value_count_to_be_between", {"column": "n", "min_value": 3, "strict_min": True}),
    ("column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["web", "it's", "한글", 'a"b\\c', "more"]}),
]  # fmt: skip
FAILED: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_not_be_null", {"column": "s"}),
    ("column_values_to_be_unique", {"column": "n"}),
    ("column_values_to_be_between", {"column": "amount", "max_value": 9.9, "strict_max": True}),
    ("column_values_to_be_in_set", {"column": "n", "value_set": [1, 2, 4]}),
    ("table_row_count_to_be_between", {"min_value": 6, "strict_min": True}),
    ("table_row_count_to_equal", {"value": 5}),
    ("column_unique_value_count_to_be_between", {"column": "s", "max_value": 4, "strict_max": True}),
    ("column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["web"]}),
]
LEFT: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_not_be_null", {"column": "s", "row_condition": {
        "type": "comparison", "column": {"name": "id"}, "operator": "!=", "parameter": 3}}),
    ("table_row_count_to_equal", {"value": {"$PARAMETER": "source_rows"}}),
    ("column_max_to_be_between", {"column": "n", "max_value": 9}),
    ("multicolumn_sum_to_equal", {"column_list": ["a", "b"], "sum_total": 4}),
]  # fmt: skip


@pytest.fixture
def rows() -> Iterator[Rows]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE world ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        connection.executemany(f"INSERT INTO world VALUES ({', '.join('?' * len(COLUMNS))})", ROWS)
        yield Rows(connection, "world", len(ROWS), TYPES, as_frame=True)


def told(suite: Suite, rows: Rows, masked: tuple[str, ...] = ()) -> dict[str, Any]:
    return passing(suite.expectations, rows, masked=masked, parameters={"source_rows": 6})


@pytest.mark.parametrize("masked", [(), ("s", "n")], ids=["plain", "masked"])
def test_as_the_library_tells_it(
    rows: Rows, memory: InMemoryBatch, postgres: WarehouseTable, masked: tuple[str, ...]
) -> None:
    suite = suite_of(*PASSED)
    for target, ours in ((memory, rows), (postgres, replace(rows, as_frame=False))):
        theirs = run_suite(suite, target, key=["id"], masked=masked).rules
        found = told(suite, ours, masked)
        assert [found[outcome.code].to_json() | {"seconds": 0} for outcome in theirs] == [
            outcome.to_json() | {"seconds": 0} for outcome in theirs
        ]


def test_of_no_rows(rows: Rows) -> None:
    suite = suite_of(*PASSED[:-6], ("table_row_count_to_equal", {"value": 0}))
    rows.connection.execute("DELETE FROM world")
    theirs = run_suite(suite, InMemoryBatch(frame_of(rows.connection.table("world"))), key=["id"]).rules
    found = told(suite, replace(rows, count=0))
    assert [(found[item.code].outcome, found[item.code].message) for item in theirs] == [
        (item.outcome, item.message) for item in theirs
    ]


@pytest.mark.parametrize("rule", FAILED, ids=lambda rule: str(rule[0]))
def test_what_isnt_kept_is_left_to_the_library(rows: Rows, rule: tuple[str, dict[str, Any]]) -> None:
    suite = suite_of(rule)
    assert may_pass(suite.expectations[0], TYPES)
    assert told(suite, rows) == {}


@pytest.mark.parametrize("rule", LEFT, ids=lambda rule: str(rule[0]))
def test_what_isnt_asked_here(rows: Rows, rule: tuple[str, dict[str, Any]]) -> None:
    suite = suite_of(rule)
    assert not may_pass(suite.expectations[0], TYPES)
    assert told(suite, rows) == {}


def test_rows_set_aside_break_no_rule(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are gone by then; nothing is asked again."""
    rule: dict[str, Any] = {"code": "R", "type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}
    kept = Rule.model_validate(rule | {"rows": "quarantine"})
    asked: Callable[..., Any] = lambda *_: pytest.fail("asked again")  # noqa: E731
    monkeypatch.setattr(module, "may_repeat", asked)
    monkeypatch.setattr(module, "single", asked)
    assert passing([kept], rows, masked=(), parameters={})["R"].outcome == "pass"


def test_many_values_are_left_to_the_library(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED_VALUES", 3)
    assert told(suite_of(("column_unique_value_count_to_be_between", {"column": "s", "max_value": 4})), rows) == {}
