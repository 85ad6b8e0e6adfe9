"""Rows that no window has, since their cursor has no value: counted, and refused or told as it is declared."""

from __future__ import annotations

import time
from threading import Lock

from deployments.declarations.sources import PostgresSource
from deployments.declarations.table import Table
from deployments.errors import UpstreamError
from tasks.sources.postgres import PostgresReader
from tasks.sources.protocol import OpenSource

COUNTED_FOR_SECONDS = 300.0
"""A backfill of many windows counts once in a while, not with every window: it may take the source a scan."""
_counted: dict[tuple[str, str], tuple[float, int]] = {}
_turn = Lock()


def rows_without_window(table: Table, source: OpenSource) -> int:
    """How many rows of a query cut by a cursor lie in no window. Raises UpstreamError CURSOR-NULL where that is refused."""
    if not isinstance(source, PostgresReader) or source.source.cursor is None or source.span.window is None:
        return 0
    cursor = source.source.cursor
    if cursor.nulls == "load":
        return 0
    about = (source.url, source.source.model_dump_json())
    with _turn:
        counted, rows = _counted.get(about, (0.0, 0))
        if not counted or time.monotonic() - counted > COUNTED_FOR_SECONDS:
            rows = source.unplaced()
            _counted[about] = time.monotonic(), rows
    if rows and cursor.nulls == "fail":
        raise UpstreamError(
            f"{table.table}: {sentence(table, rows)}; nothing is loaded (source.cursor.nulls: fail)",
            code="CURSOR-NULL",
            next_command="ask the source's owner; or leave them out in source.query, or source.cursor.nulls: warn",
            rows=rows,
        )
    return rows


def sentence(table: Table, rows: int) -> str:
    """For people: '3 rows of the source have no updated_at, so that no window has them'."""
    assert isinstance(table.source, PostgresSource)
    assert table.source.cursor is not None
    them = "row of the source has" if rows == 1 else "rows of the source have"
    return f"{rows:,} {them} no {table.source.cursor.column}, so that no window has {'it' if rows == 1 else 'them'}"
