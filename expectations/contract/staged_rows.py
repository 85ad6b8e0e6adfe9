"""Staged rows as DuckDB relations: read as text, strictly, and with the contract's names and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from deployments.declarations.table import Table
from expectations.contract.lexical import lexical_column
from expectations.contract.quoting import identifier, literal


def csv_reader(
    files: Sequence[Path], fields: Sequence[str], delimiter: str, null_marker: str = "", *, filename: bool = False
) -> str:
    """A DuckDB table function that reads headerless CSV files as text, strictly; unquoted empty is NULL."""
    listing = ", ".join(literal(str(file)) for file in files)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in fields)
    return (
        f"read_csv([{listing}], columns={{{columns}}}, header=false, auto_detect=false, delim={literal(delimiter)}, "
        f"quote='\"', escape='\"', new_line='\\n', nullstr={literal(null_marker)}, allow_quoted_nulls=false, strict_mode=true, "
        f"max_line_size=8388608, filename={str(filename).lower()})"
    )


def typed_select(table: Table, reader: str, named: Callable[[str], str] = str) -> str:
    """SQL usable after FROM: staged text columns t0, t1 ... of `reader` with the contract's names and types. `named` tells
    what these are called there.
    """
    columns = [lexical_column(c, "", "", named(f"t{index}"), masked=False) for index, c in enumerate(table.columns)]
    return f"(SELECT {', '.join(f'{column.value} AS {identifier(column.name)}' for column in columns)} FROM {reader})"


def typed_relation(table: Table, files: Sequence[Path], delimiter: str, null_marker: str) -> str:
    """SQL usable after FROM: the staged rows of these files with the contract's names and types."""
    names = [f"t{index}" for index in range(len(table.columns))]
    if not files:
        nothing = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
        return typed_select(table, f"(SELECT {nothing} WHERE false)")
    return typed_select(table, csv_reader(files, names, delimiter, null_marker))
