"""What PostgreSQL understands a SELECT to read and to call. Nothing of it runs.

A view is made of it, whose rule names every relation and every function, whatever the text looked like; the caller rolls
back. The rule is read rather than the dependencies, which leave out everything that is part of the server.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.one_select import prove_one_select
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import one, rows
from tasks.warehouses.shapes import Understood

_RELATION = re.compile(r":relid (\d+)")
_FUNCTION = re.compile(r":(?:funcid|aggfnoid|winfnoid) (\d+)")
_RULE = "SELECT oid, ev_action::text FROM pg_rewrite WHERE ev_class = %s::regclass"
_NAMES = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.oid = ANY(%s::oid[]) AND c.oid <> %s::regclass ORDER BY 1, 2"
)
_NOT_THE_SERVERS = (
    "SELECT DISTINCT pg_describe_object(refclassid, refobjid, 0) FROM pg_depend WHERE classid = 'pg_rewrite'::regclass "
    "AND objid = %s AND refclassid NOT IN ('pg_class'::regclass, 'pg_namespace'::regclass) ORDER BY 1"
)
"""Functions, operators, types and collations that aren't part of the server: those are pinned and have no dependency."""
_CALLED = (
    "SELECT DISTINCT proname::text FROM pg_proc p WHERE oid = ANY(%s::oid[]) "
    "AND (provolatile = 'v' OR NOT proname = ANY(%s)) AND NOT EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid) ORDER BY 1"
)


def understood(cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
    """See `Adapter.understood`."""
    prove_one_select(cursor, select)
    cursor.execute(sql.SQL("CREATE VIEW {} AS\n").format(qualified(view)) + sql.SQL(select))
    name = qualified(view).as_string(cursor)
    rule, text = one(cursor, _RULE, (name,))
    relations = rows(cursor, _NAMES, (_RELATION.findall(text), name))
    called = rows(cursor, _CALLED, (_FUNCTION.findall(text), list(callable_names)))
    others = rows(cursor, _NOT_THE_SERVERS, (rule,))
    return Understood(
        tuple(TableName(schema, table) for schema, table in relations),
        (
            *(f"{function}()" for (function,) in called),
            *(str(other) for (other,) in others),
            *(["a lock of rows (FOR UPDATE or FOR SHARE)"] if ":hasForUpdate true" in text else []),
        ),
    )
