"""What is stored of a run shows keys, counts and figures: no text of the data, nothing of a masked column."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from deployments.declarations.suite import Suite
from expectations.suites.faults import reason
from expectations.suites.outcome import SuiteOutcome
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch

SECRETS = ["kim@example.com", "lee@example.com", "park@example.com"]
FRAME = pd.DataFrame({"id": [1, 2, 3], "email": SECRETS, "salary": [41234.0, 51234.0, 61234.0], "alias": SECRETS})
RULES: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_be_in_set", {"column": "email", "value_set": ["x"]}),
    ("column_distinct_values_to_be_in_set", {"column": "email", "value_set": ["x"]}),
    ("column_distinct_values_to_equal_set", {"column": "alias", "value_set": ["x"]}),
    ("column_most_common_value_to_be_in_set", {"column": "alias", "value_set": ["x"]}),
    ("column_values_to_match_regex", {"column": "email", "regex": "^x"}),
    ("column_values_to_match_strftime_format", {"column": "email", "strftime_format": "%Y"}),
    ("column_max_to_be_between", {"column": "salary", "max_value": 1}),
    ("column_quantile_values_to_be_between",
     {"column": "salary", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]}}),
    ("column_sums_to_agree", {"total_column": "salary", "part_columns": ["id"]}),
    ("column_max_to_be_between", {"column": "alias", "max_value": 1}),
]  # fmt: skip


def run(masked: list[str], key: list[str], mask_key: bytes = b"") -> SuiteOutcome:
    named = [{"code": f"R-{n}", "type": f"expect_{name}", "kwargs": kwargs} for n, (name, kwargs) in enumerate(RULES)]
    suite = Suite.model_validate({"table": "a.b", "expectations": named})
    return run_suite(suite, InMemoryBatch(FRAME), key=key, masked=masked, mask_key=mask_key)


@pytest.fixture(scope="module")
def stored() -> str:
    return json.dumps(run(["email", "salary"], ["id"]).to_json())


@pytest.mark.parametrize("secret", [*SECRETS, "kim", "41234", "51234", "61234", "153702"])
def test_no_value_is_stored(stored: str, secret: str) -> None:
    assert secret not in stored


def test_figures_of_unmasked_columns_are_told() -> None:
    observed = {rule.code: rule.observed for rule in run([], ["id"]).rules}
    assert observed["R-6"] == 61234
    assert observed["R-8"] == {"total": 153702, "parts": 6}


def test_a_masked_key_is_withheld_or_hashed_with_a_key() -> None:
    assert run(["email"], ["email"]).rules[0].keys == ({"email": "(masked)"},) * 3
    hashed = [key["email"] for key in run(["email"], ["email"], b"k1").rules[0].keys]
    assert len(set(hashed)) == 3
    assert hashed != [key["email"] for key in run(["email"], ["email"], b"k2").rules[0].keys]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('(psycopg2.errors.X) invalid input for type integer: "Kim"\nLINE 1: SELECT', "invalid input for type integer: '…'"),
        ("ValueError: could not convert string to float: 'Kim Minji'", "could not convert string to float: '…'"),
        ('(psycopg2.errors.UndefinedColumn) column "n" does not exist\n[SQL: SELECT 1]', 'column "n" does not exist'),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_reasons_show_no_value(text: str, shown: str) -> None:
    rule = {"code": "R", "type": "expect_column_values_to_be_unique", "kwargs": {"column": "n"}}
    assert reason(text, Suite.model_validate({"table": "a.b", "expectations": [rule]}).expectations[0]) == shown
