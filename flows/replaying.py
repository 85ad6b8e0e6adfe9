"""The beginning and the end of a replay: which rows of quarantine it is about, and what is kept of it."""

from __future__ import annotations

from typing import Any

from deployments.quantities import plural
from expectations.record import QuarantineReason, RunRecord
from flows.life import begin, finished, has_warnings, made_ready
from flows.step_results import facts_of, words_of
from flows.story import Story, new_run_id
from tasks import erasures
from tasks.batch import Batch, new_attempt
from tasks.replay import Gathered, cannot_be_replayed
from tasks.rollback import batch_key_of
from tasks.warehouses import clock, names, proofs
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
    made_ready(bench, live, table)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if bench.warehouse.exists(cursor, names.proof(live)) else []
    run_id = new_run_id(table.table, f"replay-{item.label}")
    attempt = new_attempt(clock.now(bench.warehouse))
    batch = Batch(
        table=table.table, batch_key=item.batch_key, label=item.label, run_id=run_id, attempt_id=attempt,
        expected_sequence=proofs.latest(known, item.batch_key), standing_fingerprint=None, spool=bench.spool / run_id,
        stage_key=f"{table.table}/{run_id}-{attempt}", erasures=erasures.known(bench, table.table),
    )  # fmt: skip
    return batch, begin(batch, "replay", source=f"quarantine of {item.run_id}")


def replayed(story: Story, published: Published | None = None) -> RunRecord:
    """End the story: with a warning while rows stay set aside."""
    if published is not None:
        refused = published.proof.counts.quarantined - sum(reason.rows for reason in story.record.quarantine)
        if refused > 0:
            reason = QuarantineReason(code="KEY-EXISTS", column=None, rows=refused, sentence=KEY_EXISTS)
            story.update(quarantine=(*story.record.quarantine, reason))
    return finished(story, "warned" if has_warnings(story.record) else "unchanged", published)


@words_of.register
def _(result: Gathered) -> dict[str, Any]:
    line = f"{plural(result.rows, 'row')} of {result.source_run}"
    for count, why in ((result.withheld, "withheld or cut"), (result.broken, "broken in their bytes")):
        line += f", {count:,} {why}" if count else ""
    return {"rows": result.rows, "line": line}


@facts_of.register
def _(result: Gathered, record: RunRecord) -> dict[str, Any]:
    return {"warnings": cannot_be_replayed(result)}
