"""Redshift as a warehouse: how it locks, makes tables, loads a manifest and swaps a table under its readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.errors import DeclarationError
from tasks.objects.manifest import Manifest
from tasks.objects.store import ObjectStore
from tasks.switches import reached
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import LiveColumn, Shape, Understood
from tasks.warehouses.quoting import qualified
from tasks.warehouses.redshift import catalog, ownership
from tasks.warehouses.redshift import copy as copying
from tasks.warehouses.redshift.checksums import checksum_list, row_hash, value_text
from tasks.warehouses.redshift.ddl import create_table, definition, layout
from tasks.warehouses.redshift.options import Value
from tasks.warehouses.session import Address, one
from tasks.warehouses.views import BoundView, create_all, drop_all, replace

_SWAP_WAIT_MS = 10_000
"""How long a swap waits for readers. New readers queue behind it, so it gives up early and tries again later."""


@dataclass(frozen=True)
class RedshiftAdapter:
    """See `tasks.warehouses.protocol.Adapter`. `role`: the IAM role by which COPY reads the stage."""

    address: Address
    role: str | None = None
    text_null_needs_marker: bool = True
    clock: str = "SELECT sysdate"

    def lock(self, cursor: Cursor, table: TableName) -> None:
        # The first statement of its transaction: the service takes its snapshot only afterwards.
        cursor.execute(sql.SQL("LOCK TABLE {}").format(qualified(table)))

    def create_schema(self, cursor: Cursor, name: str) -> None:
        if not one(cursor, "SELECT count(*) FROM pg_namespace WHERE nspname = %s", (name,))[0]:
            cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))

    def exists(self, cursor: Cursor, table: TableName) -> bool:
        return catalog.exists(cursor, table)

    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]:
        return catalog.columns(cursor, table)

    def create_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        cursor.execute(create_table(table, shape))
        self.close(cursor, table)

    def copy(
        self,
        store: ObjectStore,
        manifest: Manifest,
        table: TableName,
        columns: Sequence[str],
        options: Mapping[str, Value] | None = None,
        producers: ObjectStore | None = None,
    ) -> int:
        """The service reads the producer's objects itself, by its role."""
        return copying.copy(self.address, self.role, store, manifest, table, columns, options or {})

    def try_copy(self, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]) -> None:
        copying.try_copy(self.address, self.role, store, manifest, table, columns)

    def copy_rows(
        self,
        cursor: Cursor,
        store: ObjectStore,
        key: str,
        table: TableName,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
    ) -> int:
        return copying.copy_rows(cursor, self.role, store, key, table, columns, rows)

    def checksum_list(self, columns: Sequence[Column], texts: Sequence[Column]) -> sql.Composable:
        return checksum_list(columns, texts)

    def row_hash(self, columns: Sequence[Column]) -> sql.Composable:
        return row_hash(columns)

    def value_text(self, column: Column) -> sql.Composable:
        return value_text(column)

    def finish_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        cursor.execute(sql.SQL("ANALYZE {}").format(qualified(table)))

    def looking_up_keys(
        self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int
    ) -> AbstractContextManager[None]:
        # It has no indexes: a sort key that begins with the key, or a distribution by it, is what spares work here.
        return nullcontext()

    def stranger(self, cursor: Cursor, table: TableName) -> str | None:
        return ownership.stranger(cursor, table)

    def strange_schema(self, cursor: Cursor, schema: str) -> str | None:
        return ownership.strange_schema(cursor, schema)

    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        return catalog.lost_by_swap(cursor, live)

    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        """Foreign keys are for the planner only: no row of another table goes with ours."""

    def swap(self, cursor: Cursor, live: TableName, new: TableName, old: TableName, shape: Shape) -> None:
        cursor.execute("SET LOCAL statement_timeout TO %s", (_SWAP_WAIT_MS,))
        cursor.execute(sql.SQL("LOCK TABLE {}").format(qualified(live)))
        cursor.execute("SET LOCAL statement_timeout TO %s", (self.address.statement_timeout_seconds * 1000,))
        bound, acl = catalog.bound_views(cursor, live), catalog.acl(cursor, live)
        comments, owner = catalog.comments(cursor, live), catalog.owner(cursor, live)
        user = catalog.owner(cursor, new)
        before = {column.name: column.type for column in catalog.columns(cursor, live)}
        after = {column.name: column.type for column in catalog.columns(cursor, new)}
        # A view can be replaced in place while every column it may read keeps its type.
        in_place = before.items() <= after.items()
        if not in_place:
            drop_all(cursor, live, bound)
        self._rename(cursor, live, old)
        reached("renamed")
        self._rename(cursor, new, live)
        for column_name, text in comments:
            if column_name is None or column_name in after:
                self._comment(cursor, live, column_name, text)
        for grant in acl.grants:
            self._grant(cursor, live, grant.privilege, grant.grantee.sql(), grant.grantable)
        self._describe(cursor, live, shape)
        if not in_place:
            create_all(cursor, live, bound)
        for view in bound:
            if in_place and view.direct:
                replace(cursor, live, view)
        self.close(cursor, old)
        if owner != user:
            cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(qualified(live), sql.Identifier(owner)))

    def adopt(self, cursor: Cursor, live: TableName, new: TableName, shape: Shape) -> None:
        self._rename(cursor, new, live)
        self._describe(cursor, live, shape)

    def alter(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        if change != "new_column":
            return []
        # One column a statement. It is made nullable: rows that are there have no value for it.
        added = definition(column.model_copy(update={"nullable": True}))
        return [sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(qualified(live), added)]

    def alter_before(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        """Longer VARCHARs: the service allows nothing else, and this not inside a transaction."""
        if change != "widened":
            return []
        if column.column_type.kind != "varchar":
            raise DeclarationError(
                f"{live}: Redshift can't change {column.name} to {column.type} in place; nothing was published",
                code="WIDEN-REFUSED",
                next_command=f"load.mode: full_refresh once, or rebuild {live} with the new type by hand",
                column=column.name,
            )
        return [sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
            qualified(live), sql.Identifier(column.name), sql.SQL(column.type))]  # fmt: skip

    def create_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape | None) -> int:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        how = sql.SQL("") if shape is None else layout(shape)
        cursor.execute(sql.SQL("CREATE TABLE {}").format(qualified(table)) + how + sql.SQL(" AS ") + select)
        self.close(cursor, table)
        # The service tells no count of the rows a CREATE TABLE AS wrote.
        return int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(qualified(table)))[0])

    def fill_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape, role: str) -> int:
        raise _no_roles(role)

    def act_as(self, cursor: Cursor, role: str) -> None:
        raise _no_roles(role)

    def may_act_as(self, cursor: Cursor, role: str) -> bool:
        raise _no_roles(role)

    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        # That it is one statement is held by its text alone (`deployments.declarations.sql_text`): the service has no way to
        # read a text as a value. Its functions likewise: without a schema they are the service's own (`SAFE_PATH`). What else it
        # depends on is refused.
        cursor.execute(sql.SQL("CREATE VIEW {} AS\n").format(qualified(view)) + sql.SQL(select))
        relations, functions = catalog.used_by_view(cursor, view)
        return Understood(relations, tuple(f"{name}()" for name in functions if name not in callable_names))

    def close(self, cursor: Cursor, table: TableName) -> None:
        """Take every right from everybody but the owner: default privileges may have opened a new table."""
        for grantee in catalog.acl(cursor, table).grantees:
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(qualified(table), grantee.sql()))

    def bound_views(self, cursor: Cursor, live: TableName) -> list[BoundView]:
        return catalog.bound_views(cursor, live)

    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]:
        return catalog.side_tables(cursor, live)

    def create_group(self, cursor: Cursor, name: str) -> None:
        cursor.execute(self.group_statement(name))

    def groups(self, cursor: Cursor) -> set[str]:
        return catalog.groups(cursor)

    def grantee(self, group: str) -> sql.Composable:
        return sql.SQL("GROUP {}").format(sql.Identifier(group))

    def group_statement(self, name: str) -> sql.Composed:
        return sql.SQL("CREATE GROUP {}").format(sql.Identifier(name))

    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        form = "ALTER GROUP {} ADD USER {}" if add else "ALTER GROUP {} DROP USER {}"
        return sql.SQL(form).format(sql.Identifier(group), sql.Identifier(user))

    def members(self, cursor: Cursor) -> dict[str, set[str]]:
        return catalog.members(cursor)

    def _rename(self, cursor: Cursor, table: TableName, to: TableName) -> None:
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(qualified(table), sql.Identifier(to.name)))

    def _describe(self, cursor: Cursor, live: TableName, shape: Shape) -> None:
        """Comments and grants as declared, on top of what was there."""
        self._comment(cursor, live, None, shape.description)
        for column in shape.columns:
            if column.description:
                unit = f" ({column.unit})" if column.unit else ""
                self._comment(cursor, live, column.name, column.description + unit)
        for group in shape.grants:
            self._grant(cursor, live, "SELECT", sql.SQL("GROUP ") + sql.Identifier(group), False)

    def _grant(self, cursor: Cursor, live: TableName, privilege: str, grantee: sql.Composable, grantable: bool) -> None:
        tail = sql.SQL(" WITH GRANT OPTION" if grantable else "")
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privilege), qualified(live), grantee) + tail)

    def _comment(self, cursor: Cursor, live: TableName, column: str | None, text: str) -> None:
        if column is None:
            target = sql.SQL("TABLE {}").format(qualified(live))
        else:
            target = sql.SQL("COLUMN {}").format(sql.Identifier(live.schema, live.name, column))
        cursor.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))


def _no_roles(role: str) -> DeclarationError:
    return DeclarationError(
        f"summaries_as is '{role}', and on Redshift a session can't take the rights of a group",
        code="SUMMARIES-AS",
        next_command="leave summaries_as out of warehouse.yaml; review summaries before they are merged",
    )
