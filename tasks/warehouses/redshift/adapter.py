"""Redshift as a warehouse: how it locks, makes tables, loads a manifest and swaps a table under its readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.addresses import PORTS
from deployments.declarations.columns import Column
from deployments.declarations.table import Physical
from deployments.errors import DeclarationError
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.protocol import Adapter, retype
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.redshift import catalog, checksums, ownership
from tasks.warehouses.redshift import copy as copying
from tasks.warehouses.redshift.ddl import altered_layout, create_table, definition, layout, type_of
from tasks.warehouses.redshift.options import Value
from tasks.warehouses.session import Address, one
from tasks.warehouses.shapes import Shape, Understood

_SWAP_WAIT_MS = 10_000
"""How long a swap waits for readers."""


class RedshiftAddress(Address):
    """See `Address`."""

    dialect = "redshift"
    port = PORTS["redshift"]
    can_be_read_only = False

    def options(self) -> dict[str, str]:
        import certifi

        # A warehouse in the cloud is reached with a verified certificate. Not 'system': the driver carries an OpenSSL of its
        # own that looks for certificates where none are.
        return {"sslmode": "verify-full", "sslrootcert": certifi.where()}

    def set_up(self, cursor: Cursor) -> None:
        cursor.execute("SET query_group TO 'headgate'; SET timezone TO 'UTC'; SET datestyle TO 'ISO, YMD'")


@dataclass(frozen=True)
class RedshiftAdapter(Adapter):
    """See `Adapter`. `role`: the IAM role by which COPY reads the stage."""

    catalog = catalog
    ownership = ownership
    checksums = checksums

    address: Address
    role: str | None = None
    keeps_json_text: bool = False
    bytes_prefix: str = ""
    text_null_needs_marker: bool = True
    has_indexes: bool = False
    copies_by_part: bool = False
    clock: str = "SELECT sysdate"

    def lock(self, cursor: Cursor, table: TableName) -> None:
        # The first statement of its transaction: the service takes its snapshot only afterwards.
        cursor.execute(sql.SQL("LOCK TABLE {}").format(qualified(table)))

    def create_table(self, table: TableName, shape: Shape) -> sql.Composed:
        return create_table(table, shape)

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

    def finish_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        cursor.execute(sql.SQL("ANALYZE {}").format(qualified(table)))

    def looking_up_keys(
        self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int
    ) -> AbstractContextManager[bool]:
        # It has no indexes: a sort key that begins with the key, or a distribution by it, is what spares work here.
        return nullcontext(False)

    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        return catalog.lost_by_swap(cursor, live)

    def laid_out(self, cursor: Cursor, live: TableName, shape: Shape) -> list[sql.Composed]:
        if shape.physical == Physical():
            # Nothing is declared: what it has may be the service's choice, or somebody's.
            return []
        style, distkey, sortkey = catalog.layout(cursor, live)
        return altered_layout(live, shape.physical, style, distkey, sortkey)

    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        """Foreign keys are for the planner only: no row of another table goes with ours."""

    def lock_for_swap(self, cursor: Cursor, live: TableName) -> None:
        cursor.execute("SET LOCAL statement_timeout TO %s", (_SWAP_WAIT_MS,))
        cursor.execute(sql.SQL("LOCK TABLE {}").format(qualified(live)))
        cursor.execute("SET LOCAL statement_timeout TO %s", (self.address.statement_timeout_seconds * 1000,))

    def type_of(self, column: Column) -> sql.Composable:
        return type_of(column)

    def as_compared(self, kind: str, value: sql.Composable) -> sql.Composable:
        # Two SUPERs are compared as texts; as a text, bytes may be no UTF-8.
        form = {"json": "json_serialize({})", "binary": "to_hex({})"}.get(kind)
        return value if form is None else sql.SQL(form).format(value)

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
                next_command=anew(live),
                column=column.name,
            )
        return [retype(self, live, column)]

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

    def bound(self, cursor: Cursor, seconds: int | None, query_group: str | None, slots: int | None) -> None:
        for setting, value in (
            ("statement_timeout", None if seconds is None else seconds * 1000),
            ("query_group", query_group),
            ("wlm_query_slot_count", slots),
        ):
            if value is not None:
                cursor.execute(sql.SQL("SET LOCAL {} TO %s").format(sql.SQL(setting)), (value,))

    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        # That it is one statement is held by its text alone (`deployments.declarations.sql_text`): the service has no way to
        # read a text as a value. Its functions likewise: without a schema they are the service's own (`SAFE_PATH`). What else it
        # depends on is refused.
        cursor.execute(sql.SQL("CREATE VIEW {} AS\n").format(qualified(view)) + sql.SQL(select))
        relations, functions = catalog.used_by_view(cursor, view)
        return Understood(relations, tuple(f"{name}()" for name in functions if name not in callable_names))

    def grantee(self, group: str) -> sql.Composable:
        return sql.SQL("GROUP {}").format(identifier(group))

    def group_statement(self, name: str) -> sql.Composed:
        return sql.SQL("CREATE GROUP {}").format(identifier(name))

    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        form = "ALTER GROUP {} ADD USER {}" if add else "ALTER GROUP {} DROP USER {}"
        return sql.SQL(form).format(identifier(group), identifier(user))


def _no_roles(role: str) -> DeclarationError:
    return DeclarationError(
        f"summaries_as is '{role}', and on Redshift a session can't take the rights of a group",
        code="SUMMARIES-AS",
        next_command="leave summaries_as out of warehouse.yaml; review summaries before they are merged",
    )
