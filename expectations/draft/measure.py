"""Measure the records of a sample: for each field how its values are spelled, and which readings take all of them.

Works on the different values of a field with their records, so that a wide sample costs seconds, within DuckDB's limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from deployments.bounds import WindowColumn
from deployments.declarations.columns import Column
from deployments.windows import Window
from expectations.contract.clocks import set_clocks
from expectations.contract.engine import connect, single
from expectations.contract.lexical import lexical_column, zones_of
from expectations.contract.quoting import literal
from expectations.contract.staged_rows import csv_reader
from expectations.draft.facts import FieldFacts, Reading
from expectations.draft.readings import column_for, readings_for
from expectations.profile.spelling import NULLISH, pattern

FEW = 12
NEARLY_ALL = 0.995
"""A type is chosen when so many values fit; the rest would be set aside by a load."""
_LOOKED_AT = 2_000
_BLANKS = "E' \\t\\r\\n'"
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_PHONE = r"(\+|00)[0-9][0-9 ().\-/]{6,18}[0-9]|\(?0[0-9]{1,4}\)?[ /\-][0-9 \-/]{5,14}"


class Records:
    """The records of a sample as text in DuckDB; close it after use."""

    def __init__(self, files: Sequence[Path], header: Sequence[str], delimiter: str, temp: Path) -> None:
        self.header = tuple(header)
        self.connection = connect(temp)
        fields = [f"f{position}" for position in range(len(header))]
        if files:
            self.connection.execute(f"CREATE TABLE records AS SELECT * FROM {csv_reader(files, fields, delimiter)}")
        else:
            self.connection.execute(f"CREATE TABLE records ({', '.join(f'{name} VARCHAR' for name in fields)})")
        self.rows = int(single(self.connection, "SELECT count(*) FROM records")[0])

    def close(self) -> None:
        self.connection.close()

    def first(self, count: int) -> list[tuple[str | None, ...]]:
        """The first records as they came."""
        found = self.connection.execute(f"SELECT * FROM records LIMIT {int(count)}").fetchall()
        return [tuple(row) for row in found]

    def different(self, positions: Sequence[int]) -> int:
        """How many different combinations the fields have; without any, different records."""
        names = ", ".join(f"f{position}" for position in positions) or "*"
        return int(single(self.connection, f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM records)")[0])

    def field(self, position: int, zone: str) -> FieldFacts:
        """Everything that is known of one field. `zone`: in which timestamps without one are read."""
        con, name = self.connection, f"f{position}"
        con.execute(
            f"CREATE OR REPLACE TABLE field AS SELECT {name} AS v, count(*) AS n, min(rowid) AS first FROM records "
            f"WHERE {name} IS NOT NULL AND {name} <> '' GROUP BY 1"
        )
        nulls, empties = single(
            con, f"SELECT count(*) FILTER (WHERE {name} IS NULL), count(*) FILTER (WHERE {name} = '') FROM records"
        )
        spellings = ", ".join(literal(text) for text in sorted(NULLISH))
        nullish = dict(con.execute(f"SELECT v, n FROM field WHERE lower(trim(v)) IN ({spellings}) ORDER BY n DESC, v")
                       .fetchall())  # fmt: skip
        padded = int(single(con, f"SELECT coalesce(sum(n), 0) FROM field WHERE v <> trim(v, {_BLANKS})")[0])
        values = [row[0] for row in con.execute(f"SELECT v FROM field ORDER BY n DESC, first LIMIT {_LOOKED_AT}")
                  .fetchall()]  # fmt: skip
        none = [*nullish, *([""] if empties else [])]
        readings = readings_for(values)
        fits = self._fits(readings, none, zone, trim=padded > 0)
        filled = self.rows - int(nulls) - int(empties) - sum(nullish.values())
        figures = self._spelled(none, _number(fits, filled, none, zone, trim=padded > 0))
        distinct = int(figures.pop("distinct"))
        return FieldFacts(
            name=self.header[position], rows=self.rows, nulls=int(nulls), empties=int(empties), nullish=nullish,
            distinct=distinct, padded=padded, fits=fits,
            patterns=_patterns(con), values=tuple(values[:5]), few=tuple(sorted(values)) if distinct <= FEW else (),
            **figures,
        )  # fmt: skip

    def outside(self, position: int, column: Column, window: Window, zone: str) -> int:
        """Records whose date or time, read as the column says, doesn't lie in the window (or can't be read). `zone`: of days."""
        set_clocks(self.connection, zones_of([column]))
        lexical = lexical_column(column, f"f{position}", "x", "t", masked=False)
        kind = column.column_type.kind
        assert kind in ("date", "timestamp", "timestamptz")
        low, high = (f"{kind.upper()} '{bound}'" for bound in WindowColumn(column.name, kind, zone).bounds(window))
        row = single(
            self.connection,
            f"SELECT count(*) FILTER (WHERE value IS NULL OR value < {low} OR value >= {high}) "
            f"FROM (SELECT {lexical.value} AS value FROM (SELECT {lexical.staged} AS t "
            f"FROM (SELECT {lexical.text} AS x FROM records)))",
        )
        return int(row[0])

    def _spelled(self, none: Sequence[str], number: str) -> dict[str, Any]:
        """Lengths of all values, and what digits tell of those that stand for a value. `number`: SQL of it as text."""
        absent = ", ".join(literal(text) for text in none) or "''"
        row = self.connection.execute(
            f"""WITH v AS (SELECT v, n, trim(v, {_BLANKS}) AS t, {number} AS number,
              v NOT IN ({absent}) AS is_value FROM field),
            w AS (SELECT *, regexp_replace(number, '\\.0+$', '') AS whole FROM v)
            SELECT count(*) AS distinct, coalesce(min(strlen(v)), 0) AS shortest, coalesce(max(strlen(v)), 0) AS longest,
              coalesce(bool_and(strlen(v) = length(v)), true) AS ascii_only,
              coalesce(sum(n) FILTER (WHERE regexp_full_match(t, '-?0[0-9]+')), 0) AS leading_zeros,
              min(try_cast(whole AS HUGEINT)) FILTER (WHERE is_value AND regexp_full_match(whole, '-?[0-9]+')) AS low,
              max(try_cast(whole AS HUGEINT)) FILTER (WHERE is_value AND regexp_full_match(whole, '-?[0-9]+')) AS high,
              coalesce(max(length(ltrim(split_part(number, '.', 1), '-0'))) FILTER (WHERE is_value), 0) AS digits,
              coalesce(max(length(split_part(number, '.', 2))) FILTER (WHERE is_value), 0) AS places,
              coalesce(sum(n) FILTER (WHERE is_value AND starts_with(number, '-')), 0) AS negatives,
              coalesce(sum(n) FILTER (WHERE is_value AND regexp_full_match(t, '-?[0-9]+\\.0')), 0) AS point_zero,
              coalesce(sum(n) FILTER (WHERE regexp_full_match(t, {literal(_EMAIL)})), 0) AS emails,
              coalesce(sum(n) FILTER (WHERE regexp_full_match(t, {literal(_PHONE)})), 0) AS phones
            FROM w"""
        )
        names = [item[0] for item in row.description or ()]
        (found,) = row.fetchall()
        return {
            name: value if value is None or isinstance(value, bool) else int(value)
            for name, value in zip(names, found, strict=True)
        }

    def _fits(self, readings: Sequence[Reading], none: Sequence[str], zone: str, *, trim: bool) -> dict[Reading, int]:
        """How many values each reading takes, by the contract's own patterns."""
        texts, counts = [], []
        columns = [column_for(reading, none, zone, trim=trim) for reading in readings]
        set_clocks(self.connection, zones_of(columns))
        for number, declared in enumerate(columns):
            column = lexical_column(declared, "v", f"x{number}", "", masked=False)
            faults = " OR ".join(f"coalesce({fault.condition}, false)" for fault in column.faults)
            texts.append(f"{column.text} AS x{number}")
            counts.append(f"coalesce(sum(n) FILTER (WHERE x{number} IS NOT NULL AND NOT ({faults})), 0)")
        row = single(self.connection, f"SELECT {', '.join(counts)} FROM (SELECT n, {', '.join(texts)} FROM field)")
        return {reading: int(count) for reading, count in zip(readings, row, strict=True)}


def _number(fits: Mapping[Reading, int], filled: int, none: Sequence[str], zone: str, *, trim: bool) -> str:
    """SQL of a value's number as plain text: by the first reading that takes all values, if its text has to be converted."""
    first = next((reading for reading, count in fits.items() if filled and count >= NEARLY_ALL * filled), None)
    if first is None or not first.is_converted_number:
        return f"replace(trim(v, {_BLANKS}), ',', '')"
    return lexical_column(column_for(first, none, zone, trim=trim), "v", "x", "", masked=False).text


def _patterns(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for value, records in con.execute(f"SELECT v, n FROM field ORDER BY n DESC, first LIMIT {_LOOKED_AT}").fetchall():
        shape = pattern(value)
        found[shape] = found.get(shape, 0) + records
    return tuple(sorted(found.items(), key=lambda item: -item[1])[:3])
