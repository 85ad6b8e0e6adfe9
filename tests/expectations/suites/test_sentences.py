"""Every rule and its outcome reads as a plain sentence."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from deployments.declarations.suite import Rule, Suite
from expectations.suites.run import run_suite
from expectations.suites.sentences import sentence, share
from expectations.suites.targets import InMemoryBatch

IN_WEB = {"type": "comparison", "column": {"name": "channel"}, "operator": "IN", "parameter": ["web", "app"]}
SENTENCES: list[tuple[str, dict[str, Any], str]] = [
    ("column_values_to_be_between", {"column": "amount", "min_value": 0, "max_value": 10000},
     "amount is between 0 and 10,000 in every row"),
    ("column_values_to_be_between", {"column": "amount", "min_value": 0.5, "strict_min": True, "mostly": 0.995},
     "amount is more than 0.5 in at least 99.5 % of the rows"),
    ("column_values_to_be_between", {"column": "day", "max_value": "2024-01-31", "row_condition": IN_WEB},
     "day is at most 2024-01-31 in every row (rows where channel is one of web and app)"),
    ("column_values_to_be_in_set", {"column": "gender", "value_set": ["F", "M", "Unisex"]},
     "gender is one of F, M or Unisex in every row"),
    ("column_values_to_be_in_set", {"column": "n", "value_set": list(range(13))},
     "n is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 or 3 more in every row"),
    ("compound_columns_to_be_unique", {"column_list": ["a", "b", "c"]}, "no combination of a, b and c occurs twice"),
    ("table_row_count_to_be_between", {"min_value": {"$PARAMETER": "rows*0.5"}},
     "the number of rows is at least a figure of the run (rows*0.5)"),
    ("column_pair_values_a_to_be_greater_than_b", {"column_A": "end", "column_B": "start", "or_equal": True},
     "end is greater than or equal to start in every row"),
    ("row_count_to_match_source", {"source_count": 1200, "within": 0.01},
     "there are as many rows as the source counted (1,200), give or take 1 %"),
    ("column_values_to_refer_to_table",
     {"column": "item", "other_table": "raw.item", "other_column": "id", "min_share": 0.9},
     "item is found in id of raw.item in at least 90 % of the rows"),
    ("windows_to_compare", {"time_column": "t", "window": ["2024-01-02", "2024-01-03"],
                            "baseline": ["2024-01-01", "2024-01-02"], "figure": "sum", "column": "n", "min_ratio": 0.5},
     "the sum of n of one window is at least 0.5 times that of the other"),
]  # fmt: skip


def rule(name: str, kwargs: dict[str, Any], **keys: Any) -> Rule:
    return Rule.model_validate({"code": "R", "type": f"expect_{name}", "kwargs": kwargs, **keys})


@pytest.mark.parametrize(("name", "kwargs", "text"), SENTENCES)
def test_sentence(name: str, kwargs: dict[str, Any], text: str) -> None:
    assert sentence(rule(name, kwargs)) == text


def test_a_rule_may_bring_its_own() -> None:
    own = rule("column_values_to_be_unique", {"column": "a"}, description="Nobody pays twice.")
    assert sentence(own) == "Nobody pays twice"


@pytest.mark.parametrize(("value", "text"), [(0, "0 %"), (0.012, "1.2 %"), (1, "100 %"), (0.00001, "less than 0.01 %")])
def test_share(value: float, text: str) -> None:
    assert share(value) == text


def message(name: str, kwargs: dict[str, Any], rows: int = 1000) -> str:
    frame = pd.DataFrame({"amount": [*range(rows - 12), *[-1] * 12][:rows]})
    suite = Suite(table="a.b", expectations=(rule(name, kwargs),))
    return run_suite(suite, InMemoryBatch(frame)).rules[0].message


def test_messages() -> None:
    bounds = {"column": "amount", "min_value": 0}
    assert message("column_values_to_be_between", bounds) == (
        "12 of 1,000 rows (1.2 %) break the rule: amount is at least 0 in every row."
    )
    assert message("column_values_to_be_between", bounds | {"mostly": 0.9}) == (
        "amount is at least 0 in at least 90 % of the rows: 12 of 1,000 rows (1.2 %) break it, which is allowed."
    )
    assert (
        message("column_min_to_be_between", bounds) == "Found -1, but the rule is: the smallest amount is at least 0."
    )
    assert message("column_values_to_not_be_null", {"column": "amount"}) == (
        "amount has a value in every row (1,000 rows checked)."
    )
    assert message("column_values_to_be_between", bounds, 0) == (
        "Not checked, because there are no rows: amount is at least 0 in every row."
    )
