"""Planning of summaries: whether a build would give anything new, and of which windows. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from deployments.declarations.summary import Summary
from deployments.windows import Window
from flows.choosing import Selection, no_such_window
from flows.planning import pause_of
from flows.plans import PlannedWindow, State, TablePlan
from tasks.summarize import plan_job
from tasks.summary_windows import Stands, read_stands, wanted
from tasks.warehouses import names, proofs
from tasks.warehouses.layouts import layout_of
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.warehouses.shapes import shape_of_summary
from tasks.workbench import Workbench

Built = Literal["built", "stale", "undone", "missing"]


@dataclass(frozen=True, slots=True)
class SummaryPlan:
    """A summary and what `run` would do with it."""

    table: str
    state: Built
    paused: str | None = None
    layout: tuple[str, ...] = ()
    """As of a table's plan (`TablePlan.layout`)."""

    @property
    def sentence(self) -> str:
        return {
            "built": "built from its inputs as they are",
            "stale": "stale: an input was published or rolled back since, or its SQL has changed; run builds it",
            "undone": "rolled back; run leaves it alone until an input changes",
            "missing": "never built; run builds it",
        }[self.state]


def plan_summary(bench: Workbench, summary: Summary, now: datetime) -> SummaryPlan:
    """The plan of a summary that is built as a whole; the warehouse is only read."""
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = adapter.exists(cursor, names.proof(TableName.parse(summary.target)))
    if not known:
        return SummaryPlan(summary.target, "missing")
    job = plan_job(bench, summary, "plan")
    state: Built = "stale"
    if job.fingerprint == job.standing_fingerprint:
        state = "built"
    elif job.fingerprint in job.refused:
        state = "undone"
    elif job.standing_fingerprint is None:
        state = "missing"
    return SummaryPlan(summary.target, state, pause_of(bench, summary.target, now), _layout(bench, summary))


def plan_windows(bench: Workbench, summary: Summary, now: datetime, selection: Selection | None = None) -> TablePlan:
    """The plan of a summary that is built by windows: those that were never built, and those of which an input was loaded
    again since. A window `waits` while an input lacks one of the windows it is made of."""
    grid, selection = summary.grid, selection or Selection()
    assert grid is not None
    due = list(grid.due(now))
    asked = set(_asked(summary, due, selection, now))
    stands = read_stands(bench, summary)
    standing = proofs.standing(stands.own)
    by_batch: dict[str, list[Proof]] = {}
    for proof in stands.own:
        by_batch.setdefault(proof.batch_key, []).append(proof)
    windows = tuple(
        _planned(bench, summary, stands, window, standing.get(window.key), by_batch.get(window.key, ()), selection,
                 is_asked=window in asked)
        for window in due
    )  # fmt: skip
    following = grid.next_after(now)
    return TablePlan(
        table=summary.target, windows=windows, changes=(), rows_expected=None, seconds_expected=None,
        next_due=None if following is None else following.end,
        paused=pause_of(bench, summary.target, now) if stands.own else None,
        again_by=f"headgate backfill {summary.target} --reprocess all", layout=_layout(bench, summary),
    )  # fmt: skip


def _layout(bench: Workbench, summary: Summary) -> tuple[str, ...]:
    live, adapter = TableName.parse(summary.target), bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        return layout_of(adapter, cursor, live, shape_of_summary(summary), is_replaced=summary.grid is None)


def _planned(
    bench: Workbench, summary: Summary, stands: Stands, window: Window, proof: Proof | None, of_batch: Sequence[Proof],
    selection: Selection, *, is_asked: bool,
) -> PlannedWindow:  # fmt: skip
    made_of = wanted(bench.project, summary, stands, window)
    refused = proofs.refused(of_batch, window.key, summary.fingerprint, summary.fingerprint)
    state: State = "missing"
    if proof is not None and proof.fingerprint == made_of.fingerprint:
        state = "loaded"
    elif made_of.missing:
        state = "waits"
    elif made_of.fingerprint in refused:
        state = "undone"
    elif proof is not None:
        state = "stale"
    by_name = selection.window is not None or selection.full_refresh or selection.reprocess == "all"
    return PlannedWindow(
        window.key, summary.label_of(window), state,
        is_asked and not made_of.missing and (state in ("missing", "stale") or by_name),
        rows=None if proof is None else proof.counts.published, stands=proof is not None,
        sequence=proofs.latest(of_batch, window.key), fingerprint=made_of.fingerprint, refused=refused,
    )  # fmt: skip


def _asked(summary: Summary, due: Sequence[Window], selection: Selection, now: datetime) -> Sequence[Window]:
    """Those of these windows that are asked for; DeclarationError for what is no window, no date or no span."""
    grid = summary.grid
    assert grid is not None
    if selection.window is not None and (selection.start or selection.end):
        raise no_such_window(summary.target, "--window names one window, --from and --to several: say one of them")
    try:
        if selection.window is not None:
            window = grid.parse(selection.window)
            if window.end > now:
                raise ValueError(f"{selection.window} isn't over yet")
            return [window]
        low = grid.moment(selection.start) if selection.start else None
        high = grid.moment(selection.end) if selection.end else None
    except ValueError as error:
        raise no_such_window(summary.target, str(error)) from None
    if low is not None and high is not None and low >= high:
        told = f"--from {selection.start} isn't before --to {selection.end} (which is exclusive)"
        raise no_such_window(summary.target, told)
    return [w for w in due if (low is None or w.start >= low) and (high is None or w.end <= high)]
