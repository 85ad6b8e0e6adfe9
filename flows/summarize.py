"""The life of a summary: inputs checked, built beside the live table, checked, judged, published."""

from __future__ import annotations

from expectations.record import RunRecord
from flows.batch_flow import batch_flow
from flows.builds import ended, opened
from flows.lanes import windows_before_are_good
from flows.life import finished, to_its_end
from flows.story import Story
from tasks.metrics import NOTHING, compare_metrics
from tasks.summarize import Job, build, check_inputs, check_output, publish_summary
from tasks.summary_judge import judge_build


@batch_flow("summarize", "{summary}")
def summarize(summary: str, rebuild: bool = False, window: str = "source") -> RunRecord:
    """Build a summary table from its SELECT, or one window of it. Inputs that haven't changed since: nothing to do.

    `window` is a label such as 2020-08-10, or 'source' for a summary that is built as a whole.
    """
    job, story = opened(summary, window)
    with to_its_end(story, job.spool):
        if job.fingerprint == job.standing_fingerprint and not rebuild:
            return finished(story, "unchanged")
        if job.fingerprint in job.refused and not rebuild:
            return finished(story, "held")
        return carried_out(job, story)


def carried_out(job: Job, story: Story) -> RunRecord:
    """All steps of a build, to its publish."""
    story.run(check_inputs, job)
    candidate = story.run(build, job)
    story.run(check_output, job, candidate)
    story.run(judge_build, job, story.record, candidate)
    compared = NOTHING
    if job.has_metrics:
        # Side by side, the last window would be compared without those before it.
        windows_before_are_good()
        compared = story.run(compare_metrics, job, candidate)
    return ended(story, story.run(publish_summary, job, candidate), compared)
