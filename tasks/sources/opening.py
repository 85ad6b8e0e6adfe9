"""Open the source of a table for one window: its bytes as UTF-8 CSV with a header, and how to tell it apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.declarations.sources import CsvSource, JsonSource, PostgresSource
from deployments.declarations.table import Table
from deployments.settings import Settings
from deployments.windows import Window
from expectations.contract.split import Reject


class OpenSource(Protocol):
    """A source that is ready to be read once."""

    @property
    def delimiter(self) -> str:
        """Between the fields of `chunks`."""

    @property
    def where(self) -> str:
        """What people call it, without secrets."""

    @property
    def set_aside(self) -> Sequence[Reject]:
        """Records that can't be written as CSV, in their order among all; those that `chunks` has met so far."""

    def fingerprint(self) -> str | None:
        """What identifies the content without reading all of it; None when only reading tells."""

    def chunks(self) -> Iterator[bytes]:
        """UTF-8 CSV bytes, header first. Raises SourceMissingError and SourceUnreachableError."""


@dataclass(frozen=True, slots=True)
class Span:
    """The window a source is read for, and the zone its placeholders are written in."""

    window: Window | None
    timezone: str


def open_source(table: Table, window: Window | None, settings: Settings) -> OpenSource:
    """The source of a table for a window (None: the whole source)."""
    span = Span(window, "UTC" if table.window is None else table.window.timezone)
    source = table.source
    if isinstance(source, PostgresSource):
        from tasks.sources.postgres import PostgresReader

        return PostgresReader(source, span, settings.connection(source.connection), _cursor_timezone(table))
    base = None if source.connection is None else settings.connection(source.connection)
    if isinstance(source, CsvSource):
        from tasks.sources.csv_text import CsvReader

        return CsvReader(source, span, base)
    assert isinstance(source, JsonSource)
    from tasks.sources.json_records import JsonReader

    names = tuple(column.source_name for column in table.columns)
    return JsonReader(source, span, base, names, frozenset(c.source_name for c in table.columns if c.nullable))


def _cursor_timezone(table: Table) -> str:
    """The zone the cursor column is written in: window edges are compared in it."""
    cursor = table.source.cursor if isinstance(table.source, PostgresSource) else None
    for column in table.columns:
        if cursor is not None and column.source_name == cursor.column and column.source_timezone is not None:
            return column.source_timezone
    return "UTC"
