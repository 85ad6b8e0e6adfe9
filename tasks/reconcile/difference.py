"""Which rows differ: source and live rows of one window beside each other in DuckDB, by key where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from deployments.declarations.columns import Column
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.checksum import value_text_sql
from expectations.contract.engine import single
from expectations.contract.quoting import identifier
from expectations.contract.staged_rows import csv_reader
from expectations.suites.keys import shown_keys
from tasks.reconcile.live_rows import LiveRows, value_of
from tasks.reconcile.source_rows import SourceRows

SHOWN_KEYS = 5
LOOKED_UP_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows by what is wrong with them. `missing`: the source has them, the live table hasn't; `surplus`: the other way round;
    `changed`: the same key with other values; `doubled`: live more often than in the source.

    Not wrong, and counted apart: `moved` rows of a merge that the source has no longer in this window (changed since, and not
    loaded yet, or deleted, which `deletes` answers for), and `superseded` ones, of which a later window has a later version.
    """

    missing: int = 0
    changed: int = 0
    surplus: int = 0
    doubled: int = 0
    moved: int = 0
    superseded: int = 0
    columns: tuple[str, ...] = ()
    """Those whose values differ in the changed rows."""
    keys: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    """Some keys of each sort, masked ones by their keyed hash."""

    @property
    def is_one(self) -> bool:
        return bool(self.missing or self.changed or self.surplus or self.doubled)

    def __str__(self) -> str:
        told = [
            f"{rows:,} {what}" for what in ("missing", "changed", "surplus", "doubled") if (rows := getattr(self, what))
        ]
        return ", ".join(told) + (f" ({', '.join(self.columns)})" if self.columns else "")


def difference(source: SourceRows, live: LiveRows, window: Window | None, mask_key: bytes) -> Difference:
    """Hold every row of a window against the other side. The live rows are written into the source's spool."""
    file = source.spool / "live.csv"
    live.write(file)
    beside = _Beside(source.table, source.connection, source.relation, file)
    if not source.table.key:
        return beside.without_key()
    keyed = _Keyed(beside, live, window, mask_key)
    return keyed.difference()


class _Beside:
    """The two sides as views `s` and `l`, each value as text in columns c0, c1 ...; a double as it is. `h` is a hash of the row:
    rows are compared by it, as a join over all columns would need the memory of all rows."""

    def __init__(self, table: Table, connection: duckdb.DuckDBPyConnection, relation: str, file: Path) -> None:
        self.table, self.connection = table, connection
        self.columns = [f"c{index}" for index in range(len(table.columns))]
        texts = ", ".join(
            f"{identifier(c.name) if _is_double(c) else value_text_sql(c.column_type, identifier(c.name))} AS {name}"
            for c, name in zip(table.columns, self.columns, strict=True)
        )
        joined = ", ".join(f"coalesce(CAST({name} AS VARCHAR), chr(1))" for name in self.columns)
        hashed = f"*, md5_number(concat_ws(chr(31), {joined})) AS h"
        connection.execute(f"CREATE OR REPLACE VIEW s AS SELECT {hashed} FROM (SELECT {texts} FROM {relation})")
        typed = ", ".join(
            f"CAST({name} AS DOUBLE) AS {name}" if _is_double(c) else name
            for c, name in zip(table.columns, self.columns, strict=True)
        )
        nothing = f"(SELECT {', '.join(f'NULL::VARCHAR AS {name}' for name in self.columns)} WHERE false)"
        rows = csv_reader([file], ["n", *self.columns], ",") if file.stat().st_size else nothing
        connection.execute(f"CREATE OR REPLACE VIEW l AS SELECT {hashed} FROM (SELECT {typed} FROM {rows})")

    def without_key(self) -> Difference:
        """How often each row is on either side; a changed row is one that is missing and one that is too much."""
        for side in ("s", "l"):
            # One after the other: a reader of CSV has large buffers.
            self.connection.execute(
                f"CREATE OR REPLACE TABLE {side}_rows AS SELECT h, count(*) AS n FROM {side} GROUP BY h"
            )
        missing, doubled, surplus = single(
            self.connection,
            "SELECT coalesce(sum(greatest(coalesce(a.n, 0) - coalesce(b.n, 0), 0)), 0), "
            "coalesce(sum(CASE WHEN a.n IS NOT NULL THEN greatest(coalesce(b.n, 0) - a.n, 0) END), 0), "
            "coalesce(sum(CASE WHEN a.n IS NULL THEN b.n END), 0) FROM s_rows a FULL JOIN l_rows b ON a.h = b.h",
        )
        return Difference(missing=int(missing), doubled=int(doubled), surplus=int(surplus))


