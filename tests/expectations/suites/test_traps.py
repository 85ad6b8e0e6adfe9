"""Known crashes and quirks of the library, each guarded: the verdict is right and nothing is lost."""

from __future__ import annotations

import datetime
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import duckdb
import pandas as pd
import psycopg2
import pytest

from deployments.declarations.suite import Suite
from deployments.errors import CodeError, RetryableError
from expectations.suites.frames import columns_needed, frame_of
from expectations.suites.library import context
from expectations.suites.outcome import RuleOutcome, SuiteOutcome
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch, WarehouseTable

FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "n": [1.0, 2.0, 50.0],
        "s": ["Kim", "Lee", "Kim"],
        "t": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
    }
)


def suite_of(*rules: tuple[str, dict[str, Any]], **keys: Any) -> Suite:
    named = [{"code": f"R-{n}", "type": f"expect_{name}", "kwargs": kw, **keys} for n, (name, kw) in enumerate(rules)]
    return Suite.model_validate({"table": "checks.world", "expectations": named})


def run(*rules: tuple[str, dict[str, Any]], target: Any = None, **arguments: Any) -> SuiteOutcome:
    return run_suite(suite_of(*rules), target or InMemoryBatch(FRAME), **({"key": ["id"]} | arguments))


def judge(name: str, target: Any = None, parameters: Any = None, **kwargs: Any) -> RuleOutcome:
    return run((name, kwargs), target=target, parameters=parameters).rules[0]


def test_quantiles_are_json_and_not_numpy_bool() -> None:
    ranges = {"quantiles": [0.5], "value_ranges": [[1, 3]]}
    outcome = judge("column_quantile_values_to_be_between", column="n", quantile_ranges=ranges)
    assert (outcome.outcome, json.loads(json.dumps(outcome.to_json()))["observed"]["values"]) == ("pass", [2.0])


@pytest.mark.parametrize("bound", ["2024-01-02", datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2)])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul"])
def test_a_day_is_a_bound_of_timestamps(bound: Any, zone: str | None) -> None:
    frame = FRAME.assign(t=FRAME.t.dt.tz_localize("UTC").dt.tz_convert(zone)) if zone else FRAME
    outcome = judge("column_values_to_be_between", InMemoryBatch(frame), column="t", min_value=bound)
    assert (outcome.outcome, outcome.keys) == ("fail", ({"id": 1},))


def test_a_day_is_a_bound_of_days() -> None:
    frame = FRAME.assign(t=[datetime.date(2024, 1, day) for day in (1, 2, 3)])
    assert (
        judge("column_values_to_be_between", InMemoryBatch(frame), column="t", min_value="2024-01-02").rows_failed == 1
    )


def test_a_missing_column_is_an_error_and_spoils_no_other_rule() -> None:
    outcome = run(
        ("column_values_to_not_be_null", {"column": "gone"}),
        ("column_max_to_be_between", {"column": "n", "max_value": 50}),
    )
    assert [rule.outcome for rule in outcome.rules] == ["error", "pass"]
    assert "there is no column 'gone'" in outcome.rules[0].message
    assert outcome.gate == "stop"


def test_a_check_that_crashes_is_an_error(postgres: WarehouseTable) -> None:
    outcome = run(
        ("column_values_to_match_regex", {"column": "n", "regex": "x"}),
        ("column_values_to_not_be_null", {"column": "id"}),
        target=postgres,
    )
    assert [rule.outcome for rule in outcome.rules] == ["error", "pass"]
    assert "operator does not exist: integer ~ unknown" in outcome.rules[0].message


def test_an_unknown_parameter_is_an_error_that_names_the_known_ones() -> None:
    outcome = judge("table_row_count_to_equal", value={"$PARAMETER": "rowz"}, parameters={"rows": 3})
    assert (outcome.outcome, "'rowz' isn't known to this run; it has rows" in outcome.message) == ("error", True)


def test_parameters_are_told_as_used() -> None:
    outcome = judge("table_row_count_to_be_between", max_value={"$PARAMETER": "rows*0.5"}, parameters={"rows": 3})
    assert (outcome.outcome, outcome.expected["max_value"]) == ("fail", 1.5)


def test_no_rows_prove_nothing() -> None:
    outcome = run(
        ("column_values_to_not_be_null", {"column": "n"}),
        ("column_values_to_be_unique", {"column": "id"}),
        ("column_max_to_be_between", {"column": "n", "max_value": 1}),
        ("table_row_count_to_be_between", {"min_value": 1}),
        ("table_to_be_fresh", {"column": "t", "max_age": "1d"}),
        ("column_values_to_not_be_null", {"column": "gone"}),
        target=InMemoryBatch(FRAME[:0]),
        parameters={"now": "2024-01-03"},
    )
    assert [rule.outcome for rule in outcome.rules] == ["skipped"] * 3 + ["fail", "fail", "error"]


def test_no_rows_in_the_warehouse(postgres_url: str) -> None:
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


def test_a_table_of_the_same_name_elsewhere_is_another_table(postgres_url: str) -> None:
    rule = ("table_columns_to_match_ordered_list", {"column_list": ["other"]})
    outcome = run(rule, target=WarehouseTable(postgres_url, "elsewhere", "world", "postgresql"), key=[])
    assert outcome.rules[0].outcome == "pass"


