"""A batch in DuckDB as the pandas DataFrame that Great Expectations judges quickly and without a changed value.

The library's fast paths know int64, float64 and nanoseconds only, it breaks on pandas' own types for columns with gaps,
and neither large whole numbers nor wide decimals fit a float: each column gets the fastest type that holds its values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from deployments.declarations.suite import Suite
from expectations.contract.quoting import identifier

if TYPE_CHECKING:
    import duckdb

EXACT_IN_FLOAT = 2**53
DIGITS_IN_FLOAT = 15
# Nanoseconds since 1970 fit 64 bits between these years.
FIRST_NANOSECOND_YEAR, LAST_NANOSECOND_YEAR = 1678, 2261

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
# These look at the table's columns as a whole, so that every column must be there.
_WHOLE_TABLE = (
    "expect_column_to_exist",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
)


def columns_needed(suite: Suite, key: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns a suite has to see, in the table's order: those its rules name, and the key to tell rows by."""
    if any(rule.type in _WHOLE_TABLE for rule in suite.expectations):
        return list(columns)
    named = {name for rule in suite.expectations for name in rule.columns} | set(key)
    # A frame without a column has no rows either.
    return [name for name in columns if name in named] or list(columns[:1])


def frame_of(relation: duckdb.DuckDBPyRelation) -> Any:
    """The relation's rows as a DataFrame, read once. All of it is in memory: only for a small enough batch."""
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    frame = relation.project(", ".join(_projected(name, kind) for name, kind in kinds.items())).df()
    for name, kind in kinds.items():
        if is_wide_decimal(kind):
            frame[name] = _decimals(frame[name])
        elif kind in _WHOLE:
            frame[name] = _whole_numbers(frame[name])
        elif kind == "BOOLEAN" and frame[name].dtype.name == "boolean":
            frame[name] = _objects(frame[name])
        elif kind.startswith(("DATE", "TIMESTAMP")):
            frame[name] = _nanoseconds(frame[name])
    return frame


def _projected(name: str, kind: str) -> str:
    column = identifier(name)
    # pandas has no type for wide decimals: they travel as text. Times of day are compared as texts.
    target = "VARCHAR" if is_wide_decimal(kind) or kind == "TIME" else "DOUBLE" if kind == "FLOAT" else None
    return f"CAST({column} AS {target}) AS {column}" if target else column


def _whole_numbers(series: Any) -> Any:
    known = series.dropna()
    if len(known) == len(series):
        return series.astype("int64")
    exact = not len(known) or max(abs(int(known.min())), abs(int(known.max()))) <= EXACT_IN_FLOAT
    return series.astype("float64") if exact else _objects(series)


def _objects(series: Any) -> Any:
    """Python's own values, NaN where there is none.

    The library breaks on pandas' NA ("boolean value of NA is ambiguous"), and takes None and NaN for different values.
    """
    import pandas as pd

    values = [math.nan if missing else value for value, missing in zip(series, series.isna(), strict=True)]
    return pd.Series(values, dtype=object, index=series.index)


def is_wide_decimal(kind: str) -> bool:
    """Whether a DuckDB type has more digits than a float holds, so that the frame has Python's decimals."""
    return kind.startswith("DECIMAL(") and int(kind[8:].partition(",")[0]) > DIGITS_IN_FLOAT


def _decimals(series: Any) -> Any:
    return _objects(series).map(lambda text: Decimal(text) if isinstance(text, str) else math.nan)


def _nanoseconds(series: Any) -> Any:
    known = series.dropna()
    inside = not len(known) or (
        known.min().year >= FIRST_NANOSECOND_YEAR and known.max().year <= LAST_NANOSECOND_YEAR
    )  # fmt: skip
    return series.astype(series.dtype.name.replace("[us", "[ns").replace("[s", "[ns")) if inside else series
