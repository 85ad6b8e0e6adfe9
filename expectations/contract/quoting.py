"""Quote identifiers and string literals for DuckDB, where parameters can't be bound (inside generated expressions)."""

from __future__ import annotations


def literal(text: str) -> str:
    """A string literal. DuckDB's plain literals know no escape but the doubled quote; a NUL can't stand in one."""
    if "\0" in text:
        return " || chr(0) || ".join(f"'{part}'" for part in text.replace("'", "''").split("\0")).join("()")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


OURS = "$"
"""Stands in the name of every column that is ours and lies beside a table's: no declared name can have it."""


def ours(name: str) -> str:
    """A quoted identifier that no column of a contract has, whatever a table calls its columns."""
    return identifier(name + OURS)
