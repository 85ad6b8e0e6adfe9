"""Names as they stand in the SQL of PostgreSQL and Redshift, and back. DuckDB's are in `expectations.contract.quoting`."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql

from deployments.errors import DeclarationError
from tasks.warehouses.names import TableName


def identifier(*parts: str) -> sql.Identifier:
    """A name, quoted, behind the table or schema it belongs to. DeclarationError: the driver would cut it off, or it is none."""
    for part in parts:
        if not part or "\0" in part:
            raise DeclarationError(
                f"{part!r} can't be a name in a database: it is empty, or holds the character NUL",
                next_command="headgate check",
            )
    return sql.Identifier(*parts)


def qualified(table: TableName) -> sql.Identifier:
    """Schema and name, quoted."""
    return identifier(table.schema, table.name)


def listed(columns: Iterable[str]) -> sql.Composed:
    """Column names, quoted, with commas between them."""
    return sql.SQL(", ").join(map(identifier, columns))


def unquoted(name: str) -> str:
    """A name as a catalog shows it, which puts quotes around those that need them."""
    return name[1:-1].replace('""', '"') if name.startswith('"') and name.endswith('"') else name
