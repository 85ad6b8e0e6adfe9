"""Replay: rows set aside go through the gate again, after the rule, the contract or the source was mended."""

from __future__ import annotations

from expectations.record import RunRecord
from flows.batch_flow import batch_flow
from flows.life import to_its_end
from flows.replaying import opened, replayed, waiting
from tasks.publish import publish_replay
from tasks.replay import audit_replay, copy_replay, gather, judge_replay, recheck
from tasks.stage import stage
from tasks.warehouses.quarantine import OpenBatch
from tasks.workbench import workbench


@batch_flow("replay", "replay {table}")
def replay(table: str, window: str | None = None, code: str | None = None) -> list[RunRecord]:
    """Replay the rows of a table that are set aside: all of them, of one window, or of one reason.

    Rows that fit now are published, each once, and leave quarantine in the same transaction; the others stay.
    """
    return [_replay_batch(table, item, code) for item in waiting(workbench(), table, window, code)]


def _replay_batch(table: str, item: OpenBatch, code: str | None) -> RunRecord:
    batch, story = opened(table, item)
    with to_its_end(story, batch.spool):
        gathered = story.run(gather, batch, item.run_id, code)
        if not gathered.rows:
            return replayed(story)
        checked = story.run(recheck, batch, gathered)
        staged = story.run(stage, batch, checked)
        if staged.manifest.rows == 0:
            return replayed(story)
        loaded = story.run(copy_replay, batch, staged, checked)
        audited = story.run(audit_replay, batch, loaded, checked)
        judged = story.run(judge_replay, batch)
        return replayed(story, story.run(publish_replay, batch, item.run_id, staged, audited, judged))
