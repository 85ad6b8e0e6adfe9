"""A PostgreSQL source's rows told apart from any other rows, in whichever order they come: computed by the source itself.

Each row is hashed as a record, which takes a third of what hashing its text takes. A type whose equal values may be
written in several ways (1.0 and 1.00, 0 and -0) is hashed by how it is written, so that no change of a value goes unseen.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.one_select import one_row
from tasks.warehouses.quoting import identifier

_HASHES_RECORDS = 140_000
"""The first server version that hashes records by 64 bits."""
_ONE_SPELLING = (16, 20, 21, 23, 26, 1082, 1083, 1114, 1184, 2950)
"""Object ids of types of which equal values are written alike: boolean, bigint, smallint, integer, oid, date, time,
timestamp (both), uuid."""
_TEXT = (25, 1043)


def fingerprint_of(figures: Iterable[tuple[int, int]]) -> str:
    """The fingerprint of rows by the figures of all their parts: as one part has it, however they were cut."""
    rows, total = map(sum, zip(*figures, strict=True))
    return f"rows:{rows}:hash:{total}"


def figures_of(cursor: Cursor, rows: sql.Composable) -> tuple[int, int]:
    """How many rows there are in parentheses, and the sum of their hashes. psycopg2.Error: the query can't be run."""
    hashed = _row_hash(cursor, rows)
    count, total = one_row(cursor, sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM {} q").format(hashed, rows))
    return int(count), int(total)


def _row_hash(cursor: Cursor, rows: sql.Composable) -> sql.Composable:
    # ROW(q.*): q alone would be the column of that name, if the source has one.
    by_text = sql.SQL("pg_catalog.hashtextextended(ROW(q.*)::text, 0)::numeric")
    if cursor.connection.server_version < _HASHES_RECORDS:
        return by_text
    cursor.execute(sql.SQL("SELECT q.* FROM {} q LIMIT 0").format(rows))
    columns = [(item.name, item.type_code) for item in cursor.description or ()]
    if len({name for name, _ in columns}) < len(columns):
        return by_text
    record = sql.SQL(", ").join(_hashed(name, kind) for name, kind in columns)
    # A record's hash is a sum over its columns: hashed once more, or two rows could exchange a value unseen.
    return sql.SQL("pg_catalog.hashint8extended(pg_catalog.hash_record_extended(ROW({}), 0), 0)").format(record)


def _hashed(name: str, kind: int) -> sql.Composed:
    column = identifier("q", name)
    if kind in _ONE_SPELLING:
        return sql.SQL("{}").format(column)
    # By its bytes: other collations may take different texts for the same.
    return sql.SQL('{} COLLATE "C"' if kind in _TEXT else '{}::text COLLATE "C"').format(column)
