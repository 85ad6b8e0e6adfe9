"""What a Parquet object says of itself at its end: columns, rows, and how many values each column has.

Only the end is read. DuckDB is given a file of the object's length that holds nothing else: the schema and the counts are all
that is asked of it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from deployments.declarations.columns import Column, ColumnType, parse_type
from deployments.declarations.kinds import KINDS
from deployments.errors import ContractError, UpstreamError
from expectations.contract.engine import connect
from expectations.contract.layout import listing
from expectations.contract.quoting import literal
from tasks.objects.protocol import ObjectStore
from tasks.sources.protocol import OWNER

_MAGIC = b"PAR1"
_FIRST_LOOK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Footer:
    """`present`: values that aren't NULL by column, in the file's order; None where the file doesn't say."""

    columns: tuple[tuple[str, str], ...]
    rows: int
    present: tuple[int | None, ...]


def footer_of(store: ObjectStore, key: str, size: int, where: str) -> Footer:
    """The footer of an object. UpstreamError when it is no whole Parquet file."""
    end = store.end(key, min(size, _FIRST_LOOK))
    if not end.endswith(_MAGIC) or len(end) < 12:
        raise UpstreamError(
            f"{where} isn't a whole Parquet file: it doesn't end as one", code="NOT-PARQUET", next_command=OWNER
        )
    wanted = int.from_bytes(end[-8:-4], "little") + 8
    if wanted > size:
        raise UpstreamError(
            f"{where} isn't a whole Parquet file: its footer is cut", code="NOT-PARQUET", next_command=OWNER
        )
    if wanted > len(end):
        end = store.end(key, wanted)
    with tempfile.TemporaryFile() as file:
        file.write(_MAGIC)
        file.seek(size - len(end))
        file.write(end)
        file.flush()
        path = literal(f"/dev/fd/{file.fileno()}")
        with connect(Path(tempfile.gettempdir()), files=Path("/dev/fd")) as engine:
            try:
                return _read(engine, path)
            except duckdb.Error as error:
                said = str(error).splitlines()[0]
                raise UpstreamError(
                    f"{where} can't be read as Parquet: {said}", code="NOT-PARQUET", next_command=OWNER
                ) from None


def _read(engine: duckdb.DuckDBPyConnection, path: str) -> Footer:
    described = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({path})").fetchall()
    columns = tuple((str(row[0]), str(row[1])) for row in described)
    (rows,) = engine.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({path})").fetchall()[0]
    counted = dict(
        engine.execute(
            "SELECT path_in_schema, CASE WHEN count(stats_null_count) = count(*) THEN sum(num_values - stats_null_count) END "
            f"FROM parquet_metadata({path}) GROUP BY path_in_schema"
        ).fetchall()
    )
    present = tuple(None if counted.get(name) is None else int(counted[name]) for name, _ in columns)
    return Footer(columns, int(rows or 0), present)


def check_columns(footer: Footer, columns: tuple[Column, ...], where: str) -> None:
    """ContractError unless the file has the contract's columns in its order, each of a type that is loaded as it is."""
    found, expected = [name for name, _ in footer.columns], [column.source_name for column in columns]
    if found != expected:
        raise ContractError(
            f"{where}: in_place needs exactly the contract's columns in its order\n  found:    {listing(found)}\n"
            f"  expected: {listing(expected)}",
            code="HEADER", next_command="mend the source, or load.stage: parts",
        )  # fmt: skip
    for (name, kind), column in zip(footer.columns, columns, strict=True):
        if not _fits(kind, parse_type(column.type)):
            raise ContractError(
                f"{where}: '{name}' is {kind}, which isn't loaded in place as {column.type}", code="PARQUET-TYPE",
                next_command="mend the source or the contract, or load.stage: parts, which converts by value",
            )  # fmt: skip


def _fits(kind: str, wanted: ColumnType) -> bool:
    if wanted.kind != "decimal":
        return kind in KINDS[wanted.kind].parquet
    precision, _, scale = kind.removeprefix("DECIMAL(").removesuffix(")").partition(",")
    return kind.startswith("DECIMAL(") and int(precision) <= wanted.precision and int(scale) == wanted.scale
