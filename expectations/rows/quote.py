"""Writing names and values into DuckDB's SQL: a compiled predicate can't have bound parameters."""

from __future__ import annotations


def identifier(name: str) -> str:
    """A name in double quotes, whatever it holds."""
    if "\0" in name:
        raise ValueError("a name can't hold the character NUL")
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in single quotes. DuckDB reads no backslash escapes there; NUL would end the statement and is chr(0)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} holds half of a character (a lone surrogate)") from None
    parts = ["'" + part.replace("'", "''") + "'" for part in value.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"
