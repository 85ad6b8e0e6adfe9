"""Validate: contract, row rules and uniqueness over every row; the suite and the profile of the batch.

Runs before the stage. A batch too large for memory is judged by its suite on the candidate, before publish.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import local
from types import MappingProxyType
from typing import Any

from deployments.bounds import WindowColumn
from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from deployments.errors import HeadgateError
from deployments.windows import Window
from expectations.contract import mask
from expectations.contract.batch_check import judge_tolerance, key_repeats, repeated_rows, unique_rules
from expectations.contract.checksum import Checksum
from expectations.contract.engine import connect, memory_for
from expectations.contract.layout import Layout, lay_out
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.quoting import identifier
from expectations.contract.reasons import sentence
from expectations.contract.split import RawPart
from expectations.contract.staged_rows import typed_relation
from expectations.profile.measure import stable_columns
from expectations.profile.sampling import SAMPLED, Sampling
from expectations.record import QuarantineReason
from expectations.rows.compile import RowRule, UniqueRule, compile_rule
from expectations.suites.sentences import sentence as rule_sentence
from tasks.assess import assess, column_types, profile_columns, profile_key
from tasks.batch import Batch, Extracted, SpooledPart, Validated, reason_counts
from tasks.in_place import unparsed
from tasks.part_workers import Marks, dask_pool, marks_of, refuse_another, side_by_side
from tasks.progress import report_progress
from tasks.second_name import second_name
from tasks.step import step
from tasks.switches import reached
from tasks.unplaced import sentence as sentence_of_unplaced
from tasks.warehouses.protocol import Adapter
from tasks.workbench import Workbench, workbench

THREADS = 2
EXAMPLES = 5
"""Rows of a reason that are shown."""
EXAMPLE_CHARACTERS = 200
NULL_MARKER = f"~null-{secrets.token_hex(6)}~"
"""How NULL is spelled in staged parts where an empty field can't say it. Random, so that no value of a source is it."""


@step("validate", retries=0)
def validate(batch: Batch, extracted: Extracted) -> Validated:
    with batch.attributed():
        return check_batch(batch, extracted)


def check_batch(batch: Batch, extracted: Extracted) -> Validated:
    """Check the spooled parts. Raises ContractError, ToleranceError or CheckFailedError.

    Running it again reads the raw parts again and writes the same clean ones.
    """
    bench = workbench()
    table, suite = bench.project.table(batch.table), bench.project.suite(batch.table)
    if extracted.objects:
        return unparsed(table, extracted)
    if table.hashed:
        bench.settings.hashing_key(table.table)
    marker = null_marker(table, bench.warehouse)
    layout = _layout(table, extracted)
    row_rules, unique = batch_rules(table, suite, batch.window)
    with dask_pool() as pool, _Checkers(batch, table, layout, row_rules, marker, bench, pool) as checkers:
        parts = _check_all(checkers, batch, table, layout, marker, extracted)
        with closing(
            connect(batch.spool / "duckdb", memory_mb=memory_for(len(table.columns)), threads=THREADS)
        ) as connection:
            repeats = repeated_rows(connection, table, parts, unique, layout.delimiter, marker)
            if repeats:
                excluded: dict[int, dict[int, str]] = {}
                for item in repeats:
                    excluded.setdefault(item.part, {})[item.index] = f"{item.code}|{item.column}"
                parts = checkers.check(extracted.parts, excluded, known=parts)
            keys_repeat = table.load.keep is not None and key_repeats(
                connection, table, parts, layout.delimiter, marker
            )
            counts = reason_counts(tuple(parts))
            reasons = reasons_of(suite, counts, examples_of(table, parts))
            by_code: dict[str, int] = {}
            for (code, _), rows in counts.items():
                by_code[code] = by_code.get(code, 0) + rows
            with _telling(reasons):
                if not batch.overridden("TOLERANCE"):
                    failed = (row for part in parts for row in part.quarantined)
                    judge_tolerance(table, suite, extracted.rows, by_code, failed, layout)
                key = bench.key_of(batch)
                if key is not None:
                    mask.set_key(connection, key)
                verdict = assess(
                    batch, table, suite, connection, parts, layout.delimiter, marker, keys_repeat=keys_repeat
                )  # fmt: skip
    checksum = sum((part.checksum for part in parts), Checksum.empty(len(table.columns)))
    return Validated(
        parts=tuple(parts),
        delimiter=layout.delimiter,
        null_marker=marker,
        checksum=checksum,
        extracted=extracted.rows,
        quarantined=sum(counts.values()),
        reasons=reasons,
        keys_repeat=keys_repeat,
        checked_in_memory=verdict.in_memory,
        warnings=(*layout.warnings, *_without_window(table, extracted)),
        rules=verdict.rules,
        profile=None if verdict.profile is None else verdict.profile | {"unfinished": extracted.unfinished},
        where=extracted.where,
        fingerprint=extracted.fingerprint,
        header=extracted.header,
    )


