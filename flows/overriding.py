"""The beginning of a batch that is published although it failed, and of a failed run that is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from deployments.errors import DeclarationError
from expectations.record import RunRecord
from flows import batches, builds
from flows.story import Story
from tasks.batch import Batch, Override, window_of
from tasks.overrides import in_force
from tasks.report import kept_locally
from tasks.summarize import Job
from tasks.warehouses import ops
from tasks.workbench import Workbench, workbench


def known(bench: Workbench, run_id: str) -> RunRecord:
    """The record of a run by its id, or by a beginning that only one run has; DeclarationError when there is none.

    A run that failed because of the warehouse may have its record on this machine alone.
    """
    record = ops.record(bench.warehouse, run_id) or kept_locally(bench, run_id)
    if record is not None:
        return record
    found = [str(item["run_id"]) for item in ops.last_runs(bench.warehouse, begins=run_id, limit=6)] if run_id else []
    record = ops.record(bench.warehouse, found[0]) if len(found) == 1 else None
    if record is None and len(found) == 1:
        raise DeclarationError(
            f"of run '{found[0]}' only its line is kept: its details were older than HEADGATE_HISTORY_DAYS "
            f"({bench.settings.history_days}), and were removed", code="UNKNOWN-RUN",
            next_command="headgate show   (the newest runs)",
        )  # fmt: skip
    if record is None:
        hint = f"; runs that begin so: {', '.join(found[:5])}" if found else ""
        raise DeclarationError(
            f"no run '{run_id}' is known{hint}", code="UNKNOWN-RUN",
            next_command="headgate show   (the newest runs)" if ops.last_runs(bench.warehouse, limit=1) else
            "headgate plan   (nothing was run in this warehouse yet)",
        )  # fmt: skip
    return record


def opened(failed: RunRecord) -> tuple[Batch, Story]:
    """The batch of a failed run once more, with the overrides that were given for it and haven't expired."""
    overrides = _in_force(failed)
    batch, story = batches.opened(failed.table, window_of(failed.batch_key), True, overrides)
    _say(story, failed, overrides)
    return batch, story


def opened_build(failed: RunRecord) -> tuple[Job, Story]:
    """The same of a summary's failed build."""
    overrides = _in_force(failed)
    job, story = builds.opened(failed.table, window_of(failed.batch_key), overrides)
    _say(story, failed, overrides)
    return job, story


def _say(story: Story, failed: RunRecord, overrides: Sequence[Override]) -> None:
    words = tuple(f"{item.code} overridden by {item.by}: {item.reason} (run {failed.run_id})" for item in overrides)
    story.update(overrides=words)


def _in_force(failed: RunRecord) -> tuple[Override, ...]:
    overrides = in_force(workbench(), failed, datetime.now(UTC))
    if not overrides:
        raise DeclarationError(
            f"no override of {failed.run_id} is in force", code="OVERRIDE-EXPIRED",
            next_command=f'headgate publish {failed.run_id} --override CODE --reason "..." --expires 1d',
        )  # fmt: skip
    return overrides


def source_changed(story: Story, failed: RunRecord, fingerprint: str) -> None:
    """Say so when the batch is read again and isn't what the failed run had seen; other failures still stop it."""
    if failed.fingerprint and fingerprint != failed.fingerprint:
        story.update(overrides=(*story.record.overrides, f"the source has changed since {failed.run_id}"))
