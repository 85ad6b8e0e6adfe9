"""Load what is due of one table: planned windows, oldest first, each read only when its data is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from deployments.declarations.table import Table
from deployments.errors import SourceMissingError
from deployments.windows import Window
from flows.books import balance
from flows.hours import waits_for_hours
from flows.lanes import run_in_lanes
from flows.one_window import load_window
from flows.planning import plan_table
from flows.plans import PlannedWindow, TablePlan
from flows.run import Outcome
from flows.story import told_to
from flows.waiting import Waiting, wait_or_fail
from tasks.readiness import awaited
from tasks.retrying import is_passing
from tasks.workbench import Workbench


@dataclass
class Due:
    """What was due of a table and what became of it."""

    plan: TablePlan
    outcome: Outcome = field(default_factory=Outcome)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def may_pass(self) -> bool:
        """Whether every failure may pass by itself."""
        return bool(self.outcome.failures) and all(is_passing(error) for _, _, error in self.outcome.failures)


def load_what_is_due(bench: Workbench, table: Table, now: datetime) -> Due:
    """Plan at `now` and load. A window that fails or has to wait stops the ones after it; nothing loaded is repeated."""
    mended = balance(bench, table.table)
    due = Due(plan_table(bench, table, now, counted=True))
    due.outcome.mended += mended
    due.outcome.note(due.plan)

    def load(planned: PlannedWindow) -> bool:
        window = Window.from_key(planned.batch_key) if "/" in planned.batch_key else None
        try:
            closed = waits_for_hours(bench.settings, table, planned.label)
            if closed is not None:
                due.waiting.append(closed)
                return False
            missed = None if planned.reread else awaited(bench, table, window)
            if missed is None:
                missed = _read(table, planned)
            if missed is not None:
                due.waiting.append(wait_or_fail(table, window, planned.label, missed, now))
                return False
        except Exception as error:  # noqa: BLE001 - told, or raised again when nobody outside is to blame
            return due.outcome.came_through(table.table, planned.label, error)
        return True

    lanes = table.schedule.parallel if table.schedule is not None else 1
    with told_to(due.outcome):
        left = run_in_lanes(due.plan.to_run, lanes, load)
    due.outcome.skipped += [(table.table, window.label, due.plan.batches) for window in left]
    return due


def _read(table: Table, planned: PlannedWindow) -> str | None:
    """Load a window; what it waits for when its source says that it isn't there and the declaration says to wait."""
    try:
        load_window(table.table, planned)
    except SourceMissingError as error:
        if table.source.on_missing == "wait":
            return f"its source: {error.message}"
        raise
    return None
