"""Measures the profile of a relation with DuckDB, in bounded memory and a time that hardly depends on the width.

Row and null counts are exact. Everything else is exact up to SAMPLED rows; above, it is told from the rows with the
smallest marks (the same rows whichever order they come in), and what needs the order of delivery from the first FIRST
rows.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np

from expectations.contract.quoting import identifier
from expectations.profile import categories, numbers, relations
from expectations.profile.columns import Read, read_column, text_of
from expectations.profile.model import MARKED_ROWS, ColumnKind, ColumnProfile, Profile
from expectations.profile.sampling import SAMPLED, Sampling, mark, marked_by

FIRST = 6_000
MARKS = 256
FETCHED = 50
"""Columns that are fetched by one query: its memory grows with them."""
LARGEST = 1e100
"""Numbers count as no larger than this: figures are squared, and the square of a double may be none."""
_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AT_ONCE = min(4, _CPUS)
"""Columns that are read side by side: DuckDB gives a table of up to 122,880 rows to one thread only."""
_serial = itertools.count()


def measure(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[ColumnKind],
    *,
    key: str = "",
    counted: tuple[int, Sequence[int]] | None = None,
    in_place: bool = False,
    sampled: str | None = None,
) -> Profile:
    """The profile of `relation` (SQL usable after FROM). `key` salts the hashes of masked columns.

    `counted`: rows, and values of each column, where the caller has counted them already: it saves a pass. `in_place`:
    the relation is a table of texts that stays as it is meanwhile, so it needs no copy. `sampled`: a relation of the rows that
    a `Sampling` chose, of which a large batch is measured then. Tables made are dropped again.
    Columns are read through cursors of `con`, which see neither an open transaction nor temporary tables: `con` must be
    outside a transaction, and a relation read in place no temporary table. Raises duckdb.Error where the relation or a
    column doesn't exist.
    """
    rows, present = counted or _count(con, relation, columns)
    name = f"headgate_profile_{next(_serial)}"
    first, sample, view = f"{name}_first", f"{name}_sample", f"{name}_view"
    cast = ", ".join(f"{text_of(identifier(c.name), c.kind)} AS c{i}" for i, c in enumerate(columns))
    # Not temporary: other threads read them through cursors of their own.
    try:
        con.execute(f"CREATE TABLE {first} AS SELECT {cast} FROM {relation} LIMIT {FIRST}")
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="profile") as pool:
            measured = first
            if rows > SAMPLED:
                if sampled is None:
                    stable = _stable(columns, _read(pool, con, first, columns, key))
                    sampled = f"({Sampling(tuple(columns), stable, rows).select_sql(relation)})"
                con.execute(f"CREATE TABLE {sample} AS SELECT * FROM {sampled}")
                measured = sample
            elif rows > FIRST and in_place:
                con.execute(f"CREATE VIEW {view} AS SELECT {cast} FROM {relation}")
                measured = view
            elif rows > FIRST:
                con.execute(f"CREATE TABLE {sample} AS SELECT {cast} FROM {relation}")
                measured = sample
            reads = _read(pool, con, measured, columns, key)
            return _profile(pool, con, first, measured, columns, reads, rows, present)
    finally:
        con.execute(f"DROP VIEW IF EXISTS {view}")
        con.execute(f"DROP TABLE IF EXISTS {first}")
        con.execute(f"DROP TABLE IF EXISTS {sample}")


def stable_columns(
    con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[ColumnKind], *, key: str = ""
) -> tuple[int, ...]:
    """The columns, by place, that make a row's mark: all that aren't read as points in time in the first rows."""
    name = f"headgate_stable_{next(_serial)}"
    cast = ", ".join(f"{text_of(identifier(c.name), c.kind)} AS c{i}" for i, c in enumerate(columns))
    try:
        con.execute(f"CREATE TABLE {name} AS SELECT {cast} FROM {relation} LIMIT {FIRST}")
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="profile") as pool:
            return _stable(columns, _read(pool, con, name, columns, key))
    finally:
        con.execute(f"DROP TABLE IF EXISTS {name}")


def _stable(columns: Sequence[ColumnKind], reads: Sequence[Read]) -> tuple[int, ...]:
    """By name, whatever order they are delivered in."""
    return tuple(sorted((i for i, read in enumerate(reads) if not read.dates), key=lambda i: columns[i].name))


def _count(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[ColumnKind]) -> tuple[int, list[int]]:
    """Rows, and values of each column."""
    counted = ", ".join(f"count({identifier(c.name)})" for c in columns)
    rows, *present = con.execute(f"SELECT count(*), {counted} FROM {relation}").fetchall()[0]
    return rows, present


def _read(
    pool: ThreadPoolExecutor, con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnKind], key: str
) -> list[Read]:
    return list(
        pool.map(lambda i, column: read_column(con.cursor(), table, i, column, key), range(len(columns)), columns)
    )


def _profile(
    pool: ThreadPoolExecutor,
    con: duckdb.DuckDBPyConnection,
    first: str,
    sample: str,
    columns: Sequence[ColumnKind],
    reads: list[Read],
    rows: int,
    present: Sequence[int],
) -> Profile:
    every = [f"c{i}" for i in sorted(range(len(columns)), key=lambda i: columns[i].name)]
    stable = [f"c{i}" for i in _stable(columns, reads)] or every
    head = _Arrays(pool, con, first, columns, reads)
    whole = head if first == sample else _Arrays(pool, con, sample, columns, reads)
    marks = pool.submit(_marks, con.cursor(), sample, stable, every)
    different = pool.submit(_different, con.cursor(), sample, every, max((r.values.distinct for r in reads), default=0))
    sampled = con.execute(f"SELECT count(*) FROM {sample}").fetchall()[0][0]
    scale = rows / sampled if sampled else 1.0
    # What needs the interpreter's lock is done while the engine, which doesn't, reads the rest.
    codes, labels, value_marks = _codes(con, first, columns, reads)
    head_numbers, head_clocks = head.of_numbers(), head.of_clocks()
    times = {
        columns[i].name: numbers.likelier(*(head_clocks[f"{i}{order}"] for order in r.orders))
        for i, r in enumerate(reads)
        if r.orders
    }
    held = relations.relations(codes, labels, head_numbers, times)
    all_numbers, all_clocks = whole.of_numbers(), whole.of_clocks()

    def measured(i: int, column: ColumnKind, read: Read) -> ColumnProfile:
        clocks = [numbers.clock(order, all_clocks[f"{i}{order}"], scale) for order in read.orders]
        series = head_numbers.get(column.name, times.get(column.name))
        code = codes[column.name]
        return ColumnProfile(
            kind=read.kind,
            masked=column.masked,
            nulls=rows - present[i],
            distinct=float(read.values.distinct),
            text=categories.text(read.spelled, scale),
            top=tuple((value, count * scale) for value, count in categories.top(read.values, column.masked)),
            sketch=categories.sketch(read.values),
            numbers=numbers.numbers(all_numbers[column.name], scale) if column.name in all_numbers else None,
            clocks=tuple(c for c in clocks if c is not None),
            same_next=float((code[1:] == code[:-1]).mean()) if len(code) > 1 else 0.0,
            autocorrelation=_autocorrelation(series) if series is not None else None,
            steps=numbers.steps(series) if series is not None else None,
            ends=None if column.masked or read.numeric or read.orders else categories.ends(read.values),
        )

    figures = pool.map(measured, range(len(columns)), columns, reads)
    block = np.vstack([codes[c.name] for c in columns]) if columns else np.zeros((0, 0), dtype=np.int64)
    pairs = marks.result()
    return Profile(
        rows=rows,
        columns={column.name: figure for column, figure in zip(columns, figures, strict=True)},
        sampled=sampled,
        duplicates=float(sampled - different.result()) * scale,
        same_rows_next=float((block[:, 1:] == block[:, :-1]).all(axis=0).mean()) if block.shape[1] > 1 else 0.0,
        row_marks=tuple(pairs[:MARKS]),
        marked_by=marked_by(con),
        value_marks=value_marks,
        row_marks_complete=sampled == rows and len(pairs) <= MARKS and sampled <= 1024,
        relations=held,
    )


def _different(con: duckdb.DuckDBPyConnection, sample: str, every: Sequence[str], at_least: float) -> int:
    """How many rows differ; `at_least` as many as the values of a column.

    Within one batch the engine's own fast hash tells; marks that are kept need a lasting one.
    """
    sampled: int = con.execute(f"SELECT count(*) FROM {sample}").fetchall()[0][0]
    if at_least >= sampled:
        return sampled
    found: int = con.execute(f"SELECT count(DISTINCT hash({', '.join(every)})) FROM {sample}").fetchall()[0][0]
    return found


def _marks(
    con: duckdb.DuckDBPyConnection, sample: str, stable: Sequence[str], every: Sequence[str]
) -> list[tuple[int, int]]:
    """The smallest marks of rows without clocks, each with that of the whole row; the upper 32 bits of both."""
    lowest = con.execute(
        f"SELECT a, {mark(every)} FROM (SELECT *, {mark(stable)} a FROM {sample} ORDER BY a LIMIT 1024)"
    ).fetchall()
    return sorted({(int(a) >> 32, int(b) >> 32) for a, b in lowest})


class _Arrays:
    """Every column that can be read as numbers (by name) and as points in time (by position and order), read on threads."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        con: duckdb.DuckDBPyConnection,
        table: str,
        columns: Sequence[ColumnKind],
        reads: Sequence[Read],
    ) -> None:
        def fetched(sql: str) -> numbers.Array:
            values = con.cursor().execute(f"SELECT {sql} AS v FROM {table}").fetchnumpy()["v"]
            return np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)

        def as_numbers(i: int) -> numbers.Array:
            values = fetched(reads[i].number_sql(f"c{i}"))
            return np.where(np.isinf(values), np.nan, np.clip(values, -LARGEST, LARGEST))

        self._numbers = {columns[i].name: pool.submit(as_numbers, i) for i, read in enumerate(reads) if read.numeric}
        clocks = {f"{i}{order}": sql for i, r in enumerate(reads) for order, sql in r.clock_sql(f"c{i}").items()}
        self._clocks = {name: pool.submit(fetched, sql) for name, sql in clocks.items()}

    def of_numbers(self) -> dict[str, numbers.Array]:
        return {name: future.result() for name, future in self._numbers.items()}

    def of_clocks(self) -> dict[str, numbers.Array]:
        return {name: future.result() for name, future in self._clocks.items()}


