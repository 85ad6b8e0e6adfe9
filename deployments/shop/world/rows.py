"""Rows of one source as plain Python values, and as CSV that keeps NULL and the empty string apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

Value = str | int | bool | Decimal | date | datetime | None
Row = tuple[Value, ...]


@dataclass(frozen=True)
class Column:
    """A column of a source and its PostgreSQL type there."""

    name: str
    type: str


@dataclass(frozen=True)
class SourceRows:
    """Everything one source holds: timestamps are naive and mean UTC."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def records(self) -> Iterator[dict[str, Value]]:
        """The rows as dictionaries."""
        return (dict(zip(self.header, row, strict=True)) for row in self.rows)

    def csv(self) -> str:
        """The rows as CSV with a header: NULL is nothing, an empty text is two quotes, lines end in LF."""
        return "".join(csv_lines([self.header, *self.rows]))

    def sha256(self) -> str:
        """The fingerprint of the rows: equal on every machine."""
        return hashlib.sha256(self.csv().encode()).hexdigest()


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Each row as a line of CSV."""
    return (",".join(map(_field, row)) + "\n" for row in rows)


def _field(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    text = str(value)
    if text == "" or any(mark in text for mark in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
