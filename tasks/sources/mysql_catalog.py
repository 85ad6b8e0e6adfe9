"""What a MySQL source's own catalog says of a query's columns: types, NOT NULL and the primary key behind them."""

from __future__ import annotations

import re
from datetime import date

from pymysql.cursors import Cursor

from expectations.draft.facts import SourceColumn
from tasks.sources.mysql_columns import MysqlColumn, columns_of, inside, of_rows
from tasks.sources.protocol import SourceShape

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
# Anything but columns of one table, perhaps with a WHERE, may repeat its rows: then its key is none of the query's.
_PLAIN = re.compile(
    rf"(?is)\s*select\s(?:(?!\b(?:from|distinct)\b|\().)+\bfrom\s+(?:(?P<place>{_NAME})\.)?(?P<table>{_NAME})"
    rf"(?:\s+(?:as\s+)?(?!where\b){_NAME})?"
    r"(?:\s+where\s(?:(?!\b(?:union|group|join|from|intersect|except|limit)\b).)+)?\s*"
)


def described(cursor: Cursor, query: str) -> SourceShape:
    """Ask the server. Expressions tell their types, but no key. pymysql.Error: the query can't be run."""
    columns = columns_of(cursor, query)
    shapes = {column.name: SourceColumn(column.type_of_sql, column.is_not_null) for column in columns}
    return SourceShape(shapes, _key(cursor, query, columns))


def first_day(cursor: Cursor, query: str, column: str) -> date | None:
    """The day of the least value of a date or time column of the query; None when it has no rows."""
    name = of_rows(column)
    # A zero date is less than all, and is no day.
    cursor.execute(f"SELECT MIN({name}) FROM {inside(query)} WHERE {name} >= DATE'0001-01-01'")
    found = cursor.fetchone()
    try:
        return None if found is None or found[0] is None else date.fromisoformat(found[0].decode()[:10])
    except ValueError:
        # A day of month zero, or a column of another type.
        return None


def _key(cursor: Cursor, query: str, columns: list[MysqlColumn]) -> tuple[str, ...]:
    plain = _PLAIN.fullmatch(query)
    if plain is None:
        return ()
    place = "DATABASE()" if plain["place"] is None else _text(plain["place"])
    cursor.execute(
        "SELECT column_name FROM information_schema.statistics"
        f" WHERE table_schema = {place} AND table_name = {_text(plain['table'])} AND index_name = 'PRIMARY'"
        " ORDER BY seq_in_index"
    )
    key = tuple(str(name.decode()) for (name,) in cursor.fetchall())
    delivered = {column.name for column in columns if column.is_of_key}
    return key if set(key) <= delivered else ()


def _text(name: str) -> str:
    """A name of the query as a text for the catalog, as digits: how a text is written depends on the server's mode."""
    bare = name[1:-1].replace("``", "`") if name.startswith("`") else name
    return f"CONVERT(0x{bare.encode().hex()} USING utf8mb4)"
