"""A Parquet file as CSV, read by DuckDB row group by row group.

DuckDB is a dependency already, reads Parquet within a fixed memory, and keeps every type's values: nanoseconds, unsigned
numbers, decimals of 38 digits. The two it doesn't keep (longer decimals, INT96 with nanoseconds) are refused.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from deployments.addresses import file_path
from deployments.declarations.columns import Column
from deployments.declarations.sources import ParquetSource
from deployments.errors import SourceUnreachableError, UpstreamError
from deployments.settings import Settings
from expectations.contract.engine import MEMORY_MB, connect
from expectations.contract.layout import listing
from expectations.contract.quoting import identifier, literal
from expectations.contract.split import Reject
from expectations.draft.facts import SourceColumn
from tasks.sources import json_text
from tasks.sources.file_forms import START_BYTES, form_of
from tasks.sources.location import LocatedReader, locate
from tasks.sources.protocol import OWNER, SourceShape, Span
from tasks.sources.stored import opened_file, stored

_AT_ONCE = 5_000
_NESTED = re.compile(r"\]$|^(STRUCT|MAP|UNION|VARIANT)")
_NO_JSON = re.compile(r"\b(FLOAT|DOUBLE)\b")
"""Types whose NaN and infinities no JSON holds."""
_TEXT = re.compile(r"VARCHAR|BLOB|JSON|ENUM")
_SQL = {
    "TINYINT": "smallint", "UTINYINT": "smallint", "USMALLINT": "integer", "UINTEGER": "bigint", "UBIGINT": "numeric(20,0)",
    "FLOAT": "double precision", "DOUBLE": "double precision", "TIMESTAMP": "timestamp without time zone",
}  # fmt: skip


def open_reader(source: ParquetSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> ParquetReader:
    return ParquetReader(locate(source, settings, span))


@dataclass(frozen=True)
class ParquetReader(LocatedReader):
    """See `OpenSource`. NULL becomes NULL, bytes become hexadecimal text, lists and structs JSON text."""

    def describe(self) -> SourceShape:
        with self._opened() as (engine, path):
            columns = _columns(engine, path, self.where)
        return SourceShape({column.name: SourceColumn(column.type_of_sql) for column in columns})

    def chunks(self) -> Iterator[bytes]:
        self.set_aside.clear()
        with self._opened() as (engine, path):
            columns = _columns(engine, path, self.where)
            yield _line([column.name for column in columns])
            yield from self._lines(engine, path, columns)

    @contextmanager
    def _opened(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """An engine, and what the file is called in its SQL."""
        with self._file() as file:
            self._check_form(file)
            # The file by its descriptor: a name may hold what is a pattern to DuckDB, and a file put aside has none.
            path = literal(f"/dev/fd/{file.fileno()}")
            # DuckDB asks whether it may read what that stands for.
            called = os.path.realpath(f"/dev/fd/{file.fileno()}")
            # What is spilled is closed to others, and lies where nobody has put a link before.
            with (
                tempfile.TemporaryDirectory(prefix="headgate-") as spill,
                connect(Path(spill), memory_mb=2 * MEMORY_MB, files=Path("/dev/fd"), file=called) as engine,
            ):
                try:
                    yield engine, path
                except duckdb.Error as error:
                    raise UpstreamError(
                        f"{self.where} can't be read as Parquet: {_first_line(error)}", code="SOURCE-CUT",
                        next_command=OWNER,
                    ) from None  # fmt: skip

    def _lines(
        self, engine: duckdb.DuckDBPyConnection, path: str, columns: Sequence[_ParquetColumn]
    ) -> Iterator[bytes]:
        nested = [place for place, column in enumerate(columns) if column.may_be_no_json]
        suspect = " OR ".join(f"coalesce(regexp_matches({columns[n].text}, 'NaN|Infinity'), false)" for n in nested)
        fields = ", ',', ".join(column.field for column in columns)
        engine.execute(f"SELECT concat({fields}), {suspect or 'false'} FROM read_parquet({path})")
        count = 0
        while rows := engine.fetchmany(_AT_ONCE):
            good = []
            for number, (line, is_suspect) in enumerate(rows, start=count):
                if is_suspect and _holds_constant(line, nested):
                    self.set_aside.append(Reject(number, "NOT-JSON-VALUE", line.encode()))
                else:
                    good.append(line)
            count += len(rows)
            yield "".join(f"{line}\n" for line in good).encode()

    @contextmanager
    def _file(self) -> Iterator[IO[bytes]]:
        """The file, open: one on disk itself, any other put aside."""
        place = self.location.place
        if not place.url.startswith("file://"):
            with tempfile.TemporaryFile() as aside:
                for piece in stored(place):
                    aside.write(piece)
                aside.flush()
                yield aside
            return
        with opened_file(place) as file:
            before = os.fstat(file.fileno())
            try:
                yield file
            except UpstreamError:
                _check_same(before, file_path(place.url).stat(), place.shown)
                raise
            _check_same(before, file_path(place.url).stat(), place.shown)

    def _check_form(self, file: IO[bytes]) -> None:
        file.seek(0)
        start = file.read(START_BYTES)
        if not start:
            raise UpstreamError(f"{self.where} is empty", code="EMPTY-SOURCE", next_command=OWNER)
        if start.startswith(b"PAR1"):
            return
        form = form_of(start)
        raise UpstreamError(
            f"{self.where} is {'text' if form is None else form.name}, not Parquet", code="NOT-PARQUET",
            next_command="headgate peek SOURCE   (mend source.kind, or ask the source's owner)",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _ParquetColumn:
    name: str
    type: str

    @property
    def type_of_sql(self) -> str:
        """As a catalog of PostgreSQL would call it; values decide where it says nothing of how they are loaded."""
        if self.is_nested or self.type == "BLOB":
            return "json" if self.is_nested else "bytea"
        if _TEXT.match(self.type):
            return "character varying"
        return _SQL.get(self.type, self.type.lower().replace("decimal", "numeric"))

    @property
    def is_nested(self) -> bool:
        return _NESTED.search(self.type) is not None

    @property
    def may_be_no_json(self) -> bool:
        return self.is_nested and _NO_JSON.search(self.type) is not None

    @property
    def text(self) -> str:
        name = identifier(self.name)
        if self.is_nested:
            return f"CAST(to_json({name}) AS VARCHAR)"
        return f"lower(hex({name}))" if self.type == "BLOB" else f"CAST({name} AS VARCHAR)"

    @property
    def field(self) -> str:
        """As a field of CSV; `concat` makes nothing of a NULL."""
        if self.is_nested or _TEXT.match(self.type):
            return f"""('"' || replace({self.text}, '"', '""') || '"')"""
        return self.text


def _columns(engine: duckdb.DuckDBPyConnection, path: str, where: str) -> list[_ParquetColumn]:
    """The file's columns. UpstreamError PARQUET-TYPE when values of one wouldn't arrive as they are."""
    found = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({path})").fetchall()
    columns = [_ParquetColumn(str(row[0]), str(row[1])) for row in found]
    leaves = engine.execute(
        f"SELECT name, type, coalesce(num_children, 0), coalesce(precision, 0) FROM parquet_schema({path})"
    ).fetchall()
    names = list(_top_level(leaves[1:]))
    if names != [column.name for column in columns]:
        read_otherwise = [name for name, column in zip(names, columns, strict=True) if name != column.name]
        how = "has no name" if "" in read_otherwise else "differs from another in nothing but the case of its letters"
        raise _unfit(where, f"a column {how}; its columns: {listing([name or repr(name) for name in names])}")
    for name, physical, _, precision in leaves:
        if precision > 38:
            raise _unfit(where, f"'{name}' is a decimal of {precision} digits; a warehouse holds 38")
        if physical == "INT96" and not _is_of_spark(engine, path):
            raise _unfit(where, f"'{name}' is an INT96, whose nanoseconds can't be read: write TIMESTAMP (MICROS)")
    for column in columns:
        if column.is_nested and "BLOB" in column.type:
            raise _unfit(where, f"'{column.name}' has bytes inside of a list or struct, which JSON can't hold")
    return columns


def _check_same(before: os.stat_result, after: os.stat_result, where: str) -> None:
    if (before.st_ino, before.st_size, before.st_mtime_ns) != (after.st_ino, after.st_size, after.st_mtime_ns):
        raise SourceUnreachableError(
            f"{where} was written to while it was read", code="SOURCE-CUT", next_command="headgate retry RUN"
        )


def _top_level(leaves: Sequence[tuple[str, str, int, int]]) -> Iterator[str]:
    position = 0
    while position < len(leaves):
        yield leaves[position][0]
        below = 1
        while below:
            below += leaves[position][2] - 1
            position += 1


def _is_of_spark(engine: duckdb.DuckDBPyConnection, path: str) -> bool:
    """Spark writes INT96 from microseconds: nothing is lost."""
    keys = engine.execute(f"SELECT key FROM parquet_kv_metadata({path})").fetchall()
    return any(bytes(key).startswith(b"org.apache.spark") for (key,) in keys)


def _holds_constant(line: str, nested: Sequence[int]) -> bool:
    """Whether one of the nested values holds NaN or an infinity, and not only a text like that."""
    fields = next(csv.reader([line], strict=True))
    return any(fields[place] and json_text.parse(fields[place]).suspect for place in nested)


def _line(names: Sequence[str]) -> bytes:
    return (",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n").encode()


def _first_line(error: Exception) -> str:
    """What DuckDB says, up to what it quotes: that may be a value of a row."""
    text = str(error).partition("\n")[0]
    if "is not valid UTF8" in str(error):
        return "a text in it isn't UTF-8"
    told = re.split("[\"']", re.sub(r"[\"']?/dev/fd/\d+[\"']?", "the file", text))
    return told[0] if len(told) == 1 else f"{told[0]}..."


def _unfit(where: str, how: str) -> UpstreamError:
    return UpstreamError(f"{where}: {how}", code="PARQUET-TYPE", next_command=OWNER)
