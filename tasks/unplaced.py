"""Rows that no window has, since their cursor has no value: counted, and refused or told as it is declared."""

from __future__ import annotations

import time
from threading import Lock

from deployments.declarations.table import Table
from deployments.errors import UpstreamError
from tasks.sources.opening import as_database
from tasks.sources.protocol import OpenSource

COUNTED_FOR_SECONDS = 300.0
"""A backfill of many windows counts once in a while, not with every window: it may take the source a scan."""
_counted: dict[tuple[str, str], tuple[float, int]] = {}
_turn = Lock()


def rows_without_window(table: Table, source: OpenSource) -> int:
    """How many rows of a query cut by a cursor lie in no window. Raises UpstreamError CURSOR-NULL where that is refused."""
    cursor, database = table.source.cut_by, as_database(table.source, source)
    if cursor is None or database is None or cursor.nulls == "load":
        return 0
    about = (database.url, table.source.model_dump_json())
    with _turn:
        counted, rows = _counted.get(about, (0.0, 0))
        if not counted or time.monotonic() - counted > COUNTED_FOR_SECONDS:
            rows = database.unplaced()
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
    assert table.source.cut_by is not None
    them = "row of the source has" if rows == 1 else "rows of the source have"
    return f"{rows:,} {them} no {table.source.cut_by.column}, so that no window has {'it' if rows == 1 else 'them'}"
