"""PostgreSQL as a warehouse: how it locks, makes tables, loads parts and swaps a table under its readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from expectations.contract.checksum import double_text, summable
from tasks.objects.manifest import Manifest
from tasks.objects.store import ObjectStore
from tasks.switches import reached
from tasks.warehouses.names import LIMIT_BYTES, TableName
from tasks.warehouses.postgres import catalog, ownership
from tasks.warehouses.postgres.attached import KEY_INDEX, SORT_INDEX, guard_deletes, lost_by_swap
from tasks.warehouses.postgres.copy import copy, copy_rows
from tasks.warehouses.postgres.understood import understood
from tasks.warehouses.protocol import LiveColumn, Shape, Understood
from tasks.warehouses.quoting import listed, qualified
from tasks.warehouses.session import Address, one
from tasks.warehouses.texts import joined_row, joined_text
from tasks.warehouses.views import BoundView, create_all, drop_all, replace

_MICROSECONDS = (
    "CASE WHEN {column} >= '1900-01-01' AND {column} < '2040-01-01' THEN (date_part('epoch', {column}) * 1000000)::bigint "
    "ELSE (extract(epoch from {column}) * 1000000)::bigint END"
)
"""Since 1970. As a double, twice as fast, they are exact while two roundings (2**-53 each) stay under half of one."""
_HASHED = sql.SQL("coalesce(sum(('x' || left(md5({}), 8))::bit(32)::bigint), 0)")
_LOOKUP_SHARE = 20
"""Keys are looked up one by one where the live table has so many times the rows of the batch; for more rows a table that is
read once is the faster way (measured with 2,000,000 live rows)."""
_OTHER_JOINS = ("enable_hashjoin", "enable_mergejoin")
_SWAP_LOCK_TIMEOUT_MS = 2000
"""How long a swap waits for readers. New readers queue behind it, so it gives up early and tries again later."""


@dataclass(frozen=True)
class PostgresAdapter:
    """See `tasks.warehouses.protocol.Adapter`."""

    address: Address
    text_null_needs_marker: bool = False
    clock: str = "SELECT clock_timestamp() AT TIME ZONE 'UTC'"

    def lock(self, cursor: Cursor, table: TableName) -> None:
        cursor.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(qualified(table)))

    def create_schema(self, cursor: Cursor, name: str) -> None:
        if not one(cursor, "SELECT count(*) FROM pg_namespace WHERE nspname = %s", (name,))[0]:
            cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))

    def exists(self, cursor: Cursor, table: TableName) -> bool:
        return catalog.exists(cursor, table)

    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]:
        return catalog.columns(cursor, table)

    def create_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        definitions = sql.SQL(", ").join(_definition(column) for column in shape.columns)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(qualified(table), definitions))
        self.close(cursor, table)

    def copy(
        self,
        store: ObjectStore,
        manifest: Manifest,
        table: TableName,
        columns: Sequence[str],
        options: Mapping[str, str | int | bool] | None = None,
        producers: ObjectStore | None = None,
    ) -> int:
        return copy(self.address, producers or store, manifest, table, columns)

    def try_copy(self, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]) -> None:
        copy(self.address, store, manifest, table, columns)

    def copy_rows(
        self,
        cursor: Cursor,
        store: ObjectStore,
        key: str,
        table: TableName,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
    ) -> int:
        return copy_rows(cursor, table, columns, rows)

    def checksum_list(self, columns: Sequence[Column], texts: Sequence[Column]) -> sql.Composable:
        parts: list[sql.Composable] = [sql.SQL("count(*)")]
        parts += [sql.SQL("count({})").format(sql.Identifier(column.name)) for column in columns]
        parts += [sql.SQL("coalesce(sum({}), 0)").format(_summand(column)) for column in columns]
        parts += [
            sql.SQL("coalesce(sum(abs(" + summable("{column}") + ")), 0)").format(column=sql.Identifier(column.name))
            if column.column_type.kind == "double precision"
            else sql.SQL("0")
            for column in columns
        ]
        joined = joined_text(texts)
        parts.append(sql.SQL("0") if joined is None else _HASHED.format(joined))
        return sql.SQL(", ").join(parts)

    def row_hash(self, columns: Sequence[Column]) -> sql.Composable:
        return _HASHED.format(joined_row(columns, self.value_text))

    def value_text(self, column: Column) -> sql.Composable:
        kind = column.column_type.kind
        if kind == "varchar":
            return sql.Identifier(column.name)
        if kind == "double precision":
            return sql.SQL(double_text("{0}")).format(sql.Identifier(column.name))
        return sql.SQL("({})::text").format(_summand(column))

    def finish_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        if catalog.has_index(cursor, table):
            # An earlier try committed, and its answer was lost: a second set of indexes would cost every load.
            return
        if shape.key:
            # Unique: the proof that was made of the key is then kept by the server as well.
            cursor.execute(
                sql.SQL("CREATE UNIQUE INDEX {} ON {} ({})").format(
                    _index(table, KEY_INDEX), qualified(table), listed(shape.key)
                )
            )
        sortkey = shape.physical.sortkey
        if sortkey and tuple(sortkey) != tuple(shape.key[: len(sortkey)]):
            cursor.execute(
                sql.SQL("CREATE INDEX {} ON {} ({})").format(
                    _index(table, SORT_INDEX), qualified(table), listed(sortkey)
                )
            )
        cursor.execute(sql.SQL("ANALYZE {}").format(qualified(table)))

    @contextmanager
    def looking_up_keys(self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int) -> Iterator[None]:
        # The planner reckons with pages on a disk and would read a table of any size through for a small batch.
        lookups = rows * _LOOKUP_SHARE < catalog.estimated_rows(cursor, live) and catalog.has_key_index(
            cursor, live, key
        )
        for setting in _OTHER_JOINS if lookups else ():
            cursor.execute(sql.SQL("SET LOCAL {} = off").format(sql.Identifier(setting)))
        yield
        for setting in _OTHER_JOINS if lookups else ():
            cursor.execute(sql.SQL("SET LOCAL {} TO DEFAULT").format(sql.Identifier(setting)))

    def stranger(self, cursor: Cursor, table: TableName) -> str | None:
        return ownership.stranger(cursor, table)

    def strange_schema(self, cursor: Cursor, schema: str) -> str | None:
        return ownership.strange_schema(cursor, schema)

    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        return lost_by_swap(cursor, live, shape)

    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        guard_deletes(cursor, live)

    def swap(self, cursor: Cursor, live: TableName, new: TableName, old: TableName, shape: Shape) -> None:
        cursor.execute("SET LOCAL lock_timeout = %s", (_SWAP_LOCK_TIMEOUT_MS,))
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(qualified(live)))
        views = catalog.bound_views(cursor, live)
        after = {column.name: column.type for column in catalog.columns(cursor, new)}
        # A view can be replaced in place while every column it may read keeps its type.
        in_place = all(after.get(column.name) == column.type for column in catalog.columns(cursor, live))
        grants, column_grants = catalog.grants(cursor, live), catalog.column_grants(cursor, live)
        comments, owner = catalog.comments(cursor, live), catalog.owner(cursor, live)
        if not in_place:
            drop_all(cursor, live, views)
        self._rename(cursor, live, old)
        reached("renamed")
        self._rename(cursor, new, live)
        kept = {column.name for column in shape.columns}
        for column, text in comments:
            if column is None or column in kept:
                self._comment(cursor, live, column, text)
        for grantee, privilege, option in grants:
            self._grant(cursor, live, sql.SQL(privilege), grantee, option)
        for column, grantee, privilege, option in column_grants:
            if column in kept:
                what = sql.SQL(privilege + " ({})").format(sql.Identifier(column))
                self._grant(cursor, live, what, grantee, option)
        if owner != catalog.owner(cursor, live):
            cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(qualified(live), sql.Identifier(owner)))
        self._open(cursor, live, shape)
        if not in_place:
            create_all(cursor, live, views)
        for view in views:
            if in_place and view.direct:
                replace(cursor, live, view)
        self.close(cursor, old)

    def adopt(self, cursor: Cursor, live: TableName, new: TableName, shape: Shape) -> None:
        self._rename(cursor, new, live)
        self._open(cursor, live, shape)

    def alter(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        if change == "new_column":
            return [sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                qualified(live), sql.Identifier(column.name), sql.SQL(column.type))]  # fmt: skip
        return [sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
            qualified(live), sql.Identifier(column.name), sql.SQL(column.type))]  # fmt: skip

    def alter_before(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        return []

    def create_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape | None) -> int:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        cursor.execute(sql.SQL("CREATE TABLE {} AS ").format(qualified(table)) + select)
        made = cursor.rowcount
        self.close(cursor, table)
        return int(made)

    def fill_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape, role: str) -> int:
        name = qualified(table)
        if shape.columns:
            self.create_candidate(cursor, table, shape)
        else:
            # A view for a moment tells the columns: nothing of the SELECT runs before the rights are the group's.
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
            cursor.execute(sql.SQL("CREATE VIEW {} AS\n").format(name) + select)
            columns = catalog.column_definitions(cursor, table)
            cursor.execute(sql.SQL("DROP VIEW {}").format(name))
            cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(columns)))
            self.close(cursor, table)
        cursor.execute(sql.SQL("GRANT INSERT ON {} TO {}").format(name, sql.Identifier(role)))
        self.act_as(cursor, role)
        cursor.execute(sql.SQL("INSERT INTO {}\n").format(name) + select)
        made = cursor.rowcount
        cursor.execute("RESET ROLE")
        self.close(cursor, table)
        return int(made)

    def act_as(self, cursor: Cursor, role: str) -> None:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))

    def may_act_as(self, cursor: Cursor, role: str) -> bool:
        # From 16 on, who made a role is a member that may not take its rights.
        how = "SET" if cursor.connection.server_version >= 160000 else "MEMBER"
        return bool(one(cursor, "SELECT pg_has_role(oid, %s) FROM pg_roles WHERE rolname = %s", (how, role))[0])

    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        return understood(cursor, view, select, callable_names)

    def close(self, cursor: Cursor, table: TableName) -> None:
        """Take every right from everybody but the owner: default privileges may have opened a new table."""
        for who, _, _ in catalog.grants(cursor, table):
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(qualified(table), catalog.grantee(who)))

    def bound_views(self, cursor: Cursor, live: TableName) -> list[BoundView]:
        return catalog.bound_views(cursor, live)

    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]:
        return catalog.side_tables(cursor, live)

    def create_group(self, cursor: Cursor, name: str) -> None:
        cursor.execute(self.group_statement(name))

    def groups(self, cursor: Cursor) -> set[str]:
        return catalog.groups(cursor)

    def grantee(self, group: str) -> sql.Composable:
        return sql.Identifier(group)

    def group_statement(self, name: str) -> sql.Composed:
        return sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name))

    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        form = "GRANT {} TO {}" if add else "REVOKE {} FROM {}"
        return sql.SQL(form).format(sql.Identifier(group), sql.Identifier(user))

    def members(self, cursor: Cursor) -> dict[str, set[str]]:
        return catalog.members(cursor)

    def _rename(self, cursor: Cursor, table: TableName, to: TableName) -> None:
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(qualified(table), sql.Identifier(to.name)))

    def _open(self, cursor: Cursor, live: TableName, shape: Shape) -> None:
        """Comments and grants as declared, on top of what was there."""
        self._comment(cursor, live, None, shape.description)
        for column in shape.columns:
            if column.description:
                unit = f" ({column.unit})" if column.unit else ""
                self._comment(cursor, live, column.name, column.description + unit)
        for group in shape.grants:
            self._grant(cursor, live, sql.SQL("SELECT"), group, False)

    def _grant(self, cursor: Cursor, live: TableName, what: sql.Composable, grantee: str, option: bool) -> None:
        tail = sql.SQL(" WITH GRANT OPTION" if option else "")
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(what, qualified(live), catalog.grantee(grantee)) + tail)

    def _comment(self, cursor: Cursor, live: TableName, column: str | None, text: str) -> None:
        if column is None:
            target = sql.SQL("TABLE {}").format(qualified(live))
        else:
            target = sql.SQL("COLUMN {}").format(sql.Identifier(live.schema, live.name, column))
        cursor.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))


def _definition(column: Column) -> sql.Composed:
    return sql.SQL("{} {}{}").format(
        sql.Identifier(column.name), sql.SQL(column.type), sql.SQL("" if column.nullable else " NOT NULL")
    )


def _index(table: TableName, ending: str) -> sql.Identifier:
    """The end of a candidate's name is what tells it from all others."""
    return sql.Identifier((table.name + ending)[-LIMIT_BYTES:])


def _summand(column: Column) -> sql.Composed:
    name = sql.Identifier(column.name)
    form = {
        "varchar": "octet_length({column})",
        "boolean": "{column}::integer",
        "date": "{column} - date '1970-01-01'",
        "timestamp": _MICROSECONDS,
        "timestamptz": _MICROSECONDS,
        "double precision": summable("{column}"),
    }.get(column.column_type.kind, "{column}")
    return sql.SQL(form).format(column=name)
