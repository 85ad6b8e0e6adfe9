"""Replay: rows of quarantine through contract, rules, stage, COPY, audit and publish again, after what was wrong is mended.

A row keeps its place in quarantine as one more column, `hg$record`, from the spool to the candidate: what is published
and what leaves quarantine can't be different rows. Hashed columns hold their hash already and are left as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from deployments.declarations.columns import Column
from deployments.declarations.signatures import MAP_KINDS
from deployments.declarations.suite import Suite
from deployments.declarations.table import Table
from expectations.contract.batch_check import repeated_rows
from expectations.contract.checksum import Checksum
from expectations.contract.layout import lay_out
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.quarantined import RAW_LIMIT_BYTES
from expectations.contract.split import RawPart
from expectations.record import RuleResult
from tasks.assess import Assessment, results_of, stop_on_failures
from tasks.batch import Audited, Batch, Copied, Judged, SpooledPart, Staged, Validated, reason_counts
from tasks.copy import fill
from tasks.judge import schema_changes
from tasks.judged_table import proven
from tasks.part_checks import batch_rules, null_marker
from tasks.second_name import second_name
from tasks.step import step
from tasks.validate import reasons_of
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.quarantine import SetAside, set_aside
from tasks.warehouses.replay_rows import RECORD
from tasks.warehouses.session import explained, session
from tasks.warehouses.shapes import shape_of
from tasks.workbench import Workbench, workbench

ROWS_A_PART = 20_000
BROKEN = frozenset(
    {"BLANK-LINE", "TOO-FEW-FIELDS", "TOO-MANY-FIELDS", "BAD-QUOTING", "BARE-CR", "NUL-BYTE", "BYTE-ORDER-MARK",
     "NOT-UTF8", "TOO-LONG-RECORD", "HEADER-ROW", "KEY-TWICE", "NOT-JSON-VALUE", "NOT-JSON-LINE", "HALF-CHARACTER"}
)  # fmt: skip
"""Reasons that lie in the bytes themselves: no rule or contract can mend them, only the source."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows of one run's quarantine in the spool, as they arrived. `withheld` and `broken` rows can't be replayed."""

    source_run: str
    delimiter: str
    header: tuple[str, ...]
    parts: tuple[SpooledPart, ...]
    withheld: int = 0
    broken: int = 0

    @property
    def rows(self) -> int:
        return sum(part.records for part in self.parts)


def replay_table(table: Table) -> Table:
    """The contract for rows out of quarantine: with their place, and with hashes that are final."""
    columns = [
        column.model_copy(update={"cast": (), "null": ()}) if column.name in table.hashed else column
        for column in table.columns
    ]
    # No declared column can have this name.
    place = Column(name="place", type="bigint", nullable=False).model_copy(update={"name": RECORD})
    return table.model_copy(update={"columns": (*columns, place), "pii": {}})


@step("gather")
def gather(batch: Batch, source_run: str, code: str | None) -> Gathered:
    """Write the open rows into the spool by the layout they came in. A retry writes them anew."""
    bench = workbench()
    raw = batch.spool / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for left in raw.iterdir():
        left.unlink()
    doing = f"reading the quarantine of {batch.table}"
    with explained(doing), session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        rows = set_aside(bench.warehouse, cursor, batch.live, batch.batch_key, source_run, code)
    return gathered_rows(rows, source_run, raw)


def gathered_rows(rows: Sequence[SetAside], source_run: str, folder: Path) -> Gathered:
    """Rows of quarantine as parts in a folder, those that can be read again."""
    withheld = sum(row.raw is None or not _is_whole(row) for row in rows)
    fit = [row for row in rows if row.raw is not None and _is_whole(row) and row.code not in BROKEN]
    layout = next((row.layout for row in rows if row.layout), None)
    if layout is None:
        return Gathered(source_run, ",", (), (), withheld=len(rows))
    told = json.loads(layout)
    delimiter = str(told["delimiter"])
    parts = tuple(_spool(folder, fit, delimiter))
    return Gathered(source_run, delimiter, tuple(told["header"]), parts, withheld, len(rows) - len(fit) - withheld)


def _is_whole(row: SetAside) -> bool:
    """Whether quarantine holds all of the row: long ones are cut. Rows with hashes in them can't be told by their own."""
    assert row.raw is not None
    data = row.raw.encode()
    return len(data) < RAW_LIMIT_BYTES or hashlib.sha256(data).hexdigest() == row.raw_sha256


def _spool(folder: Path, rows: Sequence[SetAside], delimiter: str) -> Iterator[SpooledPart]:
    waiting, first, number = iter(rows), 0, 0
    while chosen := list(islice(waiting, ROWS_A_PART)):
        number += 1
        path = folder / f"part-{number:05d}.csv"
        path.write_bytes(b"".join(f"{row.raw}{delimiter}{row.record}\n".encode() for row in chosen))
        yield SpooledPart(number, path, first, len(chosen))
        first += len(chosen)


