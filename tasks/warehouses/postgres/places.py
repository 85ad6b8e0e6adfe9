"""Where rows lie (`ctid`): in the order in which they came, in a table to which its own transaction has only added."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import one

_READS_RANGES = 140000
"""Of older servers a range of places reads the whole table."""
_PAGES_AHEAD = 64
"""COPY adds so many at once at most (MAX_BUFFERS_TO_EXTEND_BY of the server's hio.c), and may leave some of them empty."""


def last_row(cursor: Cursor, table: TableName) -> str | None:
    """See `Adapter.last_row`. COPY looks for no room in front in a table that its own transaction has made."""
    if cursor.connection.server_version < _READS_RANGES:
        return None
    size = "pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
    pages = int(one(cursor, f"SELECT {size}", (qualified(table).as_string(cursor),))[0])
    for first in (max(pages - _PAGES_AHEAD - 1, 0), 0):
        last = sql.SQL("SELECT max(ctid)::text FROM {} WHERE ctid >= {}::tid")
        (found,) = one(cursor, last.format(qualified(table), sql.Literal(f"({first},0)")))
        if found is not None:
            return str(found)
    return None


def rows_between(table: TableName, after: str | None, last: str | None) -> sql.Composed:
    """See `Adapter.rows_between`."""
    bounds = [
        sql.SQL("ctid {} {}::tid").format(sql.SQL(than), sql.Literal(place))
        for than, place in ((">", after), ("<=", last))
        if place is not None
    ]
    return sql.SQL("(SELECT * FROM {} WHERE {}) AS {}").format(
        qualified(table), sql.SQL(" AND ").join(bounds or [sql.SQL("true")]), identifier(names.ROWS)
    )
