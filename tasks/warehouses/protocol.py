"""What an adapter must do. Everything above it (publish, proofs, quarantine, summaries) is written once, in SQL that
PostgreSQL and Redshift read the same; what differs is here.

This is a protocol for warehouses that speak PostgreSQL's: psycopg2 connects to them, its errors tell by SQLSTATE who must
act, and `LOCK TABLE` holds a proof table until the end of a transaction. Most of it is done in `base.py`; what a third one
asks is listed in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.declarations.table import Physical
from expectations.suites.targets import WarehouseTable
from tasks.objects.manifest import Manifest
from tasks.objects.store import ObjectStore
from tasks.warehouses.access_lists import Rights as AccessRights
from tasks.warehouses.names import TableName
from tasks.warehouses.session import Address
from tasks.warehouses.views import BoundView


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column as the catalog has it; `type` is spelled as declarations spell it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table to be made has to look like."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    physical: Physical
    description: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """What the server understands a SELECT to read, and what of it a summary may not call or use."""

    relations: tuple[TableName, ...]
    refused: tuple[str, ...]


class Rights(Protocol):
    """Groups and who may do what, for `provision` and `check --connect`."""

    def create_group(self, cursor: Cursor, name: str) -> None:
        """Make a group that can be granted to."""

    def groups(self, cursor: Cursor) -> set[str]:
        """Names that may be granted to."""

    def grantee(self, group: str) -> sql.Composable:
        """A group as it stands after TO or FROM."""

    def group_statement(self, name: str) -> sql.Composed:
        """Make a group."""

    def member_statement(self, group: str, user: str, *, add: bool) -> sql.Composed:
        """Put a user into a group, or take it out."""

    def members(self, cursor: Cursor) -> dict[str, set[str]]:
        """Users by group."""

    def users(self, cursor: Cursor) -> set[str]:
        """Names of those who may log in."""

    def schema_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> AccessRights:
        """Rights on schemas."""

    def makers(self, cursor: Cursor, schema: str) -> list[str]:
        """Who else may make tables in a schema: its owner, and whoever was granted that."""

    def table_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> dict[TableName, dict[str, set[str]]]:
        """Rights of others on our own tables and views, without what headgate keeps beside them: that is closed."""

    def future_rights(self, cursor: Cursor, schemas: tuple[str, ...]) -> AccessRights:
        """Rights on tables that we shall make in schemas."""


class Adapter(Rights, Protocol):
    """One kind of warehouse."""

    @property
    def address(self) -> Address:
        """Where the warehouse is."""

    @property
    def text_null_needs_marker(self) -> bool:
        """Whether an unquoted empty field would be loaded as an empty text, so that NULL needs a spelling of its own."""

    @property
    def has_indexes(self) -> bool:
        """Whether it knows CREATE INDEX."""

    @property
    def clock(self) -> str:
        """The query that gives the present as a timestamp in UTC."""

    def lock(self, cursor: Cursor, table: TableName) -> None:
        """Lock a proof table against other publishes until the end of the transaction."""

    def create_schema(self, cursor: Cursor, name: str) -> None:
        """Make a schema unless it is there."""

    def schemas(self, cursor: Cursor) -> set[str]:
        """Names of the schemas."""

    def is_empty(self, cursor: Cursor, schema: str) -> bool:
        """Whether a schema holds nothing."""

    def exists(self, cursor: Cursor, table: TableName) -> bool:
        """Whether a table of that name exists."""

    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]:
        """The columns of a table in order; empty when it doesn't exist."""

    def create_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        """Make an empty table that nobody else may read."""

    def copy(
        self,
        store: ObjectStore,
        manifest: Manifest,
        table: TableName,
        columns: Sequence[str],
        options: Mapping[str, str | int | bool] | None = None,
        producers: ObjectStore | None = None,
    ) -> int:
        """Load every part of the manifest; returns the rows loaded. Each call needs an empty table.

        `options`: the declaration's copy options, which mean something to Redshift only. `producers`: the store of the
        parts, when they are the producer's own objects.
        """

    def try_copy(self, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]) -> None:
        """As `copy`, to see whether it works; whether the rows stay in the table is no matter."""

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

    def checksum_list(self, columns: Sequence[Column], texts: Sequence[Column]) -> sql.Composable:
        """The select list that `expectations.contract.checksum.read_checksum` reads: the figures of `columns`, and the hash of
        the text columns among `texts`.
        """

    def row_hash(self, columns: Sequence[Column]) -> sql.Composable:
        """The sum of the hashes of whole rows, as `expectations.contract.checksum.row_hash_sql` has it."""

    def value_text(self, column: Column) -> sql.Composable:
        """A value as text, as `expectations.contract.checksum.value_text_sql` writes it."""

    def finish_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        """Indexes and statistics that the live table is to have, made while nobody reads it."""

    def looking_up_keys(
        self, cursor: Cursor, live: TableName, key: Sequence[str], rows: int
    ) -> AbstractContextManager[None]:
        """While `rows` rows are joined with the live table by its key: the time may grow with them, not with the table."""

    def suite_target(self, table: TableName) -> WarehouseTable:
        """A table as the library that judges suites is given it."""

    def stranger(self, cursor: Cursor, table: TableName) -> str | None:
        """Why a table that is there can't be taken for ours, in a few words; None when it can, or isn't there."""

    def strange_schema(self, cursor: Cursor, schema: str) -> str | None:
        """Why a schema of our own can't be trusted: somebody else's, or somebody else's things are in it."""

    def lost_by_swap(self, cursor: Cursor, live: TableName, shape: Shape) -> list[str]:
        """What hangs on the live table and wouldn't on one that takes its place by a rename; empty: it can be replaced."""

    def guard_deletes(self, cursor: Cursor, live: TableName) -> None:
        """DeclarationError when deleting rows of the live table would change other tables; called before rows go."""

    def swap(self, cursor: Cursor, live: TableName, new: TableName, old: TableName, shape: Shape) -> None:
        """Rename `live` to `old` and `new` to `live`; views, grants, comments and owner stay as readers know them."""

    def adopt(self, cursor: Cursor, live: TableName, new: TableName, shape: Shape) -> None:
        """Rename `new` to `live`, which doesn't exist yet, and open it to the declared groups."""

    def alter(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        """The statements of a schema change ('new_column', 'widened') on the live table, run inside the publish."""

    def alter_before(self, live: TableName, change: str, column: Column) -> list[sql.Composed]:
        """Those that can't be run inside a transaction: run before it, harmless to readers, whatever comes after."""

    def create_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape | None) -> int:
        """Make a table from a SELECT, closed to everybody else; returns its rows."""

    def fill_as(self, cursor: Cursor, table: TableName, select: sql.Composable, shape: Shape, role: str) -> int:
        """As `create_as`, but the SELECT runs with the rights of a group: it may write this table, while it runs."""

    def act_as(self, cursor: Cursor, role: str) -> None:
        """From here to the end of the transaction: the rights of a group, and none of our own."""

    def may_act_as(self, cursor: Cursor, role: str) -> bool:
        """Whether this user may take the rights of a group."""

    def understood(self, cursor: Cursor, view: TableName, select: str, callable_names: Collection[str]) -> Understood:
        """What the server understands a SELECT to read and to call; nothing of it runs. It makes a view of that name, and the
        caller rolls back. `callable_names`: functions that are no reason to refuse. psycopg2.Error: it isn't one SELECT."""

    def close(self, cursor: Cursor, table: TableName) -> None:
        """Take every right from everybody but the owner: default privileges may have opened a new table."""

    def bound_views(self, cursor: Cursor, live: TableName) -> list[BoundView]:
        """Views bound to the table, directly or not, each after those it reads."""

    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]:
        """Our candidates and generations beside a live table, whatever made them."""