def _check_all(
    checkers: _Checkers, batch: Batch, table: Table, layout: Layout, marker: str, extracted: Extracted
) -> list[CheckedPart]:
    """Check every part. Of a large batch the first one tells which columns make a row's mark; the sample that the profile is
    measured of is then kept while the others are checked.
    """
    first = checkers.check(extracted.parts[:1])
    if extracted.rows > SAMPLED and first[0].accepted:
        columns, relation = profile_columns(table), typed_relation(table, [first[0].path], layout.delimiter, marker)
        with closing(connect(batch.spool / "duckdb", memory_mb=memory_for(len(table.columns)))) as connection:
            stable = stable_columns(connection, relation, columns, key=profile_key(workbench(), batch))
            checkers.sampling = Sampling(columns, stable, extracted.rows)
            first = [replace(first[0], sample=checkers.sampling.write(connection, relation, first[0].path))]
    return first + checkers.check(extracted.parts[1:])


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


def check_part(job: PartJob) -> CheckedPart:
    """Check a part of the spool on a worker elsewhere."""
    bench = workbench()
    refuse_another(marks_of(bench, job.batch.table, job.batch.attempt_id), job.marks, job.part.path)
    table = bench.project.table(job.batch.table)
    rules, _ = batch_rules(table, bench.project.suite(table.table), job.batch.window)
    spool = job.part.path.parents[1]
    checker = PartChecker(table, job.layout, rules, job.marker, bench.key_of(job.batch), spool / "duckdb", job.sampling)
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


class _Checkers:
    """One checker per thread, each with its own DuckDB within its own share of memory; or one per part, elsewhere."""

    def __init__(
        self, batch: Batch, table: Table, layout: Layout, rules: Sequence[RowRule], marker: str, bench: Workbench,
        pool: Any,
    ) -> None:  # fmt: skip
        self._make = partial(PartChecker, table, layout, rules, marker, bench.key_of(batch), batch.spool / "duckdb")
        self._job = partial(PartJob, batch, marks_of(bench, batch.table, batch.attempt_id), layout, marker)
        self.sampling: Sampling | None = None
        self._clean = batch.spool / "clean"
        self._pool = pool
        self._mine = local()
        self._all: list[PartChecker] = []

    def __enter__(self) -> _Checkers:
        self._clean.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for checker in self._all:
            checker.close()

    def check(
        self,
        spooled: Sequence[SpooledPart],
        excluded: Mapping[int, Mapping[int, str]] | None = None,
        known: Sequence[CheckedPart] = (),
    ) -> list[CheckedPart]:
        """Check parts side by side; with `excluded`, only the parts that lose more rows are checked again."""
        done = {part.number: part for part in known}
        jobs = [
            self._job(part, (excluded or {}).get(part.number), self.sampling)
            for part in spooled
            if excluded is None or part.number in excluded
        ]
        rows = 0
        for checked in side_by_side(self._pool, THREADS, self._check, check_part, jobs):
            done[checked.number] = checked
            rows += checked.extracted
            report_progress("validate", rows, "rows")
            reached("validate-part")
        return [done[part.number] for part in spooled]

    def _check(self, job: PartJob) -> CheckedPart:
        checker = getattr(self._mine, "checker", None)
        if checker is None:
            checker = self._mine.checker = self._make()
            self._all.append(checker)
        checker.sampling = job.sampling
        return check_spooled(checker, job.part, job.excluded, self._clean)


def _without_window(table: Table, extracted: Extracted) -> tuple[str, ...]:
    return (sentence_of_unplaced(table, extracted.unplaced),) if extracted.unplaced else ()


def _layout(table: Table, extracted: Extracted) -> Layout:
    if extracted.missing:
        return Layout(
            tuple(c.source_name for c in table.columns), tuple(range(len(table.columns))), extracted.delimiter
        )
    return lay_out(table, extracted.header, extracted.delimiter, extracted.where)


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


def reasons_of(
    suite: Suite, counts: Mapping[tuple[str, str | None], int],
    examples: Mapping[tuple[str, str | None], Sequence[str]] = MappingProxyType({}),
) -> tuple[QuarantineReason, ...]:  # fmt: skip
    """Rows set aside by (code, column), the commonest first, each with its sentence and its examples."""
    found = []
    for (code, column), rows in sorted(counts.items(), key=lambda item: (-item[1], item[0][0])):
        rule = suite.rule(code)
        text = sentence(code, column, None if rule is None else rule_sentence(rule))
        shown = tuple(examples.get((code, column), ()))
        found.append(QuarantineReason(code=code, column=column, rows=rows, sentence=text, examples=shown))
    return tuple(found)


def examples_of(table: Table, parts: Iterable[CheckedPart]) -> dict[tuple[str, str | None], list[str]]:
    """A few rows of each reason as they arrived, EXAMPLE_CHARACTERS at most of each. None where columns are masked: what was
    set aside may have its values in other places than the contract says.
    """
    found: dict[tuple[str, str | None], list[str]] = {}
    for part in parts if not table.masked else ():
        for row in part.quarantined:
            known = found.setdefault((row.code, row.column), [])
            if row.raw is not None and len(known) < EXAMPLES:
                known.append(_printable(row.raw[:EXAMPLE_CHARACTERS].rstrip("\r\n")))
    return found


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


@contextmanager
def _telling(reasons: tuple[QuarantineReason, ...]) -> Iterator[None]:
    """A batch that fails its checks tells what had been set aside of it: nothing else is kept of it."""
    try:
        yield
    except HeadgateError as error:
        error.facts["set_aside"] = reasons
        raise
