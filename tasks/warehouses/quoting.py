"""Names as they stand in our SQL, and back."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql

from tasks.warehouses.names import TableName


def qualified(table: TableName) -> sql.Identifier:
    """Schema and name, quoted."""
    return sql.Identifier(table.schema, table.name)


def listed(columns: Iterable[str]) -> sql.Composed:
    """Column names, quoted, with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def unquoted(name: str) -> str:
    """A name as a catalog shows it, which puts quotes around those that need them."""
    return name[1:-1].replace('""', '"') if name.startswith('"') and name.endswith('"') else name
