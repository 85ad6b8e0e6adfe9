"""The rows a load of a window would publish, as a relation in DuckDB: read from the source now, and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.batch_check import repeated_rows
from expectations.contract.checksum import Checksum, beside, duckdb_checksum_sql, read_checksum, row_hash_sql
from expectations.contract.engine import connect, memory_for, single
from expectations.contract.layout import lay_out
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.quoting import identifier
from expectations.contract.staged_rows import typed_relation
from tasks import hash_keys
from tasks.batch import Extracted, Validated
from tasks.extract import spool_source
from tasks.part_checks import THREADS, batch_rules, check_spooled, null_marker
from tasks.sources.opening import open_source
from tasks.warehouses.figures import SUMMED_AT_ONCE
from tasks.workbench import Workbench


@dataclass(frozen=True)
class SourceRows:
    """Rows of the source as a load would publish them: `relation` is SQL that stands after FROM, with the contract's names and
    types. `set_aside`: rows that a load would quarantine; `fingerprint`: what names the content that was read."""

    table: Table
    connection: duckdb.DuckDBPyConnection
    relation: str
    spool: Path
    set_aside: int
    fingerprint: str

    def figures(self) -> Checksum:
        """As of the live rows: the hash is that of whole rows."""
        columns = self.table.columns
        found = []
        for start in range(0, len(columns), SUMMED_AT_ONCE):
            some = columns[start : start + SUMMED_AT_ONCE]
            row = single(self.connection, f"SELECT {duckdb_checksum_sql(some, ())} FROM {self.relation}")
            found.append(read_checksum(row, len(some)))
        (hashed,) = single(self.connection, f"SELECT {row_hash_sql(columns)} FROM {self.relation}")
        return beside(found, int(hashed), 0)


@contextmanager
def of_window(
    bench: Workbench, table: Table, window: Window | None, spool: Path, suite: Suite | None = None
) -> Iterator[SourceRows]:
    """Read the source of a window into the folder `spool` and check it. Raises what a load would raise for the source and its
    header; rows that don't fit are left out, as many as they may be. `suite`: whose rules set rows aside, the table's own
    unless another is given."""
    source = open_source(without_unplaced(table), window, bench.settings)
    try:
        extracted = spool_source(source, spool / "raw", None, bench.settings.spool_limit_mb)
    finally:
        source.close()
    parts, delimiter, marker = _checked(
        bench, table, window, extracted, spool, suite or bench.project.suite(table.table)
    )
    with closing(_connected(table, spool)) as connection:
        relation = published_of(table, [part.path for part in parts if part.accepted], delimiter, marker)
        yield SourceRows(table, connection, relation, spool, sum(len(part.quarantined) for part in parts),
                         extracted.fingerprint)  # fmt: skip


@contextmanager
def of_batch(table: Table, validated: Validated, spool: Path) -> Iterator[SourceRows]:
    """The same of a batch that is read and checked already."""
    files = [part.path for part in validated.parts if part.accepted]
    with closing(_connected(table, spool)) as connection:
        relation = published_of(table, files, validated.delimiter, validated.null_marker)
        yield SourceRows(table, connection, relation, spool, validated.quarantined, validated.fingerprint)


def published_of(table: Table, files: Sequence[Path], delimiter: str, marker: str) -> str:
    """SQL after FROM: of staged rows those that a load publishes, which is the latest one of each key where that is declared."""
    relation = typed_relation(table, files, delimiter, marker)
    if table.load.keep is None:
        return relation
    key = ", ".join(map(identifier, table.key))
    latest = identifier(table.load.keep.latest_by)
    order = f"row_number() OVER (PARTITION BY {key} ORDER BY {latest} DESC NULLS LAST)"
    return f"(SELECT * FROM {relation} QUALIFY {order} = 1)"


def without_unplaced(table: Table) -> Table:
    """The declaration without rows that have no cursor: they lie in no window, and are compared with none."""
    cursor = table.source.cut_by
    if cursor is None or cursor.nulls != "load":
        return table
    source = table.source.model_copy(update={"cursor": cursor.model_copy(update={"nulls": "warn"})})
    return table.model_copy(update={"source": source})


def _checked(
    bench: Workbench, table: Table, window: Window | None, extracted: Extracted, spool: Path, suite: Suite
) -> tuple[list[CheckedPart], str, str]:
    if table.hashed:
        bench.settings.hashing_key(table.table)
    marker = null_marker(table, bench.warehouse)
    layout = lay_out(table, extracted.header, extracted.delimiter, extracted.where)
    rows, unique = batch_rules(table, suite, window)
    clean = spool / "clean"
    clean.mkdir(parents=True, exist_ok=True)
    key = hash_keys.of_rows(bench, table)
    with closing(
        PartChecker(table, layout, rows, marker, key, spool / "duckdb", bytes_prefix=bench.warehouse.bytes_prefix)
    ) as checker:
        parts = [check_spooled(checker, part, None, clean) for part in extracted.parts]
        with closing(_connected(table, spool)) as connection:
            repeats = repeated_rows(connection, table, parts, unique, layout.delimiter, marker)
        excluded: dict[int, dict[int, str]] = {}
        for item in repeats:
            excluded.setdefault(item.part, {})[item.index] = f"{item.code}|{item.column}"
        for place, part in enumerate(extracted.parts):
            if part.number in excluded:
                parts[place] = check_spooled(checker, part, excluded[part.number], clean)
    return parts, layout.delimiter, marker


def _connected(table: Table, spool: Path) -> duckdb.DuckDBPyConnection:
    return connect(spool / "duckdb", memory_mb=memory_for(len(table.columns)), threads=THREADS)
