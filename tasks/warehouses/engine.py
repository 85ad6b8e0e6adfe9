"""What the modules of an engine's folder answer for: its catalog, whose things are, and its checksums."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from tasks.warehouses.attributes import Granted
from tasks.warehouses.names import TableName
from tasks.warehouses.session import Address
from tasks.warehouses.shapes import LiveColumn
from tasks.warehouses.views import BoundView


class Catalog(Protocol):
    """What an engine's `catalog.py` tells of tables, views and groups."""

    def exists(self, cursor: Cursor, table: TableName) -> bool: ...
    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]: ...
    def owner(self, cursor: Cursor, table: TableName) -> str: ...
    def comments(self, cursor: Cursor, table: TableName) -> list[tuple[str | None, str]]: ...
    def granted(
        self, cursor: Cursor, table: TableName, columns: Collection[str] | None = None
    ) -> Sequence[Granted]: ...
    def grantees(self, cursor: Cursor, table: TableName) -> Sequence[sql.Composable]: ...
    def bound_views(self, cursor: Cursor, table: TableName) -> list[BoundView]: ...
    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]: ...
    def groups(self, cursor: Cursor) -> set[str]: ...
    def members(self, cursor: Cursor) -> dict[str, set[str]]: ...


class Ownership(Protocol):
    """What an engine's `ownership.py` tells: whether somebody else could make us run what is theirs."""

    def stranger(self, cursor: Cursor, table: TableName) -> str | None: ...
    def strange_schema(self, cursor: Cursor, schema: str) -> str | None: ...


class Checksums(Protocol):
    """How an engine's `checksums.py` computes the figures of `expectations.contract.checksum`."""

    HASHED: sql.SQL
    """The sum of the hashes of a text, which stands for `{}`."""

    def summed(self, column: Column) -> sql.Composable: ...
    def value_text(self, column: Column) -> sql.Composable: ...


class NativeHashes(Protocol):
    """How an engine computes the figures of `expectations.contract.native_hash`, by a hash of its own."""

    def summed(self, column: Column) -> sql.Composable: ...
    def hashed(self, columns: Sequence[Column]) -> sql.Composable: ...
    def are_known(self, address: Address) -> bool: ...
