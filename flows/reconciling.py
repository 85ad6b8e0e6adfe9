"""Reconcile: hold published windows against their source again, tell which differ, and load those again where that is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from deployments.declarations.table import Table
from deployments.errors import DeclarationError, HeadgateError
from deployments.quantities import plural
from flows.backfill import Local
from flows.batches import refuse_older
from flows.choosing import Selection, chosen
from flows.deployed import on_hold, refuse_other_version, runs_of
from flows.hooks import keep_cancellation, keep_crash, keep_failure
from flows.one_window import load_window
from flows.planning import plan_table
from flows.plans import PlannedWindow
from flows.run import Outcome, build_summaries, without_heartbeat
from flows.scheduled import failed
from flows.story import told_to
from tasks.batch import SOURCE_KEY
from tasks.incidents.watching import after_reconciliation
from tasks.reconcile.compare import Finding, compare_window, is_unsafe_again, refuse_incomparable
from tasks.report import refresh_table
from tasks.warehouses import proofs, reconciliations
from tasks.warehouses.names import TableName, anew
from tasks.warehouses.reconciliations import Coverage
from tasks.warehouses.session import session
from tasks.workbench import Workbench, workbench

logger = logging.getLogger(__name__)
Told = Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared. `start` and `end` (exclusive) are local dates or times, '' means no bound; `newest`: so many of
    the newest windows at most."""

    table: str
    start: str = ""
    end: str = ""
    newest: int | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found, window by window and oldest first: after the repair, where there was one (`repaired`: labels)."""

    table: str
    findings: tuple[Finding, ...]
    coverage: Coverage | None
    repaired: tuple[str, ...] = ()
    failures: tuple[tuple[str, HeadgateError], ...] = ()
    only_adds: bool = False
    """Whether its batches only add rows, so that none can be loaded over what stands of it."""

    @property
    def differing(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.findings if item.differs)

    @property
    def unknown(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.findings if item.unknown)

    @property
    def next_command(self) -> str | None:
        """What puts right what differs."""
        if not self.differing:
            return None
        first = self.differing[0]
        if self.only_adds:
            return anew(TableName.parse(self.table))
        span = "" if first.batch_key == SOURCE_KEY else f" --from {first.label}"
        return f"headgate reconcile {self.table}{span} --repair"

    def sentence(self) -> str:
        """For people, in a line."""
        compared = len(self.findings) - len(self.unknown)
        said = [
            f"{plural(compared, 'window')} compared" if compared != 1 or self._windows else "the table was compared"
        ]
        if self.repaired:
            said.append(f"{len(self.repaired)} loaded again")
        if self.unknown:
            said.append(f"{len(self.unknown)} can't be compared")
        said.append(f"{len(self.differing)} {'differs' if len(self.differing) == 1 else 'differ'}")
        if self.coverage is not None:
            said.append(self.coverage.sentence())
        return ", ".join(said)

    @property
    def _windows(self) -> bool:
        return any(item.batch_key != SOURCE_KEY for item in self.findings)

    def to_json(self) -> dict[str, object]:
        return {
            "table": self.table, "windows": [asdict(item) | {"differs": item.differs} for item in self.findings],
            "differing": [item.label for item in self.differing], "repaired": list(self.repaired),
            "reconciled": None if self.coverage is None else self.coverage.sentence(),
            "failures": [{"window": label, "error": error.to_json() | {"facts": None}} for label, error in self.failures],
            "next_command": self.next_command,
        }  # fmt: skip


def _name() -> str:
    given: dict[str, Any] = flow_run.get_parameters() or {}
    return f"reconcile {given.get('table')}" + (f" from {given['start']}" if given.get("start") else "")


@flow(name="reconcile", flow_run_name=_name, on_failure=[keep_failure], on_crashed=[keep_crash],
      on_cancellation=[keep_cancellation])  # fmt: skip
def reconcile(
    table: str,
    start: Local = "",
    end: Local = "",
    windows: Annotated[int, Field(ge=0)] = 0,
    repair: bool = False,
) -> State[Any]:
    """Hold published windows against their source: rows that came late, were lost, changed or doubled are told by window.

    Args:
        table: The table to compare.
        start: First window, as a date or time in the table's own time zone, such as 2020-08-10. Empty: from the first.
        end: End of the last window, not included. Empty: up to the newest published one.
        windows: So many of the newest windows at most. 0: all of them.
        repair: Load windows that differ again; then they are compared once more.
    """
    bench, now = workbench(), datetime.now(UTC)
    name = bench.project.table(table).table
    refuse_other_version(bench, name)
    if repair and (held := on_hold(bench, name, now)):
        return Completed(name="On hold", message=held)
    outcome = Outcome()
    with runs_of(bench, name), told_to(outcome):
        done = reconcile_table(bench, Asked(name, start, end, windows or None, repair), now)
        build_summaries(bench, [name], outcome, with_dependents=True, rebuild=False)
    if done.failures:
        outcome.failures += [(name, label, error) for label, error in done.failures]
        return failed(outcome)
    if done.differing:
        return Completed(name="Differs", message=f"{name}: {done.sentence()}; next: {done.next_command}")
    return Completed(message=f"{name}: {done.sentence()}")


def run_reconcile(
    bench: Workbench, asked: Asked, now: datetime, told: Told | None = None
) -> tuple[Reconciliation, Outcome]:
    """The same from a terminal; with what became of the windows that were loaded again, and of the summaries after them."""
    outcome = Outcome()
    with without_heartbeat(), told_to(outcome):
        done = reconcile_table(bench, asked, now, told)
        if done.repaired:
            build_summaries(bench, [asked.table], outcome, with_dependents=True, rebuild=False)
    return done, outcome


def reconcile_table(bench: Workbench, asked: Asked, now: datetime, told: Told | None = None) -> Reconciliation:
    """Compare the windows that stand, keep what was found and, where that is asked, load those again that differ.

    Rows of windows that aren't published are no difference.
    """
    table = bench.project.table(asked.table)
    refuse_incomparable(table)
    if asked.repair and table.load.does.only_adds:
        raise DeclarationError(
            f"{table.table} is loaded by append: a window that is loaded can't be loaded again without doubling it",
            code="APPEND-AGAIN",
            next_command=f"headgate reconcile {table.table}   (without --repair; load.mode: replace_window can)",
        )
    windows = windows_of(bench, table, asked, now)
    findings = []
    for window in windows:
        findings.append(_compared(bench, table, window))
        if told is not None:
            told(findings[-1])
    repaired, failures = _repair(bench, table, windows, findings) if asked.repair else ([], [])
    coverage = reconciliations.save(bench.warehouse, table.table, findings, datetime.now(UTC))
    after_reconciliation(bench, table.table, any(item.differs for item in findings), datetime.now(UTC))
    refresh_table(bench, table.table)
    return Reconciliation(table.table, tuple(findings), coverage, tuple(repaired), tuple(failures),
                          table.load.does.only_adds)  # fmt: skip


def windows_of(bench: Workbench, table: Table, asked: Asked, now: datetime) -> list[PlannedWindow]:
    """The published windows that are asked for, oldest first."""
    if table.source.has_objects:
        raise DeclarationError(
            f"{table.table} is loaded by objects: nothing tells which live rows came with which, so they can't be compared",
            code="NOT-COMPARABLE", next_command=f"headgate plan {table.table}   (objects that are new or were replaced)",
        )  # fmt: skip
    if table.goes_on:
        raise DeclarationError(
            f"{table.table} came with many loads, each of what its source had since the one before: they can't be compared",
            code="NOT-COMPARABLE", next_command=anew(TableName.parse(table.table)) if table.load.does.only_adds
            else f"headgate run {table.table} --full-refresh   (all of the source again)",
        )  # fmt: skip
    plan = plan_table(bench, table, now, look_for_pause=False)
    if plan.missing is not None:
        raise plan.missing
    stands = [window for window in plan.windows if window.stands or (table.grid is None and window.rows is not None)]
    if table.grid is None:
        if asked.start or asked.end:
            # It tells what means nothing for a table without windows.
            plan_table(bench, table, now, Selection(start=asked.start or None, end=asked.end or None))
        return [replace(window, fingerprint=_content_of(bench, table)) for window in stands]
    known = [table.grid.parse(window.label) for window in stands]
    wanted = {one.key for one in chosen(table, known, Selection(start=asked.start or None, end=asked.end or None))}
    found = [window for window in stands if window.batch_key in wanted]
    return found if asked.newest is None else found[-asked.newest :]


def _content_of(bench: Workbench, table: Table) -> str | None:
    """What names the content that stands, of a table without windows. (A plan leaves it out when it is to be loaded again.)"""
    live = TableName.parse(table.table)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        stands = proofs.standing(proofs.read(cursor, live)).get(SOURCE_KEY)
    return None if stands is None else stands.fingerprint


def _compared(bench: Workbench, table: Table, window: PlannedWindow) -> Finding:
    return compare_window(bench, table, window.batch_key, window.label, window.fingerprint)


def _repair(
    bench: Workbench, table: Table, windows: Sequence[PlannedWindow], findings: list[Finding]
) -> tuple[list[str], list[tuple[str, HeadgateError]]]:
    """Load windows that differ again, oldest first, and compare them once more. A window that fails doesn't stop the others."""
    repaired: list[str] = []
    failures: list[tuple[str, HeadgateError]] = []
    for place, (window, found) in enumerate(zip(windows, findings, strict=True)):
        if not found.differs:
            continue
        try:
            if is_unsafe_again(table, found.difference):
                raise refuse_older(table, window.label, found.difference.superseded)
            record = load_window(table.table, replace(window, run=True), reprocess=True)
            again = replace(window, fingerprint=record.fingerprint[:128])
            findings[place] = _compared(bench, table, again)
            repaired.append(window.label)
        except HeadgateError as error:
            logger.warning("%s %s isn't mended: %s", table.table, window.label, error.message)
            failures.append((window.label, error))
    return repaired, failures
