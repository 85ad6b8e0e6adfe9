"""Backfill: windows of the past in one parent run, a few at a time. Killed and started again it loads what is left."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from deployments.declarations.summary import Summary
from deployments.errors import OUTSIDE_HOURS, DeclarationError, HeadgateError
from deployments.project import Project
from deployments.quantities import plural
from flows.artifacts import keep_markdown, key_of, windows_table
from flows.choosing import Reprocess, Selection
from flows.deployed import runs_of
from flows.hooks import keep_cancellation, keep_crash, keep_failure
from flows.lanes import run_in_lanes
from flows.one_window import build_window, load_window
from flows.planning import plan_table
from flows.plans import PlannedWindow, TablePlan
from flows.run import Outcome, build_summaries, without_heartbeat
from flows.scheduled import ended, failed
from flows.selecting import is_name, selected
from flows.story import told_to
from tasks.workbench import Workbench, workbench

if TYPE_CHECKING:
    from flows.spreading import Spreader

Local = Annotated[str, Field(pattern=r"^$|^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}.*)?)?$")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backfill is to do. `start` and `end` (exclusive) are local dates or times; '' means no bound."""

    table: str
    start: str = ""
    end: str = ""
    reprocess: Reprocess = "failed"
    parallel: int = 2
    spread: bool = False


def with_windows(project: Project, asked: Sequence[str]) -> list[str]:
    """The tables that are meant, by full name. Summaries, and tables without windows, only where they are asked for by name
    (which is refused then), not where a pattern means them as well. DeclarationError when none is left."""
    named = {project.full_name(one) for one in asked if is_name(one)}
    found = [
        name for name in selected(project, asked)
        if name in named or (name in project.tables and project.tables[name].grid is not None)
    ]  # fmt: skip
    if not found:
        raise DeclarationError(
            f"{', '.join(asked)}: no table of these has windows that could be filled", code="NO-WINDOWS",
            next_command=f"headgate run {' '.join(map(shlex.quote, asked))}",
        )  # fmt: skip
    return found


def plan_backfill(bench: Workbench, asked: Asked, now: datetime) -> TablePlan:
    """The plan of a backfill; DeclarationError for a table without windows, where `run` looks at the source."""
    summary = bench.project.summaries.get(asked.table)
    if summary is not None:
        return _plan_summary(bench, summary, asked, now)
    table = bench.project.table(asked.table)
    if table.source.has_objects:
        raise DeclarationError(
            f"{table.table} is loaded by objects, each by itself: run loads those that are new, failed or were replaced",
            code="NO-WINDOWS", next_command=f"headgate run {table.table}   (one of them again: --window NAME)",
        )  # fmt: skip
    if table.grid is None:
        raise DeclarationError(
            f"{table.table} has no windows: there is nothing to fill, its source is loaded whole",
            code="NO-WINDOWS",
            next_command=f"headgate run {table.table}" + ("" if table.load.does.only_adds else " --full-refresh"),
        )
    if table.load.does.only_adds and asked.reprocess == "all":
        raise DeclarationError(
            f"{table.table} is loaded by append: a window that is loaded can't be loaded again without doubling it",
            code="APPEND-AGAIN",
            next_command=f"headgate backfill {table.name} --reprocess failed",
        )
    assert table.window is not None
    # Never without a beginning: then `catchup: false` would leave only the newest window.
    start = asked.start or table.window.start.isoformat()
    return plan_table(bench, table, now, Selection(start=start, end=asked.end or None, reprocess=asked.reprocess))


def _plan_summary(bench: Workbench, summary: Summary, asked: Asked, now: datetime) -> TablePlan:
    from flows.summary_planning import plan_windows

    why = None
    if summary.grid is None:
        why = "has no windows: it is built as a whole", f"headgate run {summary.target} --full-refresh"
    elif asked.spread:
        why = (
            "is built by the warehouse: there is nothing to give to other workers",
            f"headgate backfill {summary.name}",
        )
    if why is not None:
        raise DeclarationError(f"{summary.target} {why[0]}", code="NO-WINDOWS", next_command=why[1])
    return plan_windows(bench, summary, now, Selection(start=asked.start, end=asked.end, reprocess=asked.reprocess))


def _name() -> str:
    given: dict[str, Any] = flow_run.get_parameters() or {}
    span = f" from {given['start']}" if given.get("start") else ""
    span += f" to {given['end']}" if given.get("end") else ""
    return f"{given.get('table')}{span}"


@flow(name="backfill", flow_run_name=_name, on_failure=[keep_failure], on_crashed=[keep_crash],
      on_cancellation=[keep_cancellation])  # fmt: skip
def backfill(
    table: str,
    start: Local = "",
    end: Local = "",
    reprocess: Literal["none", "failed", "all"] = "failed",
    parallel: Annotated[int, Field(ge=1, le=32)] = 2,
    spread: bool = False,
    plan_only: bool = False,
) -> State[Any]:
    """Load windows of the past: those that are missing, those that failed, or all of them again.

    Nothing is loaded twice: windows that are published are passed over unless you ask for all. Canceling it, or a
    crash, leaves whole windows; started again it does what is left. Summaries that read the table are built once, at
    the end.

    Args:
        table: The table to fill.
        start: First window, as a date or time in the table's own time zone, such as 2020-08-10. Empty: from the first.
        end: End of the last window, not included, such as 2020-09-01. Empty: up to the present.
        reprocess: Besides missing windows. none: nothing; failed: those whose last run failed; all: everything again.
        parallel: How many windows at the same time.
        spread: Give each window to any worker of the pool, instead of loading all of them in this run's process.
        plan_only: Only show what would be done, as an artifact of this run.
    """
    bench = workbench()
    asked = Asked(bench.project.full_name(table), start, end, reprocess, parallel, spread)
    plan = plan_backfill(bench, asked, datetime.now(UTC))
    if plan_only:
        keep_markdown(
            key_of("backfill-plan", asked.table), plan_text(plan, parallel), f"Backfill plan of {asked.table}"
        )
        return Completed(name="Planned", message=f"{plural(len(plan.to_run), 'window')} would be loaded")
    if plan.paused:
        return Completed(name="On hold", message=f"{plan.table} is {plan.paused}; next: headgate resume {plan.table}")
    outcome = fill(bench, asked, plan)
    if outcome.failures:
        return failed(outcome)
    return ended(outcome, f"nothing to do: {plural(plan.count('loaded'), 'window')} loaded already")


