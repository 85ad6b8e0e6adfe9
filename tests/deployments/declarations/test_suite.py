"""A suite as data: what is read, what its rules are for, where each runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.declarations.suite import Rule, Suite, check_suite

BETWEEN: dict[str, Any] = {
    "code": "A-1",
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "a", "min_value": 0},
}


def suite(*rules: dict[str, Any], **keys: Any) -> Suite:
    return Suite.model_validate({"table": "raw.orders", "expectations": list(rules), **keys})


def test_defaults() -> None:
    made = suite(BETWEEN)
    rule = made.expectations[0]
    assert (rule.severity, rule.rows, rule.tolerance, rule.on) == ("critical", None, None, "batch")
    assert (made.drift.policy, made.drift.sensitivity, made.drift.ignore) == ("warn", "normal", ())
    assert made.rule("A-1") == rule
    assert made.rule("B-1") is None


def test_a_suite_is_frozen_and_survives_json() -> None:
    made = suite(BETWEEN | {"rows": "quarantine", "tolerance": "1%", "meta": {"ticket": 7}}, drift={"policy": "stop"})
    assert Suite.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError, match="frozen"):
        made.table = "raw.other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "share"), [("1%", 0.01), ("1 %", 0.01), ("0.5%", 0.005), (0.02, 0.02), (0, 0.0), ("0%", 0.0)]
)
def test_tolerance_is_a_share(written: Any, share: float) -> None:
    assert Rule.model_validate(BETWEEN | {"rows": "quarantine", "tolerance": written}).tolerance == share


def test_columns_of_a_rule_include_those_of_its_condition() -> None:
    nested = {"type": "and", "conditions": [{"type": "nullity", "column": {"name": "b"}, "is_null": False}]}
    assert Rule.model_validate(BETWEEN | {"kwargs": BETWEEN["kwargs"] | {"row_condition": nested}}).columns == (
        "a",
        "b",
    )


def test_check_finds_columns_the_table_does_not_have() -> None:
    made = suite(
        BETWEEN,
        {"code": "B-1", "type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["a", "stauts"]}},
        drift={"ignore": ["b", "x"]},
    )
    assert check_suite(made, ["a", "b", "status"]) == [
        (("expectations", 1, "kwargs", "column_list", 1), "raw.orders has no column 'stauts'; did you mean 'status'?"),
        (("drift", "ignore", 1), "raw.orders has no column 'x'; it has a, b, status"),
    ]


@pytest.mark.parametrize(
    ("name", "on", "memory", "after_memory", "alone"),
    [
        ("expect_column_values_to_be_unique", "batch", True, False, True),
        ("expect_column_values_to_be_unique", "both", True, True, True),
        ("expect_column_values_to_be_unique", "candidate", False, True, True),
        ("unexpected_rows_expectation", "batch", False, True, True),
        ("expect_column_values_to_be_increasing", "batch", True, False, True),
    ],
)
def test_every_rule_runs_somewhere(name: str, on: str, memory: bool, after_memory: bool, alone: bool) -> None:
    kwargs = {"unexpected_rows_query": "SELECT 1 FROM {batch}"} if name.startswith("unexp") else {"column": "a"}
    made = suite({"code": "A", "type": name, "kwargs": kwargs, "on": on})
    assert bool(made.in_memory().expectations) == memory
    assert bool(made.on_candidate(checked_in_memory=True).expectations) == after_memory
    assert bool(made.on_candidate(checked_in_memory=False).expectations) == alone
