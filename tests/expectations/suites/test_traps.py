"""Known crashes and quirks of the library, each guarded: the verdict is right and nothing is lost."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from expectations.suites.library import context
from expectations.suites.outcome import RuleOutcome, SuiteOutcome
from expectations.suites.targets import InMemoryBatch

Run = Callable[..., SuiteOutcome]
Judge = Callable[..., RuleOutcome]


def test_quantiles_are_json_and_not_numpy_bool(judge: Judge) -> None:
    ranges = {"quantiles": [0.5], "value_ranges": [[1, 3]]}
    outcome = judge("column_quantile_values_to_be_between", column="n", quantile_ranges=ranges)
    assert (outcome.outcome, json.loads(json.dumps(outcome.to_json()))["observed"]["values"]) == ("pass", [2.0])


@pytest.mark.parametrize("bound", ["2024-01-02", datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2)])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul"])
def test_a_day_is_a_bound_of_timestamps(bound: Any, zone: str | None, judge: Judge, frame: pd.DataFrame) -> None:
    frame = frame.assign(t=frame.t.dt.tz_localize("UTC").dt.tz_convert(zone)) if zone else frame
    outcome = judge("column_values_to_be_between", InMemoryBatch(frame), column="t", min_value=bound)
    assert (outcome.outcome, outcome.keys) == ("fail", ({"id": 1},))


def test_a_day_is_a_bound_of_days(judge: Judge, frame: pd.DataFrame) -> None:
    frame = frame.assign(t=[datetime.date(2024, 1, day) for day in (1, 2, 3)])
    assert (
        judge("column_values_to_be_between", InMemoryBatch(frame), column="t", min_value="2024-01-02").rows_failed == 1
    )


def test_a_missing_column_is_an_error_and_spoils_no_other_rule(run: Run) -> None:
    outcome = run(
        ("column_values_to_not_be_null", {"column": "gone"}),
        ("column_max_to_be_between", {"column": "n", "max_value": 50}),
    )
    assert [rule.outcome for rule in outcome.rules] == ["error", "pass"]
    assert "there is no column 'gone'" in outcome.rules[0].message
    assert outcome.gate == "stop"


def test_an_unknown_parameter_is_an_error_that_names_the_known_ones(judge: Judge) -> None:
    outcome = judge("table_row_count_to_equal", value={"$PARAMETER": "rowz"}, parameters={"rows": 3})
    assert (outcome.outcome, "'rowz' isn't known to this run; it has rows" in outcome.message) == ("error", True)


def test_parameters_are_told_as_used(judge: Judge) -> None:
    outcome = judge("table_row_count_to_be_between", max_value={"$PARAMETER": "rows*0.5"}, parameters={"rows": 3})
    assert (outcome.outcome, outcome.expected["max_value"]) == ("fail", 1.5)


def test_no_rows_prove_nothing(run: Run, frame: pd.DataFrame) -> None:
    outcome = run(
        ("column_values_to_not_be_null", {"column": "n"}),
        ("column_values_to_be_unique", {"column": "id"}),
        ("column_max_to_be_between", {"column": "n", "max_value": 1}),
        ("table_row_count_to_be_between", {"min_value": 1}),
        ("table_to_be_fresh", {"column": "t", "max_age": "1d"}),
        ("column_values_to_not_be_null", {"column": "gone"}),
        target=InMemoryBatch(frame[:0]),
        parameters={"now": "2024-01-03"},
    )
    assert [rule.outcome for rule in outcome.rules] == ["skipped"] * 3 + ["fail", "fail", "error"]


def test_results_are_in_the_order_of_the_suite_even_when_rules_are_equal(run: Run) -> None:
    same = ("column_values_to_be_between", {"column": "n", "max_value": 9})
    outcome = run(same, ("table_row_count_to_equal", {"value": 3}), same)
    assert [(rule.code, rule.outcome) for rule in outcome.rules] == [("R-0", "fail"), ("R-1", "pass"), ("R-2", "fail")]


def test_a_frame_with_an_index_of_its_own(judge: Judge, frame: pd.DataFrame) -> None:
    frame = frame.set_index(pd.Index([7, 7, 9], name="odd"))
    assert judge("column_values_to_be_between", InMemoryBatch(frame), column="n", max_value=9).keys == ({"id": 3},)


def test_without_a_key_rows_are_counted(run: Run) -> None:
    outcome = run(("column_values_to_be_between", {"column": "n", "max_value": 9}), key=[]).rules[0]
    assert (outcome.rows_failed, outcome.keys) == (1, ())


def test_what_only_the_warehouse_can_answer_is_not_passed_over_in_memory(judge: Judge) -> None:
    outcome = judge("row_count_to_match_table", other_table="a.b")
    assert (outcome.outcome, "can only be run in the warehouse" in outcome.message) == ("error", True)


def test_batches_are_judged_side_by_side(judge: Judge) -> None:
    def failed(rows: int) -> int | None:
        frame = pd.DataFrame({"n": [-1] * rows + [1]})  # and no column for the key
        return judge("column_values_to_be_between", InMemoryBatch(frame), column="n", min_value=0).rows_failed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(failed, range(16))) == list(range(16))


def test_frames_are_not_fingerprinted(monkeypatch: pytest.MonkeyPatch, judge: Judge) -> None:
    context()
    monkeypatch.setattr(pd.util, "hash_pandas_object", lambda *_, **__: pytest.fail("takes longer than the checks"))
    assert judge("column_values_to_be_unique", column="id").outcome == "pass"
