"""The beginning and the end of a summary's build."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import flows.build_results  # noqa: F401 - what is said of the steps of a build
from deployments.declarations.summary import Summary
from deployments.windows import Window
from expectations.record import RunRecord
from flows.choosing import no_such_window
from flows.life import begin, finished, made_ready
from flows.story import Story, new_run_id
from tasks.batch import SOURCE_KEY, Override
from tasks.housekeeping import keep_house
from tasks.incidents.watching import after_metrics
from tasks.metrics import MetricsCompared, keep_compared
from tasks.summarize import Job, plan_job
from tasks.warehouses.names import TableName
from tasks.warehouses.publish_plan import Published
from tasks.workbench import workbench


def opened(name: str, label: str, overrides: tuple[Override, ...] = ()) -> tuple[Job, Story]:
    """The job of a summary, or of its window of that label (or batch key), with its story begun."""
    bench = workbench()
    summary = bench.project.summary(name)
    made_ready(bench, TableName.parse(summary.target), summary)
    keep_house(bench, summary.target)
    window = window_of(summary, label)
    shown = summary.label_of(window) or f"{datetime.now(UTC):%Y-%m-%d}"
    job = replace(plan_job(bench, summary, new_run_id(summary.target, shown), window, shown), overrides=overrides)
    return job, begin(
        job, "summary", mode=summary.load_mode, metrics=summary.definitions, fingerprint=job.fingerprint,
        source=", ".join(item.table for item in summary.inputs),
    )  # fmt: skip


def ended(story: Story, published: Published, compared: MetricsCompared) -> RunRecord:
    """End the story of a build that is published, and tell where its metrics aren't those of other summaries."""
    if not compared.found:
        return finished(story, "published", published)
    keep_compared(compared)
    record = finished(story, "published", published)
    after_metrics(workbench(), record.table, differs=compared.differs, now=datetime.now(UTC))
    return record


def window_of(summary: Summary, label: str) -> Window | None:
    """The window that a label means; None of a summary without windows. DeclarationError where there is none."""
    if summary.grid is None:
        return None
    if label == SOURCE_KEY:
        raise no_such_window(summary.target, "it is built by windows: say which")
    try:
        window = summary.grid.parse(label)
    except ValueError as error:
        raise no_such_window(summary.target, str(error)) from None
    if window.end > datetime.now(UTC):
        raise no_such_window(summary.target, f"{label} isn't over yet")
    return window
