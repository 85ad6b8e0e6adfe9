"""The contract and the row rules over the parts of a batch: side by side on threads, or on the workers of a Dask cluster."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import local
from typing import Any

from duckdb import DuckDBPyConnection

from deployments.bounds import WindowColumn
from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract import mask
from expectations.contract.batch_check import unique_rules
from expectations.contract.checksum import Hash
from expectations.contract.engine import connect, memory_for
from expectations.contract.layout import Layout
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.quoting import identifier
from expectations.contract.split import RawPart
from expectations.profile.sampling import Sampling
from expectations.rows.compile import RowRule, UniqueRule, compile_rule
from expectations.suites.passing import asked_of
from tasks.assess import column_types
from tasks.batch import Batch, SpooledPart
from tasks.part_workers import Marks, marks_of, refuse_another, side_by_side
from tasks.progress import report_progress
from tasks.second_name import second_name
from tasks.switches import reached
from tasks.warehouses.protocol import Adapter
from tasks.workbench import Workbench, workbench

THREADS = 2
FEW = 20_000
"""Rows that one thread answers for as soon as two."""
NULL_MARKER = f"~null-{secrets.token_hex(6)}~"
"""How NULL is spelled in staged parts where an empty field can't say it. Random, so that no value of a source is it."""


@dataclass(frozen=True, slots=True)
class PartJob:
    """What a worker elsewhere needs to check a part: names, and where it lies. Secrets are its own."""

    batch: Batch
    marks: Marks
    layout: Layout
    marker: str
    part: SpooledPart
    excluded: Mapping[int, str] | None
    sampling: Sampling | None
    hashed_by: Hash


def check_part(job: PartJob) -> CheckedPart:
    """Check a part of the spool on a worker elsewhere."""
    bench = workbench()
    refuse_another(marks_of(bench, job.batch.table, job.batch.attempt_id), job.marks, job.part.path)
    table = bench.project.table(job.batch.table)
    suite = bench.project.suite(table.table)
    rules, _ = batch_rules(table, suite, job.batch.window)
    spool, key = job.part.path.parents[1], bench.key_of(job.batch)
    asked = asked_of(suite.expectations, column_types(table))
    checker = PartChecker(
        table, job.layout, rules, job.marker, key, spool / "duckdb", asked, job.sampling, bench.warehouse.bytes_prefix,
        job.hashed_by,
    )  # fmt: skip
    with closing(checker):
        # A worker that was given up may still be writing: no two tries write the same file.
        return check_spooled(checker, job.part, job.excluded, spool / "clean", f".{secrets.token_hex(4)}")


def check_spooled(
    checker: PartChecker, part: SpooledPart, excluded: Mapping[int, str] | None, clean: Path, named: str = ""
) -> CheckedPart:
    """Check a part of the spool and write what of it may be staged into the folder `clean`."""
    raw = RawPart(part.number, part.path.read_bytes(), part.first_record, part.records, part.rejects)
    # The scan of an unreadable part rewrites its file; the raw bytes stay, so that this can run again.
    readable = clean / f"{part.path.stem}{named}.raw.csv"
    readable.unlink(missing_ok=True)
    second_name(part.path, readable)
    return checker.check(raw, readable, clean / f"{part.path.stem}{named}.csv", excluded)


