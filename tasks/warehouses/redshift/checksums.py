"""The figures of `expectations.contract.checksum`, computed by Redshift over a candidate.

SUM of integers is BIGINT and of BIGINT NUMERIC(38) there, so that no sum of ours wraps. DATEDIFF counts boundaries of
its unit: for microseconds that is the exact distance.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import double_text, summable
from tasks.warehouses.texts import joined_row, joined_text

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
}
_HASHED = sql.SQL("coalesce(sum(strtol(left(md5({}), 8), 16)), 0)")


def checksum_list(columns: Sequence[Column], texts: Sequence[Column]) -> sql.Composed:
    """The select list: rows, values per column, sums, magnitudes of doubles, and the hash of all `texts`."""
    parts: list[sql.Composable] = [sql.SQL("count(*)")]
    parts += [sql.SQL("count({})").format(sql.Identifier(column.name)) for column in columns]
    parts += [_sum(column) for column in columns]
    parts += [
        sql.SQL("coalesce(sum(abs(" + summable("{column}") + ")), 0)").format(column=sql.Identifier(column.name))
        if column.column_type.kind == "double precision"
        else sql.SQL("0")
        for column in columns
    ]
    joined = joined_text(texts)
    parts.append(sql.SQL("0") if joined is None else _HASHED.format(joined))
    return sql.SQL(", ").join(parts)


def row_hash(columns: Sequence[Column]) -> sql.Composed:
    """The sum of the hashes of whole rows."""
    return _HASHED.format(joined_row(columns, value_text))


def value_text(column: Column) -> sql.Composed:
    """A value as text."""
    kind = column.column_type.kind
    form = {
        "varchar": "{0}",
        "boolean": "CASE WHEN {0} THEN '1' WHEN NOT {0} THEN '0' END",
        "double precision": double_text("{0}"),
    }.get(kind, f"({_EXACT.get(kind, '{0}')})::varchar(64)")
    return sql.SQL(form).format(sql.Identifier(column.name))


def _sum(column: Column) -> sql.Composed:
    kind = column.column_type
    form = {
        "varchar": "sum(octet_length({0}))",
        "boolean": "sum(CASE WHEN {0} THEN 1 ELSE 0 END)",
        "double precision": "sum(" + summable("{0}") + ")",
    }.get(kind.kind, f"sum({_EXACT.get(kind.kind, '{0}')})")
    if kind.kind == "decimal" and kind.precision > _WIDE_DECIMAL:
        form = f"coalesce(sum({_UPPER})::varchar || 'e{_HALF - kind.scale} ' || sum({_LOWER})::varchar || 'e-{kind.scale}', '0')"
        return sql.SQL(form).format(sql.Identifier(column.name))
    return sql.SQL(f"coalesce({form}, 0)").format(sql.Identifier(column.name))
