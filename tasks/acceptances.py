"""Accepted drift: an owner said that a change is meant. From then on the accepted level is what later batches are held to."""

from __future__ import annotations

from datetime import UTC, datetime

from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from expectations.drift.acceptance import EVERY_KIND
from expectations.drift.model import KINDS, Accepted
from expectations.record import RunRecord
from tasks.batch import SOURCE_KEY, Batch
from tasks.warehouses import decisions, names, ops, proofs
from tasks.warehouses.decisions import Decision
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import rows, session
from tasks.workbench import Workbench


def accepted_for(bench: Workbench, table: Table, batch: Batch, now: datetime) -> tuple[Accepted, ...]:
    """What was accepted for a table, as the detector takes it.

    `level_from` names the batch whose level is the new one: the run's own, or, for a table without windows, the first
    publish that came with or after it. Without windows an acceptance ends by the clock, with windows by the batch's day.
    """
    known = decisions.read(bench.warehouse, [table.table], ["accept-drift"])
    if batch.window is None:
        known = [item for item in known if item.holds(now)]
    if not known:
        return ()
    labels = _labels(bench, table)
    return tuple(
        Accepted(
            item.column, item.what, until=None if item.expires_at is None else item.expires_at.date(),
            level_from=_level_from(item, labels),
        )
        for item in known
    )  # fmt: skip


def accept(
    bench: Workbench, table: Table, column: str | None, kind: str, *, by: str, reason: str, until: datetime | None,
    run_id: str | None,
) -> RunRecord:  # fmt: skip
    """Write an acceptance down; returns the record of the run whose alert it answers.

    DeclarationError for a column or kind that doesn't exist, or when no run has told such a change.
    """
    if column is not None and column not in {item.name for item in table.columns}:
        listing = ", ".join(item.name for item in table.columns)
        raise _refused(f"{table.table} has no column '{column}'; it has {listing}, or 'table' for the table as a whole")
    if kind not in (*KINDS, EVERY_KIND):
        raise _refused(f"'{kind}' is no kind of change; allowed: {', '.join(KINDS)}, * for all of them")
    run_id = run_id or _last_told(bench, table, column, kind)
    record = None if run_id is None else ops.record(bench.warehouse, run_id)
    if record is None or record.table != table.table:
        what = f"run '{run_id}' of {table.table}" if run_id else f"change of {column or 'table'} ({kind})"
        raise _refused(f"no {what} is known")
    told = {(alert.column, alert.kind) for alert in record.drift.alerts} if record.drift else set()
    if not any(seen == column and kind in (of, EVERY_KIND) for seen, of in told):
        listing = ", ".join(f"{seen or 'table'} {of}" for seen, of in sorted(told, key=str)) or "nothing"
        raise _refused(f"{record.run_id} didn't tell that {column or 'table'} changed in {kind}; it told {listing}")
    ops.prepare(bench.warehouse, [TableName.parse(table.table)])
    decisions.decide(
        bench.warehouse,
        Decision(datetime.now(UTC), table.table, "accept-drift", kind, by, reason, column, until, record.run_id),
    )
    return record


def _labels(bench: Workbench, table: Table) -> list[tuple[Proof, str]]:
    """Standing loads, oldest first, each with the label its profile has in the history."""
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
        labels = dict(rows(cursor, "SELECT run_id, label FROM ops.run WHERE target = %s", (table.table,)))
    loads = [proof for proof in known if proof.kind in proofs.WHOLE and proof.undone_by is None]
    return [
        (
            proof,
            f"#{proof.sequence}" if proof.batch_key == SOURCE_KEY else str(labels.get(proof.run_id, proof.batch_key)),
        )
        for proof in loads
    ]


def _level_from(item: Decision, labels: list[tuple[Proof, str]]) -> str | None:
    for proof, label in labels:
        if proof.run_id == item.run_id:
            return label
    # The run it was said about published nothing: the level begins with what was published next.
    return next((label for proof, label in labels if proof.published_at >= item.decided_at), None)


def _last_told(bench: Workbench, table: Table, column: str | None, kind: str) -> str | None:
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not bench.warehouse.exists(cursor, TableName(names.OPS, "alert")):
            return None
        found = rows(
            cursor,
            "SELECT run_id FROM ops.alert WHERE target = %s AND (column_name = %s OR (column_name IS NULL AND %s IS NULL)) "
            "AND (kind = %s OR %s = '*') ORDER BY raised_at DESC LIMIT 1",
            (table.table, column, column, kind, kind),
        )
    return str(found[0][0]) if found else None


def _refused(why: str) -> DeclarationError:
    return DeclarationError(why, code="ACCEPT-REFUSED", next_command="headgate drift explain RUN   (what was told)")
