"""What a warehouse does for us. Everything above it (publish, proofs, quarantine, summaries) is written once, in SQL that
PostgreSQL and Redshift read the same; what they do alike stands here, and what differs in the folder of each.

This is for warehouses that speak PostgreSQL's protocol: psycopg2 connects to them, its errors tell by SQLSTATE who must act,
and `LOCK TABLE` holds a proof table until the end of a transaction. What a third one asks is listed in docs/architecture.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from expectations.contract.checksum import Hash, json_groups, summable, text_groups
from expectations.contract.native_hash import is_cheaper
from expectations.suites.targets import WarehouseTable
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.switches import reached
from tasks.warehouses import attributes
from tasks.warehouses.access_lists import AccessLists
from tasks.warehouses.attributes import Granted
from tasks.warehouses.engine import Catalog, Checksums, NativeHashes, Ownership
from tasks.warehouses.joined_texts import joined, joined_row
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import Address, rows
from tasks.warehouses.shapes import LiveColumn, Shape, Understood
from tasks.warehouses.views import BoundView, create_all, drop_all, replace


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions on a live row and one of a batch, by the aliases `names.LIVE` and `names.NEW`: whether they have the same key,
    whether the batch's may replace the other, and whether any other column differs."""

    key: sql.Composable
    newer: sql.Composable
    differs: sql.Composable


@dataclass(frozen=True, slots=True)
class Replaced:
    """Live rows whose key a batch has: those taken out, those that stay, and how many of these are newer than the batch's."""

    taken_out: int
    stay: int
    superseded: int


