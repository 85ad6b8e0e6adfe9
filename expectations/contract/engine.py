"""DuckDB as the engine of contract, rules and profile: opened within its memory, asked so that nothing stays open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from expectations.contract.canonical_json import teach
from expectations.contract.quoting import literal

MEMORY_MB = 192
A_COLUMN_MB = 0.8
"""Memory that one column of a wide table takes when all columns are held at once."""


def memory_for(columns: int) -> int:
    """Memory in MB for work on all columns of a table: MEMORY_MB up to 240 columns."""
    return max(MEMORY_MB, round(A_COLUMN_MB * columns))


def connect(
    temp: Path, *, memory_mb: int = MEMORY_MB, threads: int = 1, files: Path | None = None, file: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB that keeps to its memory and spills to `temp`. Of the machine it sees the folder `files` and nothing else.

    Values, rules and declarations that others wrote become SQL here. Whatever they say, no other file is read or written,
    nothing is attached, loaded or asked over the network, and no setting is changed. `files`: where `temp` lies. `file`: one more
    that may be read, as the system calls it.
    """
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
    teach(connection)
    if file is not None:
        connection.execute(f"SET allowed_paths = [{literal(file)}]")
    lock(connection, temp.parent if files is None else files)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, files: Path | None = None) -> None:
    """Close a connection to everything but the folder `files`, for good."""
    if files is not None:
        # A folder that is asked for by another name is another one: as it is written, and as it is.
        folders = ", ".join(literal(f"{folder}/") for folder in dict.fromkeys((files.absolute(), files.resolve())))
        connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def single(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The only row of a query.

    All rows are fetched: after fetchone() the result counts as unfinished, and a relation of the same connection is
    refused ("connection has an unfinished result").
    """
    (row,) = connection.execute(sql).fetchall()
    return tuple(row)
