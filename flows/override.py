"""Publish a batch although it failed, knowingly: on what its run had staged, or from the source again."""

from __future__ import annotations

from expectations.record import RunRecord
from flows.batch_flow import batch_flow
from flows.batches import refuse_doubled
from flows.life import finished, to_its_end
from flows.overriding import known, opened, opened_build, source_changed
from flows.summarize import carried_out
from tasks.audit import audit, nothing_to_load
from tasks.copy import copy
from tasks.extract import extract
from tasks.judge import judge
from tasks.publish import publish
from tasks.resume import resume
from tasks.stage import stage
from tasks.validate import validate
from tasks.workbench import workbench


@batch_flow("override", "override {run}")
def publish_override(run: str) -> RunRecord:
    """Run the batch of a failed run again, with the overrides that are in force for it."""
    failed = known(workbench(), run)
    if failed.kind == "summary":
        job, story = opened_build(failed)
        with to_its_end(story, job.spool):
            return carried_out(job, story)
    batch, story = opened(failed)
    with to_its_end(story, batch.spool):
        earlier = story.run(resume, batch, failed)
        if earlier is not None:
            source, checked, staged = earlier.extracted, earlier.validated, earlier.staged
        else:
            source = story.run(extract, batch)
            refuse_doubled(batch, source)
            source_changed(story, failed, source.fingerprint)
            checked = story.run(validate, batch, source)
            staged = story.run(stage, batch, checked)
        if staged.manifest.rows == 0:
            audited = nothing_to_load(checked)
        else:
            loaded = story.run(copy, batch, staged, checked)
            audited = story.run(audit, batch, loaded, checked)
        judged = story.run(judge, batch, story.record, checked, audited)
        return finished(story, "published", story.run(publish, batch, source, staged, audited, judged))
