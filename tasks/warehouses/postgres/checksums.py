"""The figures of `expectations.contract.checksum`, computed by PostgreSQL over a candidate."""

from __future__ import annotations

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import double_text, json_kind, summable
from tasks.warehouses.quoting import identifier

_MICROSECONDS = (
    "CASE WHEN {column} >= '1900-01-01' AND {column} < '2040-01-01' THEN (date_part('epoch', {column}) * 1000000)::bigint "
    "ELSE (extract(epoch from {column}) * 1000000)::bigint END"
)
"""Since 1970. As a double, twice as fast, they are exact while two roundings (2**-53 each) stay under half of one."""
_TEXTS = {"binary": "encode({}, 'hex')", "json": "({})::text"}
HASHED = sql.SQL("coalesce(sum(('x' || left(md5({}), 8))::bit(32)::bigint), 0)")


def summed(column: Column) -> sql.Composed:
    """The sum of a column, 0 of no rows."""
    return sql.SQL("coalesce(sum({}), 0)").format(_summand(column))


def value_text(column: Column) -> sql.Composable:
    """A value as text."""
    kind = column.column_type.kind
    if kind == "varchar":
        return identifier(column.name)
    if kind in _TEXTS:
        return sql.SQL(_TEXTS[kind]).format(identifier(column.name))
    if kind == "double precision":
        return sql.SQL(double_text("{0}")).format(identifier(column.name))
    return sql.SQL("({})::text").format(_summand(column))


def _summand(column: Column) -> sql.Composed:
    name = identifier(column.name)
    form = {
        "varchar": "octet_length({column})",
        "binary": "octet_length({column})",
        "json": json_kind("({column})::text"),
        "boolean": "{column}::integer",
        "date": "{column} - date '1970-01-01'",
        "timestamp": _MICROSECONDS,
        "timestamptz": _MICROSECONDS,
        "time": "(extract(epoch from {column}) * 1000000)::bigint",
        "double precision": summable("{column}"),
    }.get(column.column_type.kind, "{column}")
    return sql.SQL(form).format(column=name)
