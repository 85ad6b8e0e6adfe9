"""Take the live rows that a batch replaces out of their table, joined with the batch once: PostgreSQL returns what it deletes."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Match, Replaced
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import one

_HAS_RULES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND c.relname = %s AND c.relhasrules"
)
# A row is found again by its place, and by its table where it may lie in one of several.
_TAKE_OUT = """
WITH matched AS MATERIALIZED (
    SELECT {live}.ctid AS place, {live}.tableoid AS part, {newer} AS newer, {newer} AND {differs} AS replaced
    FROM {table} {live} JOIN {batch} {new} ON {key}
), gone AS (
    DELETE FROM {table} {live} USING matched
    WHERE {live}.ctid = matched.place AND {live}.tableoid = matched.part AND matched.replaced
    RETURNING {live}.*
){keep}
SELECT count(*), count(*) FILTER (WHERE replaced), count(*) FILTER (WHERE newer IS NOT TRUE),
    (SELECT count(*) FROM {taken}) FROM matched
"""
_KEEP = ", kept AS (INSERT INTO {} SELECT * FROM gone RETURNING 1)"


def has_rules(cursor: Cursor, table: TableName) -> bool:
    """Whether rules of the table rewrite what is done to it: nothing is returned through them."""
    return bool(one(cursor, _HAS_RULES, (table.schema, table.name))[0])


def take_out_replaced(
    cursor: Cursor, live: TableName, batch: TableName, match: Match, kept: TableName | None, ordered_by: Sequence[str]
) -> Replaced | None:
    """See `Adapter.take_out_replaced`; `kept` is there. None where others changed rows that are to go at the same moment: such a
    row lies somewhere else then, and only its key finds it. What was done has to be rolled back."""
    rows: sql.Composable = qualified(batch)
    if ordered_by:
        rows = sql.SQL("(SELECT * FROM {} ORDER BY {})").format(rows, listed(ordered_by))
    statement = sql.SQL(_TAKE_OUT).format(
        table=qualified(live), batch=rows, live=identifier(names.LIVE), new=identifier(names.NEW),
        key=match.key, newer=match.newer, differs=match.differs,
        keep=sql.SQL("") if kept is None else sql.SQL(_KEEP).format(qualified(kept)),
        taken=identifier("gone" if kept is None else "kept"),
    )  # fmt: skip
    matched, replaced, superseded, taken = map(int, one(cursor, statement))
    return Replaced(taken, matched - taken, superseded) if taken == replaced else None
