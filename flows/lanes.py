"""Windows of one table side by side, in a few lanes, and judged in their order.

Windows are begun oldest first. What looks at a window alone (read, check, stage, copy, audit) runs side by side; from
`windows_before_are_good` on they come one by one, so that a window is held against those before it whatever was quicker.
Whatever becomes of a window (published, failed, on hold, waiting, broken), its end lets the next one go on; a window is
begun only after all before it, so that somebody is always at work. After a window that isn't good none is published: what
stands after a run is what it would be with one lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from threading import Condition, Event

from flows.plans import PlannedWindow
from tasks.pauses import cut_short


@dataclass
class _Order:
    """How far the windows of a run have come. `good`: per window whether it ended well; None while it hasn't ended."""

    good: list[bool | None]
    begun: int = 0
    changed: Condition = field(default_factory=Condition)
    interrupted: Event = field(default_factory=Event)

    def begin(self) -> int | None:
        """The next window's number; None when none is to be begun any more."""
        with self.changed:
            if self.begun == len(self.good) or self.interrupted.is_set() or False in self.good:
                return None
            self.begun += 1
            return self.begun - 1

    def end(self, number: int, *, good: bool) -> None:
        with self.changed:
            self.good[number] = good
            self.changed.notify_all()

    def before_are_good(self, number: int) -> bool:
        """Wait until every window before this one has ended; whether all of them ended well."""
        before = slice(0, number)
        with self.changed:
            self.changed.wait_for(lambda: None not in self.good[before])
            return all(self.good[before])


_place: ContextVar[tuple[_Order, int] | None] = ContextVar("place", default=None)


def windows_before_are_good() -> bool:
    """Wait until the windows before the one that this thread loads have ended, as far as this run loads them.

    False when one of them wasn't good: then this one isn't published by this run. True at once for a window on its own.
    """
    place = _place.get()
    return place is None or place[0].before_are_good(place[1])


def run_in_lanes(
    windows: Sequence[PlannedWindow], lanes: int, load: Callable[[PlannedWindow], bool]
) -> list[PlannedWindow]:
    """Call `load` for each window; returns those that weren't loaded, because one before them wasn't good or we are
    interrupted.

    Windows that have begun are finished, unless they wait to try something again when we are interrupted: what a run
    leaves behind is whole windows.
    """
    order = _Order([None] * len(windows))

    def lane() -> None:
        while (number := order.begin()) is not None:
            good = False
            token = _place.set((order, number))
            try:
                good = load(windows[number])
            finally:
                _place.reset(token)
                order.end(number, good=good)

    if lanes == 1:
        lane()
    else:
        _side_by_side(lane, min(lanes, len(windows)), order)
    bad = order.good.index(False) if False in order.good else len(windows)
    return [window for number, window in enumerate(windows) if number > bad or order.good[number] is None]


def _side_by_side(lane: Callable[[], None], lanes: int, order: _Order) -> None:
    with ExitStack() as until_ended, ThreadPoolExecutor(max(lanes, 1), thread_name_prefix="window") as pool:
        # Each lane in a copy of our context, so that Prefect knows whose runs its runs are.
        running = [pool.submit(copy_context().run, lane) for _ in range(lanes)]
        try:
            for future in running:
                future.result()
        except BaseException as error:
            order.interrupted.set()
            if not isinstance(error, Exception):
                # Told to stop. A lane would go on trying what waits for others, a lock say, for minutes.
                until_ended.enter_context(cut_short())
            raise
