"""The life of a summary: inputs checked, built beside the live table, checked, swapped."""

from __future__ import annotations

from prefect import flow

from expectations.record import RunRecord
from flows.builds import built_record, close, opened, record_failure
from flows.hooks import name_warned
from tasks.summarize import build, check_inputs, check_output, publish_summary


@flow(name="summarize", flow_run_name="{summary}", validate_parameters=False, on_completion=[name_warned])
def summarize(summary: str, rebuild: bool = False) -> RunRecord:
    """Build a summary table from its SELECT. Inputs that haven't changed since the last build: nothing to do."""
    job, story = opened(summary)
    try:
        if job.fingerprint == job.standing_fingerprint and not rebuild:
            return built_record(story, "unchanged")
        if job.fingerprint in job.refused and not rebuild:
            return built_record(story, "held")
        inputs = story.run(check_inputs, job)
        candidate = story.run(build, job)
        output = story.run(check_output, job, candidate)
        published = story.run(publish_summary, job, candidate)
        return built_record(story, "published", inputs, candidate, output, published)
    except BaseException as error:
        record_failure(story, error)
        raise
    finally:
        close(job)
