"""Run what a plan shows: the windows of several tables, oldest first, then the summaries that depend on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.errors import DeclarationError, HeadgateError
from deployments.quantities import plural
from flows.books import balance
from flows.choosing import Selection
from flows.deploy.wanted import tags_of
from flows.lanes import run_in_lanes
from flows.planning import pause_of, plan_table
from flows.plans import PlannedWindow, TablePlan
from flows.story import told_to
from tasks.outside_errors import named
from tasks.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expectations.record import RunRecord, Step

EXIT_DONE, EXIT_FAILED, EXIT_WARNED = 0, 1, 3


@dataclass
class Outcome:
    """Everything that ran, as it is told: the record of every run, and the errors of those that failed."""

    records: list[RunRecord] = field(default_factory=list)
    failures: list[tuple[str, str, HeadgateError]] = field(default_factory=list)
    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    """What wasn't tried: its table, its label, and what it is called (`TablePlan.batches`, or a summary)."""
    mended: list[RunRecord] = field(default_factory=list)
    """Runs that were killed after their COMMIT, told from their proofs."""
    changed: list[str] = field(default_factory=list)
    """What others have changed in tables that had nothing to load."""
    laid_out_otherwise: list[str] = field(default_factory=list)
    """Tables and summaries whose live layout isn't the declared one."""

    def note(self, plan: TablePlan) -> None:
        """What the plan says beside its windows: a table that is gone is a failure, a changed one a warning."""
        if plan.layout:
            self.laid_out_otherwise.append(plan.table)
        if plan.missing is not None:
            self.failures.append((plan.table, "", plan.missing))
        elif plan.changed is not None and not plan.to_run:
            self.changed.append(plan.changed)

    def came_through(self, table: str, label: str, error: Exception) -> bool:
        """Whether the run was published all the same; else its failure is noted. A fault of the software is raised.

        Prefect may go away between the publish and the end of its own run: that undoes nothing.
        """
        known = named(error, f"loading {table} {label}")
        if known is None:
            raise error
        done = any(record.table == table and label in ("", record.label) for record in self.published)
        if done and not isinstance(error, HeadgateError):
            self.changed.append(f"{table} {label} is published, but {known.message}")
            return True
        self.failures.append((table, label, known))
        return False

    def step(self, record: RunRecord, step: Step) -> None:
        """Nothing is kept of single steps: the record holds them."""

    def end(self, record: RunRecord) -> None:
        self.records.append(record)

    def with_later(self, other: Outcome) -> Outcome:
        """This, and what ran afterwards."""
        return Outcome(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    @property
    def not_tried(self) -> str:
        """How much wasn't tried, as people say it; '' for nothing."""
        counted = Counter(what for _, _, what in self.skipped)
        return f"{' and '.join(plural(count, what) for what, count in counted.items())} not tried" if counted else ""

    @property
    def exit_code(self) -> int:
        """The worst of failed, warned and done."""
        if self.failures:
            return EXIT_FAILED
        warned = self.changed or any(record.status == "warned" for record in self.records)
        return EXIT_WARNED if warned else EXIT_DONE

    @property
    def published(self) -> list[RunRecord]:
        return [record for record in self.records if record.status in ("published", "warned")]


def run_tables(
    bench: Workbench,
    names: Sequence[str],
    selection: Selection,
    *,
    until: str = "publish",
    with_dependents: bool = True,
    announce: Callable[[TablePlan], None] | None = None,
) -> Outcome:
    """Load the windows a plan names. A table stops at its first failed window; the others go on.

    Summaries that read a published table are rebuilt once, at the end, inputs first.
    """
    outcome = Outcome()
    tables = [bench.project.full_name(name) for name in names]
    _refuse_windows_of_none(bench, tables, selection)
    with without_heartbeat(), told_to(outcome):
        for name in tables:
            if name in bench.project.tables:
                outcome.mended += balance(bench, name)
                try:
                    plan = plan_table(
                        bench, bench.project.table(name), datetime.now(UTC), selection, before_run=True, counted=True
                    )
                except HeadgateError as error:
                    # What lies at a source is listed for a plan: what it answers is no matter of the other tables.
                    if len(tables) == 1 or not error.is_of_a_source:
                        raise
                    outcome.failures.append((name, "", error))
                    continue
                if announce is not None:
                    announce(plan)
                outcome.note(plan)
                _run_windows(bench, plan, selection, until, outcome)
        if until == "publish":
            build_summaries(
                bench,
                tables,
                outcome,
                with_dependents=with_dependents,
                rebuild=selection.full_refresh,
                selection=selection,
            )
    return outcome


def _refuse_windows_of_none(bench: Workbench, names: Sequence[str], selection: Selection) -> None:
    """Raise where windows are asked for of summaries alone, none of which has any: each would be built as a whole instead."""
    if not names or not (selection.window or selection.start or selection.end):
        return
    summaries = [bench.project.summaries.get(name) for name in names]
    if all(summary is not None and summary.grid is None for summary in summaries):
        raise DeclarationError(
            f"{', '.join(names)}: built as a whole, without windows; --window, --from and --to mean nothing for it",
            code="NO-WINDOWS", next_command=f"headgate run {' '.join(names)}",
        )  # fmt: skip


def _run_windows(bench: Workbench, plan: TablePlan, selection: Selection, until: str, outcome: Outcome) -> None:
    from prefect import tags

    from flows.ingest import ingest
    from flows.part_runner import on_part_runner

    table = bench.project.table(plan.table)
    lanes = table.schedule.parallel if table.schedule is not None else 1

    def load(window: PlannedWindow) -> bool:
        again = selection.full_refresh or selection.reprocess == "all" or selection.window is not None
        try:
            on_part_runner(ingest)(plan.table, window.label, reprocess=again, until=until, reread=window.reread)
        except Exception as error:  # noqa: BLE001 - told, or raised again when nobody outside is to blame
            return outcome.came_through(plan.table, window.label, error)
        return True

    with tags(*tags_of(bench.project, plan.table)):
        left = run_in_lanes(plan.to_run, lanes, load)
    outcome.skipped += [(plan.table, window.label, plan.batches) for window in left]


def build_summaries(
    bench: Workbench,
    asked: Sequence[str],
    outcome: Outcome,
    *,
    with_dependents: bool,
    rebuild: bool,
    selection: Selection | None = None,
) -> None:
    """Build the summaries asked for and, with `with_dependents`, those that read what was published; inputs first.

    `selection`: which windows, of those asked for that are built by windows; of all others what is due.
    """
    wanted = {name for name in asked if name in bench.project.summaries}
    if with_dependents:
        for record in (*outcome.published, *outcome.mended):
            wanted.update(bench.project.dependents(record.table))
    if not wanted:
        return
    from prefect import tags

    from flows.summarize import summarize

    broken: set[str] = set()
    for name in bench.project.build_order():
        if name not in wanted:
            continue
        held = pause_of(bench, name, datetime.now(UTC))
        if held is not None:
            outcome.skipped.append((name, held, "summary"))
            continue
        inputs = {item.table for item in bench.project.summaries[name].inputs}
        if inputs & broken:
            outcome.skipped.append((name, "an input's build failed", "summary"))
            broken.add(name)
            continue
        try:
            with tags(*tags_of(bench.project, name)):
                if bench.project.summaries[name].grid is None:
                    summarize(name, rebuild=rebuild)
                elif not build_windows(bench, name, outcome, selection if name in asked else None):
                    broken.add(name)
        except Exception as error:  # noqa: BLE001 - told, or raised again when nobody outside is to blame
            if not outcome.came_through(name, "", error):
                broken.add(name)


def build_windows(
    bench: Workbench, name: str, outcome: Outcome, selection: Selection | None = None, lanes: int = 1
) -> bool:
    """Build the windows of a summary that its plan names, oldest first, up to the first that fails; whether none did."""
    from flows.summarize import summarize
    from flows.summary_planning import plan_windows

    plan = plan_windows(bench, bench.project.summary(name), datetime.now(UTC), selection)
    outcome.note(plan)
    again = selection is not None and (
        selection.full_refresh or selection.reprocess == "all" or selection.window is not None
    )

    def build(window: PlannedWindow) -> bool:
        try:
            summarize(name, rebuild=again, window=window.label)
        except Exception as error:  # noqa: BLE001 - told, or raised again when nobody outside is to blame
            return outcome.came_through(name, window.label, error)
        return True

    failed = len(outcome.failures)
    left = run_in_lanes(plan.to_run, lanes, build)
    outcome.skipped += [(name, window.label, plan.batches) for window in left]
    return len(outcome.failures) == failed


@contextmanager
def without_heartbeat() -> Iterator[None]:
    """A flow started from a terminal is watched by whoever started it; the heartbeat would cost each run a second."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