def _codes(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnKind], reads: list[Read]
) -> tuple[dict[str, relations.Codes], dict[str, list[str]], dict[str, tuple[int, ...]]]:
    """Values as small whole numbers, 0 for absent; the names of the codes of columns with few values; and the marks of the values
    of some rows (see `Profile.value_marks`).
    """
    codes, labels, marks = {}, {}, {}
    fetched: Mapping[str, Any] = {}
    for i, column in enumerate(columns):
        if i % FETCHED == 0:
            some = range(i, min(i + FETCHED, len(columns)))
            hashes = ", ".join(f"CASE WHEN c{k} IS NULL THEN 0 ELSE hash(c{k}) | 1 END AS c{k}" for k in some)
            fetched = con.execute(f"SELECT {hashes} FROM {table}").fetchnumpy()
        values = np.ma.filled(np.ma.asarray(fetched[f"c{i}"]), 0)
        if not column.masked and not reads[i].orders:
            rows = np.linspace(0, len(values) - 1, min(MARKED_ROWS, len(values))).astype(int)
            # The upper bits, which are spread like all.
            marks[column.name] = tuple((values[rows] >> 48).tolist())
        found, inverse = np.unique(values, return_inverse=True)
        offset = 0 if len(found) and found[0] == 0 else 1
        codes[column.name] = inverse.astype(np.int64) + offset
        if len(found) <= 41 and not column.masked:
            by_hash = {
                h | 1: v
                for v, h in con.execute(
                    f"SELECT DISTINCT c{i}, hash(c{i}) FROM {table} WHERE c{i} IS NOT NULL"
                ).fetchall()
            }
            labels[column.name] = [""] * offset + [by_hash.get(int(h), "")[:60] for h in found]
    return codes, labels, marks


def _autocorrelation(values: numbers.Array) -> float | None:
    """Correlation of the ranks of neighbouring rows, None for fewer than ten of them."""
    ranked = relations.ranks(values)
    return float(np.mean(ranked[1:] * ranked[:-1])) if len(ranked) >= 10 else None
