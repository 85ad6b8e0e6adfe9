"""Names and arguments of every check, read from the committed table: no import of Great Expectations.

The table is made from the installed library by `python -m expectations.suites.signatures --write`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["row-map", "pair-map", "multicolumn-map", "aggregate", "table"]

MAP_KINDS: frozenset[Kind] = frozenset({"row-map", "pair-map", "multicolumn-map"})

# Arguments that hold the name of a column, or a list of names.
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "total_column", "part_columns", "time_column")

# Checks that can be decided row by row (or key by key) in the engine that parses the batch: `rows: quarantine`.
ROW_RULES = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_match_strftime_format",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)

# On a row that lacks some of the values compared, the library fails the row in memory and passes it in the warehouse
# (a comparison with NULL is neither true nor false). Such rows are not judged, and no other `ignore_row_if` is allowed.
MISSING_VALUES: Mapping[str, str] = {
    "expect_column_pair_values_a_to_be_greater_than_b": "either_value_is_missing",
    "expect_column_pair_values_to_be_in_set": "either_value_is_missing",
    "expect_compound_columns_to_be_unique": "any_value_is_missing",
    "expect_multicolumn_sum_to_equal": "any_value_is_missing",
}

# These say the same of a column whose values were replaced by their hashes.
SAME_ON_HASHES = frozenset(
    {
        "expect_column_pair_values_to_be_equal",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_to_exist",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_null",
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: JSON types it may have (`date` and `parameter`, a `$PARAMETER` mapping, beside JSON's own)."""

    types: tuple[str, ...]
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """One check: what it looks at, where it can run, and its arguments. `own`: ours, not the library's."""

    name: str
    kind: Kind
    memory: bool
    warehouse: bool
    own: bool
    parameters: Mapping[str, Parameter]

    @property
    def can_quarantine(self) -> bool:
        return self.name in ROW_RULES


@cache
def signatures() -> Mapping[str, Signature]:
    """Every check that a suite may name."""
    found = {}
    for name, check in _table()["checks"].items():
        parameters = {
            key: Parameter(
                types=tuple(value["types"]),
                required=value["required"],
                default=value.get("default"),
                choices=tuple(value.get("choices", ())),
                items=tuple(value.get("items", ())),
            )
            for key, value in check["parameters"].items()
        }
        found[name] = Signature(
            name, check["kind"], check["memory"], check["warehouse"], check["own"], parameters
        )  # fmt: skip
    return found


def refused() -> Mapping[str, str]:
    """Checks of the library that a suite may not name, each with the reason and what to use instead."""
    reasons: Mapping[str, str] = _table()["refused"]
    return reasons


@cache
def _table() -> Any:
    return json.loads(files("deployments.declarations").joinpath("signatures.json").read_text(encoding="utf-8"))
