"""Differences between the contract and the live table, and the ALTERs that the policy allows.

Found before anything is loaded, so that a change the policy forbids stops the run early; applied inside the publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column, ColumnType, parse_type
from deployments.declarations.table import SchemaChange
from deployments.errors import DeclarationError
from tasks.driver_errors import said
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.shapes import LiveColumn, Shape
from tasks.warehouses.views import create_all, drop_all


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `kind`: new_column, removed_column, widened, narrowed or retyped."""

    kind: str
    column: str
    live: str | None
    declared: str | None

    def __str__(self) -> str:
        if self.live is None:
            return f"{self.column}: new, {self.declared}"
        if self.declared is None:
            return f"{self.column}: in the live table ({self.live}), no longer in the contract"
        return f"{self.column}: {self.kind}, {self.live} in the live table, {self.declared} in the contract"


def find_changes(shape: Shape, live: Sequence[LiveColumn]) -> list[Change]:
    """What differs between the contract and a live table (empty when the table doesn't exist)."""
    if not live:
        return []
    found = []
    known = {column.name: column for column in live}
    for column in shape.columns:
        there = known.pop(column.name, None)
        if there is None:
            found.append(Change("new_column", column.name, None, column.type))
        elif there.type != column.type:
            found.append(Change(_kind(there.type, column.column_type), column.name, there.type, column.type))
    found += [Change("removed_column", name, column.type, None) for name, column in known.items()]
    return found


def judge(
    adapter: Adapter, table: TableName, policy: SchemaChange, shape: Shape, changes: Sequence[Change], *, replaced: bool
) -> list[str]:
    """Warnings for changes that are allowed; DeclarationError for those that aren't, or that the warehouse can't make.

    `replaced`: the live table is swapped for a new one, so that nothing has to be altered.
    """
    actions: dict[str, str] = {
        "new_column": policy.new_column,
        "removed_column": policy.removed or ("fail" if replaced else "warn"),
        "widened": policy.widened,
        "narrowed": policy.narrowed,
        # Rows that stay would have to be converted: their values would change without a word.
        "retyped": policy.retyped if replaced else "fail",
    }
    forbidden = [change for change in changes if actions[change.kind] == "fail"]
    if forbidden:
        by_hand = any(change.kind == "retyped" and not replaced for change in forbidden)
        raise DeclarationError(
            f"{table}: the contract and the live table differ",
            listing=[f"{change}; {_remedy(change, replaced=replaced)}" for change in forbidden],
            code="SCHEMA-CHANGE",
            next_command=anew(table) if by_hand else "headgate retry RUN   (once load.on_schema_change allows it)",
            changes=[str(change) for change in changes],
        )
    if not replaced:
        by_name = {column.name: column for column in shape.columns}
        for change in changes:
            if change.column in by_name:
                adapter.alter_before(table, change.kind, by_name[change.column])
    return [str(change) for change in changes if actions[change.kind] != "allow"]


def _remedy(change: Change, *, replaced: bool) -> str:
    """What would let a forbidden change happen."""
    if change.kind == "retyped" and not replaced:
        return (
            "rows that are there would have to be converted, so no setting allows it: declare a column of another name, or "
            "let the table be loaded anew from its source"
        )
    settings = {"removed_column": "removed: warn", "narrowed": "narrowed: warn"}
    return f"allowed by load.on_schema_change: {{{settings.get(change.kind, f'{change.kind}: evolve')}}}"


def apply_changes(
    adapter: Adapter, cursor: Cursor, live: TableName, shape: Shape, changes: Sequence[tuple[str, str]]
) -> None:
    """Run the ALTERs of `changes` (kind, column) that the live table still needs; running them again does nothing.

    Afterwards every row of the contract fits the live table as it is: DeclarationError when it doesn't.
    """
    needed = [(kind, adapter.alter(live, kind, column)) for kind, column in
              _still_needed(adapter, cursor, live, shape, changes)]  # fmt: skip
    # A column that a view reads can't change its type under it.
    altered = any(kind == "widened" and statements for kind, statements in needed)
    views = adapter.bound_views(cursor, live) if altered else []
    drop_all(cursor, live, views)
    for _, statements in needed:
        for statement in statements:
            cursor.execute(statement)
    create_all(cursor, live, views)
    left = find_changes(shape, adapter.columns(cursor, live)) if changes else []
    unlike = [change for change in left if change.kind == "retyped"]
    if unlike:
        raise DeclarationError(
            f"{live}: the live table has other types than were judged, and keeps them; nothing was published",
            listing=unlike,
            code="SCHEMA-CHANGE",
            next_command="headgate retry RUN   (it is judged anew)",
        )


def apply_before(
    adapter: Adapter, cursor: Cursor, live: TableName, shape: Shape, changes: Sequence[tuple[str, str]]
) -> None:
    """Run those that the warehouse allows outside a transaction only; the cursor commits each statement by itself."""
    for kind, column in _still_needed(adapter, cursor, live, shape, changes):
        for statement in adapter.alter_before(live, kind, column):
            try:
                cursor.execute(statement)
            except psycopg2.Error as error:
                if error.pgcode not in (errorcodes.FEATURE_NOT_SUPPORTED, errorcodes.DEPENDENT_OBJECTS_STILL_EXIST):
                    raise
                views = ", ".join(str(view.view) for view in adapter.bound_views(cursor, live)) or "none"
                raise DeclarationError(
                    f"{live}: the warehouse refuses to make {column.name} {column.type}: {said(error)}; "
                    f"nothing was published. Views bound to the table: {views}",
                    code="WIDEN-REFUSED",
                    next_command=anew(live)
                    if views == "none"
                    else "make those views WITH NO SCHEMA BINDING; headgate retry RUN",
                    column=column.name,
                ) from None


def _still_needed(
    adapter: Adapter, cursor: Cursor, live: TableName, shape: Shape, changes: Sequence[tuple[str, str]]
) -> list[tuple[str, Column]]:
    if not changes:
        return []
    still = {(change.kind, change.column) for change in find_changes(shape, adapter.columns(cursor, live))}
    by_name = {column.name: column for column in shape.columns}
    return [
        (kind, by_name[name]) for kind, name in changes if (kind, name) in still and kind in ("new_column", "widened")
    ]


def _kind(live: str, declared: ColumnType) -> str:
    """Whether every value of the one type is a value of the other, spelled the same."""
    try:
        there = parse_type(live)
    except ValueError:
        return "retyped"
    if holds(declared, there):
        return "widened"
    return "narrowed" if holds(there, declared) else "retyped"


def holds(wide: ColumnType, narrow: ColumnType) -> bool:
    """Whether every value of one type is a value of the other, spelled the same."""
    integers = ("smallint", "integer", "bigint")
    if wide.kind in integers and narrow.kind in integers:
        return integers.index(wide.kind) >= integers.index(narrow.kind)
    if wide.kind != narrow.kind:
        return False
    whole = wide.precision - wide.scale >= narrow.precision - narrow.scale
    return wide.length >= narrow.length and wide.scale >= narrow.scale and whole
