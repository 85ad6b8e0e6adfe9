"""The beginning and the end of a summary's build."""

from __future__ import annotations

from flows.life import begin
from flows.story import Story, new_run_id
from tasks.batch import SOURCE_KEY
from tasks.housekeeping import keep_house
from tasks.summarize import Job, plan_job, today
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.workbench import workbench


def opened(name: str) -> tuple[Job, Story]:
    """The job of a summary, with its story begun."""
    bench = workbench()
    summary = bench.project.summary(name)
    groups = (*summary.grants, *bench.project.readers(summary.schema_name)) if bench.settings.local_stack else ()
    ops.prepare(bench.warehouse, [TableName.parse(summary.target)], groups)
    keep_house(bench, summary.target)
    job = plan_job(bench, summary, new_run_id(summary.target, today()))
    story = begin(
        summary.target, "summary", batch_key=SOURCE_KEY, label=today(), run_id=job.run_id, attempt_id=job.attempt_id,
        spool=job.spool, metrics=dict(summary.metrics), fingerprint=job.fingerprint,
        source=", ".join(item.table for item in summary.inputs),
    )  # fmt: skip
    return job, story
