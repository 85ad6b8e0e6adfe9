"""Every mistake in a suite is told at once: its place, what is wrong, what is allowed, what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.declarations.suite import Rule, Suite

B = "expect_column_values_to_be_between"
COMPARISON = {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": 1}

FAULTS: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"type": "expect_column_values_to_be_betwen"}, ("type",), f"did you mean '{B}'?"),
    ({"type": "expect_column_type_to_be"}, ("type",), "can't be used: names of types differ per engine"),
    ({"code": "trx key"}, ("code",), "'trx key' isn't a code"),
    ({"code": "X" * 41}, ("code",), "isn't a code"),
    ({"severity": "fatal"}, ("severity",), "'critical', 'warning' or 'info'"),
    ({"severty": "info"}, ("severty",), "Extra inputs"),
    ({"kwargs": {"colum": "a", "min_value": 0}}, ("kwargs", "colum"), "did you mean 'column'?"),
    ({"kwargs": {"min_value": 0}}, ("kwargs",), f"'column' is missing; {B} needs it"),
    ({"kwargs": {"column": 1, "min_value": 0}}, ("kwargs", "column"), "column must be text, not 1"),
    ({"kwargs": {"column": "a", "min_value": "0"}}, ("kwargs", "min_value"), "must be a date or a number"),
    ({"kwargs": {"column": "a", "min_value": True}}, ("kwargs", "min_value"), "not True"),
    ({"kwargs": {"column": "a", "min_value": {"$PARAM": "x"}}}, ("kwargs", "min_value"), '{"$PARAMETER": name}'),
    ({"kwargs": {"column": "a"}}, ("kwargs",), "give min_value, max_value or both"),
    ({"kwargs": {"column": "a", "min_value": 2, "max_value": 1}}, ("kwargs", "min_value"), "every value would fail"),
    ({"kwargs": {"column": "a", "min_value": 0, "mostly": 95}}, ("kwargs", "mostly"), "0.99 is 99 %"),
    ({"rows": "quarantine", "kwargs": {"column": "a", "min_value": 0, "mostly": 0.9}}, ("kwargs", "mostly"),
     "tolerance says how many"),
    ({"tolerance": "1%"}, ("tolerance",), "belongs to rows: quarantine"),
    ({"tolerance": "100%", "rows": "quarantine"}, ("tolerance",), "isn't below 100 %"),
    ({"tolerance": "some", "rows": "quarantine"}, ("tolerance",), "isn't a share"),
    ({"rows": "drop"}, ("rows",), "'quarantine'"),
    ({"type": "expect_column_max_to_be_between", "rows": "quarantine"}, ("rows",), "looks at the whole batch"),
    ({"type": "expect_column_values_to_not_be_outliers", "kwargs": {"column": "a"}, "rows": "quarantine"}, ("rows",),
     "can't be decided row by row"),
    ({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a", "value_set": []}}, ("kwargs", "value_set"),
     "empty"),
    ({"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": "("}}, ("kwargs", "regex"),
     "isn't a regular expression"),
    ({"type": "expect_column_values_to_match_regex_list", "kwargs": {"column": "a", "regex_list": ["a", 1]}},
     ("kwargs", "regex_list"), "must be a list of text; found 1"),
    ({"type": "expect_column_values_to_match_regex_list",
      "kwargs": {"column": "a", "regex_list": ["a"], "match_on": "al"}}, ("kwargs", "match_on"), "did you mean 'all'?"),
    ({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "a"]}}, ("kwargs", "column_list"),
     "2 or more columns, each once"),
    ({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "b"], "ignore_row_if": "never"}},
     ("kwargs", "ignore_row_if"), "engines disagree"),
    ({"type": "expect_table_to_be_fresh", "kwargs": {"column": "a", "max_age": "1 week"}}, ("kwargs", "max_age"),
     "such as 36h"),
    ({"type": "expect_row_count_to_match_table", "kwargs": {"other_table": "orders"}}, ("kwargs", "other_table"),
     "must be schema.table"),
    ({"type": "expect_row_count_to_match_source", "kwargs": {"source_count": 5, "within": 1}}, ("kwargs", "within"),
     "0.01 is 1 %"),
    ({"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "SELECT 1"}},
     ("kwargs", "unexpected_rows_query"), "select from {batch}"),
    ({"type": "expect_windows_to_compare", "kwargs": {"time_column": "t", "window": ["2024-01-02", "2024-01-01"],
      "baseline": {"$PARAMETER": "before"}, "min_ratio": 1}}, ("kwargs", "window"), "two ISO moments in order"),
    ({"type": "expect_windows_to_compare", "kwargs": {"time_column": "t", "window": {"$PARAMETER": "w"},
      "baseline": {"$PARAMETER": "b"}, "min_ratio": 1, "figure": "sum"}}, ("kwargs",), "'column' is missing"),
    ({"kwargs": {"column": "a", "min_value": 0, "row_condition": "a > 1"}}, ("kwargs", "row_condition"), "a mapping"),
    ({"kwargs": {"column": "a", "min_value": 0, "row_condition": {"type": "equals"}}}, ("kwargs", "row_condition"),
     "allowed: comparison, nullity, and, or"),
    ({"kwargs": {"column": "a", "min_value": 0, "row_condition": COMPARISON | {"operator": "="}}},
     ("kwargs", "row_condition"), "the operator '='"),
    ({"kwargs": {"column": "a", "min_value": 0, "row_condition": COMPARISON | {"parameter": None}}},
     ("kwargs", "row_condition"), "type: nullity"),
    ({"kwargs": {"column": "a", "min_value": 0, "row_condition": {"type": "and", "conditions": [
        {"type": "or", "conditions": [COMPARISON]}]}}}, ("kwargs", "row_condition"), "'or' inside 'and'"),
]  # fmt: skip


def faults(model: Any, data: dict[str, Any]) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in caught.value.errors()]


@pytest.mark.parametrize(("change", "place", "sentence"), FAULTS)
def test_one_fault_is_one_problem(change: dict[str, Any], place: tuple[str, ...], sentence: str) -> None:
    right = {"code": "A", "type": B, "kwargs": {"column": "a", "min_value": 0}}
    [(where, told)] = faults(Rule, right | change)
    assert where == place
    assert sentence in told


def test_all_faults_are_told_at_once() -> None:
    rules = [
        {"code": "A", "type": B, "kwargs": {"colum": "a", "min_value": "x"}, "severity": "bad", "tolerance": "1%"},
        {"code": "A", "kwargs": {}},
        "not a rule",
    ]
    told = faults(Suite, {"table": "orders", "expectations": rules, "drift": {"policy": "ignore"}})
    assert {place for place, _ in told} == {
        ("table",), ("expectations", 0, "severity"), ("expectations", 0, "kwargs", "colum"), ("expectations", 0, "tolerance"),
        ("expectations", 0, "kwargs", "min_value"), ("expectations", 1, "type"),
        ("expectations", 2), ("drift", "policy"), ("expectations", 1, "code"),
    }  # fmt: skip
    assert len(told) == 9
