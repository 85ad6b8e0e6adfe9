"""One window on any worker of the pool: started, watched, and started again when its worker dies.

The worker takes the window up to its audit; the backfill judges and publishes it, so that windows come in their order
however quick their workers are. A backfill that dies leaves windows that aren't published: the next one does them.

A run is asked for by an idempotency key, so that asking twice is one run. Whatever runs twice all the same, because a
worker seemed dead and was not, is stopped by the window's own proof.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from deployments.errors import DeclarationError, HeadgateError, RetryableError, UpstreamError
from flows.deploy.wanted import WINDOW
from flows.lanes import windows_before_are_good
from flows.life import finished, to_its_end
from flows.one_window import load_window
from flows.plans import PlannedWindow
from flows.story import Story
from tasks.handover import taken_over
from tasks.judge import judge
from tasks.publish import publish
from tasks.spool import hold
from tasks.warehouses import ops
from tasks.workbench import workbench

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State

    from expectations.record import RunRecord

DEPLOYMENT = f"{WINDOW}/one window"
POLL_SECONDS = 2.0
TRIES = 3
UNSTARTED = timedelta(minutes=3)
"""How long a worker may take from claiming a run to starting it before it is taken for dead."""


class Spreader:
    """Loads windows of one table on the workers of the pool. `mark`: what is asked for belongs to this parent run."""

    def __init__(self, table: str, *, reprocess: bool, mark: str) -> None:
        self._table, self._reprocess, self._mark = table, reprocess, mark

    def load(self, window: PlannedWindow) -> RunRecord:
        """Have one window prepared, then judge and publish it in its turn. A crash is tried again, a failure is raised."""
        record = self._prepared(window)
        if record.status != "checked":
            return record
        # In place nothing is staged that could be handed over; or somebody has cleaned up meanwhile.
        return publish_prepared(record) or load_window(self._table, window, reprocess=self._reprocess)

    def _prepared(self, window: PlannedWindow) -> RunRecord:
        for attempt in range(1, TRIES + 1):
            run = self._wait(self._start(window, attempt))
            assert run.state is not None
            if run.state.is_completed() or run.state.is_failed():
                return self._told(window, run)
            if run.state.is_cancelled() and attempt == TRIES:
                break
        raise RetryableError(
            f"{self._table} {window.label}: its run crashed {TRIES} times; nothing of it was published",
            code="WORKER-CRASHED",
            next_command=f"headgate backfill {self._table}   (it does what is left)",
        )

    def _start(self, window: PlannedWindow, attempt: int) -> UUID:
        from prefect.deployments import run_deployment
        from prefect.exceptions import ObjectNotFound

        try:
            run = run_deployment(
                DEPLOYMENT,
                parameters={
                    "table": self._table,
                    "window": window.label,
                    "reprocess": self._reprocess,
                    "until": "audit",
                },
                idempotency_key=f"{self._mark}:{window.batch_key}:{attempt}",
                flow_run_name=f"{self._table} {window.label}",
                timeout=0,
                as_subflow=True,
                tags=["headgate", f"table:{self._table}"],
            )
        except ObjectNotFound:
            raise DeclarationError(
                f"there is no deployment {DEPLOYMENT} to give windows to", code="NOT-DEPLOYED",
                next_command="headgate deploy",
            ) from None  # fmt: skip
        identifier = getattr(run, "id", None)
        assert isinstance(identifier, UUID)
        return identifier

    def _wait(self, identifier: UUID) -> FlowRun:
        from prefect.client.orchestration import get_client
        from prefect.states import Cancelled

        with get_client(sync_client=True) as client:
            while True:
                run = client.read_flow_run(identifier)
                assert run.state is not None
                if run.state.is_final():
                    return run
                # A worker that died between claiming a run and starting it sends no heartbeat that could be missed.
                if run.state.is_pending() and run.state.timestamp < datetime.now(UTC) - UNSTARTED:
                    gone: State[None] = Cancelled(message="its worker never started it; another run takes the window")
                    client.set_flow_run_state(identifier, gone, force=True)
                time.sleep(POLL_SECONDS)

    def _told(self, window: PlannedWindow, run: FlowRun) -> RunRecord:
        """The record the run kept in the warehouse; raises what it failed with."""
        record = self._record(window, str(run.id))
        assert run.state is not None
        if run.state.is_completed() and record is not None:
            return record
        if record is not None and record.failure is not None:
            failure = record.failure
            kinds: dict[str, type[HeadgateError]] = {
                "upstream": UpstreamError, "declaration": DeclarationError, "retryable": RetryableError,
            }  # fmt: skip
            raise kinds.get(failure.family, HeadgateError)(
                failure.message, code=failure.code, next_command=failure.next_command
            )
        raise RetryableError(
            f"{self._table} {window.label}: {run.state.message or run.state.name}", code="RUN-FAILED",
            next_command="headgate show",
        )  # fmt: skip

    def _record(self, window: PlannedWindow, flow_run_id: str) -> RunRecord | None:
        warehouse = workbench().warehouse
        for item in ops.last_runs(warehouse, self._table):
            if item["batch_key"] == window.batch_key:
                record = ops.record(warehouse, str(item["run_id"]))
                if record is not None and record.flow_run_id == flow_run_id:
                    return record
        return None


def publish_prepared(record: RunRecord) -> RunRecord | None:
    """The second half of a window that another process prepared: judged and published here, in its turn.

    None when what it had prepared can't be used any more. Called again after it was published, it finds
    the proof of its own attempt and changes nothing.
    """
    windows_before_are_good()
    prepared = taken_over(record)
    if prepared is None:
        return None
    batch, earlier, audited = prepared.batch, prepared.earlier, prepared.audited
    source, checked, staged = earlier.extracted, earlier.validated, earlier.staged
    story = Story(record)
    for result in (earlier, audited):
        story.note(result)
    hold(batch.spool, batch.table, batch.attempt_id, batch.stage_key)
    with to_its_end(story, batch.spool):
        judged = story.run(judge, batch, story.record, checked, audited)
        return finished(story, "published", story.run(publish, batch, source, staged, audited, judged))
