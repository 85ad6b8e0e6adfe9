"""CREATE TABLE as Redshift knows it: columns with their encodings, distribution and sort keys from the declaration."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from deployments.declarations.kinds import KINDS
from deployments.declarations.table import Physical
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.shapes import Shape


def create_table(table: TableName, shape: Shape) -> sql.Composed:
    """An empty table of that shape.

    No PRIMARY KEY or UNIQUE: Redshift doesn't keep such a promise but plans by it, so that somebody else's row with the
    same key would give wrong answers. The key is proven by headgate at every publish instead.
    """
    columns = sql.SQL(", ").join(definition(column) for column in shape.columns)
    return sql.SQL("CREATE TABLE {} ({})").format(qualified(table), columns) + layout(shape)


def definition(column: Column) -> sql.Composed:
    """One column: name, type, encoding and nullability."""
    parts: list[sql.Composable] = [identifier(column.name), type_of(column)]
    if column.encode is not None and column.encode != "auto":
        parts.append(sql.SQL(f"ENCODE {column.encode.upper()}"))
    if not column.nullable:
        parts.append(sql.SQL("NOT NULL"))
    return sql.SQL(" ").join(parts)


def type_of(column: Column) -> sql.SQL:
    """The type as the service calls it."""
    return sql.SQL(KINDS[column.column_type.kind].on_redshift or column.type)


def layout(shape: Shape) -> sql.Composed:
    """Distribution and sort key; nothing for AUTO, which is the service's default and follows the table's growth."""
    physical = shape.physical
    parts = [sql.SQL("")]
    if physical.diststyle != "auto":
        parts.append(sql.SQL(f" DISTSTYLE {physical.diststyle.upper()}"))
    composed = sql.SQL("").join(parts)
    if physical.distkey is not None:
        composed += sql.SQL(" DISTKEY ({})").format(identifier(physical.distkey))
    if physical.sortkey:
        composed += sql.SQL(" COMPOUND SORTKEY ({})").format(listed(physical.sortkey))
    return composed


def altered_layout(
    table: TableName, physical: Physical, style: str, distkey: str | None, sortkey: Sequence[str]
) -> list[sql.Composed]:
    """What makes a table of another layout the declared one. A sort key that isn't declared is left as it is: the service may
    have chosen it."""
    changes: list[sql.Composable] = []
    if (physical.diststyle, physical.distkey) != (style, distkey if style == "key" else None):
        key = sql.SQL("") if physical.distkey is None else sql.SQL(" DISTKEY {}").format(identifier(physical.distkey))
        changes.append(sql.SQL("DISTSTYLE " + physical.diststyle.upper()) + key)
    if physical.sortkey and tuple(sortkey) != physical.sortkey:
        changes.append(sql.SQL("COMPOUND SORTKEY ({})").format(listed(physical.sortkey)))
    return [sql.SQL("ALTER TABLE {} ALTER ").format(qualified(table)) + change for change in changes]