@step("validate", retries=0)
def recheck(batch: Batch, gathered: Gathered) -> Validated:
    """Check the rows by contract and row rules as they are now. Rows that still fail just stay where they are."""
    bench = workbench()
    table, suite = replay_table(bench.project.table(batch.table)), bench.project.suite(batch.table)
    marker = null_marker(table, bench.warehouse)
    layout = lay_out(table, (*gathered.header, RECORD), gathered.delimiter, "quarantine")
    row_rules, unique = batch_rules(table, suite, batch.window)
    hashed = bench.project.table(batch.table).hashed
    # What a hashed column said is gone: a rule about it can't be met any more, and the source is read again instead.
    row_rules = [replace(rule, predicate_sql="true") if hashed & {*rule.columns} else rule for rule in row_rules]
    clean = batch.spool / "clean"
    clean.mkdir(parents=True, exist_ok=True)
    with closing(
        PartChecker(
            table, layout, row_rules, marker, None, batch.spool / "duckdb", bytes_prefix=bench.warehouse.bytes_prefix
        )
    ) as checker:
        parts = [check_gathered(checker, clean, part, {}) for part in gathered.parts]
        excluded: dict[int, dict[int, str]] = {}
        for item in repeated_rows(checker.connection, table, parts, unique, layout.delimiter, marker):
            excluded.setdefault(item.part, {})[item.index] = f"{item.code}|{item.column}"
        for position, part in enumerate(gathered.parts):
            if part.number in excluded:
                parts[position] = check_gathered(checker, clean, part, excluded[part.number])
    counts: Counter[tuple[str, str | None]] = reason_counts(tuple(parts))
    # Rows that fail again have their place in quarantine: nothing of them is staged a second time.
    kept = tuple(_without_rejects(part) for part in parts)
    return Validated(
        parts=kept, delimiter=layout.delimiter, null_marker=marker,
        checksum=sum((part.checksum for part in parts), Checksum.empty(len(table.columns))), extracted=gathered.rows,
        quarantined=0, reasons=reasons_of(suite, counts), keys_repeat=False, checked_in_memory=False,
        warnings=cannot_be_replayed(gathered),
    )  # fmt: skip


def check_gathered(checker: PartChecker, clean: Path, part: SpooledPart, excluded: dict[int, str]) -> CheckedPart:
    """Check a part of gathered rows and write what of it fits into the folder `clean`."""
    raw = RawPart(part.number, part.path.read_bytes(), part.first_record, part.records)
    readable = clean / f"{part.path.stem}.raw.csv"
    readable.unlink(missing_ok=True)
    second_name(part.path, readable)
    return checker.check(raw, readable, clean / part.path.name, excluded)


def _without_rejects(part: CheckedPart) -> CheckedPart:
    return CheckedPart(part.number, part.path, part.extracted, part.accepted, part.rewritten, part.checksum)


def cannot_be_replayed(gathered: Gathered) -> tuple[str, ...]:
    """Rows that no mended rule can bring back, in sentences."""
    told = []
    if gathered.withheld:
        told.append(f"can't be replayed: {gathered.withheld:,} withheld or cut; load the window again from the source")
    if gathered.broken:
        told.append(f"can't be replayed: {gathered.broken:,} broken in their bytes; only the source can mend them")
    return tuple(told)


@step("copy")
def copy_replay(batch: Batch, staged: Staged, validated: Validated) -> Copied:
    return fill(batch, staged, validated, replay_table(workbench().project.table(batch.table)))


@step("audit")
def audit_replay(batch: Batch, copied: Copied, validated: Validated) -> Audited:
    """Judge the candidate by the critical rules that hold of every single row; the others speak of whole batches."""
    bench = workbench()
    table = bench.project.table(batch.table)
    with explained(f"audit of {batch.table}"):
        rules = _judge(bench, table, copied.candidate)
        stop_on_failures(batch.title, batch.run_id, Assessment(False, rules))
    failing = sum(reason.rows for reason in validated.reasons)
    counts = Counts(extracted=validated.extracted, quarantined=failing, staged=copied.rows, copied=copied.rows)
    return Audited(copied.candidate, counts, rules)


@step("judge")
def judge_replay(batch: Batch) -> Judged:
    """Rows of a batch that stands already: only the live table's columns may have changed."""
    # Rows are added to those that are there, whatever the mode of a load is.
    bench = workbench()
    table = bench.project.table(batch.table)
    changes, warnings = schema_changes(bench, batch.live, shape_of(table), table.load.on_schema_change, replaced=False)
    return Judged(None, changes, warnings)


def _judge(bench: Workbench, table: Table, candidate: TableName) -> tuple[RuleResult, ...]:
    suite: Suite = bench.project.suite(table.table)
    rules = tuple(
        rule
        for rule in suite.expectations
        if rule.signature.kind in MAP_KINDS and rule.severity == "critical" and rule.rows is None
        and "mostly" not in rule.kwargs
    )  # fmt: skip
    if not rules:
        return ()
    from expectations.suites.run import run_suite

    chosen = suite.model_copy(update={"expectations": rules})
    outcome = run_suite(
        chosen, proven(bench, chosen, candidate), key=table.key, masked=table.masked, mask_key=bench.pii_key or b""
    )
    return results_of(outcome.rules, chosen, table.owner, "candidate")
