"""A value of a suite as a DuckDB literal of its column's family; anything else is refused, never cast.

A silent cast is how '1.6' becomes 2: a rule about a number may name only numbers, one about a text only texts.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from deployments.declarations.rule_faults import as_date
from expectations.contract.quoting import identifier, literal

Family = Literal["number", "text", "boolean", "moment", "moment with zone", "time of day"]

_FAMILIES: Mapping[str, Family] = {
    "TINYINT": "number", "SMALLINT": "number", "INTEGER": "number", "BIGINT": "number", "HUGEINT": "number",
    "DECIMAL": "number", "DOUBLE": "number", "FLOAT": "number", "VARCHAR": "text", "BOOLEAN": "boolean",
    "DATE": "moment", "TIMESTAMP": "moment", "TIMESTAMP WITH TIME ZONE": "moment with zone",
    "TIMESTAMPTZ": "moment with zone", "TIME": "time of day",
}  # fmt: skip
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{0,5}[1-9])?")
_FLOATS = ("DOUBLE", "FLOAT")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_WORDS: Mapping[Family, str] = {
    "number": "a number", "text": "text", "boolean": "true or false", "moment": "a date or timestamp",
    "moment with zone": "a timestamp with zone", "time of day": "a time such as '09:30:00'",
}  # fmt: skip


class Columns:
    """The typed columns of a batch, and how SQL speaks about them."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = {name: kind.upper().partition("(")[0].strip() for name, kind in types.items()}

    def family(self, name: str) -> Family:
        """What kind of values a column has. ValueError: no such column, or a type no row rule knows."""
        if name not in self._types:
            raise ValueError(f"there is no column '{name}'")
        family = _FAMILIES.get(self._types[name])
        if family is None:
            raise ValueError(f"'{name}' has the type {self._types[name]}, which row rules don't know")
        return family

    def expect(self, name: str, *families: Family) -> None:
        """ValueError unless the column is of one of the families."""
        if self.family(name) not in families:
            allowed = " or ".join(_WORDS[family] for family in families)
            raise ValueError(f"'{name}' must be {allowed}, and is {_WORDS[self.family(name)]}")

    def expect_comparable(self, *names: str) -> None:
        """ValueError unless values of all the columns can be compared with each other."""
        for name in names[1:]:
            if self.family(name) != self.family(names[0]):
                words = f"{_WORDS[self.family(names[0])]} and {_WORDS[self.family(name)]}"
                raise ValueError(f"'{names[0]}' and '{name}' can't be compared: {words}")

    def present(self, name: str) -> str:
        """SQL: the row has a value in this column. Not-a-number counts as none, as in Great Expectations on pandas."""
        self.family(name)
        column = identifier(name)
        return (
            f"({column} IS NOT NULL AND NOT isnan({column}))"
            if self._types[name] in _FLOATS
            else f"({column} IS NOT NULL)"
        )

    def summand(self, name: str) -> str:
        """SQL of a number that may be added up: a sum of integers that leaves their type is an error in DuckDB."""
        column = identifier(name)
        return f"CAST({column} AS DECIMAL(19,0))" if self._types[name] in _INTEGERS else column

    def literal(self, name: str, value: Any) -> str:
        """A value in SQL, fit to be compared with the column. ValueError when it is of another kind."""
        family = self.family(name)
        written = _WRITERS[family](value)
        if written is None:
            raise ValueError(f"{value!r} can't be compared with '{name}', which is {_WORDS[family]}")
        # DuckDB reads 0.1 as an exact decimal; a floating-point column holds the float nearest to it.
        return f"CAST({written} AS DOUBLE)" if self._types[name] in _FLOATS else written


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return repr(value)


def _boolean(value: Any) -> str | None:
    return str(value).upper() if isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return literal(value) if isinstance(value, str) else None


def _utc(value: Any) -> datetime.datetime | None:
    moment = as_date(value) if isinstance(value, str) else value
    if isinstance(moment, datetime.datetime):
        return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return datetime.datetime(moment.year, moment.month, moment.day) if isinstance(moment, datetime.date) else None


def _moment(value: Any) -> str | None:
    moment = _utc(value)
    return None if moment is None else f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


def _moment_with_zone(value: Any) -> str | None:
    moment = _utc(value)
    return None if moment is None else f"TIMESTAMPTZ '{moment.isoformat(sep=' ')}+00'"


def _time_of_day(value: Any) -> str | None:
    # As the texts of a frame (`suites/frames.py`) have it, which are compared as they stand: no zero at the end.
    return f"TIME '{value}'" if isinstance(value, str) and _TIME.fullmatch(value) else None


_WRITERS = {
    "number": _number, "text": _text, "boolean": _boolean, "moment": _moment, "moment with zone": _moment_with_zone,
    "time of day": _time_of_day,
}  # fmt: skip
