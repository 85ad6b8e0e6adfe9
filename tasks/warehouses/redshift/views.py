"""Views bound to a table: found with everything that hangs on them, and made anew on the table that takes its place.

A view is bound to the table itself, not to its name. Views WITH NO SCHEMA BINDING look the name up at every query: they
follow a rename by themselves and are not found here.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from tasks.warehouses.names import TableName
from tasks.warehouses.redshift import catalog
from tasks.warehouses.redshift.acl import Acl
from tasks.warehouses.redshift.ddl import qualified
from tasks.warehouses.session import rows

# The rule behind a view depends on the view internally ('i') and on every table it reads.
_DIRECT = (
    "SELECT DISTINCT vn.nspname, v.relname, v.relkind, pg_get_viewdef(v.oid) FROM pg_depend d "
    "JOIN pg_depend r ON r.objid = d.objid AND r.classid = d.classid AND r.deptype = 'i' AND r.refclassid = 1259 "
    "JOIN pg_class v ON v.oid = r.refobjid JOIN pg_namespace vn ON vn.oid = v.relnamespace "
    "JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE d.refclassid = 1259 AND n.nspname = %s AND c.relname = %s AND v.oid <> c.oid ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class BoundView:
    """A view and what it must have again when it is made anew. `direct`: it reads the table itself."""

    view: TableName
    definition: str
    direct: bool
    plain: bool
    owner: str
    acl: Acl
    comments: tuple[tuple[str | None, str], ...]


def bound_views(cursor: Cursor, table: TableName) -> list[BoundView]:
    """All views that depend on the table, each after those it reads."""
    found: dict[TableName, BoundView] = {}
    level, direct = [table], True
    while level:
        following: list[TableName] = []
        for parent in level:
            for schema, name, kind, definition in rows(cursor, _DIRECT, (parent.schema, parent.name)):
                view = TableName(schema, name)
                known = found.pop(view, None)
                # Put in again at the end: a view that is reached twice comes after the later of those it reads.
                found[view] = known or _described(cursor, view, str(kind), str(definition), direct)
                following.append(view)
        level, direct = following, False
    return list(found.values())


def replace(cursor: Cursor, view: BoundView) -> None:
    """Bind a view to the new table; its own grants, comments and dependents stay."""
    cursor.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(qualified(view.view), sql.SQL(view.definition)))


def drop(cursor: Cursor, view: BoundView) -> None:
    cursor.execute(sql.SQL("DROP VIEW {}").format(qualified(view.view)))


def create(cursor: Cursor, table: TableName, view: BoundView, user: str) -> None:
    """Make a dropped view again, with owner, comments and grants; DeclarationError when the table no longer fits it."""
    try:
        cursor.execute(sql.SQL("CREATE VIEW {} AS {}").format(qualified(view.view), sql.SQL(view.definition)))
    except psycopg2.Error as error:
        if error.pgcode not in (errorcodes.UNDEFINED_COLUMN, errorcodes.UNDEFINED_FUNCTION):
            raise
        raise DeclarationError(
            f"{table}: the view {view.view} doesn't work with the new columns; nothing was published",
            code="VIEW-BROKEN",
            next_command=f"change or drop {view.view}; headgate retry RUN",
            view=str(view.view),
        ) from None
    for column, text in view.comments:
        target = (
            sql.SQL("VIEW {}").format(qualified(view.view))
            if column is None
            else sql.SQL("COLUMN {}").format(sql.Identifier(view.view.schema, view.view.name, column))
        )
        cursor.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))
    for grant in view.acl.grants:
        tail = sql.SQL(" WITH GRANT OPTION" if grant.grantable else "")
        cursor.execute(
            sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(grant.privilege), qualified(view.view), grant.grantee.sql())
            + tail
        )
    if view.owner != user:
        cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(qualified(view.view), sql.Identifier(view.owner)))


def _described(cursor: Cursor, view: TableName, kind: str, definition: str, direct: bool) -> BoundView:
    plain = kind == "v" and not definition.lstrip().lower().startswith("create materialized")
    return BoundView(
        view, definition.rstrip().rstrip(";"), direct, plain, catalog.owner(cursor, view), catalog.acl(cursor, view),
        tuple(catalog.comments(cursor, view)),
    )  # fmt: skip
