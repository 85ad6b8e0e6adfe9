"""What PostgreSQL and Redshift do alike: both speak PostgreSQL's protocol, and have its catalog, its views and its grants.

An engine is a folder: an adapter below `PostgresProtocolAdapter` with what it does in its own way, and modules that answer
for it (`catalog.py`, `ownership.py`, `checksums.py`). Which questions they must answer stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Protocol

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from expectations.contract.checksum import summable
from expectations.suites.targets import WarehouseTable
from tasks.switches import reached
from tasks.warehouses import attributes
from tasks.warehouses.access_lists import AccessLists
from tasks.warehouses.attributes import Granted
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import LiveColumn, Shape
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import Address, rows
from tasks.warehouses.texts import joined_row, joined_text
from tasks.warehouses.views import BoundView, create_all, drop_all, replace


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


class PostgresProtocolAdapter(AccessLists, ABC):
    """See `tasks.warehouses.protocol.Adapter`; a subclass adds the rest of it."""

    catalog: Catalog
    ownership: Ownership
    checksums: Checksums
    address: Address

    @abstractmethod
    def create_table(self, table: TableName, shape: Shape) -> sql.Composable:
        """CREATE TABLE of an empty one."""

    @abstractmethod
    def lock_for_swap(self, cursor: Cursor, live: TableName) -> None:
        """Keep readers out. New readers queue behind it, so it gives up early and is tried again later."""

    @abstractmethod
    def grantee(self, group: str) -> sql.Composable:
        """A group as it stands after TO or FROM."""

    @abstractmethod
    def group_statement(self, name: str) -> sql.Composed:
        """Make a group."""

    def create_schema(self, cursor: Cursor, name: str) -> None:
        if name not in self.schemas(cursor):
            cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(identifier(name)))

    def schemas(self, cursor: Cursor) -> set[str]:
        return {str(name) for (name,) in rows(cursor, "SELECT nspname FROM pg_namespace")}

    def is_empty(self, cursor: Cursor, schema: str) -> bool:
        found = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s"
        return not rows(cursor, found, (schema,))

    def exists(self, cursor: Cursor, table: TableName) -> bool:
        return self.catalog.exists(cursor, table)

    def columns(self, cursor: Cursor, table: TableName) -> list[LiveColumn]:
        return self.catalog.columns(cursor, table)

    def create_candidate(self, cursor: Cursor, table: TableName, shape: Shape) -> None:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
        cursor.execute(self.create_table(table, shape))
        self.close(cursor, table)

    def checksum_list(self, columns: Sequence[Column], texts: Sequence[Column]) -> sql.Composable:
        parts: list[sql.Composable] = [sql.SQL("count(*)")]
        parts += [sql.SQL("count({})").format(identifier(column.name)) for column in columns]
        parts += [self.checksums.summed(column) for column in columns]
        parts += [
            sql.SQL("coalesce(sum(abs(" + summable("{column}") + ")), 0)").format(column=identifier(column.name))
            if column.column_type.kind == "double precision"
            else sql.SQL("0")
            for column in columns
        ]
        joined = joined_text(texts)
        parts.append(sql.SQL("0") if joined is None else self.checksums.HASHED.format(joined))
        return sql.SQL(", ").join(parts)

    def row_hash(self, columns: Sequence[Column]) -> sql.Composable:
        return self.checksums.HASHED.format(joined_row(columns, self.value_text))

    def value_text(self, column: Column) -> sql.Composable:
        return self.checksums.value_text(column)

    def suite_target(self, table: TableName) -> WarehouseTable:
        return WarehouseTable(self.address.url, table.schema, table.name, self.address.dialect)

    def stranger(self, cursor: Cursor, table: TableName) -> str | None:
        return self.ownership.stranger(cursor, table)

    def strange_schema(self, cursor: Cursor, schema: str) -> str | None:
        return self.ownership.strange_schema(cursor, schema)

    def swap(self, cursor: Cursor, live: TableName, new: TableName, old: TableName, shape: Shape) -> None:
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
        self._rename(cursor, new, live)
        self._describe(cursor, live, shape)

    def close(self, cursor: Cursor, table: TableName) -> None:
        for grantee in self.catalog.grantees(cursor, table):
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(qualified(table), grantee))

    def bound_views(self, cursor: Cursor, live: TableName) -> list[BoundView]:
        return self.catalog.bound_views(cursor, live)

    def side_tables(self, cursor: Cursor, live: TableName) -> list[TableName]:
        return self.catalog.side_tables(cursor, live)

    def create_group(self, cursor: Cursor, name: str) -> None:
        cursor.execute(self.group_statement(name))

    def groups(self, cursor: Cursor) -> set[str]:
        return self.catalog.groups(cursor)

    def members(self, cursor: Cursor) -> dict[str, set[str]]:
        return self.catalog.members(cursor)

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


def retype(live: TableName, column: Column) -> sql.Composed:
    """Give a column of the live table its declared type."""
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(
        qualified(live), identifier(column.name), sql.SQL(column.type)
    )
