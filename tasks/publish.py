"""Publish: the one transaction that makes a batch visible and proves it, then what may be cleaned up behind it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.table import share
from deployments.errors import HeadgateError
from tasks import erasures, hash_keys, source_state
from tasks.batch import Audited, Batch, Extracted, Judged, Staged
from tasks.step import step
from tasks.switches import reached
from tasks.warehouses import ops, proofs
from tasks.warehouses.generations import surplus
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Kind
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publication import publish as publish_candidate
from tasks.warehouses.publish_plan import Publication, Published
from tasks.warehouses.quarantine import quarantine_writer
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import workbench

logger = logging.getLogger(__name__)


@step("publish", retries=3)
def publish(batch: Batch, extracted: Extracted, staged: Staged | None, audited: Audited, judged: Judged) -> Published:
    """Publish exactly once; calling it again finds the proof and changes nothing."""
    bench = workbench()
    load = bench.project.table(batch.table).load
    plan = publication_of(
        batch, staged, audited, judged,
        kind="override" if batch.overrides else "publish" if audited.candidate is not None else "empty",
        fingerprint=extracted.fingerprint,
        shrink_guard=None if batch.overridden("SHRINK-GUARD") else share(load.shrink_guard),
        beside=_beside(
            batch, extracted, quarantine_writer(bench.warehouse, bench.stage, batch, staged, layout_of(extracted)),
            replaces=load.does.replaces_table,
        ),
    )  # fmt: skip
    with erasures.unpublished_removed(bench, batch):
        return carry_out(plan)


@step("publish", retries=3)
def publish_replay(batch: Batch, source_run: str, staged: Staged, audited: Audited, judged: Judged) -> Published:
    """Publish a replay exactly once: its rows in the table, out of quarantine and proven, in one transaction."""
    plan = publication_of(
        batch, staged, audited, judged, kind="replay", fingerprint=f"replay:{source_run}", shrink_guard=1.0,
        beside=lambda cursor: erasures.prove_none_since(cursor, batch), replay_of=source_run,
    )  # fmt: skip
    with erasures.unpublished_removed(workbench(), batch):
        return carry_out(plan)


def publication_of(
    batch: Batch, staged: Staged | None, audited: Audited, judged: Judged, *, kind: Kind, fingerprint: str,
    shrink_guard: float | None, beside: Callable[[Cursor], None] | None = None, replay_of: str | None = None,
) -> Publication:  # fmt: skip
    """The publish of a table's batch."""
    project = workbench().project
    table = project.table(batch.table)
    return Publication(
        live=batch.live,
        candidate=audited.candidate,
        shape=shape_of(table, project.readers(table.schema_name)),
        mode=table.load.mode,
        batch_key=batch.batch_key,
        window=batch.window,
        window_column=table.window_column,
        latest_by=table.load.keep.latest_by if table.load.keep else None,
        expected_sequence=batch.expected_sequence,
        kind=kind,
        run_id=batch.run_id,
        attempt_id=batch.attempt_id,
        fingerprint=fingerprint[:128],
        declaration_hash=table.fingerprint,
        suite_hash=project.suite_hash(batch.table),
        stage_uri=staged.uri if staged else "",
        counts=audited.counts,
        generations=table.load.generations,
        shrink_guard=shrink_guard,
        changes=judged.changes,
        source_keys=judged.source_keys,
        keys_as_of=judged.keys_as_of,
        beside=beside,
        replay_of=replay_of,
    )


def carry_out(plan: Publication) -> Published:
    """Publish it, enter it in the books, and drop what nobody needs any more. Books and leftovers can wait: the next run
    sees to them."""
    adapter = workbench().warehouse
    published = publish_candidate(adapter, plan)
    try:
        reached("before-clean-up")
        ops.roll_up(adapter, plan.live, published.proof)
        clean_up(adapter, plan.live, plan.generations, plan.candidate, plan.source_keys)
        reached("after-clean-up")
    except (Error, HeadgateError) as error:
        logger.warning("%s is published, but cleaning up behind it failed: %s", plan.live, error)
    return published


def _beside(
    batch: Batch, extracted: Extracted, quarantine: Callable[[Cursor], None], *, replaces: bool
) -> Callable[[Cursor], None]:
    """What is written in the publish's transaction beside the rows: those set aside, which key hashed them, and from where
    their source goes on."""

    def write(cursor: Cursor) -> None:
        erasures.prove_none_since(cursor, batch)
        quarantine(cursor)
        hash_keys.note(cursor, batch, replaces=replaces)
        source_state.note(cursor, batch, extracted)

    return write


def layout_of(extracted: Extracted) -> str:
    """What a row set aside can be read by later: the source's delimiter and header."""
    return json.dumps({"delimiter": extracted.delimiter, "header": extracted.header}, ensure_ascii=False)


def clean_up(adapter: Adapter, live: TableName, generations: int, *candidates: TableName | None) -> list[TableName]:
    """Drop this run's candidates and the generations beyond those that can be undone; returns what was dropped."""
    with transaction(adapter.address) as cursor:
        side = adapter.side_tables(cursor, live)
        old = surplus(side, proofs.read(cursor, live), generations)
        dropped = [table for table in side if table in candidates or table in old]
        for table in dropped:
            _drop(cursor, table)
    return dropped


def _drop(cursor: Cursor, table: TableName) -> None:
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(table)))
