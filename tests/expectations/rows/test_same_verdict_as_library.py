"""A compiled rule fails the same rows as Great Expectations on pandas: 200 random batches, failing ones included.

The library takes some 50 ms a rule, so each batch is judged by one rule; HEADGATE_RULES_PER_BATCH=12 tries harder (3 min).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from deployments.declarations.signatures import ROW_RULES
from deployments.declarations.suite import Rule, Suite
from expectations.rows.compile import RowRule, compile_rule
from expectations.suites.frames import frame_of
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch

BATCHES, ROWS, RULES = 200, 25, int(os.environ.get("HEADGATE_RULES_PER_BATCH", "1"))
TYPES = {
    "id": "BIGINT", "i": "INTEGER", "j": "BIGINT", "k": "SMALLINT", "x": "DOUBLE", "m": "DECIMAL(8,2)",
    "wide": "DECIMAL(30,2)", "s": "VARCHAR", "u": "VARCHAR", "flag": "BOOLEAN", "d": "DATE", "t": "TIMESTAMP",
    "z": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
WORDS = [
    "",
    "a",
    "ab",
    "A1",
    "it's",
    'q"',
    "b\\n",
    "한글",
    "é",
    "12",
    "12\n",
    "x y",
    "٣",
    "2024-02-29",
    "2023-02-29",
    "24-1-5",
]
PATTERNS = [r"^\w+$", r"^[a-z]", r"\d", r"\s", r"b|y$", r"'", r"(?i)^A", r"[^a-z]", r"^.$", r"[가-힣]"]
DAYS = ["2024-01-01", "2024-01-02", "2024-02-29", "1999-12-31"]
MOMENTS = ["2024-01-01 00:00:00", "2024-01-01 12:30:00", "2024-01-02 00:00:00.5", "1999-12-31 23:59:59"]

# Digits of other scripts read as a date in Python and are refused by the compiled rule on purpose.
READABLE = {"type": "comparison", "column": {"name": "s"}, "operator": "!=", "parameter": "٣"}

VALUES: dict[str, Callable[[random.Random], Any]] = {
    "i": lambda r: r.randint(-2, 3), "j": lambda r: r.choice([0, 1, 2, 2**53 + 1, 2**53, -1]), "k": lambda r: r.randint(0, 3),
    "x": lambda r: r.choice([0.1, 0.2, 0.30000000000000004, -1.5, 2.0, 1e300]),
    "m": lambda r: r.choice(["0.10", "0.20", "-1.50", "2.00", "999.99"]),
    "wide": lambda r: r.choice(["0.10", "12345678901234567890.12", "12345678901234567890.13", "2.00"]),
    "s": lambda r: r.choice(WORDS), "u": lambda r: r.choice(WORDS), "flag": lambda r: r.random() < 0.5,
    "d": lambda r: r.choice(DAYS), "t": lambda r: r.choice(MOMENTS), "z": lambda r: r.choice(MOMENTS) + "+00",
}  # fmt: skip
BOUNDS: dict[str, list[Any]] = {
    "i": [-1, 0, 2], "j": [0, 1, 2.5], "x": [0.1, 0.3, 2], "m": [0.1, 0.2, 2, -1.5], "wide": [0.1, 2],
    "d": DAYS, "t": [*DAYS, *MOMENTS], "z": MOMENTS,
}  # fmt: skip
SETS: dict[str, list[Any]] = {
    "i": [0, 1, 2], "x": [0.1, 2, 0.3], "m": [0.1, 2, 999.99], "s": WORDS, "flag": [True, False], "t": MOMENTS, "d": DAYS,
    "wide": [0.1, 2],
}  # fmt: skip


def between(r: random.Random) -> dict[str, Any]:
    column = r.choice(list(BOUNDS))
    low, high = sorted(r.choices(BOUNDS[column], k=2))
    kwargs: dict[str, Any] = {"column": column, "min_value": low, "max_value": high}
    kwargs |= {key: True for key in ("strict_min", "strict_max") if r.random() < 0.3}
    if r.random() < 0.3:
        del kwargs[r.choice(["min_value", "max_value"])]
    return kwargs


def in_set(r: random.Random) -> dict[str, Any]:
    column = r.choice(list(SETS))
    return {"column": column, "value_set": r.sample(SETS[column], r.randint(1, len(SETS[column])))}


def regexes(r: random.Random) -> dict[str, Any]:
    return {"column": r.choice("su"), "regex_list": r.sample(PATTERNS, 2)}


def columns(r: random.Random, *names: str) -> dict[str, Any]:
    ignored = ["all_values_are_missing", "any_value_is_missing", "never"]
    return {"column_list": r.sample(names, r.randint(2, len(names))), "ignore_row_if": r.choice(ignored)}


def pair(r: random.Random) -> dict[str, Any]:
    first, second = r.choice([("i", "j"), ("s", "u"), ("d", "t"), ("x", "i")])
    return {"column_A": first, "column_B": second}


def length(r: random.Random) -> dict[str, Any]:
    low = r.randint(0, 3)
    return {
        "column": r.choice("su"),
        "min_value": low,
        "max_value": low + r.randint(0, 3),
        "strict_min": r.random() < 0.5,
    }


RULES_OF: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "expect_column_values_to_not_be_null": lambda r: {"column": r.choice(list(TYPES))},
    "expect_column_values_to_be_null": lambda r: {"column": r.choice(list(TYPES))},
    "expect_column_values_to_be_unique": lambda r: {"column": r.choice(list(TYPES))},
    "expect_compound_columns_to_be_unique": lambda r: {"column_list": r.sample(["i", "s", "flag", "wide", "j"], 2)},
    "expect_column_values_to_be_between": between,
    "expect_column_values_to_be_in_set": in_set,
    "expect_column_values_to_not_be_in_set": in_set,
    "expect_column_value_lengths_to_be_between": length,
    "expect_column_value_lengths_to_equal": lambda r: {"column": r.choice("su"), "value": r.randint(0, 4)},
    "expect_column_values_to_match_regex": lambda r: {"column": r.choice("su"), "regex": r.choice(PATTERNS)},
    "expect_column_values_to_not_match_regex": lambda r: {"column": r.choice("su"), "regex": r.choice(PATTERNS)},
    "expect_column_values_to_match_regex_list": lambda r: regexes(r) | {"match_on": r.choice(["any", "all"])},
    "expect_column_values_to_not_match_regex_list": regexes,
    "expect_column_values_to_match_strftime_format": lambda r: {
        "column": "s", "strftime_format": r.choice(["%Y-%m-%d", "%d", "%H%M"]), "row_condition": READABLE,
    },
    "expect_column_pair_values_a_to_be_greater_than_b": lambda r: pair(r) | {"or_equal": r.random() < 0.5},
    "expect_column_pair_values_to_be_equal": lambda r: pair(r)
    | {"ignore_row_if": r.choice(["both_values_are_missing", "either_value_is_missing", "neither"])},
    "expect_column_pair_values_to_be_in_set": lambda r: {
        "column_A": "i", "column_B": "s", "value_pairs_set": [[r.randint(-1, 2), r.choice(WORDS)] for _ in range(9)],
    },
    "expect_multicolumn_sum_to_equal": lambda r: {"column_list": r.sample(["i", "k", "j"], 2), "sum_total": r.randint(0, 3)},
    "expect_multicolumn_values_to_be_equal": lambda r: columns(r, "i", "k", "j"),
    "expect_select_column_values_to_be_unique_within_record": lambda r: columns(r, "i", "k", "j"),
}  # fmt: skip
CONDITIONS: list[dict[str, Any]] = [
    {"type": "comparison", "column": {"name": "i"}, "operator": ">=", "parameter": 1},
    {"type": "comparison", "column": {"name": "s"}, "operator": "NOT_IN", "parameter": ["a", "it's"]},
    {"type": "nullity", "column": {"name": "x"}, "is_null": False},
    {"type": "or", "conditions": [
        {"type": "comparison", "column": {"name": "s"}, "operator": "!=", "parameter": "ab"},
        {"type": "nullity", "column": {"name": "i"}, "is_null": True},
    ]},
]  # fmt: skip


def failing_in_duckdb(connection: duckdb.DuckDBPyConnection, rule: Rule) -> set[int]:
    compiled = compile_rule(rule, TYPES)
    if isinstance(compiled, RowRule):
        query = f"SELECT id FROM batch WHERE {compiled.predicate_sql}"
        undecided = connection.execute(
            f"SELECT count(*) FROM batch WHERE ({compiled.predicate_sql}) IS NULL"
        ).fetchone()
        assert undecided == (0,), rule
    else:
        named = ", ".join(compiled.columns)
        query = f"SELECT id FROM batch WHERE {compiled.where_sql} QUALIFY count(*) OVER (PARTITION BY {named}) > 1"
    return {row[0] for row in connection.execute(query).fetchall()}


def random_batch(connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE batch ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})")
    missing = chance.choice([0, 0.1, 0.5])
    rows = [
        [number, *(None if chance.random() < missing else VALUES[name](chance) for name in list(TYPES)[1:])]
        for number in range(ROWS)
    ]
    marks = f"({', '.join('?' * len(TYPES))})"
    connection.execute(
        f"INSERT INTO batch VALUES {', '.join([marks] * ROWS)}", [value for row in rows for value in row]
    )


@pytest.fixture
def connection() -> Any:
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as made:
        yield made


def test_same_rows_fail(connection: duckdb.DuckDBPyConnection) -> None:
    chance = random.Random(20240229)
    failed = 0
    for number in range(BATCHES):
        random_batch(connection, chance)
        rules = []
        for position in range(RULES):
            name = sorted(RULES_OF)[(number + position) % len(RULES_OF)]
            kwargs = RULES_OF[name](chance)
            if chance.random() < 0.2 and "row_condition" not in kwargs and "pair_values_to_be_in_set" not in name:
                kwargs["row_condition"] = chance.choice(CONDITIONS)
            rules.append({"code": f"R-{position}", "type": name, "kwargs": kwargs, "rows": "quarantine"})
        suite = Suite.model_validate({"table": "a.batch", "expectations": rules})
        frame = frame_of(connection.table("batch").order("id"))
        outcome = run_suite(suite, InMemoryBatch(frame), key=["id"], sample=ROWS)
        for rule, judged in zip(suite.expectations, outcome.rules, strict=True):
            assert judged.outcome in ("pass", "fail"), (rule, judged)
            theirs = {key["id"] for key in judged.keys}
            assert failing_in_duckdb(connection, rule) == theirs, (number, rule)
            failed += bool(theirs)
    assert failed > BATCHES / 2, "too few of the batches break their rule"


def test_every_row_rule_is_tried() -> None:
    assert set(RULES_OF) == ROW_RULES
