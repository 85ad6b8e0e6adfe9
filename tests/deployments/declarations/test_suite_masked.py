"""Masked columns hold hashes when a suite is judged: a rule about their values must be one of single rows."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.declarations.suite import Suite, check_suite

WHERE = {"row_condition": {"type": "comparison", "column": {"name": "email"}, "operator": "==", "parameter": "x"}}
HAS_EMAIL = {"row_condition": {"type": "nullity", "column": {"name": "email"}, "is_null": False}}
REGEX = ("expect_column_values_to_match_regex", {"column": "email", "regex": "@"})


def suite(name: str, kwargs: dict[str, Any], rows: str | None = None) -> Suite:
    rule = {"code": "R", "type": name, "kwargs": kwargs, "rows": rows}
    return Suite.model_validate({"table": "a.b", "expectations": [rule]})


@pytest.mark.parametrize(
    ("name", "kwargs", "told"),
    [
        (*REGEX, True),
        ("expect_column_max_to_be_between", {"column": "email", "max_value": 1}, True),
        ("expect_column_values_to_not_be_null", {"column": "email"}, False),
        ("expect_column_values_to_be_unique", {"column": "email"}, False),
        ("expect_column_values_to_not_be_null", {"column": "id"} | WHERE, True),
        ("expect_column_values_to_not_be_null", {"column": "id"} | HAS_EMAIL, False),
        ("expect_column_values_to_match_regex", {"column": "id", "regex": "@"}, False),
    ],
)
def test_rules_that_would_judge_hashes_are_told(name: str, kwargs: dict[str, Any], told: bool) -> None:
    made = suite(name, kwargs)
    faults = check_suite(made, ["id", "email"], masked=["email"])
    assert [(place, "email is masked" in sentence) for place, sentence in faults] == [
        (("expectations", 0, "type"), True)
    ] * told
    assert check_suite(made, ["id", "email"]) == []


def test_rules_of_single_rows_are_judged_before_and_not_again() -> None:
    made = suite(*REGEX, rows="quarantine")
    assert check_suite(made, ["id", "email"], masked=["email"]) == []
    assert len(made.in_memory().expectations) == 1
    assert made.in_memory(masked=["email"]).expectations == ()
    assert made.on_candidate(checked_in_memory=False, masked=["email"]).expectations == ()
