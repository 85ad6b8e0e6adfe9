"""What a PostgreSQL source's own catalog says of a query's columns: types, NOT NULL and the primary key behind them."""

from __future__ import annotations

import re
from datetime import date

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from expectations.draft.facts import SourceColumn
from tasks.one_select import inside, one_row
from tasks.sources.protocol import SourceShape
from tasks.warehouses.quoting import identifier

# Anything but columns of one table, perhaps with a WHERE, may repeat its rows: then its key is none of the query's.
_PLAIN = re.compile(
    r"""(?is)\s*select\s(?:(?!\b(?:from|distinct)\b|\().)+\bfrom\s+[\w."]+(?:\s+(?:as\s+)?(?!where\b)\w+)?"""
    r"(?:\s+where\s(?:(?!\b(?:union|group|join|from|intersect|except)\b).)+)?\s*"
)


def described(cursor: Cursor, query: str) -> SourceShape:
    """Ask the catalog. Views and expressions tell their types, but neither NOT NULL nor a key."""
    cursor.execute(sql.SQL("SELECT q.* FROM {} q LIMIT 0").format(inside(query)))
    found = [(item.name, item.type_code, item.table_oid, item.table_column) for item in cursor.description or ()]
    columns = {}
    for name, kind, table, number in found:
        kind_name, filled = one_row(
            cursor,
            "SELECT coalesce((SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s "
            "AND attnum = %s), format_type(%s, NULL)), coalesce((SELECT attnotnull FROM pg_attribute "
            "WHERE attrelid = %s AND attnum = %s), false)",
            (table, number, kind, table, number),
        )
        columns[name] = SourceColumn(str(kind_name), bool(filled))
    key: tuple[str, ...] = ()
    tables = {table for _, _, table, _ in found if table}
    if len(tables) == 1 and _PLAIN.fullmatch(query):
        cursor.execute(
            "SELECT k.attnum FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, place) "
            "WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place",
            (tables.pop(),),
        )
        numbers = [row[0] for row in cursor.fetchall()]
        names = {number: name for name, _, _, number in found}
        if numbers and all(number in names for number in numbers):
            key = tuple(names[number] for number in numbers)
    return SourceShape(columns, key)


def first_day(cursor: Cursor, query: str, column: str) -> date | None:
    """The day of the least value of a date or time column of the query; None when it has no rows."""
    found: date | None
    (found,) = one_row(cursor, sql.SQL("SELECT min(q.{})::date FROM {} q").format(identifier(column), inside(query)))
    return found
