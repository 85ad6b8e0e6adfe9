"""The second half of a window that was prepared by another process: judged and published here, in its turn."""

from __future__ import annotations

from expectations.record import RunRecord
from flows.lanes import windows_before_are_good
from flows.life import finished, to_its_end
from flows.story import Story
from tasks.handover import taken_over
from tasks.judge import judge
from tasks.publish import publish
from tasks.spool import hold


def publish_prepared(record: RunRecord) -> RunRecord | None:
    """Go on with the run of a record that ended after its audit; None when what it had prepared can't be used any more.

    Called again after it was published, it finds the proof of its own attempt and changes nothing.
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
