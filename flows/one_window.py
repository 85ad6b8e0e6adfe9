"""A window as a run of its own, below the run that asks for it."""

from __future__ import annotations

from collections.abc import Callable

from deployments.errors import CodeError
from expectations.record import RunRecord
from flows.ingest import ingest
from flows.part_runner import on_part_runner
from flows.plans import PlannedWindow
from flows.summarize import summarize

_TRIES = 3


def load_window(table: str, window: PlannedWindow, *, reprocess: bool = False) -> RunRecord:
    """Load one window as a run of its own below the current one, and be sure that it was this one."""
    return _its_own(
        table, window, lambda: on_part_runner(ingest)(table, window.label, reprocess=reprocess, reread=window.reread)
    )


def build_window(summary: str, window: PlannedWindow, *, rebuild: bool = False) -> RunRecord:
    """The same of a summary that is built by windows."""
    return _its_own(summary, window, lambda: summarize(summary, rebuild=rebuild, window=window.label))


def _its_own(target: str, window: PlannedWindow, run: Callable[[], RunRecord]) -> RunRecord:
    for _ in range(_TRIES):
        record = run()
        if record.batch_key == window.batch_key:
            return record
        # Prefect counts the runs below a run without a lock: two lanes that begin at once may get the same number,
        # and one of them the other's result.
    raise CodeError(
        f"{target} {window.label}: Prefect gave back another window's run", code="RUN-MIXED-UP",
        next_command=f"headgate run {target} --window {window.label}",
    )  # fmt: skip