class Checkers:
    """One checker per thread, each with its own DuckDB within its own share of memory; or one per part, elsewhere."""

    def __init__(
        self, batch: Batch, table: Table, layout: Layout, rules: Sequence[RowRule], marker: str, bench: Workbench,
        pool: Any,
    ) -> None:  # fmt: skip
        asked = asked_of(bench.project.suite(table.table).expectations, column_types(table))
        self.hashed_by = bench.warehouse.hash_of(table.columns)
        self._table, self._key, self._temp = table, bench.key_of(batch), batch.spool / "duckdb"
        self._make = partial(
            PartChecker,
            table,
            layout,
            rules,
            marker,
            self._key,
            self._temp,
            asked,
            bytes_prefix=bench.warehouse.bytes_prefix,
            hashed_by=self.hashed_by,
        )
        self._job = partial(PartJob, batch, marks_of(bench, batch.table, batch.attempt_id), layout, marker)
        self.sampling: Sampling | None = None
        self._clean = batch.spool / "clean"
        self._pool = pool
        self._mine = local()
        self._all: list[PartChecker] = []

    def __enter__(self) -> Checkers:
        self._clean.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for checker in self._all:
            checker.close()

    @contextmanager
    def engine(self, rows: int) -> Iterator[DuckDBPyConnection]:
        """DuckDB for what is asked of all parts together, once they are checked. Few rows are asked on the connection that has
        checked them: to make one costs more."""
        if rows <= FEW and len(self._all) == 1:
            yield self._all[0].connection
            return
        memory = memory_for(len(self._table.columns))
        with closing(connect(self._temp, memory_mb=memory, threads=THREADS)) as connection:
            if self._key is not None:
                mask.set_key(connection, self._key)
            yield connection

    def check(
        self,
        spooled: Sequence[SpooledPart],
        excluded: Mapping[int, Mapping[int, str]] | None = None,
        known: Sequence[CheckedPart] = (),
    ) -> list[CheckedPart]:
        """Check parts side by side; with `excluded`, only the parts that lose more rows are checked again."""
        done = {part.number: part for part in known}
        jobs = [
            self.job(part, self.sampling, (excluded or {}).get(part.number))
            for part in spooled
            if excluded is None or part.number in excluded
        ]
        rows = 0
        for checked in side_by_side(self._pool, THREADS, self.check_here, check_part, jobs):
            done[checked.number] = checked
            rows += checked.extracted
            report_progress("validate", rows, "rows")
            reached("validate-part")
        return [done[part.number] for part in spooled]

    def job(self, part: SpooledPart, sampling: Sampling | None, excluded: Mapping[int, str] | None = None) -> PartJob:
        """What is to be done with a part."""
        return self._job(part, excluded, sampling, self.hashed_by)

    def check_here(self, job: PartJob) -> CheckedPart:
        """Check a part with the checker of this thread."""
        checker = getattr(self._mine, "checker", None)
        if checker is None:
            checker = self._mine.checker = self._make()
            self._all.append(checker)
        checker.sampling = job.sampling
        return check_spooled(checker, job.part, job.excluded, self._clean)


def null_marker(table: Table, warehouse: Adapter) -> str:
    """How NULL is spelled in the table's staged parts; empty: by an unquoted empty field."""
    # A line that is one NULL would be an empty line, which readers skip.
    return NULL_MARKER if warehouse.text_null_needs_marker or len(table.columns) == 1 else ""


def batch_rules(table: Table, suite: Suite, window: Window | None) -> tuple[list[RowRule], list[UniqueRule]]:
    """The rules of a batch that set rows aside: row by row, and by keys that occur twice."""
    types = column_types(table)
    compiled = [compile_rule(rule, types) for rule in suite.expectations if rule.rows == "quarantine"]
    rows = [rule for rule in compiled if isinstance(rule, RowRule)]
    if table.window_column is not None and window is not None:
        rows.insert(0, _window_rule(table.window_column, window))
    return rows, unique_rules(table, [rule for rule in compiled if isinstance(rule, UniqueRule)])


def _window_rule(column: WindowColumn, window: Window) -> RowRule:
    """Rows outside the window would be lost by the next load of their own window: they are set aside."""
    low, high = (f"{column.kind.upper()} '{bound}'" for bound in column.bounds(window))
    name = identifier(column.name)
    predicate = f"({name} IS NULL OR {name} < {low} OR {name} >= {high})"
    return RowRule("OUT-OF-WINDOW", column.name, (column.name,), predicate)
