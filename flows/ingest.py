"""The life of a batch: one table, one window."""

from __future__ import annotations

from prefect import flow

from expectations.record import RunRecord
from flows.batches import appended, finished, held, nothing_new, opened, record_failure
from flows.story import clear_spool
from tasks.audit import audit, nothing_to_load
from tasks.copy import copy
from tasks.extract import extract
from tasks.publish import publish
from tasks.stage import stage
from tasks.validate import validate

STEPS = ("extract", "validate", "stage", "copy", "audit", "publish")


@flow(name="ingest", flow_run_name="{table} {window}", validate_parameters=False)
def ingest(table: str, window: str = "source", reprocess: bool = False, until: str = "publish") -> RunRecord:
    """Load one window of a table: extract, validate, stage, copy, audit, publish.

    `window` is a label such as 2020-08-10, or 'source' for a table without windows. `reprocess` loads a window again
    that is published. `until` stops after a step: everything up to it is real, nothing is published.
    """
    batch, story = opened(table, window, reprocess)
    try:
        if appended(batch):
            return finished(story, "already_published")
        source = story.run(extract, batch)
        if nothing_new(batch, source, reprocess):
            return finished(story, "unchanged", source)
        if held(batch, source):
            return finished(story, "held", source)
        if until == "extract":
            return finished(story, "checked", source)
        checked = story.run(validate, batch, source)
        if until == "validate":
            return finished(story, "checked", source, checked)
        staged = story.run(stage, batch, checked)
        if until == "stage":
            return finished(story, "checked", source, checked, staged)
        if staged.manifest.rows == 0:
            audited = nothing_to_load(batch, checked)
        else:
            loaded = story.run(copy, batch, staged, checked)
            audited = story.run(audit, batch, loaded, checked)
        if until in ("copy", "audit"):
            return finished(story, "checked", source, checked, staged, audited)
        published = story.run(publish, batch, source, staged, audited)
        return finished(story, "published", source, checked, staged, audited, published)
    except BaseException as error:
        record_failure(story, error)
        raise
    finally:
        clear_spool(batch)
