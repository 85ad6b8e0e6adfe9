"""DuckDB as the engine of contract, rules and profile: opened within its memory, asked so that nothing stays open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

MEMORY_MB = 192
A_COLUMN_MB = 0.8
"""Memory that one column of a wide table takes when all columns are held at once."""


def memory_for(columns: int) -> int:
    """Memory in MB for work on all columns of a table: MEMORY_MB up to 240 columns."""
    return max(MEMORY_MB, round(A_COLUMN_MB * columns))


def connect(temp: Path, *, memory_mb: int = MEMORY_MB, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """A DuckDB that keeps to its memory, spills to `temp`, and never reaches for the network."""
    temp.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads, "memory_limit": f"{memory_mb}MB", "temp_directory": str(temp),
            "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
            "preserve_insertion_order": "true", "max_expression_depth": "20000",
            # It makes a TRY_CAST of a column the type that the CSV reader reads it as: a text that doesn't fit is an error then.
            "disabled_optimizers": "type_pushdown",
        },
    )  # fmt: skip
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def single(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The only row of a query.

    All rows are fetched: after fetchone() the result counts as unfinished, and a relation of the same connection is
    refused ("connection has an unfinished result").
    """
    (row,) = connection.execute(sql).fetchall()
    return tuple(row)
