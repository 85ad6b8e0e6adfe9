"""Views bound to a table: made anew on the table that takes its place, with owner, comments and grants.

A view is bound to the table itself, not to its name. It can be replaced in place while the columns it reads keep their
types; otherwise it is dropped and made again, with everything that hangs on it, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError
from tasks.warehouses import attributes
from tasks.warehouses.attributes import Granted
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import one

_BROKEN = (errorcodes.UNDEFINED_COLUMN, errorcodes.UNDEFINED_FUNCTION, errorcodes.DATATYPE_MISMATCH)


@dataclass(frozen=True, slots=True)
class BoundView:
    """A view and what it must have again. `direct`: it reads the table itself. `stuck`: why it can't be dropped and made
    again as it was. `options`: what stands in its WITH."""

    view: TableName
    definition: str
    direct: bool
    stuck: str | None
    owner: str
    grants: tuple[Granted, ...]
    comments: tuple[tuple[str | None, str], ...]
    options: tuple[str, ...] = ()


def with_dependents(table: TableName, direct: Callable[[TableName], Sequence[BoundView]]) -> list[BoundView]:
    """All views below a table, each after those it reads; `direct` names the views that read one table or view."""
    found: dict[TableName, BoundView] = {}
    level = [table]
    while level:
        following: list[TableName] = []
        for parent in level:
            for item in direct(parent):
                known = found.pop(item.view, None)
                # Put in again at the end: a view that is reached twice comes after the later of those it reads.
                found[item.view] = known or item
                following.append(item.view)
        level = following
    return list(found.values())


def replace(cursor: Cursor, table: TableName, view: BoundView) -> None:
    """Bind a view to the new table; its own grants, comments and dependents stay."""
    _define(cursor, table, view, "CREATE OR REPLACE VIEW {}{} AS {}")


def drop_all(cursor: Cursor, table: TableName, views: Sequence[BoundView]) -> None:
    """Drop views, each before those it reads. Only what was named: nothing is dropped by CASCADE.

    DeclarationError when one of them can't be made again as it was.
    """
    for view in views:
        if view.stuck is not None:
            raise DeclarationError(
                f"{table}: the view {view.view} ({view.stuck}) hangs on a column whose type changes, and can't be made "
                "again as it is; nothing was published",
                code="VIEW-IN-THE-WAY",
                next_command=f"drop {view.view}; headgate retry RUN; make it again",
                view=str(view.view),
            )
    for view in reversed(views):
        cursor.execute(sql.SQL("DROP VIEW {}").format(_q(view.view)))


def create_all(cursor: Cursor, table: TableName, views: Sequence[BoundView]) -> None:
    """Make dropped views again as they were; DeclarationError when the table no longer has what one of them reads."""
    for view in views:
        (user,) = one(cursor, "SELECT current_user")
        _define(cursor, table, view, "CREATE VIEW {}{} AS {}")
        for column, text in view.comments:
            attributes.comment(cursor, "VIEW", view.view, column, text)
        attributes.grant(cursor, view.view, view.grants)
        if view.owner != user:
            attributes.give_to(cursor, view.view, view.owner)


def _define(cursor: Cursor, table: TableName, view: BoundView, form: str) -> None:
    try:
        options = sql.SQL(f" WITH ({', '.join(view.options)})" if view.options else "")
        cursor.execute(sql.SQL(form).format(_q(view.view), options, sql.SQL(view.definition)))
    except psycopg2.Error as error:
        if error.pgcode not in _BROKEN:
            raise
        raise DeclarationError(
            f"{table}: the view {view.view} doesn't work with the new columns; nothing was published",
            code="VIEW-BROKEN",
            next_command=f"change or drop {view.view}; headgate retry RUN",
            view=str(view.view),
        ) from None
