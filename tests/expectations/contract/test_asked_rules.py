"""What is known once a part is checked: which rules, of those that set none aside, its rows break; the values of some columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.declarations.suite import Suite
from expectations.contract.groups import AT_ONCE
from expectations.contract.seen import COUNTED_VALUES, Asked
from expectations.rows.compile import RowRule
from expectations.suites.passing import asked_of

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
    parts, found = check(make_table(*COLUMNS), f"id,flag\n{rows}".encode(), asked=Asked(ASKED))
    assert (len(found), parts[0].broken) == (staged, broken)


@pytest.mark.parametrize(
    "asked", [None, Asked(tuple(RowRule(f"R{n}", "id", ("id",), '"id" = 1') for n in range(AT_ONCE)), ("id",))]
)
def test_where_they_were_not_asked_nothing_is_told(
    make_table: Callable[..., Any], check: Callable[..., Any], asked: Asked | None
) -> None:
    parts, found = check(make_table(*COLUMNS), b"id,flag\n1,true\n", asked=asked)
    assert (len(found), parts[0].broken, parts[0].values) == (1, None, {})


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        ("1,true\n7,true\n1,true\n", {"id": {1, 7}, "flag": {True}}),
        # NULL is none of them, nor is what was set aside; the second part of these is written anew.
        ("1,\n", {"id": {1}, "flag": set()}),
        ("1,true\n700.5,false\n", {"id": {1}, "flag": {True}}),
        ("1,TRUE\n2,false\n", {"id": {1, 2}, "flag": {True, False}}),
        ("x,true\n", {"id": set(), "flag": set()}),
        ("".join(f"{n},true\n" for n in range(COUNTED_VALUES)), {"id": set(range(COUNTED_VALUES)), "flag": {True}}),
        ("".join(f"{n},true\n" for n in range(COUNTED_VALUES + 1)), {"flag": {True}}),
    ],
)
def test_the_values_of_rows_that_fit_are_told(
    make_table: Callable[..., Any], check: Callable[..., Any], rows: str, values: dict[str, set[Any]]
) -> None:
    (part,), _ = check(make_table(*COLUMNS), f"id,flag\n{rows}".encode(), asked=Asked(ASKED, ("id", "flag")))
    assert part.values == values


def test_a_text_is_a_value_as_it_is(make_table: Callable[..., Any], check: Callable[..., Any]) -> None:
    table = make_table({"name": "id", "type": "integer"}, {"name": "word", "type": "varchar(20)"})
    (part,), _ = check(table, 'id,word\n1,"a, ""b"""\n2,""\n3,\n4,한글\n'.encode(), asked=Asked((), ("word",)))
    assert part.values == {"word": {'a, "b"', "", "한글"}}


def test_what_is_asked_of_a_suite() -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}, "severity": "critical"}
    counted: dict[str, Any] = {
        "type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "id", "max_value": 9},
    }  # fmt: skip
    suite = Suite.model_validate({"table": "raw.t", "expectations": [
        {"code": "ASKED", **rule},
        {"code": "SETS-ASIDE", **rule, "rows": "quarantine"},
        {"code": "LATER", **rule, "on": "candidate"},
        {"code": "COUNTED", **counted},
        {"code": "COUNTED-TOO", **counted},
        {"code": "COUNTED-LATER", **counted, "kwargs": {"column": "flag", "max_value": 1}, "on": "candidate"},
        {"code": "OF-ALL", "type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}, "severity": "critical"},
    ]})  # fmt: skip
    asked = asked_of(suite.expectations, TYPES)
    assert ([item.code for item in asked.rules], asked.counted) == (["ASKED"], ("id",))