class _Keyed:
    """Rows of both sides by their key. Of rows that differ only their number and some keys are held in memory."""

    def __init__(self, beside: _Beside, live: LiveRows, window: Window | None, mask_key: bytes) -> None:
        self._beside, self._live, self._window, self._mask_key = beside, live, window, mask_key
        self._table, self._connection = beside.table, beside.connection
        names = [column.name for column in self._table.columns]
        self._key = [beside.columns[names.index(name)] for name in self._table.key]
        self._same_key = " AND ".join(f"s.{name} = l.{name}" for name in self._key)
        keep = self._table.load.keep
        self._latest = None if keep is None else keep.latest_by
        for side in ("s", "l"):
            # What is asked again and again; all other values are read once more, of the rows that differ.
            kept = f"{self._of(side)}, {side}.h, {self._text(side)} AS v"
            self._connection.execute(f"CREATE OR REPLACE TABLE {side}_keys AS SELECT {kept} FROM {side}")

    def difference(self) -> Difference:
        merged = self._table.load.does.merges
        missing, older, superseded = self._missing(look_elsewhere=merged)
        extra = self._found(f"SELECT DISTINCT {self._of('l')} FROM l_keys l ANTI JOIN s_keys s ON {self._same_key}")
        changed_keys = (
            f"SELECT {self._of('s')} FROM s_keys s SEMI JOIN l_keys l ON {self._same_key} ANTI JOIN l_keys AS alike ON "
            f"{self._same_key.replace('l.', 'alike.')} AND s.h = alike.h"
        )
        changed = self._found(changed_keys)
        columns = self._columns(changed_keys) if changed.rows + older.rows else ()
        changed = _Found(changed.rows + older.rows, [*changed.keys, *older.keys][:SHOWN_KEYS])
        repeated, doubled = self._doubled()
        found = {"missing": missing, "changed": changed, "surplus": _Found() if merged else extra, "doubled": repeated}
        return Difference(
            missing=missing.rows, changed=changed.rows, surplus=found["surplus"].rows, doubled=doubled,
            moved=extra.rows if merged else 0, superseded=superseded, columns=columns,
            keys={what: self._shown(item.keys) for what, item in found.items() if item.rows},
        )  # fmt: skip

    def _missing(self, *, look_elsewhere: bool) -> tuple[_Found, _Found, int]:
        """Keys of the source that the window's live rows lack: those that live nowhere, those of which an older version lives in
        another window, and how many have a later one there."""
        nowhere, older, superseded = _Found(), _Found(), 0
        cut = self._table.compared_by
        column = self._latest or (None if cut is None else cut.name)
        # A cursor of its own: the same connection can't answer anything else before all of it is read.
        with self._connection.cursor() as asked:
            asked.execute(f"SELECT {self._of('s')}, s.v FROM s_keys s ANTI JOIN l_keys l ON {self._same_key}")
            while some := asked.fetchmany(LOOKED_UP_AT_ONCE):
                known = dict(self._live.elsewhere([row[:-1] for row in some], column)) if look_elsewhere else {}
                for *key, at_source in some:
                    if tuple(key) not in known:
                        nowhere.add(key)
                    elif self._is_later(known[tuple(key)], at_source):
                        superseded += 1
                    else:
                        older.add(key)
        return nowhere, older, superseded

    def _is_later(self, live: Any, at_source: str | None) -> bool:
        """Whether a live row outside of the window replaces the one that the source has in it."""
        if live is None:
            return False
        if self._latest is not None:
            return at_source is None or bool(live > value_of(self._table.column(self._latest), at_source))
        cut = self._table.compared_by
        if cut is None or self._window is None:
            return False
        end: Any = cut.bounds(self._window)[1]
        return bool(live >= end)

    def _text(self, side: str) -> str:
        """The value that says which version of a key is the latest."""
        if self._latest is None:
            return "NULL"
        return f"{side}.c{[column.name for column in self._table.columns].index(self._latest)}::VARCHAR"

    def _doubled(self) -> tuple[_Found, int]:
        """Keys that are live more than once, and how many rows are too much."""
        (more,) = single(self._connection, f"SELECT count(*) - count(DISTINCT hash({self._of('l')})) FROM l_keys l")
        if not more:
            return _Found(), 0
        counted = f"SELECT {self._of('l')}, count(*) AS n FROM l_keys l GROUP BY {self._of('l')} HAVING count(*) > 1"
        (doubled,) = single(self._connection, f"SELECT coalesce(sum(n - 1), 0) FROM ({counted})")
        return self._found(f"SELECT * EXCLUDE (n) FROM ({counted})"), int(doubled)

    def _columns(self, changed_keys: str) -> tuple[str, ...]:
        """Columns in which rows of one key differ, by the first keys that changed."""
        made = "CREATE OR REPLACE TABLE"
        # As tables, step by step: of views nobody knows beforehand which side of a join is the small one.
        self._connection.execute(f"{made} picked AS SELECT * FROM ({changed_keys}) LIMIT {LOOKED_UP_AT_ONCE}")
        for side in ("s", "l"):
            self._connection.execute(
                f"{made} picked_{side} AS SELECT {side}.* FROM {side} SEMI JOIN picked USING ({', '.join(self._key)})"
            )
        differs = ", ".join(f"count(*) FILTER (s.{name} IS DISTINCT FROM l.{name})" for name in self._beside.columns)
        counts = single(self._connection, f"SELECT {differs} FROM picked_s s JOIN picked_l l ON {self._same_key}")
        return tuple(column.name for column, rows in zip(self._table.columns, counts, strict=True) if rows)

    def _found(self, query: str) -> _Found:
        (rows,) = single(self._connection, f"SELECT count(*) FROM ({query})")
        shown = f"SELECT * FROM ({query}) ORDER BY ALL LIMIT {SHOWN_KEYS}"
        return _Found(int(rows), [*self._connection.execute(shown).fetchall()] if rows else [])

    def _of(self, side: str) -> str:
        return ", ".join(f"{side}.{name}" for name in self._key)

    def _shown(self, keys: Sequence[Sequence[Any]]) -> tuple[dict[str, Any], ...]:
        columns = [self._table.column(name) for name in self._table.key]
        named = [
            {column.name: value_of(column, str(text)) for column, text in zip(columns, key, strict=True)}
            for key in keys
        ]
        return tuple(map(dict, shown_keys(named, self._table.masked, self._mask_key)))


@dataclass
class _Found:
    """Rows of one sort, and the first keys of them."""

    rows: int = 0
    keys: list[Sequence[Any]] = field(default_factory=list)

    def add(self, key: Sequence[Any]) -> None:
        self.rows += 1
        if len(self.keys) < SHOWN_KEYS:
            self.keys.append(key)


def _is_double(column: Column) -> bool:
    return column.column_type.kind == "double precision"
