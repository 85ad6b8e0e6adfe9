"""Publish a replay: its rows in the table, out of quarantine and proven, in one transaction."""

from __future__ import annotations

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE
from psycopg2 import Error

from deployments.errors import HeadgateError
from tasks.batch import Audited, Batch, Judged, Staged
from tasks.publish import clean_up
from tasks.retrying import worth_retrying
from tasks.switches import reached
from tasks.warehouses import ops
from tasks.warehouses.publication import Publication, Published
from tasks.warehouses.publication import publish as publish_candidate
from tasks.warehouses.shapes import shape_of
from tasks.workbench import workbench

logger = logging.getLogger(__name__)


@task(name="publish", task_run_name="publish {batch.table} {batch.label}", cache_policy=NO_CACHE, retries=3,
      retry_delay_seconds=[5, 30, 120], retry_condition_fn=worth_retrying)  # fmt: skip
def publish_replay(batch: Batch, source_run: str, staged: Staged, audited: Audited, judged: Judged) -> Published:
    return publish_replay_batch(batch, source_run, staged, audited, judged)


def publish_replay_batch(batch: Batch, source_run: str, staged: Staged, audited: Audited, judged: Judged) -> Published:
    """Publish exactly once; calling it again finds the proof and changes nothing."""
    bench = workbench()
    table, adapter = bench.project.table(batch.table), bench.warehouse
    plan = Publication(
        live=batch.live, candidate=audited.candidate, shape=shape_of(table, bench.project.readers(table.schema_name)),
        mode=table.load.mode,
        batch_key=batch.batch_key, window=batch.window, window_column=table.window_column,
        latest_by=table.load.keep.latest_by if table.load.keep else None, expected_sequence=batch.expected_sequence,
        kind="replay", run_id=batch.run_id, attempt_id=batch.attempt_id, fingerprint=f"replay:{source_run}"[:128],
        declaration_hash=table.fingerprint, suite_hash=bench.project.suite_hash(batch.table), stage_uri=staged.uri,
        counts=audited.counts, generations=table.load.generations, shrink_guard=1.0, changes=judged.changes,
        replay_of=source_run, point=reached,
    )  # fmt: skip
    published = publish_candidate(adapter, plan)
    try:
        ops.roll_up(adapter, batch.live, published.proof)
        clean_up(adapter, batch.live, table.load.generations, audited.candidate)
    except (Error, HeadgateError) as error:
        # The rows are published; what is left over is found and removed by the next run.
        logger.warning("%s is replayed, but cleaning up behind it failed: %s", batch.table, error)
    return published
