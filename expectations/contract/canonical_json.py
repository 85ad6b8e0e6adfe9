"""One spelling for each JSON value, so that what was checked can be compared with what a warehouse keeps of it.

It is the one that PostgreSQL's `jsonb` writes: keys by the length of their bytes, then by their bytes; a blank behind comma and
colon; numbers without exponent and with the zeros they came with. Text that would lose something on its way into a warehouse has
none: a key that stands twice, the character NUL, half a character, NaN, a number of more than 38 digits, nesting without end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

import duckdb
from duckdb.func import SPECIAL

FUNCTION = "headgate_canonical_json"
_MAX_DEPTH = 200
_MAX_DIGITS = 38
_MAX_EXPONENT = 308
_string = json.encoder.encode_basestring


class _Number(str):
    """A number as it was written."""


def canonical(text: str | None) -> str | None:
    """The one spelling of a JSON text; None of no text, and when it isn't JSON, or would lose something."""
    if text is None:
        return None
    try:
        written = "".join(_written(_DECODER.decode(text.strip(" \t\r\n")), _MAX_DEPTH))
        written.encode()
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return written


def teach(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the spelling known to a connection as FUNCTION."""
    connection.create_function(FUNCTION, canonical, ["VARCHAR"], "VARCHAR", null_handling=SPECIAL)


def _written(value: Any, depth: int) -> Iterator[str]:
    if depth == 0:
        raise ValueError("nested too deep")
    match value:
        case dict():
            yield "{"
            for place, key in enumerate(sorted(value, key=_in_order)):
                yield f"{', ' if place else ''}{_text(key)}: "
                yield from _written(value[key], depth - 1)
            yield "}"
        case list():
            yield "["
            for place, item in enumerate(value):
                yield ", " if place else ""
                yield from _written(item, depth - 1)
            yield "]"
        case _Number():
            yield _plain(value)
        case str():
            yield _text(value)
        case _:
            yield {None: "null", True: "true", False: "false"}[value]


def _in_order(key: str) -> tuple[int, bytes]:
    data = key.encode()
    return len(data), data


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("no warehouse keeps the character NUL")
    return _string(value)


def _plain(text: str) -> str:
    if len(text) > 2 * _MAX_EXPONENT:
        raise ValueError("more digits than are kept")
    number = Decimal(text)
    if number and (len(number.as_tuple().digits) > _MAX_DIGITS or abs(number.adjusted()) > _MAX_EXPONENT):
        raise ValueError("more digits than are kept")
    written = format(number if number else abs(number), "f")
    if len(written) > 2 * _MAX_EXPONENT:
        raise ValueError("more digits than are kept")
    return written


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} isn't JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_constant)
