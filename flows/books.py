"""Books that are behind the proofs are brought up to date: by the next run of a table, or by `headgate repair`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from deployments.errors import HeadgateError
from deployments.windows import Window
from expectations.record import RunRecord
from tasks import report
from tasks.batch import SOURCE_KEY
from tasks.books import NEWEST, Gap, enter, gaps
from tasks.incidents import causes
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.warehouses.session import DriverError
from tasks.workbench import Workbench

logger = logging.getLogger(__name__)
_KINDS = {"publish": "ingest", "empty": "ingest"}


def balance(bench: Workbench, name: str) -> list[RunRecord]:
    """Bring the books of a table up to date before it is planned; the records that were missing. Never fails a run."""
    try:
        return repair(bench, gaps(bench.warehouse, TableName.parse(name), NEWEST))
    except (DriverError, HeadgateError, OSError) as error:
        # What comes next asks the same warehouse, and tells why it doesn't answer.
        level = logging.DEBUG if getattr(error, "code", "") in causes.WAREHOUSE else logging.WARNING
        logger.log(level, "the books of %s were not held against its proofs: %s", name, error)
        return []


def repair(bench: Workbench, found: Sequence[Gap]) -> list[RunRecord]:
    """Enter the proofs into ledger and runs; returns the records it made. A record that somebody writes meanwhile stays."""
    enter(bench.warehouse, found)
    made = []
    for gap in found:
        if gap.in_runs:
            continue
        record = record_of(bench, gap)
        if ops.save_run(bench.warehouse, record, unless_known=True):
            report.keep_locally(bench, record)
            report.publish_report(bench, record)
            made.append(record)
    return made


def record_of(bench: Workbench, gap: Gap) -> RunRecord:
    """What a proof tells of its run."""
    proof, name = gap.proof, str(gap.target)
    summary, table = bench.project.summaries.get(name), bench.project.tables.get(name)
    window = Window.from_key(proof.batch_key) if "/" in proof.batch_key else None
    label = SOURCE_KEY
    if window is not None:
        label = table.grid.label(window) if table is not None and table.grid is not None else proof.batch_key
    elif summary is not None:
        label = f"{proof.published_at:%Y-%m-%d}"
    declared = summary or table
    kind: Any = "summary" if summary is not None and proof.kind == "publish" else _KINDS.get(proof.kind, proof.kind)
    return RunRecord(
        run_id=proof.run_id, table=name, kind=kind,
        mode="rollback" if proof.kind == "rollback" else table.load.mode if table is not None else "full_refresh",
        batch_key=proof.batch_key, label=label, window_start=window.start if window else None,
        window_end=window.end if window else None, status="warned" if proof.counts.quarantined else "published",
        started_at=proof.published_at, finished_at=proof.published_at,
        description=declared.description if declared else "", owner=declared.owner if declared else "",
        tier=declared.tier if declared else "standard",
        warnings=("told from the proof of what it did: its process ended before it could write its record",),
        fingerprint=proof.fingerprint, stage_uri=proof.stage_uri, declaration_hash=proof.declaration_hash,
        suite_hash=proof.suite_hash, attempt_id=proof.attempt_id, **proof.facts,
    )  # fmt: skip
