"""Rules that set no row aside: whether an accepted row breaks them is known once a part is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.declarations.suite import Suite
from expectations.contract.groups import AT_ONCE
from expectations.rows.compile import RowRule
from expectations.suites.passing import row_rules

COLUMNS = ({"name": "id", "type": "integer"}, {"name": "flag", "type": "boolean"})
TYPES = {"id": "INTEGER", "flag": "BOOLEAN"}
ASKED = (
    RowRule("SMALL", "id", ("id",), '"id" > 100'),
    RowRule("NOT-SEVEN", "id", ("id",), '"id" = 7'),
    RowRule("FLAGGED", "flag", ("flag",), '"flag" IS NULL'),
)


@pytest.mark.parametrize(
    ("rows", "staged", "broken"),
    [
        ("1,true\n7,true\n", 2, {"NOT-SEVEN"}),
        ("1,true\n2,false\n", 2, set()),
        # Set aside by the contract: no row of the batch any more.
        ("1,true\n700.5,\n", 1, set()),
        # Written anew, since a boolean is spelled in another way.
        ("101,TRUE\n2,\n", 2, {"SMALL", "FLAGGED"}),
        ("x,true\n", 0, set()),
    ],
)
def test_rows_that_fit_and_break_a_rule_are_told(
    make_table: Callable[..., Any], check: Callable[..., Any], rows: str, staged: int, broken: set[str]
) -> None:
    parts, found = check(make_table(*COLUMNS), f"id,flag\n{rows}".encode(), asked=ASKED)
    assert (len(found), parts[0].broken) == (staged, broken)


@pytest.mark.parametrize("asked", [None, tuple(RowRule(f"R{n}", "id", ("id",), '"id" = 1') for n in range(AT_ONCE))])
def test_where_they_were_not_asked_nothing_is_told(
    make_table: Callable[..., Any], check: Callable[..., Any], asked: tuple[RowRule, ...] | None
) -> None:
    parts, found = check(make_table(*COLUMNS), b"id,flag\n1,true\n", asked=asked)
    assert (len(found), parts[0].broken) == (1, None)


def test_what_is_asked_of_a_suite() -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "severity": "critical"}
    suite = Suite.model_validate({"table": "raw.t", "expectations": [
        {"code": "ASKED", **rule},
        {"code": "SETS-ASIDE", **rule, "rows": "quarantine"},
        {"code": "LATER", **rule, "on": "candidate"},
        {"code": "OF-ALL", "type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}, "severity": "critical"},
    ]})  # fmt: skip
    assert [item.code for item in row_rules(suite.expectations, TYPES)] == ["ASKED"]
