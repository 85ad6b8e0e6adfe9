"""Windows of one table side by side: a few lanes, oldest first, none begun after the first failure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event, Lock
from typing import TYPE_CHECKING

from deployments.errors import CodeError
from flows.planning import PlannedWindow

if TYPE_CHECKING:
    from expectations.record import RunRecord

_TRIES = 3


def run_in_lanes(
    windows: Sequence[PlannedWindow], lanes: int, load: Callable[[PlannedWindow], bool]
) -> list[PlannedWindow]:
    """Call `load` for each window; returns those not tried, because one before them wasn't good or we are interrupted.

    Windows that have begun are always finished: what a run leaves behind is whole windows.
    """
    waiting, turn, stopped = deque(windows), Lock(), Event()

    def lane() -> None:
        while True:
            with turn:
                if stopped.is_set() or not waiting:
                    return
                window = waiting.popleft()
            good = False
            try:
                good = load(window)
            finally:
                if not good:
                    stopped.set()

    if lanes == 1:
        lane()
        return list(waiting)
    with ThreadPoolExecutor(lanes, thread_name_prefix="window") as pool:
        # Each lane in a copy of our context, so that Prefect knows whose runs its runs are.
        running = [pool.submit(copy_context().run, lane) for _ in range(min(lanes, len(windows)))]
        try:
            for future in running:
                future.result()
        except BaseException:
            stopped.set()
            raise
    return list(waiting)


def load_window(table: str, window: PlannedWindow, *, reprocess: bool = False) -> RunRecord:
    """Load one window as a run of its own below the current one, and be sure that it was this one."""
    from flows.ingest import ingest
    from flows.part_runner import on_part_runner

    for _ in range(_TRIES):
        record = on_part_runner(ingest)(table, window.label, reprocess=reprocess)
        if record.batch_key == window.batch_key:
            return record
        # Prefect counts the runs below a run without a lock: two lanes that begin at once may get the same number,
        # and one of them the other's result.
    raise CodeError(
        f"{table} {window.label}: Prefect gave back another window's run", code="RUN-MIXED-UP",
        next_command=f"headgate run {table} --window {window.label}",
    )  # fmt: skip
