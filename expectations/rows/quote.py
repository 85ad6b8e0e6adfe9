"""Names and values that somebody typed, as they stand in a compiled predicate: what no SQL can hold is refused."""

from __future__ import annotations

from expectations.contract import quoting


def identifier(name: str) -> str:
    """A name in double quotes, whatever it holds."""
    if "\0" in name:
        raise ValueError("a name can't hold the character NUL")
    return quoting.identifier(name)


def text(value: str) -> str:
    """A text in single quotes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} holds half of a character (a lone surrogate)") from None
    return quoting.literal(value)
