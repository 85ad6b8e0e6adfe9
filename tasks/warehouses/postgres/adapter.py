"""PostgreSQL as a warehouse: how it locks, makes tables, loads parts and swaps a table under its readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.declarations.kinds import KINDS
from deployments.declared_settings import waiting_time
from expectations.contract.lexical import POSTGRES_BYTES
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.warehouses.names import LIMIT_BYTES, TableName
from tasks.warehouses.postgres import catalog, checksums, native_hashes, ownership
from tasks.warehouses.postgres.attached import KEY_INDEX, SORT_INDEX, guard_deletes, lost_by_swap
from tasks.warehouses.postgres.copy import copy, copy_rows, copy_within
from tasks.warehouses.postgres.taking_out import has_rules, take_out_replaced
from tasks.warehouses.postgres.understood import understood
from tasks.warehouses.protocol import Adapter, Match, Replaced, retype
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import APPLICATION, Address, one
from tasks.warehouses.shapes import Shape, Understood

_LOOKUP_SHARE = 20
"""Keys are looked up one by one where the live table has so many times the rows of the batch; for more rows a table that is
read once is the faster way (measured with 2,000,000 live rows)."""
_OTHER_JOINS = ("enable_hashjoin", "enable_mergejoin")
_SWAP_LOCK_TIMEOUT_MS = 2000
"""How long a swap waits for readers."""


class PostgresAddress(Address):
    """See `Address`."""

    dialect = "postgresql"

    def set_up(self, cursor: Cursor) -> None:
        cursor.execute("SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET client_min_messages = warning")
        cursor.execute("SET lock_timeout = %s", (waiting_time("LOCK_TIMEOUT_SECONDS") * 1000,))


@dataclass(frozen=True)
class PostgresAdapter(Adapter):
    """See `Adapter`."""

    catalog = catalog
    ownership = ownership
    checksums = checksums
    native_hashes = native_hashes

    address: Address
    keeps_json_text: bool = True
    bytes_prefix: str = POSTGRES_BYTES
    text_null_needs_marker: bool = False
    has_indexes: bool = True
    copies_by_part: bool = True
    clock: str = "SELECT clock_timestamp() AT TIME ZONE 'UTC'"

    def lock(self, cursor: Cursor, table: TableName) -> None:
        cursor.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(qualified(table)))

    def create_table(self, table: TableName, shape: Shape) -> sql.Composed:
        definitions = sql.SQL(", ").join(_definition(column) for column in shape.columns)
        return sql.SQL("CREATE TABLE {} ({})").format(qualified(table), definitions)

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

    def fills_at_once(self, cursor: Cursor) -> bool:
        # Rows of a table that its transaction has made aren't written into such a log, where any other COPY writes all of them.
        return bool(one(cursor, "SHOW wal_level")[0] == "minimal")

    def copy_within(
        self, cursor: Cursor, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]
    ) -> int:
        return copy_within(cursor, store, manifest, table, columns)

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
    def looking_up_keys(self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int) -> Iterator[bool]:
        # The planner reckons with pages on a disk and would read a table of any size through for a small batch.
        lookups = rows * _LOOKUP_SHARE < catalog.estimated_rows(cursor, live) and catalog.has_key_index(
            cursor, live, key
        )
        for setting in _OTHER_JOINS if lookups else ():
            cursor.execute(sql.SQL("SET LOCAL {} = off").format(identifier(setting)))
        yield lookups
        for setting in _OTHER_JOINS if lookups else ():
            cursor.execute(sql.SQL("SET LOCAL {} TO DEFAULT").format(identifier(setting)))

    def take_out_replaced(
        self,
        cursor: Cursor,
        live: TableName,
        batch: TableName,
        match: Match,
        kept: TableName | None,
        ordered_by: Sequence[str],
    ) -> Replaced | None:
        if has_rules(cursor, live):
            return None
        cursor.execute("SAVEPOINT taking_out")
        if kept is not None:
            self.create_as(cursor, kept, sql.SQL("SELECT * FROM {} WHERE false").format(qualified(live)), None)
        found = take_out_replaced(cursor, live, batch, match, kept, ordered_by)
        cursor.execute("ROLLBACK TO SAVEPOINT taking_out" if found is None else "RELEASE SAVEPOINT taking_out")
        return found

    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        return lost_by_swap(cursor, live, shape)

    def laid_out(self, cursor: Cursor, live: TableName, shape: Shape) -> list[sql.Composed]:
        sortkey = tuple(shape.physical.sortkey)
        by_key = sortkey == tuple(shape.key[: len(sortkey)])
        # One that somebody typed has a name of its own and is theirs to drop.
        made = [sql.SQL("DROP INDEX {}.{}").format(identifier(live.schema), identifier(name))
                for name in catalog.indexes_on_others(cursor, live, SORT_INDEX, sortkey)]  # fmt: skip
        if by_key or catalog.has_index_on(cursor, live, sortkey):
            return made
        return [*made, sql.SQL("CREATE INDEX ON {} ({})").format(qualified(live), listed(sortkey))]

    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        guard_deletes(cursor, live)

    def lock_for_swap(self, cursor: Cursor, live: TableName) -> None:
        cursor.execute("SET LOCAL lock_timeout = %s", (_SWAP_LOCK_TIMEOUT_MS,))
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(qualified(live)))

    def type_of(self, column: Column) -> sql.Composable:
        return _type_of(column)

    def alter(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        if change == "new_column":
            return [sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                qualified(live), identifier(column.name), self.type_of(column))]  # fmt: skip
        return [retype(self, live, column)]

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
        cursor.execute(sql.SQL("GRANT INSERT ON {} TO {}").format(name, identifier(role)))
        self.act_as(cursor, role)
        cursor.execute(sql.SQL("INSERT INTO {}\n").format(name) + select)
        made = cursor.rowcount
        cursor.execute("RESET ROLE")
        self.close(cursor, table)
        return int(made)

    def act_as(self, cursor: Cursor, role: str) -> None:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(identifier(role)))

    def may_act_as(self, cursor: Cursor, role: str) -> bool:
        # From 16 on, who made a role is a member that may not take its rights.
        how = "SET" if cursor.connection.server_version >= 160000 else "MEMBER"
        return bool(one(cursor, "SELECT pg_has_role(oid, %s) FROM pg_roles WHERE rolname = %s", (how, role))[0])

    def bound(self, cursor: Cursor, seconds: int | None, query_group: str | None, slots: int | None) -> None:
        if seconds is not None:
            cursor.execute("SET LOCAL statement_timeout = %s", (seconds * 1000,))
        if query_group is not None:
            # It has no queues; whoever looks at its sessions sees what this one is.
            cursor.execute("SET LOCAL application_name = %s", (f"{APPLICATION}/{query_group}",))

    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        return understood(cursor, view, select, callable_names)

    def grantee(self, group: str) -> sql.Composable:
        return identifier(group)

    def group_statement(self, name: str) -> sql.Composed:
        return sql.SQL("CREATE ROLE {} NOLOGIN").format(identifier(name))

    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        form = "GRANT {} TO {}" if add else "REVOKE {} FROM {}"
        return sql.SQL(form).format(identifier(group), identifier(user))


def _type_of(column: Column) -> sql.SQL:
    return sql.SQL(KINDS[column.column_type.kind].on_postgres or column.type)


def _definition(column: Column) -> sql.Composed:
    return sql.SQL("{} {}{}").format(
        identifier(column.name), _type_of(column), sql.SQL("" if column.nullable else " NOT NULL")
    )


def _index(table: TableName, ending: str) -> sql.Identifier:
    """The end of a candidate's name is what tells it from all others."""
    return identifier((table.name + ending)[-LIMIT_BYTES:])