def test_results_are_in_the_order_of_the_suite_even_when_rules_are_equal() -> None:
    same = ("column_values_to_be_between", {"column": "n", "max_value": 9})
    outcome = run(same, ("table_row_count_to_equal", {"value": 3}), same)
    assert [(rule.code, rule.outcome) for rule in outcome.rules] == [("R-0", "fail"), ("R-1", "pass"), ("R-2", "fail")]


def test_keys_are_bounded_in_memory_and_in_the_warehouse(postgres: WarehouseTable) -> None:
    everywhere = ("column_values_to_be_null", {"column": "id"})
    frame = pd.DataFrame({"id": range(10_000)})
    assert [len(run(everywhere, target=t, sample=3).rules[0].keys) for t in (InMemoryBatch(frame), postgres)] == [3, 3]


def test_a_frame_with_an_index_of_its_own() -> None:
    frame = FRAME.set_index(pd.Index([7, 7, 9], name="odd"))
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="n", max_value=9).keys == ({"id": 3},)


def test_without_a_key_rows_are_counted() -> None:
    outcome = run(("column_values_to_be_between", {"column": "n", "max_value": 9}), key=[]).rules[0]
    assert (outcome.rows_failed, outcome.keys) == (1, ())


def test_what_only_the_warehouse_can_answer_is_not_passed_over_in_memory() -> None:
    outcome = judge("row_count_to_match_table", other_table="a.b")
    assert (outcome.outcome, "can only be run in the warehouse" in outcome.message) == ("error", True)


def test_no_session_is_left_behind(postgres: WarehouseTable, postgres_url: str) -> None:
    run(("column_values_to_not_be_null", {"column": "id"}), target=postgres)
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (0,)


def test_a_table_that_is_not_there_is_told(postgres_url: str) -> None:
    with pytest.raises(CodeError, match="There is no table checks"):
        run(
            ("table_row_count_to_equal", {"value": 1}),
            target=WarehouseTable(postgres_url, "checks", "nowhere", "postgresql"),
        )


def test_a_warehouse_that_does_not_answer_is_tried_again_and_its_password_not_told() -> None:
    target = WarehouseTable("postgresql://me:hush@127.0.0.1:1/none", "checks", "world", "postgresql")
    with pytest.raises(RetryableError) as caught:
        run(("table_row_count_to_equal", {"value": 1}), target=target)
    assert "hush" not in str(caught.value) + repr(caught.value.facts)


def test_a_connection_lost_on_the_way_is_not_bad_data(postgres: WarehouseTable) -> None:
    kwargs = {"unexpected_rows_query": "SELECT pg_terminate_backend(pg_backend_pid()) FROM {batch}"}
    rule = {"code": "R", "type": "unexpected_rows_expectation", "kwargs": kwargs}
    with pytest.raises(RetryableError, match="lost while the checks ran"):
        run_suite(Suite.model_validate({"table": "a.b", "expectations": [rule]}), postgres)


def test_batches_are_judged_side_by_side() -> None:
    def failed(rows: int) -> int | None:
        frame = pd.DataFrame({"n": [-1] * rows + [1]})  # and no column for the key
        return judge("column_values_to_be_between", InMemoryBatch(frame), column="n", min_value=0).rows_failed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(failed, range(16))) == list(range(16))


def test_frames_are_not_fingerprinted(monkeypatch: pytest.MonkeyPatch) -> None:
    context()
    monkeypatch.setattr(pd.util, "hash_pandas_object", lambda *_, **__: pytest.fail("takes longer than the checks"))
    assert judge("column_values_to_be_unique", column="id").outcome == "pass"


def test_a_password_may_hold_anything(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS hard")
        cursor.execute("CREATE ROLE hard LOGIN SUPERUSER PASSWORD 'p$a${b}%c@d:/'")
        connection.commit()
    url = "postgresql://hard:p%24a%24%7Bb%7D%25c%40d%3A%2F@" + postgres_url.partition("@")[2]
    target = WarehouseTable(url, "checks", "world", "postgresql")
    assert run(("table_row_count_to_equal", {"value": 6}), target=target).gate == "pass"
    assert "p%24a" not in repr(target)


def test_large_whole_numbers_with_gaps_stay_apart() -> None:
    with duckdb.connect() as connection:
        rows = connection.sql(
            "SELECT * FROM (VALUES (1, 9007199254740992), (2, 9007199254740993), (3, NULL)) t(id, big)"
        )
        frame = frame_of(rows)
    assert judge("column_values_to_be_unique", InMemoryBatch(frame), column="big").outcome == "pass"


def test_wide_decimals_stay_exact() -> None:
    with duckdb.connect() as connection:
        query = "SELECT 1 AS id, 0.10::DECIMAL(30,2) AS m UNION ALL SELECT 2, 12345678901234567890.12 UNION ALL SELECT 3, NULL"
        frame = frame_of(connection.sql(query).order("id"))
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="m", min_value=0.1).outcome == "pass"
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="m", max_value=0.1).rows_failed == 1


def test_only_columns_that_are_named_are_taken() -> None:
    suite = suite_of(("column_values_to_be_between", {"column": "n", "max_value": 9}))
    assert columns_needed(suite, ["id"], ["a", "n", "id", "z"]) == ["n", "id"]
    assert columns_needed(suite_of(("table_column_count_to_equal", {"value": 4})), [], ["a", "b"]) == ["a", "b"]
