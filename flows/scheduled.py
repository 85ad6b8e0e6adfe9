"""What deployments run: everything that is due of one table, or one summary. The clock is read here and nowhere below."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from deployments.errors import WHO_ACTS, HeadgateError
from deployments.quantities import plural
from flows.artifacts import table_artifact
from flows.choosing import Selection
from flows.deployed import on_hold, refuse_other_version, runs_of, tell_published
from flows.due import Due, load_what_is_due
from flows.failure_log import first_line
from flows.hooks import keep_cancellation, keep_crash, keep_failure
from flows.planning import pause_of
from flows.run import Outcome, build_windows
from flows.story import told_to
from flows.waiting import come_back
from tasks.shared_places import shared_places
from tasks.workbench import workbench


def _due_name() -> str:
    """'raw_data.nps, due 2026-11-23 03:00': what a reader of Prefect's list of runs sees."""
    planned = flow_run.get_scheduled_start_time() or datetime.now(UTC)
    parameters: dict[str, Any] = flow_run.get_parameters() or {}
    subject = parameters.get("table") or parameters.get("summary")
    return f"{subject}, due {planned.astimezone(UTC):%Y-%m-%d %H:%M}"


@flow(name="load", flow_run_name=_due_name, on_failure=[keep_failure], on_crashed=[keep_crash],
      on_cancellation=[keep_cancellation])  # fmt: skip
def load_due(table: str, now: datetime | None = None) -> State[Any]:
    """Load every window of a table that is due and not loaded, oldest first; without windows: look at the source.

    Args:
        table: The declared table, such as raw_data.nps.
        now: Plan as if it were this moment. Leave it empty for the present.
    """
    bench = workbench()
    for text in shared_places(bench):
        get_run_logger().warning(text)
    declared = bench.project.table(table)
    refuse_other_version(bench, declared.table)
    moment = now or datetime.now(UTC)
    if held := on_hold(bench, declared.table, moment):
        return Completed(name="On hold", message=held)
    with runs_of(bench, declared.table):
        due = load_what_is_due(bench, declared, moment)
    tell_published(declared.table, [*due.outcome.mended, *due.outcome.published])
    table_artifact(declared, due)
    zone = declared.window.timezone if declared.window else "UTC"
    if due.outcome.failures:
        return _failed(due, declared.retries.count, declared.retries.delay)
    if due.waiting:
        come_back(min(item.look_at for item in due.waiting) - moment, "Waiting",
                  "; ".join(item.sentence(zone) for item in due.waiting))  # fmt: skip
    return ended(due.outcome, _nothing(due))


@flow(name="build", flow_run_name=_due_name, on_failure=[keep_failure], on_crashed=[keep_crash],
      on_cancellation=[keep_cancellation])  # fmt: skip
def build_summary(summary: str, rebuild: bool = False) -> State[Any]:
    """Build a summary when its inputs have changed: check inputs, build beside the live table, check, swap.

    Args:
        summary: The declared summary, such as analytics.channel_month.
        rebuild: Build it even when nothing has changed.
    """
    from flows.summarize import summarize

    bench = workbench()
    name = bench.project.summary(summary).target
    refuse_other_version(bench, name)
    if held := on_hold(bench, name, datetime.now(UTC)):
        return Completed(name="On hold", message=held)
    outcome = Outcome()
    held = pause_of(bench, name, datetime.now(UTC))
    if held is not None:
        return ended(outcome, f"nothing was built: {name} is {held}")
    with runs_of(bench, name), told_to(outcome):
        if bench.project.summaries[name].grid is None:
            summarize(name, rebuild=rebuild)
        else:
            build_windows(bench, name, outcome, Selection(full_refresh=rebuild))
    tell_published(name, outcome.published)
    if outcome.failures:
        return failed(outcome)
    return ended(outcome, f"nothing to do: the inputs of {name} haven't changed since it was built")


def ended(outcome: Outcome, nothing: str) -> State[Any]:
    """How a run without failure ends, in words for Prefect's page. A run with warnings has another name."""
    published = outcome.published
    if not published:
        return Completed(name="Nothing due", message=nothing)
    said = _published(outcome)
    warned = [record for record in published if record.status == "warned"]
    if warned:
        return Completed(name="Warned", message=f"{said}; warnings: headgate show {warned[0].run_id}")
    return Completed(message=said)


def _published(outcome: Outcome) -> str:
    """What was published, in words. What was asked for is counted; summaries that followed are named beside it."""
    published = outcome.published
    built = [record.table for record in published if record.kind == "summary"]
    counted = [record for record in published if record.kind != "summary"] or published
    rows = sum(record.counts.get("published", 0) for record in counted)
    said = f"{len(counted):,} {'batch' if len(counted) == 1 else 'batches'} published, {plural(rows, 'row')}"
    return said + (f"; built: {', '.join(built)}" if built and len(counted) < len(published) else "")


def _nothing(due: Due) -> str:
    plan = due.plan
    if plan.paused:
        return f"nothing was loaded: {plan.table} is {plan.paused}"
    if any(window.state == "look" for window in plan.windows):
        return f"nothing to do: the source of {plan.table} has what is published already"
    loaded = plural(plan.count("loaded") + plan.count("stale"), plan.batches)
    if plan.batches == "object":
        return f"nothing new lies there: {loaded} loaded"
    following = f"; the next window is due at {plan.due_said}" if plan.next_due else "; its windows have ended"
    return f"nothing is due: {loaded} loaded{following}"


def _failed(due: Due, retries: int, delay: str) -> State[Any]:
    """Failed, with the story of its windows, unless it may pass by itself and there are tries left: then the run comes back."""
    from datetime import timedelta

    from deployments.declarations.model import seconds

    table, label, error = due.outcome.failures[0]
    tries = int(flow_run.get_run_count() or 1)
    if due.may_pass and tries <= retries:
        said = error.message if isinstance(error, HeadgateError) else str(error)
        come_back(timedelta(seconds=seconds(delay)), "Retrying",
                  f"{table} {label}: {said}; try {tries + 1} of {retries + 1} in {delay}")  # fmt: skip
    return failed(due.outcome)


def failed(outcome: Outcome) -> State[Any]:
    """How a run with failures ends: the story of all of it is the run's own; the first failure is what hooks get."""
    said = told_failures(outcome)
    get_run_logger().error(said)
    return Failed(message=said, data=outcome.failures[0][2])


def told_failures(outcome: Outcome) -> str:
    """What a run did before it failed, what failed and why, and what wasn't tried: what Prefect's page says of it."""
    said = [_published(outcome)] if outcome.published else ["nothing was published"]
    for table, label, error in outcome.failures:
        place = "" if error.message.startswith(table) else f"{table} {label}: "
        said.append(f"failed: {place}{first_line(error)}")
        if error.next_command and error is outcome.failures[0][2]:
            run = next(
                (r.run_id for r in outcome.records if (r.table, r.label, r.status) == (table, label, "failed")), "RUN"
            )
            said.append(f"who must act: {WHO_ACTS[error.family]}; next: {error.next_command.replace('RUN', run)}")
    if outcome.skipped:
        said.append(outcome.not_tried)
    return "; ".join(said)
