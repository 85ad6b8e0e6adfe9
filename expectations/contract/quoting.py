"""Quote names and texts for DuckDB where parameters can't be bound (inside generated expressions), or refuse them."""

from __future__ import annotations

from collections.abc import Sequence

COMPARED = 64
"""Values that are compared one by one: beyond them a hash table is faster, and its memory is worth it."""


def literal(text: str) -> str:
    """A string literal. DuckDB's plain literals know no escape but the doubled quote; a NUL can't stand in one.

    ValueError: it holds half of a character.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} holds half of a character (a lone surrogate)") from None
    if "\0" in text:
        return " || chr(0) || ".join(f"'{part}'" for part in text.replace("'", "''").split("\0")).join("()")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted identifier. ValueError: it holds a NUL, which no name can."""
    if "\0" in name:
        raise ValueError("a name can't hold the character NUL")
    return '"' + name.replace('"', '""') + '"'


def one_of(value: str, among: Sequence[str]) -> str:
    """SQL: whether a value is one of these, NULL for NULL. DuckDB makes a join of every IN with more than a few constants,
    and each of them carries all columns of the query: with fifty it takes hundreds of MB.
    """
    if len(among) > COMPARED:
        return f"{value} IN ({', '.join(among)})"
    return "(" + " OR ".join(f"{value} = {item}" for item in among) + ")"


def ours(name: str) -> str:
    """A quoted identifier that no column of a contract has, whatever a table calls its columns."""
    return identifier(ours_unquoted(name))


def ours_unquoted(name: str) -> str:
    """The same name where a text gives it: no declared name holds a dollar."""
    return f"{name}$"