def run_backfill(asked: Asked) -> Outcome:
    """The same from a terminal: one flow run on the server, its outcome in hand instead of a state."""
    told: list[Outcome] = []

    @flow(name="backfill", flow_run_name=_name, validate_parameters=False)
    def here(table: str, start: str, end: str) -> None:
        bench = workbench()
        told.append(fill(bench, asked, plan_backfill(bench, asked, datetime.now(UTC))))

    with without_heartbeat():
        here(asked.table, asked.start, asked.end)
    return told[0]


def fill(bench: Workbench, asked: Asked, plan: TablePlan) -> Outcome:
    """Load the windows of a plan inside the current flow run, then build what reads the table. Keeps the artifacts.

    A failed window doesn't stop the others: a backfill is run to learn of all of them at once. The end of the hours in which
    its source may be read does.
    """
    outcome = Outcome()
    outcome.note(plan)
    progress = _Progress(len(plan.to_run), plan.table)
    begun = time.monotonic()
    with runs_of(bench, plan.table), told_to(outcome):
        load = _spread(asked, outcome) if asked.spread else _here(asked, outcome)

        def load_one(window: PlannedWindow) -> bool:
            load(window)
            progress.step()
            return all(error.code != OUTSIDE_HOURS for _, _, error in outcome.failures)

        left = run_in_lanes(plan.to_run, asked.parallel, load_one)
        outcome.skipped += [(plan.table, window.label, plan.batches) for window in left]
        loaded = Outcome(records=list(outcome.records), failures=list(outcome.failures))
        # Those that read it: a summary itself has the windows that were asked for.
        build_summaries(bench, [], outcome, with_dependents=True, rebuild=False)
    keep_markdown(
        key_of("backfill", plan.table), _summary(plan, loaded, outcome, time.monotonic() - begun),
        f"Backfill of {plan.table}",
    )  # fmt: skip
    return outcome


def plan_text(plan: TablePlan, parallel: int) -> str:
    """The plan in markdown: every window with its state and whether it would be loaded."""
    said = [f"# {plan.table}: {plural(len(plan.to_run), 'window')} to load"]
    if plan.seconds_expected is not None and plan.rows_expected is not None:
        said.append(
            f"About {plural(plan.rows_expected, 'row')} in {plan.seconds_expected / parallel:,.0f} s, as seen before.\n"
        )
    said += ["| window | state | rows | would be loaded |", "|---|---|---:|---|"]
    for window in plan.windows:
        rows = "" if window.rows is None else f"{window.rows:,}"
        said.append(f"| {window.label} | {window.state} | {rows} | {'yes' if window.run else ''} |")
    return "\n".join(said)


def _here(asked: Asked, outcome: Outcome) -> Callable[[PlannedWindow], None]:
    def load(window: PlannedWindow) -> None:
        try:
            if asked.table in workbench().project.summaries:
                build_window(asked.table, window, rebuild=asked.reprocess == "all")
            else:
                load_window(asked.table, window, reprocess=asked.reprocess == "all")
        except HeadgateError as error:
            outcome.failures.append((asked.table, window.label, error))

    return load


def _spread(asked: Asked, outcome: Outcome) -> Callable[[PlannedWindow], None]:
    from flows.spreading import Spreader

    spreader: Spreader = Spreader(asked.table, reprocess=asked.reprocess == "all", mark=str(flow_run.get_id()))

    def load(window: PlannedWindow) -> None:
        try:
            record = spreader.load(window)
            # What is published by this process has told itself.
            if all(known.run_id != record.run_id for known in outcome.records):
                outcome.end(record)
        except HeadgateError as error:
            outcome.failures.append((asked.table, window.label, error))

    return load


class _Progress:
    """The progress bar on the page of the run."""

    def __init__(self, total: int, table: str) -> None:
        from prefect.artifacts import create_progress_artifact

        self._total, self._done = max(total, 1), 0
        self._artifact: Any = create_progress_artifact(
            progress=0.0, key=key_of("backfill-progress", table), description=f"{plural(total, 'window')} of {table}"
        )

    def step(self) -> None:
        from prefect.artifacts import update_progress_artifact

        self._done += 1
        update_progress_artifact(artifact_id=self._artifact, progress=100.0 * self._done / self._total)


def _summary(plan: TablePlan, loaded: Outcome, outcome: Outcome, seconds: float) -> str:
    rows = sum(record.counts.get("published", 0) for record in loaded.published)
    lines = [
        f"# Backfill of {plan.table}",
        f"{plural(len(loaded.published), 'window')} published ({plural(rows, 'row')}) in {seconds:,.0f} s, "
        f"{len(loaded.failures)} failed, {plural(plan.count('loaded'), 'window')} loaded before.\n",
        *windows_table(loaded),
    ]
    built = [record.table for record in outcome.published if record.kind == "summary"]
    if built:
        lines.append(f"\nBuilt afterwards: {', '.join(built)}")
    if loaded.failures:
        lines.append(f"\nNext, when they are mended: `headgate backfill {plan.table.partition('.')[2]}`")
    return "\n".join(lines)
