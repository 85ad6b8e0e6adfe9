"""Measures the profile of a relation with DuckDB, in bounded memory and a time that hardly depends on the width.

Row and null counts are exact. Everything else is exact up to SAMPLED rows; above, it is told from the rows with the
smallest hashes (the same rows whichever order they come in, and the same on every engine that knows MD5), and what
needs the order of delivery from the first FIRST rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import duckdb
import numpy as np

from expectations.profile import categories, numbers, relations
from expectations.profile.columns import Read, read_column, text_of
from expectations.profile.model import ColumnKind, ColumnProfile, Profile

SAMPLED = 100_000
FIRST = 6_000
MARKS = 256
LARGEST = 1e100
"""Numbers count as no larger than this: figures are squared, and the square of a double may be none."""
_serial = itertools.count()


def measure(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    columns: Sequence[ColumnKind],
    *,
    key: str = "",
    counted: tuple[int, Sequence[int]] | None = None,
) -> Profile:
    """The profile of `relation` (SQL usable after FROM). `key` salts the hashes of masked columns.

    `counted`: rows, and values of each column, where the caller has counted them already: it saves a pass.
    Temporary tables are dropped again. Raises duckdb.Error where the relation or a column doesn't exist.
    """
    rows, present = counted or _count(con, relation, columns)
    name = f"headgate_profile_{next(_serial)}"
    first, sample = f"{name}_first", f"{name}_sample"
    cast = ", ".join(f"{text_of(quoted(c.name), c.kind)} AS c{i}" for i, c in enumerate(columns))
    try:
        con.execute(f"CREATE TEMP TABLE {first} AS SELECT {cast} FROM {relation} LIMIT {FIRST}")
        measured = first
        if rows > FIRST:
            bound = ""
            if rows > SAMPLED:
                stable, _ = _row_columns(columns, _read(con, first, columns, key))
                bound = f"WHERE {_marked_below(stable, int(2**64 * SAMPLED / rows))}"
            con.execute(f"CREATE TEMP TABLE {sample} AS SELECT * FROM (SELECT {cast} FROM {relation}) {bound}")
            measured = sample
        return _profile(con, first, measured, columns, _read(con, measured, columns, key), rows, present)
    finally:
        con.execute(f"DROP TABLE IF EXISTS {first}")
        con.execute(f"DROP TABLE IF EXISTS {sample}")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def marked(columns: Sequence[str]) -> str:
    """SQL of a 64-bit mark of a row: the lower half of the MD5 of its values."""
    values = ", ".join(f"coalesce({c}, chr(1))" for c in columns)
    return f"md5_number_lower(concat_ws(chr(31), {values}))"


def _marked_below(columns: Sequence[str], bound: int) -> str:
    """SQL of whether a row's mark is below `bound`. DuckDB is quicker with the digits of an MD5 than with its number, so
    the number's highest byte, the last two digits, is asked first."""
    values = ", ".join(f"coalesce({c}, chr(1))" for c in columns)
    return f"md5(concat_ws(chr(31), {values}))[31:32] <= '{bound >> 56:02x}' AND {marked(columns)} < {bound}::UBIGINT"


def _count(con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[ColumnKind]) -> tuple[int, list[int]]:
    """Rows, and values of each column."""
    counted = ", ".join(f"count({quoted(c.name)})" for c in columns)
    rows, *present = con.execute(f"SELECT count(*), {counted} FROM {relation}").fetchall()[0]
    return rows, present


def _read(con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnKind], key: str) -> list[Read]:
    return [read_column(con, table, i, column, key) for i, column in enumerate(columns)]


def _row_columns(columns: Sequence[ColumnKind], reads: Sequence[Read]) -> tuple[list[str], list[str]]:
    """The columns that make a row's mark without clocks, and all; by name, whatever order they are delivered in."""
    order = sorted(range(len(columns)), key=lambda i: columns[i].name)
    every = [f"c{i}" for i in order]
    return [f"c{i}" for i in order if not reads[i].dates] or every, every


