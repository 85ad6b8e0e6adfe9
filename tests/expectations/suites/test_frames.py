"""From DuckDB to pandas without a changed value, and no more of it than the suite needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from deployments.declarations.suite import Suite
from expectations.suites.frames import columns_needed, frame_of
from expectations.suites.outcome import RuleOutcome
from expectations.suites.targets import InMemoryBatch

Judge = Callable[..., RuleOutcome]


def suite_of(name: str, **kwargs: Any) -> Suite:
    return Suite.model_validate({"table": "a.b", "expectations": [{"code": "R", "type": name, "kwargs": kwargs}]})


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        ("SMALLINT", "7", "int64"), ("BIGINT", "9007199254740993", "int64"), ("FLOAT", "1.5", "float64"),
        ("DECIMAL(15,2)", "1.50", "float64"), ("DECIMAL(38,2)", "1.50", "object"), ("BOOLEAN", "true", "bool"),
        ("DATE", "2024-01-01", "datetime64[ns]"), ("DATE", "9999-12-31", "datetime64[us]"),
        ("TIMESTAMP", "2024-01-01 00:00:00", "datetime64[ns]"),
    ],
)  # fmt: skip
def test_types_without_and_with_gaps(kind: str, value: str, dtype: str) -> None:
    with duckdb.connect() as connection:
        full = frame_of(connection.sql(f"SELECT CAST('{value}' AS {kind}) AS c"))
        gaps = frame_of(connection.sql(f"SELECT * FROM (VALUES (CAST('{value}' AS {kind})), (NULL)) t(c)"))
    assert str(full.c.dtype) == dtype
    assert (full.c[0] == gaps.c[0], gaps.c.isna().tolist()) == (True, [False, True])


def test_large_whole_numbers_with_gaps_stay_apart(judge: Judge) -> None:
    with duckdb.connect() as connection:
        rows = connection.sql(
            "SELECT * FROM (VALUES (1, 9007199254740992), (2, 9007199254740993), (3, NULL)) t(id, big)"
        )
        frame = frame_of(rows)
    assert judge("column_values_to_be_unique", InMemoryBatch(frame), column="big").outcome == "pass"


def test_wide_decimals_stay_exact(judge: Judge) -> None:
    with duckdb.connect() as connection:
        query = "SELECT 1 AS id, 0.10::DECIMAL(30,2) AS m UNION ALL SELECT 2, 12345678901234567890.12 UNION ALL SELECT 3, NULL"
        frame = frame_of(connection.sql(query).order("id"))
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="m", min_value=0.1).outcome == "pass"
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="m", max_value=0.1).rows_failed == 1


def test_only_columns_that_are_named_are_taken() -> None:
    suite = suite_of("expect_column_values_to_be_between", column="n", max_value=9)
    assert columns_needed(suite, ["id"], ["a", "n", "id", "z"]) == ["n", "id"]
    assert columns_needed(suite_of("expect_table_column_count_to_equal", value=4), [], ["a", "b"]) == ["a", "b"]
