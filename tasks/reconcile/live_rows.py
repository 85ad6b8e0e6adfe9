"""What the live table holds of a window: figures, rows and keys, all at one snapshot of the warehouse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from deployments.declarations.columns import Column
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.checksum import Checksum
from tasks.warehouses.figures import figures_of
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import connect, one, rows
from tasks.within import within

FETCHED_AT_ONCE = 5_000
_KEYS_AT_ONCE = 200
_EPOCH = datetime(1970, 1, 1)


@dataclass
class LiveRows:
    """The live rows of a window, or of the whole table. Use it with `with`: the snapshot is that of the first question."""

    adapter: Adapter
    table: Table
    window: Window | None

    def __enter__(self) -> LiveRows:
        self._connection: Connection = connect(self.adapter.address)
        self._connection.isolation_level = ISOLATION_LEVEL_REPEATABLE_READ
        with self._connection.cursor() as cursor:
            # Redshift leaves out the last digits of a double otherwise.
            cursor.execute("SET extra_float_digits = 2")
        self._connection.commit()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def figures(self) -> Checksum:
        """Computed by the warehouse; the hash is that of whole rows."""
        columns = self.table.columns
        statement = sql.SQL("SELECT {} FROM {}").format(self.adapter.row_hash(columns), self._rows)
        with self._connection.cursor() as cursor:
            found = figures_of(cursor, self.adapter, self._rows, columns)
            return replace(found, text_hash=int(one(cursor, statement)[0]), json_hash=0)

    def count(self) -> int:
        with self._connection.cursor() as cursor:
            return int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(self._rows))[0])

    def write(self, file: Path) -> None:
        """The rows as CSV without header: a number, and each value as text; a double as it is."""
        listed = sql.SQL(", ").join(
            identifier(column.name)
            if column.column_type.kind == "double precision"
            else self.adapter.value_text(column)
            for column in self.table.columns
        )
        with self._connection.cursor(name="hg_rows") as cursor, file.open("w", encoding="utf-8", newline="") as out:
            cursor.itersize = FETCHED_AT_ONCE
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(listed, self._rows))
            for row in cursor:
                # A row of one NULL would be an empty line, which readers skip.
                out.write(",".join(["1", *map(_field, row)]) + "\n")

    def elsewhere(self, keys: Sequence[Sequence[str]], column: str | None) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Rows of the whole table that have one of these keys (values as text): the key, and the value of a column."""
        of_key = [self.table.column(name) for name in self.table.key]
        listed = sql.SQL(", ").join(map(self.adapter.value_text, of_key))
        asked = sql.SQL("NULL") if column is None else identifier(column)
        statement = sql.SQL("SELECT {}, {} FROM {} WHERE ").format(listed, asked, self._live)
        one_key = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(identifier(column.name)) for column in of_key)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            any_of_them = sql.SQL(" OR ").join([sql.SQL("({})").format(one_key)] * len(some))
            values = [value_of(column, text) for key in some for column, text in zip(of_key, key, strict=True)]
            with self._connection.cursor() as cursor:
                for found in rows(cursor, statement + any_of_them, values):
                    yield tuple(map(str, found[:-1])), found[-1]

    @property
    def _live(self) -> sql.Identifier:
        live = TableName.parse(self.table.table)
        return qualified(live)

    @property
    def _rows(self) -> sql.Composable:
        column = self.table.compared_by
        if column is None or self.window is None:
            return sql.SQL("{}").format(self._live)
        return sql.SQL("{} WHERE {}").format(self._live, within(identifier(column.name), column.bounds(self.window)))


def value_of(column: Column, text: str) -> Any:
    """A value from its text (`Adapter.value_text`), as a driver takes it and people read it."""
    match column.column_type.kind:
        case "boolean":
            return text == "1"
        case "date":
            return date(1970, 1, 1) + timedelta(days=int(text))
        case "timestamp":
            return _EPOCH + timedelta(microseconds=int(text))
        case "time":
            return (_EPOCH + timedelta(microseconds=int(text))).time()
        case "timestamptz":
            return (_EPOCH + timedelta(microseconds=int(text))).replace(tzinfo=UTC)
        case "decimal":
            return Decimal(text)
        case "double precision":
            return float(text)
        case "binary":
            return bytes.fromhex(text)
        case "varchar" | "json":
            return text
    return int(text)


def _field(value: object) -> str:
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else str(value)
    return '"' + text.replace('"', '""') + '"'
