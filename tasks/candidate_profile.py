"""A profile of a table beside the live one, of rows that no worker has read: a build's, or those of objects loaded in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.engine import lock
from expectations.contract.lexical import duckdb_type
from expectations.contract.quoting import identifier
from tasks.assess import profile_kind
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier as quoted
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import explained, one, session
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from expectations.profile import Profile

MEASURED = 200_000
"""Rows that a profile is measured of: all, or so many that a hash of their key chooses. Counts are of all."""
_AT_ONCE = 5_000


def candidate_profile(
    bench: Workbench, candidate: TableName, columns: Sequence[Column], *, key: Sequence[str], masked: Collection[str],
    salt: bytes | None,
) -> Profile:  # fmt: skip
    """What the rows of a candidate look like. `key`: columns by which rows are chosen where there are many, all without one;
    `salt`: of the hashes of `masked` columns."""
    import duckdb
    import numpy

    from expectations.profile import measure
    from expectations.profile.model import ColumnKind
    from expectations.profile.sampling import Sampling

    kinds = [ColumnKind(column.name, profile_kind(column), masked=column.name in masked) for column in columns]
    counted, rows = _rows(bench, candidate, columns, key or [column.name for column in columns])
    texts = {
        column.name: numpy.array([None if row[i] is None else str(row[i]) for row in rows], dtype=object)
        for i, column in enumerate(columns)
    }
    with duckdb.connect() as connection:
        lock(connection)
        connection.register("headgate_texts", texts)
        typed = ", ".join(
            f"CAST({identifier(column.name)} AS {duckdb_type(column.column_type)}) AS {identifier(column.name)}"
            for column in columns
        )
        connection.execute(f"CREATE TABLE headgate_candidate AS SELECT {typed} FROM headgate_texts")
        key_text = (salt or b"").decode(errors="ignore")
        # They are the sample already, chosen where they lie.
        sampled = f"({Sampling(tuple(kinds), (), len(rows)).all_sql('headgate_candidate')})"
        return measure(connection, "headgate_candidate", kinds, key=key_text, counted=counted, sampled=sampled)


def _rows(
    bench: Workbench, candidate: TableName, columns: Sequence[Column], key: Sequence[str]
) -> tuple[tuple[int, list[int]], list[tuple[object, ...]]]:
    """(rows, values of each column) of the whole candidate, and the rows that its profile is measured of."""
    table = qualified(candidate)
    # A driver makes values of Python of what isn't a text there.
    texts = ("json", "binary")
    names = sql.SQL(", ").join(
        bench.warehouse.value_text(column) if column.column_type.kind in texts else quoted(column.name)
        for column in columns
    )
    figures = sql.SQL(", ").join([sql.SQL("count(*)"), *(_count(column) for column in columns)])
    with explained(f"measuring {candidate}"), session(bench.warehouse.address) as connection:
        with connection.cursor() as cursor:
            rows, *present = one(cursor, sql.SQL("SELECT {} FROM {}").format(figures, table))
        statement = sql.SQL("SELECT {} FROM {}").format(names, table)
        if int(rows) > MEASURED:
            marks = [sql.SQL("coalesce(CAST({} AS varchar(256)), '')").format(quoted(name)) for name in key]
            statement += sql.SQL(" ORDER BY md5({}) LIMIT {}").format(
                sql.SQL(" || ").join(marks), sql.Literal(MEASURED)
            )
        with connection.cursor(name="hg_candidate") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(statement)
            return (int(rows), [int(count) for count in present]), list(cursor)


def _count(column: Column) -> sql.Composed:
    return sql.SQL("count({})").format(quoted(column.name))
