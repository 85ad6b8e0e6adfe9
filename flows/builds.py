"""The beginning and the end of a summary's build."""

from __future__ import annotations

from datetime import UTC, datetime

from expectations.record import RunRecord, Status
from flows.batches import has_warnings, keep, published_facts
from flows.story import Story, attempt_number, flow_run_id, new_run_id
from tasks.batch import SOURCE_KEY
from tasks.housekeeping import keep_house
from tasks.spool import hold, release
from tasks.summarize import Built, InputsChecked, Job, OutputChecked, plan_job, today
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.warehouses.publish_plan import Published
from tasks.workbench import workbench


def opened(name: str) -> tuple[Job, Story]:
    """The job of a summary, with its story begun."""
    bench = workbench()
    summary = bench.project.summary(name)
    groups = (*summary.grants, *bench.project.readers(summary.schema_name)) if bench.settings.local_stack else ()
    ops.prepare(bench.warehouse, [TableName.parse(summary.target)], groups)
    keep_house(bench, summary.target)
    job = plan_job(bench, summary, new_run_id(summary.target, today()))
    # A killed build is known to be dead by its free lock: what it left goes with the next run.
    hold(job.spool, job.target, job.attempt_id, "")
    story = Story(
        RunRecord(
            run_id=job.run_id, table=summary.target, kind="summary", mode="full_refresh", batch_key=SOURCE_KEY,
            label=today(), status="running", started_at=datetime.now(UTC), description=summary.description,
            owner=summary.owner, tier=summary.tier, metrics=dict(summary.metrics), fingerprint=job.fingerprint,
            source=", ".join(item.table for item in summary.inputs), declaration_hash=summary.fingerprint,
            attempt_id=job.attempt_id, flow_run_id=flow_run_id(), attempt=attempt_number(),
        )
    )  # fmt: skip
    return job, story


def close(job: Job) -> None:
    """The build's process has nothing more to do with it."""
    release(job.spool)


def built_record(
    story: Story,
    status: Status,
    inputs: InputsChecked | None = None,
    candidate: Built | None = None,
    output: OutputChecked | None = None,
    published: Published | None = None,
) -> RunRecord:
    """End the story with everything that is known, and keep it."""
    if inputs is not None and output is not None:
        story.update(rules=inputs.rules + output.rules)
    if candidate is not None:
        story.update(warnings=candidate.warnings)
    if published is not None:
        story.update(**published_facts(published))
        if not published.by_this_attempt:
            status = "already_published"
        elif has_warnings(story.record):
            status = "warned"
    record = story.finish(status)
    keep(workbench(), record, profile=False)
    return record


def record_failure(story: Story, error: BaseException) -> RunRecord:
    """Keep the story of a failed build."""
    record = story.fail(error)
    keep(workbench(), record, profile=False)
    return record
