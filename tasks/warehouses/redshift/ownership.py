"""Whose a table or schema is. The service has neither triggers nor rules, but who owns a table may read and change it."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows

_OWNED = "pg_get_userbyid({0}), pg_get_userbyid({0}) = current_user"
_BY_SUPERUSER = "(SELECT count(*) FROM pg_user u WHERE u.usesysid = {} AND u.usesuper) > 0"


def stranger(cursor: Cursor, table: TableName) -> str | None:
    """Why the table can't be taken for ours; None when it can, or isn't there."""
    found = rows(
        cursor,
        f"SELECT c.relkind, {_OWNED.format('c.relowner')} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        (table.schema, table.name),
    )
    for kind, owner, ours in found:
        if kind != "r":
            return "is a view" if kind == "v" else "is no table"
        if not ours:
            return f"belongs to {owner}"
    return None


def strange_schema(cursor: Cursor, schema: str) -> str | None:
    """Why a schema of our own isn't to be trusted: its owner, or the owner of something in it."""
    owner = rows(
        cursor,
        f"SELECT {_OWNED.format('n.nspowner')}, {_BY_SUPERUSER.format('n.nspowner')} FROM pg_namespace n "
        "WHERE n.nspname = %s",
        (schema,),
    )
    held = rows(
        cursor,
        f"SELECT c.relname, {_OWNED.format('c.relowner')}, {_BY_SUPERUSER.format('c.relowner')} FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s ORDER BY 1",
        (schema,),
    )
    strange = [f"belongs to {name}" for name, ours, trusted in owner if not (ours or trusted)]
    strange += [f"holds {what} of {name}" for what, name, ours, trusted in held if not (ours or trusted)]
    return strange[0] if strange else None
