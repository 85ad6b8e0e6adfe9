"""Ranges of a key in a PostgreSQL source: which columns can cut it, where a range ends, and the condition that is one."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.database_sources import Chunks
from tasks.one_select import inside, one_row
from tasks.sources.ranges import Range, unfit
from tasks.warehouses.quoting import identifier

_CUT_BY = (17, 20, 21, 23, 25, 26, 1042, 1043, 1082, 1114, 1184, 1700, 2950)
"""Object ids of types whose text says the whole value: bytea, bigint, smallint, integer, text, oid, char, varchar, date,
timestamp (both), numeric, uuid. What a float or an array is written as may be another value."""
_PLANNED = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"


def prove_key(cursor: Cursor, query: str, chunks: Chunks, where: str) -> int:
    """Raise DeclarationError CHUNK-KEY unless the source finds ranges of the column by an index; about how many rows there are.

    Without an index, or beyond a LIMIT or a GROUP BY in the query, the source would compute all of it once for each chunk.
    psycopg2.Error: the query can't be run.
    """
    rows, column = inside(query), _column(chunks)
    cursor.execute(sql.SQL("SELECT hg_rows.* FROM {} hg_rows LIMIT 0").format(rows))
    found = [item.type_code for item in cursor.description or () if item.name == chunks.by]
    if len(found) != 1:
        how = "isn't a column of the query" if not found else "is the name of several columns of the query"
        raise unfit(where, chunks, how, "mend source.chunks.by or source.query")
    (kind,) = one_row(cursor, "SELECT format_type(%s, NULL)", (found[0],))
    if found[0] not in _CUT_BY:
        raise unfit(where, chunks, f"is {kind} at the source: no order that statements share", "by: another column")
    cursor.execute("SAVEPOINT hg_plan")
    cursor.execute(_PLANNED)
    beyond = sql.SQL(
        "EXPLAIN (FORMAT JSON) SELECT {c} FROM {} hg_rows WHERE {c} > (SELECT CAST(NULL AS {})) ORDER BY {c} LIMIT 1"
    )
    (plan,) = one_row(cursor, beyond.format(rows, sql.SQL(str(kind)), c=column))
    # Released as well: a replica cancels a statement that is in the way of its replay, but within a savepoint ends the session.
    cursor.execute("ROLLBACK TO SAVEPOINT hg_plan; RELEASE SAVEPOINT hg_plan")
    nodes = list(_nodes(plan[0]["Plan"]))
    if any(node["Node Type"].endswith("Sort") for node in nodes) or not any("Index Cond" in node for node in nodes):
        raise unfit(
            where, chunks, "isn't found by an index: each chunk would be a scan of the whole query",
            "by: the first column of an index of a table, in a query without LIMIT, DISTINCT or GROUP BY",
        )  # fmt: skip
    (plan,) = one_row(cursor, sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {} hg_rows").format(rows))
    return int(plan[0]["Plan"]["Plan Rows"])


def bound(cursor: Cursor, query: str, chunks: Chunks, after: str | None) -> str | None:
    """The value of the last row of the range behind `after`, as a literal; None where the source has fewer rows."""
    column = _column(chunks)
    statement = sql.SQL("SELECT {c}::text FROM {} hg_rows WHERE {} ORDER BY {c} OFFSET {} LIMIT 1").format(
        inside(query), _beyond(column, after), sql.Literal(chunks.rows - 1), c=column
    )
    cursor.execute(statement)
    row = cursor.fetchone()
    # A last row without a value: as NULLs come last, fewer have one.
    return None if row is None or row[0] is None else sql.Literal(row[0]).as_string(cursor)


def condition(chunks: Chunks, of: Range) -> sql.Composable:
    """SQL of whether a row is in the range. A literal without a type takes the column's, and its collation."""
    column = _column(chunks)
    if of.nulls:
        return sql.SQL("{} IS NULL").format(column)
    upto = sql.SQL("") if of.upto is None else sql.SQL(" AND {} <= {}").format(column, sql.SQL(of.upto))
    return sql.SQL("{}{}").format(_beyond(column, of.after), upto)


def _beyond(column: sql.Composable, after: str | None) -> sql.Composable:
    return (
        sql.SQL("{} IS NOT NULL").format(column) if after is None else sql.SQL("{} > {}").format(column, sql.SQL(after))
    )


def _column(chunks: Chunks) -> sql.Composable:
    return identifier("hg_rows", chunks.by)


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