def _profile(
    con: duckdb.DuckDBPyConnection,
    first: str,
    sample: str,
    columns: Sequence[ColumnKind],
    reads: list[Read],
    rows: int,
    present: Sequence[int],
) -> Profile:
    sampled = con.execute(f"SELECT count(*) FROM {sample}").fetchall()[0][0]
    scale = rows / sampled if sampled else 1.0
    all_numbers, all_clocks = _arrays(con, sample, columns, reads)
    head_numbers, head_clocks = (all_numbers, all_clocks) if first == sample else _arrays(con, first, columns, reads)
    codes, labels = _codes(con, first, columns, reads)
    measured: dict[str, ColumnProfile] = {}
    for i, (column, read) in enumerate(zip(columns, reads, strict=True)):
        clocks = [numbers.clock(order, all_clocks[f"{i}{order}"], scale) for order in read.orders]
        series = head_numbers.get(column.name, head_clocks.get(f"{i}{read.orders[0]}" if read.orders else ""))
        code = codes[column.name]
        measured[column.name] = ColumnProfile(
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
        )
    stable, every = _row_columns(columns, reads)
    # Which rows are alike within the batch is told by the engine's own fast hash; marks that are kept need a lasting one.
    (different,) = con.execute(f"SELECT count(DISTINCT hash({', '.join(every)})) FROM {sample}").fetchall()[0]
    lowest = con.execute(
        f"SELECT a, {marked(every)} FROM (SELECT *, {marked(stable)} a FROM {sample} ORDER BY a LIMIT 1024)"
    ).fetchall()
    pairs = sorted({(int(a) >> 32, int(b) >> 32) for a, b in lowest})
    block = np.vstack([codes[c.name] for c in columns]) if columns else np.zeros((0, 0), dtype=np.int64)
    return Profile(
        rows=rows,
        columns=measured,
        sampled=sampled,
        duplicates=float(sampled - different) * scale,
        same_rows_next=float((block[:, 1:] == block[:, :-1]).all(axis=0).mean()) if block.shape[1] > 1 else 0.0,
        row_marks=tuple(pairs[:MARKS]),
        row_marks_complete=sampled == rows and len(pairs) <= MARKS and sampled <= 1024,
        relations=relations.relations(
            codes,
            labels,
            head_numbers,
            {columns[i].name: head_clocks[f"{i}{r.orders[0]}"] for i, r in enumerate(reads) if r.orders},
        ),
    )


def _arrays(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnKind], reads: list[Read]
) -> tuple[dict[str, numbers.Array], dict[str, numbers.Array]]:
    """Every column that can be read as numbers (by name) and as points in time (by position and order)."""
    wanted = {f"n{i}": f"TRY_CAST(c{i} AS DOUBLE)" for i, read in enumerate(reads) if read.numeric}
    wanted |= {f"t{i}{order}": sql for i, read in enumerate(reads) for order, sql in read.clock_sql(f"c{i}").items()}
    if not wanted:
        return {}, {}
    fetched = con.execute(
        f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in wanted.items())} FROM {table}"
    ).fetchnumpy()
    filled: dict[str, numbers.Array] = {
        name: np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) for name, values in fetched.items()
    }
    by_number = {
        columns[int(name[1:])].name: np.where(np.isinf(values), np.nan, np.clip(values, -LARGEST, LARGEST))
        for name, values in filled.items()
        if name[0] == "n"
    }
    return by_number, {name[1:]: values for name, values in filled.items() if name[0] == "t"}


def _codes(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnKind], reads: list[Read]
) -> tuple[dict[str, relations.Codes], dict[str, list[str]]]:
    """Values as small whole numbers, 0 for absent; and the names of the codes of columns with few values."""
    fetched = con.execute(
        "SELECT "
        + ", ".join(f"CASE WHEN c{i} IS NULL THEN 0 ELSE hash(c{i}) | 1 END AS c{i}" for i in range(len(columns)))
        + f" FROM {table}"
    ).fetchnumpy()
    codes, labels = {}, {}
    for i, column in enumerate(columns):
        values = np.ma.filled(np.ma.asarray(fetched[f"c{i}"]), 0)
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
    return codes, labels


def _autocorrelation(values: numbers.Array) -> float | None:
    """Correlation of the ranks of neighbouring rows, None for fewer than ten of them."""
    ranked = relations.ranks(values)
    return float(np.mean(ranked[1:] * ranked[:-1])) if len(ranked) >= 10 else None
