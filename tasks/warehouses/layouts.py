"""Whether the live table has the layout that is declared. No load changes it but one that makes the table anew."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.shapes import Shape


def layout_of(adapter: Adapter, cursor: Cursor, live: TableName, shape: Shape, *, is_replaced: bool) -> tuple[str, ...]:
    """SQL that gives a table that is there the declared layout; empty where it has it. `is_replaced`: as a whole, by each load,
    which lays it out anew unless something hangs on the table that keeps it."""
    if not adapter.exists(cursor, live) or (is_replaced and not adapter.lost_by_swap(cursor, live, shape)):
        return ()
    return tuple(statement.as_string(cursor) for statement in adapter.laid_out(cursor, live, shape))


def laid_out_otherwise(table: str) -> str:
    """One line for whoever looks at something else."""
    return f"its layout isn't the declared one, and no load changes it: headgate plan {table}"
