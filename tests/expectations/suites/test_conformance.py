"""Every supported check gives the same verdict in memory, on PostgreSQL and on Redshift, and plain JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployments.declarations.signatures import signatures
from deployments.declarations.suite import Suite
from expectations.suites.outcome import SuiteOutcome
from expectations.suites.run import run_suite

QUANTILE = {"quantiles": [0.5], "value_ranges": [[2, 3]]}
PARAMETERS = {"now": "2024-01-05T00:00:00", "source_rows": 6}
WEB = {"type": "comparison", "column": {"name": "s"}, "operator": "==", "parameter": "web"}
NOT_WEB = {**WEB, "operator": "!="}
LAST = {"type": "comparison", "column": {"name": "id"}, "operator": ">", "parameter": 5}
JSON_SCHEMA = {"type": "object"}

# Each check: arguments it holds for, then arguments it doesn't. The row with id 3 has no values at all.
CASES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("expect_column_distinct_values_to_be_in_set",
     [{"column": "s", "value_set": ["web", "it's", "한글", 'a"b\\c', "spare"]}],
     [{"column": "s", "value_set": ["web"]}]),
    ("expect_column_distinct_values_to_contain_set",
     [{"column": "n", "value_set": [1, 2]}], [{"column": "n", "value_set": [1, 7]}]),
    ("expect_column_distinct_values_to_equal_set",
     [{"column": "n", "value_set": [1, 2, 4, 9]}], [{"column": "n", "value_set": [1, 2]}]),
    ("expect_column_max_to_be_between",
     [{"column": "amount", "max_value": 9.9}, {"column": "t", "max_value": "2024-01-04"}],
     [{"column": "amount", "max_value": 9.9, "strict_max": True}, {"column": "t", "max_value": "2024-01-03"}]),
    ("expect_column_mean_to_be_between",
     [{"column": "n", "min_value": 3.5, "max_value": 3.7}], [{"column": "n", "max_value": 3}]),
    ("expect_column_median_to_be_between",
     [{"column": "f", "min_value": 2, "max_value": 2}], [{"column": "f", "max_value": 1.9}]),
    ("expect_column_min_to_be_between",
     [{"column": "amount", "min_value": 0.1}, {"column": "d", "min_value": "2024-01-01"}],
     [{"column": "amount", "min_value": 0.1, "strict_min": True}, {"column": "d", "min_value": "2024-01-02"}]),
    ("expect_column_most_common_value_to_be_in_set",
     [{"column": "s", "value_set": ["web"]}], [{"column": "s", "value_set": ["shop"]}]),
    ("expect_column_pair_values_a_to_be_greater_than_b",
     [{"column_A": "a", "column_B": "b"}, {"column_A": "a", "column_B": "c", "or_equal": True}],
     [{"column_A": "a", "column_B": "c"}]),
    ("expect_column_pair_values_to_be_equal",
     [{"column_A": "n", "column_B": "n"}],
     [{"column_A": "a", "column_B": "b"}, {"column_A": "step", "column_B": "b"}]),
    ("expect_column_pair_values_to_be_in_set",
     [{"column_A": "a", "column_B": "b", "value_pairs_set": [[3, 1], [5, 2], [9, 4], [2, 1]]}],
     [{"column_A": "a", "column_B": "b", "value_pairs_set": [[3, 1], [5, 2]]}]),
    ("expect_column_proportion_of_non_null_values_to_be_between",
     [{"column": "s", "min_value": 0.8, "max_value": 0.9}], [{"column": "s", "min_value": 0.9}]),
    ("expect_column_proportion_of_unique_values_to_be_between",
     [{"column": "s", "min_value": 0.75, "max_value": 0.85}], [{"column": "s", "min_value": 0.9}]),
    ("expect_column_quantile_values_to_be_between",
     [{"column": "f", "quantile_ranges": QUANTILE}],
     [{"column": "f", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[3, 4]]}}]),
    ("expect_column_stdev_to_be_between",
     [{"column": "f", "min_value": 1.4, "max_value": 1.6}], [{"column": "f", "max_value": 1}]),
    ("expect_column_sum_to_be_between",
     [{"column": "n", "min_value": 18, "max_value": 18}], [{"column": "n", "max_value": 17}]),
    ("expect_column_sums_to_agree",
     [{"total_column": "a", "part_columns": ["b", "c"]},
      {"total_column": "f", "part_columns": ["amount"], "within": 0.7}],
     [{"total_column": "c", "part_columns": ["a", "b"]}, {"total_column": "f", "part_columns": ["amount"]}]),
    ("expect_column_to_exist", [{"column": "s"}], []),
    ("expect_column_unique_value_count_to_be_between",
     [{"column": "s", "min_value": 4, "max_value": 4}], [{"column": "s", "min_value": 5}]),
    ("expect_column_value_lengths_to_be_between",
     [{"column": "s", "min_value": 2, "max_value": 5}], [{"column": "s", "min_value": 3, "max_value": 5}]),
    ("expect_column_value_lengths_to_equal", [{"column": "word", "value": 4}], [{"column": "s", "value": 3}]),
    ("expect_column_value_z_scores_to_be_less_than",
     [{"column": "f", "threshold": 3, "double_sided": True}],
     [{"column": "f", "threshold": 0.1, "double_sided": True}]),
    ("expect_column_values_to_be_between",
     [{"column": "amount", "min_value": 0.1, "max_value": 9.9}, {"column": "t", "min_value": "2024-01-01"},
      {"column": "d", "min_value": "2024-01-01", "max_value": "2024-01-04"},
      {"column": "amount", "min_value": 5, "mostly": 0.6}, {"column": "n", "max_value": 2, "row_condition": WEB}],
     [{"column": "amount", "min_value": 0.1, "strict_min": True}, {"column": "t", "min_value": "2024-01-02"},
      {"column": "d", "max_value": "2024-01-03"}, {"column": "amount", "min_value": 5, "mostly": 0.7},
      {"column": "n", "max_value": 2, "row_condition": NOT_WEB}]),
    ("expect_column_values_to_be_dateutil_parseable", [{"column": "day"}], [{"column": "word"}]),
    ("expect_column_values_to_be_decreasing", [], [{"column": "step"}]),
    ("expect_column_values_to_be_in_set",
     [{"column": "s", "value_set": ["web", "it's", "한글", 'a"b\\c']},
      {"column": "amount", "value_set": [0.1, 5, 9.9, 3]},
      {"column": "t", "value_set": ["2024-01-01", "2024-01-02T06:00", "2024-01-03T12:00", "2024-01-03 18:00",
                                    "2024-01-04"]}, {"column": "flag", "value_set": [True, False]}],
     [{"column": "s", "value_set": ["web", "한글"]}, {"column": "t", "value_set": ["2024-01-01"]}]),
    ("expect_column_values_to_be_increasing", [{"column": "step"}], [{"column": "c"}]),
    ("expect_column_values_to_be_json_parseable", [{"column": "doc"}], [{"column": "word"}]),
    ("expect_column_values_to_be_null",
     [{"column": "b", "row_condition": {"type": "nullity", "column": {"name": "a"}, "is_null": True}}],
     [{"column": "n"}]),
    ("expect_column_values_to_be_unique", [{"column": "id"}, {"column": "word"}], [{"column": "s"}, {"column": "n"}]),
    ("expect_column_values_to_match_json_schema",
     [{"column": "doc", "json_schema": {}}], [{"column": "doc", "json_schema": JSON_SCHEMA}]),
    ("expect_column_values_to_match_like_pattern",
     [{"column": "word", "like_pattern": "____"}], [{"column": "s", "like_pattern": "w%"}]),
    ("expect_column_values_to_match_like_pattern_list",
     [{"column": "word", "like_pattern_list": ["a%", "____"]}],
     [{"column": "word", "like_pattern_list": ["a%", "c%"]}]),
    ("expect_column_values_to_match_regex",
     [{"column": "word", "regex": "^[a-z]{2}[0-9]{2}$"}], [{"column": "s", "regex": "^[a-z]+$"}]),
    ("expect_column_values_to_match_regex_list",
     [{"column": "word", "regex_list": ["^[a-h]", "[0-9]$"], "match_on": "any"}],
     [{"column": "word", "regex_list": ["^[a-h]", "[0-9]$"], "match_on": "all"}]),
    ("expect_column_values_to_match_strftime_format",
     [{"column": "day", "strftime_format": "%Y-%m-%d"}], [{"column": "word", "strftime_format": "%Y-%m-%d"}]),
    ("expect_column_values_to_not_be_in_set",
     [{"column": "s", "value_set": ["shop", "it''s"]}], [{"column": "s", "value_set": ["it's"]}]),
    ("expect_column_values_to_not_be_null",
     [{"column": "id"}, {"column": "s", "mostly": 0.8}], [{"column": "s"}, {"column": "f"}]),
    ("expect_column_values_to_not_be_outliers",
     [{"column": "f", "method": "std", "multiplier": 3}], [{"column": "f", "method": "std", "multiplier": 0.5}]),
    ("expect_column_values_to_not_match_like_pattern",
     [{"column": "s", "like_pattern": "x%"}], [{"column": "s", "like_pattern": "w%"}]),
    ("expect_column_values_to_not_match_like_pattern_list",
     [{"column": "s", "like_pattern_list": ["x%", "y%"]}], [{"column": "s", "like_pattern_list": ["x%", "w%"]}]),
    ("expect_column_values_to_not_match_regex", [{"column": "s", "regex": "^x"}], [{"column": "s", "regex": "^w"}]),
    ("expect_column_values_to_not_match_regex_list",
     [{"column": "s", "regex_list": ["^x", "z$"]}], [{"column": "s", "regex_list": ["^x", "b$"]}]),
    ("expect_column_values_to_refer_to_table",
     [{"column": "n", "other_table": "checks.known", "other_column": "n", "min_share": 0.8}],
     [{"column": "n", "other_table": "checks.known", "other_column": "n"}]),
    ("expect_compound_columns_to_be_unique",
     [{"column_list": ["s", "n"]}, {"column_list": ["b", "c"]}], [{"column_list": ["d", "flag"]}]),
    ("expect_multicolumn_sum_to_equal",
     [{"column_list": ["a", "b", "c"], "sum_total": 6, "mostly": 0.2}],
     [{"column_list": ["a", "b", "c"], "sum_total": 6}]),
    ("expect_multicolumn_values_to_be_equal", [{"column_list": ["b", "c"], "row_condition": LAST}],
     [{"column_list": ["a", "b", "c"]}]),
    ("expect_row_count_to_match_source",
     [{"source_count": {"$PARAMETER": "source_rows"}}, {"source_count": 7, "within": 0.2}],
     [{"source_count": {"$PARAMETER": "source_rows*2"}}]),
    ("expect_row_count_to_match_table",
     [{"other_table": "checks.known", "within": 0.2}], [{"other_table": "checks.known"}]),
    ("expect_select_column_values_to_be_unique_within_record",
     [{"column_list": ["a", "b"]}], [{"column_list": ["b", "c"]}]),
    ("expect_table_column_count_to_be_between", [{"min_value": 15, "max_value": 15}], [{"max_value": 14}]),
    ("expect_table_column_count_to_equal", [{"value": 15}], [{"value": 16}]),
    ("expect_table_columns_to_match_ordered_list", [], [{"column_list": ["id", "s"]}]),
    ("expect_table_columns_to_match_set", [{"column_set": ["s", "id"], "exact_match": False}],
     [{"column_set": ["s", "id"]}]),
    ("expect_table_row_count_to_be_between", [{"min_value": 6, "max_value": {"$PARAMETER": "source_rows+1"}}],
     [{"max_value": 5}]),
    ("expect_table_row_count_to_equal", [{"value": 6}], [{"value": 7}]),
    ("expect_table_to_be_fresh", [{"column": "t", "max_age": "24h"}, {"column": "d", "max_age": "1d"}],
     [{"column": "t", "max_age": "23h"}]),
    ("expect_windows_to_compare",
     [{"time_column": "t", "window": ["2024-01-03", "2024-01-04"], "baseline": ["2024-01-01", "2024-01-02"],
       "min_ratio": 2, "max_ratio": 2},
      {"time_column": "t", "window": ["2024-01-03", "2024-01-04"], "baseline": ["2024-01-01", "2024-01-02"],
       "figure": "mean", "column": "n", "min_ratio": 5.5, "max_ratio": 5.5}],
     [{"time_column": "t", "window": ["2024-01-03", "2024-01-04"], "baseline": ["2025-01-01", "2025-01-02"],
       "max_ratio": 2},
      {"time_column": "t", "window": ["2024-01-03", "2024-01-04"], "baseline": ["2024-01-01", "2024-01-03"],
       "figure": "distinct", "column": "n", "max_ratio": 0.9}]),
    ("unexpected_rows_expectation",
     [{"unexpected_rows_query": "SELECT * FROM {batch} WHERE n > 100"}],
     [{"unexpected_rows_query": "SELECT * FROM {batch} WHERE n > 5"}]),
]  # fmt: skip

EXPECTED = {
    f"{position}-{name}-{verdict}-{number}".upper().replace("_", "-"): (name, kwargs, verdict)
    for position, (name, holds, breaks) in enumerate(CASES)
    for verdict, many in (("pass", holds), ("fail", breaks))
    for number, kwargs in enumerate(many)
}
CODES = {f"C-{position}": key for position, key in enumerate(EXPECTED)}


def outcome_on(target: Any, place: str) -> SuiteOutcome:
    rules = [
        {"code": code, "type": name, "kwargs": kwargs}
        for code, (name, kwargs, _) in ((code, EXPECTED[key]) for code, key in CODES.items())
        if getattr(signatures()[name], place)
    ]
    return run_suite(
        Suite.model_validate({"table": "checks.world", "expectations": rules}),
        target,
        key=["id"],
        parameters=PARAMETERS,
    )


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Any:
    made: dict[str, SuiteOutcome] = {}

    def of(engine: str) -> SuiteOutcome:
        if engine not in made:
            place = "memory" if engine == "memory" else "warehouse"
            made[engine] = outcome_on(request.getfixturevalue(engine), place)
        return made[engine]

    return of


@pytest.mark.parametrize("engine", ["memory", "postgres", "redshift"])
def test_verdicts(outcomes: Any, engine: str) -> None:
    wrong = [
        f"{CODES[rule.code]} {EXPECTED[CODES[rule.code]][1]}: {rule.outcome}: {rule.message} {rule.observed}"
        for rule in outcomes(engine).rules
        if rule.outcome != EXPECTED[CODES[rule.code]][2]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("engine", ["memory", "postgres", "redshift"])
def test_outcomes_are_json(outcomes: Any, engine: str) -> None:
    outcome = outcomes(engine)
    again = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
    assert again["rows"] == 6
    assert len(again["rules"]) == len(outcome.rules)


@pytest.mark.parametrize("engine", ["postgres", "redshift"])
def test_keys_and_counts_are_those_of_memory(outcomes: Any, engine: str) -> None:
    here = {rule.code: (rule.rows_failed, rule.keys) for rule in outcomes(engine).rules}
    there = {rule.code: (rule.rows_failed, rule.keys) for rule in outcomes("memory").rules}
    both = here.keys() & there.keys()
    assert {code: here[code] for code in both} == {code: there[code] for code in both}


def test_every_supported_check_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(signatures())
