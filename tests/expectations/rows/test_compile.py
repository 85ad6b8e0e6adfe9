"""What a rule of single rows compiles to, and what is told at check time instead of failing in a run."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from deployments.declarations.signatures import ROW_RULES
from deployments.declarations.suite import Rule, Suite
from expectations.rows.compile import UNIQUE, RowRule, UniqueRule, check_row_rules, compile_rule
from expectations.rows.predicates import COMPILERS

COLUMNS = {"n": "INTEGER", "x": "DOUBLE", "s": "VARCHAR", "t": "TIMESTAMP", "flag": "BOOLEAN", "blob": "BLOB"}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("values_to_be_between", {"column": "s", "min_value": 1}, "'s' must be a number"),
    ("values_to_be_between", {"column": "n", "min_value": "2024-01-01"}, "'2024-01-01' can't be compared with 'n'"),
    ("values_to_be_between", {"column": "t", "min_value": 5}, "5 can't be compared with 't'"),
    ("values_to_be_in_set", {"column": "n", "value_set": [1, "2"]}, "'2' can't be compared with 'n'"),
    ("values_to_be_in_set", {"column": "s", "value_set": [1]}, "1 can't be compared with 's'"),
    ("values_to_be_in_set", {"column": "flag", "value_set": [1]}, "1 can't be compared with 'flag'"),
    ("values_to_be_in_set", {"column": "n", "value_set": [True]}, "True can't be compared with 'n'"),
    ("values_to_match_regex", {"column": "n", "regex": "1"}, "'n' must be text"),
    ("values_to_match_regex", {"column": "s", "regex": r"(a)\1"}, "references to a group"),
    ("values_to_match_regex", {"column": "s", "regex": "(a{1000}){1000}"}, "can't be used"),
    ("value_lengths_to_equal", {"column": "t", "value": 4}, "'t' must be text"),
    ("pair_values_to_be_equal", {"column_A": "n", "column_B": "s"}, "can't be compared"),
    ("values_to_not_be_null", {"column": "gone"}, "no column 'gone'"),
    ("values_to_not_be_null", {"column": "blob"}, "row rules don't know"),
    ("values_to_be_between", {"column": "n", "min_value": {"$PARAMETER": "low"}}, "fixed arguments"),
]  # fmt: skip


def rule(name: str, **kwargs: Any) -> Rule:
    return Rule.model_validate(
        {"code": "R", "type": f"expect_column_{name}", "kwargs": kwargs, "rows": "quarantine"}
    )  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "why"), REFUSED)
def test_refused_at_check_time(name: str, kwargs: dict[str, Any], why: str) -> None:
    first = rule("values_to_not_be_null", column="n").model_copy(update={"code": "FIRST"})
    suite = Suite(table="a.b", expectations=(first, rule(name, **kwargs)))
    [(place, sentence)] = check_row_rules(suite, COLUMNS)
    assert place == ("expectations", 1, "kwargs")
    assert why in sentence


def test_a_row_rule() -> None:
    compiled = compile_rule(rule("values_to_be_between", column="n", min_value=0, max_value=9), COLUMNS)
    assert compiled == RowRule("R", "n", ("n",), '(("n" IS NOT NULL) AND NOT ("n" >= 0 AND "n" <= 9))')


@pytest.mark.parametrize("kind", ["SMALLINT", "INTEGER", "BIGINT", "DECIMAL(18,2)", "DOUBLE"])
def test_a_sum_may_be_larger_than_the_type_of_its_columns(kind: str) -> None:
    kwargs = {"column_list": ["a", "b"], "sum_total": 65_534}
    summed = Rule.model_validate(
        {"code": "R", "type": "expect_multicolumn_sum_to_equal", "kwargs": kwargs, "rows": "quarantine"}
    )
    compiled = compile_rule(summed, {"a": "SMALLINT", "b": kind})
    assert isinstance(compiled, RowRule)
    rows = f"(VALUES (32767::SMALLINT, 32767::{kind}), (1, 1)) t(a, b)"
    assert duckdb.execute(f"SELECT {compiled.predicate_sql} FROM {rows}").fetchall() == [(False,), (True,)]
    if kind == "BIGINT":
        largest = "(VALUES (1::SMALLINT, 9223372036854775807)) t(a, b)"
        assert duckdb.execute(f"SELECT {compiled.predicate_sql} FROM {largest}").fetchall() == [(True,)]


def test_uniqueness_is_for_all_parts_together() -> None:
    compiled = compile_rule(rule("values_to_be_unique", column="x"), COLUMNS)
    assert compiled == UniqueRule("R", ("x",), '("x" IS NOT NULL AND NOT isnan("x"))')


def test_the_column_of_a_condition_is_not_part_of_the_key() -> None:
    condition = {"type": "nullity", "column": {"name": "n"}, "is_null": False}
    compiled = compile_rule(rule("values_to_be_unique", column="s", row_condition=condition), COLUMNS)
    assert compiled.columns == ("s",)


def test_check_knows_what_can_be_compiled() -> None:
    assert set(COMPILERS) | set(UNIQUE) == ROW_RULES


def test_looking_at_a_pattern_leaves_the_connection_of_the_process_alone() -> None:
    """It is shared by all threads, and an answer nobody has read to its end keeps others from asking."""
    compiled = compile_rule(rule("values_to_match_regex", column="s", regex="^[a-z]{3}$"), COLUMNS)
    assert isinstance(compiled, RowRule)
    assert duckdb.sql("SELECT 1").fetchall() == [(1,)]
