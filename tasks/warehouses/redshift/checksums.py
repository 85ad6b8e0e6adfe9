"""The figures of `expectations.contract.checksum`, computed by Redshift over a candidate.

SUM of integers is BIGINT and of BIGINT NUMERIC(38) there, so that no sum of ours wraps. DATEDIFF counts boundaries of
its unit: for microseconds that is the exact distance.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import summable
from tasks.warehouses.texts import joined_text

_WIDE_DECIMAL = 28
_HALF = 19
_DIGITS = "lpad(replace(replace({0}::varchar(64), '-', ''), '.', ''), 38, '0')"
_SIGN = "CASE WHEN {0} < 0 THEN -1 ELSE 1 END"
_UPPER, _LOWER = (f"{_SIGN} * {half}({_DIGITS}, 19)::decimal(19,0)" for half in ("left", "right"))
"""A sum of wider decimals could need more than 38 digits: their upper and lower digits are summed apart."""


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
    form = sql.SQL("coalesce(sum(strtol(left(md5({}), 8), 16)), 0)")
    parts.append(sql.SQL("0") if joined is None else form.format(joined))
    return sql.SQL(", ").join(parts)


def _sum(column: Column) -> sql.Composed:
    kind = column.column_type
    form = {
        "varchar": "sum(octet_length({0}))",
        "boolean": "sum(CASE WHEN {0} THEN 1 ELSE 0 END)",
        "date": "sum(datediff(day, date '1970-01-01', {0}))",
        "timestamp": "sum(datediff(microsecond, timestamp '1970-01-01 00:00:00', {0}))",
        "timestamptz": "sum(datediff(microsecond, timestamptz '1970-01-01 00:00:00+00', {0}))",
        "double precision": "sum(" + summable("{0}") + ")",
    }.get(kind.kind, "sum({0})")
    if kind.kind == "decimal" and kind.precision > _WIDE_DECIMAL:
        form = f"coalesce(sum({_UPPER})::varchar || 'e{_HALF - kind.scale} ' || sum({_LOWER})::varchar || 'e-{kind.scale}', '0')"
        return sql.SQL(form).format(sql.Identifier(column.name))
    return sql.SQL(f"coalesce({form}, 0)").format(sql.Identifier(column.name))
