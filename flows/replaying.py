"""The beginning and the end of a replay: which rows of quarantine it is about, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime

from expectations.record import QuarantineReason, RunRecord, Status
from flows.batches import keep, published_facts
from flows.story import Story, attempt_number, flow_run_id, hold_spool, new_run_id
from tasks import erasures
from tasks.batch import Audited, Batch, Judged, Staged, Validated, new_attempt
from tasks.replay import Gathered, cannot_be_replayed
from tasks.rollback import batch_key_of
from tasks.warehouses import clock, names, ops, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.publish_plan import Published
from tasks.warehouses.quarantine import OpenBatch, open_batches
from tasks.warehouses.session import session
from tasks.workbench import Workbench, workbench

KEY_EXISTS = "the key lives in the table already, in another row"


def waiting(bench: Workbench, name: str, window: str | None, code: str | None) -> list[OpenBatch]:
    """Batches of a table with open rows, oldest first."""
    table = bench.project.table(name)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        return open_batches(
            bench.warehouse, cursor, TableName.parse(table.table), code, batch_key_of(bench, table.table, window)
        )


def opened(name: str, item: OpenBatch) -> tuple[Batch, Story]:
    """The batch of a replay, with its story begun."""
    bench = workbench()
    table = bench.project.table(name)
    live = TableName.parse(table.table)
    ops.prepare(bench.warehouse, [live])
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if bench.warehouse.exists(cursor, names.proof(live)) else []
    run_id = new_run_id(table.table, f"replay-{item.label}")
    attempt = new_attempt(clock.now(bench.warehouse))
    batch = Batch(
        table=table.table, batch_key=item.batch_key, label=item.label, run_id=run_id, attempt_id=attempt,
        expected_sequence=proofs.latest(known, item.batch_key), standing_fingerprint=None, spool=bench.spool / run_id,
        stage_key=f"{table.table}/{run_id}-{attempt}", erasures=erasures.known(bench, table.table),
    )  # fmt: skip
    window = batch.window
    story = Story(
        RunRecord(
            run_id=run_id, table=table.table, kind="replay", mode=table.load.mode, batch_key=item.batch_key,
            label=item.label, window_start=window.start if window else None, window_end=window.end if window else None,
            status="running", started_at=datetime.now(UTC), description=table.description, owner=table.owner,
            tier=table.tier, source=f"quarantine of {item.run_id}", declaration_hash=table.fingerprint,
            suite_hash=bench.project.suite_hash(table.table), attempt_id=attempt, flow_run_id=flow_run_id(),
            attempt=attempt_number(),
        )
    )  # fmt: skip
    hold_spool(batch)
    return batch, story


def finished(
    story: Story,
    gathered: Gathered,
    checked: Validated | None = None,
    staged: Staged | None = None,
    audited: Audited | None = None,
    judged: Judged | None = None,
    published: Published | None = None,
) -> RunRecord:
    """End the story: published, with a warning while rows of it stay set aside."""
    status: Status = "unchanged"
    story.update(warnings=cannot_be_replayed(gathered))
    if checked is not None:
        story.update(quarantine=checked.reasons)
    if staged is not None:
        story.update(stage_uri=staged.uri, bytes_staged=staged.manifest.size_bytes)
    if audited is not None:
        story.update(rules=audited.rules)
    if judged is not None:
        story.update(warnings=story.record.warnings + judged.warnings)
    if published is not None:
        story.update(**published_facts(published))
        refused = published.proof.counts.quarantined - sum(reason.rows for reason in story.record.quarantine)
        if refused > 0:
            reason = QuarantineReason(code="KEY-EXISTS", column=None, rows=refused, sentence=KEY_EXISTS)
            story.update(quarantine=(*story.record.quarantine, reason))
        status = "published" if published.by_this_attempt else "already_published"
    if status != "already_published" and (story.record.quarantine or story.record.warnings):
        status = "warned"
    record = story.finish(status)
    keep(workbench(), record, profile=False)
    return record
