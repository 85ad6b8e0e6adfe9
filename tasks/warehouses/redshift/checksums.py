"""The figures of `expectations.contract.checksum`, computed by Redshift over a candidate.

SUM of integers is BIGINT and of BIGINT NUMERIC(38) there, so that no sum of ours wraps. DATEDIFF counts boundaries of
its unit: for microseconds that is the exact distance.
"""

from __future__ import annotations

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import double_text, json_kind, summable
from tasks.warehouses.quoting import identifier

_WIDE_DECIMAL = 28
_HALF = 19
_DIGITS = "lpad(replace(replace({0}::varchar(64), '-', ''), '.', ''), 38, '0')"
_SIGN = "CASE WHEN {0} < 0 THEN -1 ELSE 1 END"
_UPPER, _LOWER = (f"{_SIGN} * {half}({_DIGITS}, 19)::decimal(19,0)" for half in ("left", "right"))
"""A sum of wider decimals could need more than 38 digits: their upper and lower digits are summed apart."""

_EXACT = {
    "date": "datediff(day, date '1970-01-01', {0})",
    "timestamp": "datediff(microsecond, timestamp '1970-01-01 00:00:00', {0})",
    "timestamptz": "datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', {0})",
    "time": "datediff(microsecond, time '00:00:00', {0})",
}
HASHED = sql.SQL("coalesce(sum(strtol(left(md5({}), 8), 16)), 0)")


def value_text(column: Column) -> sql.Composed:
    """A value as text."""
    kind = column.column_type.kind
    form = {
        "varchar": "{0}",
        "binary": "lower(to_hex({0}))",
        "json": "json_serialize({0})",
        "boolean": "CASE WHEN {0} THEN '1' WHEN NOT {0} THEN '0' END",
        "double precision": double_text("{0}"),
    }.get(kind, f"({_EXACT.get(kind, '{0}')})::varchar(64)")
    return sql.SQL(form).format(identifier(column.name))


def summed(column: Column) -> sql.Composed:
    """The sum of a column, 0 of no rows."""
    kind = column.column_type
    form = {
        "varchar": "sum(octet_length({0}))",
        "binary": "sum(octet_length({0}))",
        "json": "sum(" + json_kind("json_serialize({0})") + ")",
        "boolean": "sum(CASE WHEN {0} THEN 1 ELSE 0 END)",
        "double precision": "sum(" + summable("{0}") + ")",
    }.get(kind.kind, f"sum({_EXACT.get(kind.kind, '{0}')})")
    if kind.kind == "decimal" and kind.precision > _WIDE_DECIMAL:
        form = f"coalesce(sum({_UPPER})::varchar || 'e{_HALF - kind.scale} ' || sum({_LOWER})::varchar || 'e-{kind.scale}', '0')"
        return sql.SQL(form).format(identifier(column.name))
    return sql.SQL(f"coalesce({form}, 0)").format(identifier(column.name))
