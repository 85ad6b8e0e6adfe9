"""The library on a warehouse: no session left, no secret told, no other table touched, a lost connection recognized."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pandas as pd
import psycopg2
import pytest

from deployments.declarations.suite import Suite
from deployments.errors import CodeError, RetryableError
from expectations.suites.outcome import SuiteOutcome
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch, WarehouseTable

Run = Callable[..., SuiteOutcome]


def test_a_check_that_crashes_is_an_error(postgres: WarehouseTable, run: Run) -> None:
    outcome = run(
        ("column_values_to_match_regex", {"column": "n", "regex": "x"}),
        ("column_values_to_not_be_null", {"column": "id"}),
        target=postgres,
    )
    assert [rule.outcome for rule in outcome.rules] == ["error", "pass"]
    assert "operator does not exist: integer ~ unknown" in outcome.rules[0].message


def test_no_rows_in_the_warehouse(postgres_url: str, run: Run) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS checks.empty (id INTEGER, n INTEGER)")
        connection.commit()
    outcome = run(
        ("column_values_to_not_be_null", {"column": "n"}),
        ("column_max_to_be_between", {"column": "n", "max_value": 1}),
        ("table_row_count_to_equal", {"value": 0}),
        target=WarehouseTable(postgres_url, "checks", "empty", "postgresql"),
    )
    assert (outcome.rows, [rule.outcome for rule in outcome.rules]) == (0, ["skipped", "skipped", "pass"])


def test_a_table_of_the_same_name_elsewhere_is_another_table(postgres_url: str, run: Run) -> None:
    rule = ("table_columns_to_match_ordered_list", {"column_list": ["other"]})
    outcome = run(rule, target=WarehouseTable(postgres_url, "elsewhere", "world", "postgresql"), key=[])
    assert outcome.rules[0].outcome == "pass"


def test_keys_are_bounded_in_memory_and_in_the_warehouse(postgres: WarehouseTable, run: Run) -> None:
    everywhere = ("column_values_to_be_null", {"column": "id"})
    frame = pd.DataFrame({"id": range(10_000)})
    assert [len(run(everywhere, target=t, sample=3).rules[0].keys) for t in (InMemoryBatch(frame), postgres)] == [3, 3]


def test_no_session_is_left_behind(postgres: WarehouseTable, postgres_url: str, run: Run) -> None:
    run(("column_values_to_not_be_null", {"column": "id"}), target=postgres)
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (0,)


def test_moments_are_utc_whatever_the_zone_of_the_session(postgres_url: str, run: Run) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS checks.zoned AS SELECT 1 AS id, timestamptz '2024-01-01 00:00+00' AS z"
        )
        cursor.execute("CREATE ROLE seoul LOGIN SUPERUSER PASSWORD 'x'")
        cursor.execute("ALTER ROLE seoul SET timezone TO 'Asia/Seoul'")
        connection.commit()
    outcome = run(
        ("column_values_to_be_between", {"column": "z", "min_value": "2024-01-01", "max_value": "2024-01-01"}),
        ("table_to_be_fresh", {"column": "z", "max_age": "0s"}),
        ("windows_to_compare", {"time_column": "z", "window": ["2023-12-31T20:00", "2024-01-01T04:00"],
                                "baseline": ["2023-12-31", "2024-01-02"], "min_ratio": 1}),
        ("column_max_to_be_between", {"column": "z", "max_value": "2024-01-01"}),
        target=WarehouseTable("postgresql://seoul:x@" + postgres_url.partition("@")[2], "checks", "zoned", "postgresql"),
        parameters={"now": "2024-01-01"},
    )  # fmt: skip
    assert [rule.outcome for rule in outcome.rules] == ["pass"] * 4


def test_a_table_that_is_not_there_is_told(postgres_url: str, run: Run) -> None:
    with pytest.raises(CodeError, match="There is no table checks"):
        run(
            ("table_row_count_to_equal", {"value": 1}),
            target=WarehouseTable(postgres_url, "checks", "nowhere", "postgresql"),
        )


def test_a_warehouse_that_does_not_answer_is_tried_again_and_its_password_not_told(run: Run) -> None:
    target = WarehouseTable("postgresql://me:hush@127.0.0.1:1/none", "checks", "world", "postgresql")
    with pytest.raises(RetryableError) as caught:
        run(("table_row_count_to_equal", {"value": 1}), target=target)
    assert "hush" not in str(caught.value) + repr(caught.value.facts)


def test_a_connection_lost_on_the_way_is_not_bad_data(postgres: WarehouseTable) -> None:
    kwargs = {"unexpected_rows_query": "SELECT pg_terminate_backend(pg_backend_pid()) FROM {batch}"}
    rule = {"code": "R", "type": "unexpected_rows_expectation", "kwargs": kwargs}
    with pytest.raises(RetryableError, match="lost while the checks ran"):
        run_suite(Suite.model_validate({"table": "a.b", "expectations": [rule]}), postgres)


def test_a_password_may_hold_anything(postgres_url: str, run: Run) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS hard")
        cursor.execute("CREATE ROLE hard LOGIN SUPERUSER PASSWORD 'p$a${b}%c@d:/'")
        connection.commit()
    url = "postgresql://hard:p%24a%24%7Bb%7D%25c%40d%3A%2F@" + postgres_url.partition("@")[2]
    target = WarehouseTable(url, "checks", "world", "postgresql")
    assert run(("table_row_count_to_equal", {"value": 6}), target=target).gate == "pass"
    assert "p%24a" not in repr(target)
