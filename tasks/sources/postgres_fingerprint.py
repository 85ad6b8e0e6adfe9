"""A PostgreSQL source's rows told apart from any other rows, in whichever order they come: computed by the source itself.

Each value is hashed by the server's 64-bit hash of its type with its column's place as the seed, which takes half of what hashing
the row as a record takes, and a sixth of hashing its text. A type whose equal values may be written in several ways (1.0 and
1.00, 0 and -0) is hashed by how it is written, so that no change of a value goes unseen.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.one_select import one_row
from tasks.warehouses.quoting import identifier

_HASHES_VALUES = 140_000
"""The first server version of which this is proven."""
_DATE = 1082
_HASHES = {
    16: "pg_catalog.hashint4extended({}::integer, {})",
    20: "pg_catalog.hashint8extended({}, {})",
    21: "pg_catalog.hashint2extended({}, {})",
    23: "pg_catalog.hashint4extended({}, {})",
    1083: "pg_catalog.time_hash_extended({}, {})",
    1114: "pg_catalog.timestamp_hash_extended({}, {})",
    1184: "pg_catalog.timestamp_hash_extended({} AT TIME ZONE 'UTC', {})",
    2950: "pg_catalog.uuid_hash_extended({}, {})",
    25: 'pg_catalog.hashtextextended({} COLLATE "C", {})',
    1043: 'pg_catalog.hashtextextended({} COLLATE "C", {})',
}
"""By the object id of a type: boolean, bigint, smallint, integer, time, timestamp (both), uuid, of which equal values are written
alike; text and varchar by their bytes, since other collations may take different texts for the same."""
_BY_TEXT = 'pg_catalog.hashtextextended({0}::text COLLATE "C", {1})'
_OF_DATE = (
    "CASE WHEN pg_catalog.isfinite({0}) THEN pg_catalog.hashint4extended({0} - date '2000-01-01', {1}) "
    f"ELSE {_BY_TEXT} END"
)
"""No number of days leads to infinity."""


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
    if cursor.connection.server_version < _HASHES_VALUES:
        return by_text
    cursor.execute(sql.SQL("SELECT q.* FROM {} q LIMIT 0").format(rows))
    columns = [(item.name, item.type_code) for item in cursor.description or ()]
    if not columns or len({name for name, _ in columns}) < len(columns):
        return by_text
    hashes = [_hashed(place, name, kind) for place, (name, kind) in enumerate(columns, start=1)]
    # Hashed once more, or two rows could exchange a value unseen.
    return sql.SQL("pg_catalog.hashint8extended({}, 0)").format(sql.SQL(" # ").join(hashes))


def _hashed(place: int, name: str, kind: int) -> sql.Composed:
    form = _OF_DATE if kind == _DATE else _HASHES.get(kind, _BY_TEXT)
    value = sql.SQL(form).format(identifier("q", name), sql.Literal(place))
    return sql.SQL("coalesce({}, {})").format(value, sql.Literal(place))
