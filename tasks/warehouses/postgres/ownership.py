"""Whose a table or schema is. Whoever may create in a schema can make a table first, with a trigger that runs as us."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows

US = (
    "(WITH RECURSIVE us(oid) AS (SELECT oid FROM pg_roles WHERE rolname = current_user UNION "
    "SELECT m.roleid FROM pg_auth_members m JOIN us ON us.oid = m.member) SELECT oid FROM us)"
)
"""This user and the roles it was made a member of. Not pg_has_role: a superuser would have every role."""
_SUPERUSERS = "(SELECT oid FROM pg_roles WHERE rolsuper)"
_STRANGER = (
    "WITH RECURSIVE t AS (SELECT c.oid, c.relkind, c.relowner, c.oid::regclass::text AS called FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s "
    "UNION ALL SELECT c.oid, c.relkind, c.relowner, c.oid::regclass::text FROM t JOIN pg_inherits i ON i.inhparent = t.oid "
    "JOIN pg_class c ON c.oid = i.inhrelid) "
    "SELECT CASE relkind WHEN 'v' THEN 'is a view' WHEN 'm' THEN 'is a materialized view' WHEN 'f' THEN 'is a foreign table' "
    "ELSE 'is no table' END FROM t WHERE relkind NOT IN ('r', 'p') "
    f"UNION ALL SELECT 'belongs to ' || pg_get_userbyid(relowner) FROM t WHERE relowner NOT IN {US} "
    "UNION ALL SELECT 'has a child table, ' || called || ', whose rows would be taken for its own' FROM t "
    "WHERE relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent "
    "WHERE i.inhrelid = t.oid AND p.relkind = 'r') AND EXISTS (SELECT 1 FROM t o JOIN pg_inherits i ON i.inhparent = o.oid "
    "WHERE i.inhrelid = t.oid) "
    "UNION ALL SELECT 'has a trigger, ' || g.tgname || ', that runs a function of ' || pg_get_userbyid(p.proowner) "
    "FROM t JOIN pg_trigger g ON g.tgrelid = t.oid JOIN pg_proc p ON p.oid = g.tgfoid "
    f"WHERE NOT g.tgisinternal AND p.proowner NOT IN {US} AND p.proowner NOT IN {_SUPERUSERS} "
    # A table is a type of its name as well: one that is there already takes its place. An array's makes room.
    "UNION ALL SELECT 'is a type of ' || pg_get_userbyid(y.typowner) FROM pg_type y "
    "JOIN pg_namespace n ON n.oid = y.typnamespace WHERE n.nspname = %s AND y.typname = %s AND y.typrelid = 0 AND y.typelem = 0"
)


def stranger(cursor: Cursor, table: TableName) -> str | None:
    """Why the table can't be taken for ours; None when it can, or isn't there."""
    found = rows(cursor, _STRANGER, (table.schema, table.name) * 2)
    return str(found[0][0]) if found else None


def strange_schema(cursor: Cursor, schema: str) -> str | None:
    """Why a schema of our own isn't to be trusted: its owner, or the owner of something in it."""
    found = rows(
        cursor,
        "SELECT 'belongs to ' || pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = %s "
        f"AND n.nspowner NOT IN {US} AND n.nspowner NOT IN {_SUPERUSERS} "
        "AND n.nspowner <> (SELECT datdba FROM pg_database WHERE datname = current_database()) "
        "UNION ALL SELECT 'holds ' || c.relname || ' of ' || pg_get_userbyid(c.relowner) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
        f"AND c.relowner NOT IN {US} AND c.relowner NOT IN {_SUPERUSERS}",
        (schema, schema),
    )
    return str(found[0][0]) if found else None