class Adapter(AccessLists, ABC):
    """One kind of warehouse. A subclass says what it does in its own way, and names its modules that answer the rest."""

    catalog: Catalog
    ownership: Ownership
    checksums: Checksums
    native_hashes: NativeHashes | None = None
    """By a hash of its own, where it has one that we know and that is cheaper than MD5."""
    address: Address
    keeps_json_text: bool
    """Whether a JSON value is told again as it was loaded, so that its text can be compared."""
    bytes_prefix: str
    """What stands before the digits of bytes in a staged part."""
    text_null_needs_marker: bool
    """Whether an unquoted empty field would be loaded as an empty text, so that NULL needs a spelling of its own."""
    copies_by_part: bool
    """Whether `copy` may add parts to a candidate in several calls, also at once, before it is known which there will be."""
    has_indexes: bool
    """Whether it knows CREATE INDEX."""
    clock: str
    """The query that gives the present as a timestamp in UTC."""

    @abstractmethod
    def lock(self, cursor: Cursor, table: TableName) -> None:
        """Lock a proof table against other publishes until the end of the transaction."""

    def create_schema(self, cursor: Cursor, name: str) -> None:
        """Make a schema unless it is there."""
        if name not in self.schemas(cursor):
            cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(identifier(name)))

    def schemas(self, cursor: Cursor) -> set[str]:
        """Names of the schemas."""
        return {str(name) for (name,) in rows(cursor, "SELECT nspname FROM pg_namespace")}

    def is_empty(self, cursor: Cursor, schema: str) -> bool:
        """Whether a schema holds nothing."""
        found = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
        return not rows(cursor, found, (schema,))

    def exists(self, cursor: Cursor, table: TableName) -> bool:
        """Whether a table of that name exists."""
        return self.catalog.exists(cursor, table)

    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]:
        """The columns of a table in order; empty when it doesn't exist."""
        return self.catalog.columns(cursor, table)

    def create_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        """Make an empty table that nobody else may read."""
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        cursor.execute(self.create_table(table, shape))
        self.close(cursor, table)

    @abstractmethod
    def copy(
        self,
        store: ObjectStore,
        manifest: Manifest,
        table: TableName,
        columns: Sequence[str],
        options: Mapping[str, str | int | bool] | None = None,
        producers: ObjectStore | None = None,
    ) -> int:
        """Load every part of the manifest; returns the rows loaded. Each call needs an empty table, unless `copies_by_part`.

        `options`: the declaration's copy options, which mean something to Redshift only. `producers`: the store of the
        parts, when they are the producer's own objects.
        """

    def fills_at_once(self, cursor: Cursor) -> bool:
        """Whether a table that is made and filled in one transaction is the cheaper one; then there is `copy_within`."""
        return False

    def copy_within(
        self, cursor: Cursor, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]
    ) -> int:
        """As `copy`, inside the caller's transaction, part by part."""
        raise NotImplementedError

    @abstractmethod
    def try_copy(self, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]) -> None:
        """As `copy`, to see whether it works; whether the rows stay in the table is no matter."""

    @abstractmethod
    def copy_rows(
        self,
        cursor: Cursor,
        store: ObjectStore,
        key: str,
        table: TableName,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
    ) -> int:
        """Load rows of our own inside the caller's transaction, not one by one; returns how many.

        `key` names the objects of the stage they may travel in; calling it again writes the same ones.
        """

    def hash_of(self, columns: Sequence[Column]) -> Hash:
        """By which hash the rows of such a table are proven: the warehouse's own, where it does what we do."""
        if self.native_hashes is None or not is_cheaper(columns):
            return "md5"
        return "lookup3" if self.native_hashes.are_known(self.address) else "md5"

    def checksum_list(
        self, columns: Sequence[Column], texts: Sequence[Column], hashed_by: Hash = "md5"
    ) -> sql.Composable:
        """The select list that `expectations.contract.checksum.read_checksum` reads: the figures of `columns`, and the hash of
        the text columns among `texts`.
        """
        native = None if hashed_by == "md5" else self.native_hashes
        parts: list[sql.Composable] = [sql.SQL("count(*)")]
        parts += [sql.SQL("count({})").format(identifier(column.name)) for column in columns]
        parts += [(native or self.checksums).summed(column) for column in columns]
        parts += [
            sql.SQL("coalesce(sum(abs(" + summable("{column}") + ")), 0)").format(column=identifier(column.name))
            if column.column_type.kind == "double precision"
            else sql.SQL("0")
            for column in columns
        ]
        if native is not None:
            parts += [native.hashed([*chain(*groups)]) for groups in (text_groups(texts), json_groups(texts))]
            return sql.SQL(", ").join(parts)
        texts_joined = joined(text_groups(texts), self.value_text)
        parts.append(sql.SQL("0") if texts_joined is None else self.checksums.HASHED.format(texts_joined))
        spelled = joined(json_groups(texts), self.value_text)
        # Without a json column there is nothing that couldn't be told.
        known = self.checksums.HASHED.format(spelled) if spelled is not None and self.keeps_json_text else None
        parts.append(known or sql.SQL("0" if spelled is None else "NULL"))
        return sql.SQL(", ").join(parts)

    @abstractmethod
    def type_of(self, column: Column) -> sql.Composable:
        """The type of a column as the warehouse calls it."""

    def as_compared(self, kind: str, value: sql.Composable) -> sql.Composable:
        """A value of a declared type as what two can be compared of, and that an MD5 takes as text."""
        return value

    def row_hash(self, columns: Sequence[Column]) -> sql.Composable:
        """The sum of the hashes of whole rows, as `expectations.contract.checksum.row_hash_sql` has it."""
        return self.checksums.HASHED.format(joined_row(columns, self.value_text))

    def value_text(self, column: Column) -> sql.Composable:
        """A value as text, as `expectations.contract.checksum.value_text_sql` writes it."""
        return self.checksums.value_text(column)

    @abstractmethod
    def finish_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        """Indexes and statistics that the live table is to have, made while nobody reads it."""

    @abstractmethod
    def looking_up_keys(
        self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int
    ) -> AbstractContextManager[bool]:
        """While `rows` rows are joined with the live table by its key: the time may grow with them, not with the table. Gives
        whether keys are looked up one by one, in an index."""

    def take_out_replaced(
        self,
        cursor: Cursor,
        live: TableName,
        batch: TableName,
        match: Match,
        kept: TableName | None,
        ordered_by: Sequence[str],
    ) -> Replaced | None:
        """Delete the live rows that a batch replaces (`newer` and `differs`) in one statement, into the new table `kept`
        where that is given; the batch is gone through in the order of columns. None, with nothing done, where it takes several
        statements."""
        return None

    def suite_target(self, table: TableName) -> WarehouseTable:
        """A table as the library that judges suites is given it."""
        return WarehouseTable(self.address.url, table.schema, table.name, self.address.dialect)

    def stranger(self, cursor: Cursor, table: TableName) -> str | None:
        """Why a table that is there can't be taken for ours, in a few words; None when it can, or isn't there."""
        return self.ownership.stranger(cursor, table)

    def strange_schema(self, cursor: Cursor, schema: str) -> str | None:
        """Why a schema of our own can't be trusted: somebody else's, or somebody else's things are in it."""
        return self.ownership.strange_schema(cursor, schema)

    @abstractmethod
    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        """What hangs on the live table and wouldn't on one that takes its place by a rename; empty: it can be replaced."""

    @abstractmethod
    def laid_out(self, cursor: Cursor, live: TableName, shape: Shape) -> list[sql.Composed]:
        """What gives a live table the layout that is declared; empty where it has it, or none is declared."""

    @abstractmethod
    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        """DeclarationError when deleting rows of the live table would change other tables; called before rows go."""

    def swap(self, cursor: Cursor, live: TableName, new: TableName, old: TableName, shape: Shape) -> None:
        """Rename `live` to `old` and `new` to `live`; views, grants, comments and owner stay as readers know them."""
        self.lock_for_swap(cursor, live)
        views, comments = self.catalog.bound_views(cursor, live), self.catalog.comments(cursor, live)
        before, after = (
            {column.name: column.type for column in self.catalog.columns(cursor, table)} for table in (live, new)
        )
        # A view can be replaced in place while every column it may read keeps its type.
        in_place = before.items() <= after.items()
        granted = self.catalog.granted(cursor, live, after)
        owner, loader = self.catalog.owner(cursor, live), self.catalog.owner(cursor, new)
        if not in_place:
            drop_all(cursor, live, views)
        self._rename(cursor, live, old)
        reached("renamed")
        self._rename(cursor, new, live)
        for column, text in comments:
            if column is None or column in after:
                attributes.comment(cursor, "TABLE", live, column, text)
        attributes.grant(cursor, live, granted)
        self._describe(cursor, live, shape)
        if not in_place:
            create_all(cursor, live, views)
        for view in views:
            if in_place and view.direct:
                replace(cursor, live, view)
        self.close(cursor, old)
        if owner != loader:
            # The last thing: afterwards we may not be the one who grants.
            attributes.give_to(cursor, live, owner)

    def adopt(self, cursor: Cursor, live: TableName, new: TableName, shape: Shape) -> None:
        """Rename `new` to `live`, which doesn't exist yet, and open it to the declared groups."""
        self._rename(cursor, new, live)
        self._describe(cursor, live, shape)

    @abstractmethod
    def alter(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        """The statements of a schema change ('new_column', 'widened') on the live table, run inside the publish."""

    @abstractmethod
    def alter_before(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        """Those that can't be run inside a transaction: run before it, harmless to readers, whatever comes after."""

    @abstractmethod
    def create_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape | None) -> int:
        """Make a table from a SELECT, closed to everybody else; returns its rows."""

    @abstractmethod
    def fill_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape, role: str) -> int:
        """As `create_as`, but the SELECT runs with the rights of a group: it may write this table, while it runs."""

    @abstractmethod
    def act_as(self, cursor: Cursor, role: str) -> None:
        """From here to the end of the transaction: the rights of a group, and none of our own."""

    @abstractmethod
    def may_act_as(self, cursor: Cursor, role: str) -> bool:
        """Whether this user may take the rights of a group."""

    @abstractmethod
    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        """What the server understands a SELECT to read and to call; nothing of it runs. It makes a view of that name, and the
        caller rolls back. `callable_names`: functions that are no reason to refuse. psycopg2.Error: it isn't one SELECT."""

    @abstractmethod
    def bound(self, cursor: Cursor, seconds: int | None, query_group: str | None, slots: int | None) -> None:
        """From here to the end of the transaction: statements take at most so long, and run in a queue, with so many of its
        slots, where there are queues. None: as ever."""

    def close(self, cursor: Cursor, table: TableName) -> None:
        """Take every right from everybody but the owner: default privileges may have opened a new table."""
        for grantee in self.catalog.grantees(cursor, table):
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(qualified(table), grantee))

    def bound_views(self, cursor: Cursor, live: TableName) -> list[BoundView]:
        """Views bound to the table, directly or not, each after those it reads."""
        return self.catalog.bound_views(cursor, live)

    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]:
        """Our candidates and generations beside a live table, whatever made them."""
        return self.catalog.side_tables(cursor, live)

    def create_group(self, cursor: Cursor, name: str) -> None:
        """Make a group that can be granted to."""
        cursor.execute(self.group_statement(name))

    def groups(self, cursor: Cursor) -> set[str]:
        """Names that may be granted to."""
        return self.catalog.groups(cursor)

    @abstractmethod
    def grantee(self, group: str) -> sql.Composable:
        """A group as it stands after TO or FROM."""

    @abstractmethod
    def group_statement(self, name: str) -> sql.Composed:
        """Make a group."""

    @abstractmethod
    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        """Put a user into a group, or take it out."""

    def members(self, cursor: Cursor) -> dict[str, set[str]]:
        """Users by group."""
        return self.catalog.members(cursor)

    @abstractmethod
    def create_table(self, table: TableName, shape: Shape) -> sql.Composable:
        """CREATE TABLE of an empty one."""

    @abstractmethod
    def lock_for_swap(self, cursor: Cursor, live: TableName) -> None:
        """Keep readers out. New readers queue behind it, so it gives up early and is tried again later."""

    def _rename(self, cursor: Cursor, table: TableName, to: TableName) -> None:
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(qualified(table), identifier(to.name)))

    def _describe(self, cursor: Cursor, live: TableName, shape: Shape) -> None:
        """Comments and grants as declared, on top of what was there."""
        attributes.comment(cursor, "TABLE", live, None, shape.description)
        for column in shape.columns:
            if column.description:
                unit = f" ({column.unit})" if column.unit else ""
                attributes.comment(cursor, "TABLE", live, column.name, column.description + unit)
        attributes.grant(
            cursor, live, [Granted(sql.SQL("SELECT"), self.grantee(group), False) for group in shape.grants]
        )


def retype(adapter: Adapter, live: TableName, column: Column) -> sql.Composed:
    """Give a column of the live table its declared type."""
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
        qualified(live), identifier(column.name), adapter.type_of(column)
    )
