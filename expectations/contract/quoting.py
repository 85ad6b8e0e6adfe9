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


def ours(name: str) -> str:
    """A quoted identifier that no column of a contract has, whatever a table calls its columns."""
    return identifier(ours_unquoted(name))


def ours_unquoted(name: str) -> str:
    """The same name where a text gives it: no declared name holds a dollar."""
    return f"{name}$"
