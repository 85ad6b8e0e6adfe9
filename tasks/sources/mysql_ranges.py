"""Ranges of a key in a MySQL or MariaDB source: which columns can cut it, where a range ends, and the condition that is one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pymysql
from pymysql.constants import ER, FIELD_TYPE, FLAG
from pymysql.cursors import Cursor

from deployments.declarations.database_sources import Chunks
from tasks.sources.mysql_columns import MysqlColumn, inside
from tasks.sources.ranges import Range, unfit

_NUMBERS = (
    FIELD_TYPE.TINY,
    FIELD_TYPE.SHORT,
    FIELD_TYPE.INT24,
    FIELD_TYPE.LONG,
    FIELD_TYPE.LONGLONG,
    FIELD_TYPE.NEWDECIMAL,
)
_MOMENTS = (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP)
_TEXTS = (FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING)
_BY_NUMBER = FLAG.ENUM | FLAG.SET
"""Of which ORDER BY goes by the number of a value, and a comparison by its text."""
_DIGITS = re.compile(rb"-?\d+(\.\d+)?")


def key_of(columns: Sequence[MysqlColumn], chunks: Chunks, where: str) -> MysqlColumn:
    """The column of the query that cuts it. DeclarationError CHUNK-KEY: it has none, or none with an order of its own."""
    found = [column for column in columns if column.name.lower() == chunks.by.lower()]
    if len(found) != 1:
        how = "isn't a column of the query" if not found else "is the name of several columns of the query"
        raise unfit(where, chunks, how, "mend source.chunks.by or source.query")
    if found[0].code not in (*_NUMBERS, *_MOMENTS, *_TEXTS) or found[0].flags & _BY_NUMBER:
        raise unfit(where, chunks, "is of a type without an order that statements share", "by: another column")
    return found[0]


def prove_index(cursor: Cursor, query: str, key: MysqlColumn, chunks: Chunks, where: str) -> int | None:
    """Raise DeclarationError CHUNK-KEY unless the source finds ranges of the column by an index; about how many rows there are,
    where it can tell. Else it would compute the whole query once for each chunk. pymysql.Error: it can't be run."""
    try:
        plan = _plan(cursor, f"SELECT {key.sql} FROM {inside(query)} ORDER BY {key.sql} LIMIT 1")
    except pymysql.Error as error:
        if error.args[0] != ER.VIEW_NO_EXPLAIN:
            raise
        raise unfit(
            where, chunks, "is a column of a view, and this login may not see whether an index finds it",
            "ask the source's owner to GRANT SHOW VIEW (and SELECT on its tables), or select from the tables",
        ) from None  # fmt: skip
    if any(
        "filesort" in step["extra"] or "temporary" in step["extra"] or step["select_type"] == "DERIVED" for step in plan
    ):
        raise unfit(
            where, chunks, "isn't found by an index: each chunk would be a scan of the whole query",
            "by: the first column of an index of a table, in a query without LIMIT, DISTINCT or GROUP BY",
        )  # fmt: skip
    plan = _plan(cursor, f"SELECT 1 FROM {inside(query)}")
    return int(plan[0]["rows"]) if len(plan) == 1 and plan[0]["rows"].isdigit() else None


def bound(cursor: Cursor, query: str, key: MysqlColumn, chunks: Chunks, after: str | None) -> str | None:
    """The value of the last row of the range behind `after`, as a literal; None where the source has fewer rows."""
    cursor.execute(
        f"SELECT {key.sql} FROM {inside(query)} WHERE {_beyond(key, after)} ORDER BY {key.sql} LIMIT {chunks.rows - 1}, 1"
    )
    row = cursor.fetchone()
    return None if row is None or row[0] is None else _literal(key, row[0])


def condition(key: MysqlColumn, of: Range) -> str:
    """SQL of whether a row is in the range."""
    if of.nulls:
        # Not IS NULL, which the zero date of a column without NULL is as well.
        return f"{key.sql} <=> NULL"
    upto = "" if of.upto is None else f" AND {key.sql} <= {of.upto}"
    return f"{_beyond(key, of.after)}{upto}"


def _beyond(key: MysqlColumn, after: str | None) -> str:
    return f"NOT ({key.sql} <=> NULL)" if after is None else f"{key.sql} > {after}"


def _literal(key: MysqlColumn, value: bytes) -> str:
    """A value as SQL that is compared as the column is, by its own collation; as digits, whatever the server's mode."""
    if key.code in _NUMBERS:
        if not _DIGITS.fullmatch(value):
            raise ValueError("a number of the key isn't one")
        return value.decode()
    digits = f"x'{value.hex()}'"
    return f"_utf8mb4 {digits}" if key.is_text or key.code in _MOMENTS else digits


def _plan(cursor: Cursor, statement: str) -> list[dict[str, str]]:
    cursor.execute(f"EXPLAIN {statement}")
    names = [item[0].lower() for item in cursor.description]
    return [
        {name: (value or b"").decode() for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()
    ]
