"""The life of a batch: one table, one window."""

from __future__ import annotations

from expectations.record import RunRecord
from flows.batch_flow import batch_flow
from flows.batches import (
    appended,
    as_published,
    changes_nothing,
    held,
    nothing_new,
    opened,
    passed_over,
    refuse_doubled,
)
from flows.lanes import windows_before_are_good
from flows.life import finished, to_its_end
from flows.story import Story
from tasks import ahead
from tasks.audit import audit, nothing_to_load
from tasks.batch import Batch
from tasks.copy import copy
from tasks.extract import extract
from tasks.handover import hand_over
from tasks.judge import judge
from tasks.publish import publish
from tasks.stage import stage
from tasks.validate import validate


@batch_flow("ingest", "{table} {window}")
def ingest(
    table: str, window: str = "source", reprocess: bool = False, until: str = "publish", reread: bool = False
) -> RunRecord:
    """Load one window of a table: extract, validate, stage, copy, audit, judge, publish.

    `window` is a label such as 2020-08-10, or 'source' for a table without windows. `reprocess` loads a window again
    that is published; `reread` only where its source has other rows than are live. `until` stops after a step: everything up
    to it is real, nothing is published.
    """
    batch, story = opened(table, window, reprocess, reread=reread, until=until)
    with to_its_end(story, batch.spool), ahead.until_its_end(batch):
        try:
            return _load(batch, story, reprocess, until)
        except Exception:
            # What a window has against itself is told in its turn, too, so that the first failure of a table is its oldest.
            if not windows_before_are_good():
                return passed_over(batch, story)
            raise


def _load(batch: Batch, story: Story, reprocess: bool, until: str) -> RunRecord:
    if appended(batch):
        return finished(story, "already_published")
    source = story.run(extract, batch)
    if nothing_new(batch, source, reprocess) or as_published(batch, source):
        return finished(story, "unchanged")
    refuse_doubled(batch, source)
    if held(batch, source):
        return finished(story, "held")
    if until == "extract":
        return finished(story, "checked")
    checked = story.run(validate, batch, source)
    if until == "validate":
        return finished(story, "checked")
    if changes_nothing(batch, checked):
        return finished(story, "unchanged")
    staged = story.run(stage, batch, checked)
    if until == "stage":
        return finished(story, "checked")
    if staged.manifest.rows == 0:
        audited = nothing_to_load(checked)
    else:
        loaded = story.run(copy, batch, staged, checked)
        if until == "copy":
            return finished(story, "checked")
        audited = story.run(audit, batch, loaded, checked)
    if until in ("copy", "audit"):
        hand_over(batch, audited)
        return finished(story, "checked")
    if not windows_before_are_good():
        return passed_over(batch, story)
    judged = story.run(judge, batch, story.record, checked, audited)
    if until == "judge":
        return finished(story, "checked")
    return finished(story, "published", story.run(publish, batch, source, staged, audited, judged))
