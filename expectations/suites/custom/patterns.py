"""Rules about patterns in memory, searched in time that grows with the text.

The library searches with Python's `re`, which tries every way to read a text: 40 letters of a source can hold a worker for
years by a pattern such as `^(a+)+$`. RE2 finds the same wherever the pattern can be said to it (`expectations.rows.regex`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)

from expectations.contract.engine import lock
from expectations.rows.regex import re2_of


def found(column: pd.Series[Any], pattern: str) -> pd.Series[bool]:
    """Where Python's `re.search` finds the pattern. Look-around and references can't be said to RE2, and are left to Python."""
    texts = column.astype(str)
    try:
        spelled = re2_of(pattern)
        rows = pd.DataFrame({"n": range(len(texts)), "value": texts.to_numpy(dtype=object)})
        with duckdb.connect() as connection:
            connection.register("texts", rows)
            lock(connection)
            hits = connection.execute(
                "SELECT n, regexp_matches(value, ?) FROM texts ORDER BY n", [spelled]
            ).fetchnumpy()
    except (ValueError, duckdb.Error):
        return texts.str.contains(pattern)
    return pd.Series(list(hits.values())[1].astype(bool), index=column.index)


def _any(column: pd.Series[Any], patterns: Sequence[str], match_on: str = "any") -> pd.Series[bool]:
    hits = pd.concat([found(column, pattern) for pattern in patterns], axis=1, ignore_index=True)
    return hits.all(axis="columns") if match_on == "all" else hits.any(axis="columns")


class MatchRegex(ColumnMapMetricProvider):
    """In place of the library's own, in memory only; the warehouse has an engine of its own."""

    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **_: Any) -> Any:  # noqa: N805  # the library calls it with the class
        return found(column, regex)


class NotMatchRegex(ColumnMapMetricProvider):
    """As `MatchRegex`."""

    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex: str, **_: Any) -> Any:  # noqa: N805
        return ~found(column, regex)


class MatchRegexList(ColumnMapMetricProvider):
    """As `MatchRegex`."""

    condition_metric_name = "column_values.match_regex_list"
    condition_value_keys = ("regex_list", "match_on")
    default_kwarg_values = {"match_on": "any"}  # noqa: RUF012  # as the library declares it

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex_list: Sequence[str], match_on: str, **_: Any) -> Any:  # noqa: N805
        return _any(column, regex_list, match_on)


class NotMatchRegexList(ColumnMapMetricProvider):
    """As `MatchRegex`."""

    condition_metric_name = "column_values.not_match_regex_list"
    condition_value_keys = ("regex_list",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, regex_list: Sequence[str], **_: Any) -> Any:  # noqa: N805
        return ~_any(column, regex_list)
