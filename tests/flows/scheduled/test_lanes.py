"""Windows side by side: at most so many, oldest first, none begun after a failure, the begun ones finished."""

from __future__ import annotations

import threading
import time

import pytest

from flows.lanes import run_in_lanes, windows_before_are_good
from flows.plans import PlannedWindow
from tasks.pauses import pause

WINDOWS = [PlannedWindow(str(n), str(n), "missing", True) for n in range(9)]


@pytest.mark.parametrize("lanes", [1, 3, 20])
def test_every_window_once(lanes: int) -> None:
    seen: list[str] = []

    def load(window: PlannedWindow) -> bool:
        seen.append(window.label)
        return True

    assert run_in_lanes(WINDOWS, lanes, load) == []
    assert sorted(seen) == [window.label for window in WINDOWS]


def test_never_more_at_once_than_lanes() -> None:
    running, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(3, timeout=120)

    def load(window: PlannedWindow) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        # Passes only when three are inside at the same time.
        together.wait()
        with lock:
            running -= 1
        return True

    run_in_lanes(WINDOWS, 3, load)
    assert most == 3


def test_nothing_is_begun_after_a_failure_and_what_was_not_tried_is_told() -> None:
    left = run_in_lanes(WINDOWS, 1, lambda window: window.label != "2")
    assert [window.label for window in left] == ["3", "4", "5", "6", "7", "8"]


def test_begun_windows_are_finished_when_one_breaks() -> None:
    finished: list[str] = []
    begun = threading.Barrier(2, timeout=120)

    def load(window: PlannedWindow) -> bool:
        begun.wait()
        if window.label == "0":
            raise OSError("disk full")
        finished.append(window.label)
        return True

    with pytest.raises(OSError, match="disk full"):
        run_in_lanes(WINDOWS[:2], 2, load)
    assert finished == ["1"]


def test_lanes_see_the_context_they_were_started_in() -> None:
    from contextvars import ContextVar

    parent: ContextVar[str] = ContextVar("parent", default="nobody")
    parent.set("backfill")
    seen: set[str] = set()

    def load(window: PlannedWindow) -> bool:
        seen.add(parent.get())
        return True

    run_in_lanes(WINDOWS, 3, load)
    assert seen == {"backfill"}


def _by_turns(
    lanes: int, ends: dict[str, bool | BaseException], seconds: dict[str, float]
) -> tuple[list[str], list[str]]:
    """Windows in the order they got their turn and were published, and those that weren't loaded."""
    published: list[str] = []

    def load(window: PlannedWindow) -> bool:
        time.sleep(seconds.get(window.label, 0))
        end = ends.get(window.label, True)
        if isinstance(end, BaseException):
            raise end
        if windows_before_are_good() and end:
            published.append(window.label)
        return end

    try:
        left = run_in_lanes(WINDOWS, lanes, load)
    except OSError:
        return published, []
    return published, [window.label for window in left]


@pytest.mark.parametrize("lanes", [1, 2, 3, 9])
def test_windows_get_their_turn_in_their_order(lanes: int) -> None:
    slow = {"0": 0.05, "3": 0.03, "4": 0.02}
    assert _by_turns(lanes, {}, slow) == ([window.label for window in WINDOWS], [])


@pytest.mark.parametrize("lanes", [1, 2, 3, 9])
@pytest.mark.parametrize("slow", [{}, {"2": 0.05}, {"3": 0.05}, {"0": 0.05, "1": 0.02}])
def test_what_stands_after_a_failure_is_what_one_lane_would_leave(lanes: int, slow: dict[str, float]) -> None:
    """The windows after it may have been prepared, or have failed as well: none of them is published."""
    assert _by_turns(lanes, {"2": False, "3": False}, slow) == (["0", "1"], ["3", "4", "5", "6", "7", "8"])


def test_a_window_that_breaks_lets_those_after_it_go() -> None:
    assert _by_turns(3, {"1": OSError("disk full")}, {"1": 0.05}) == (["0"], [])


def test_a_window_on_its_own_waits_for_nobody() -> None:
    assert windows_before_are_good()


def test_what_waits_to_be_tried_again_ends_when_we_are_told_to_stop() -> None:
    """A lock that somebody holds would keep a stopped run for minutes; nobody waits here for an hour."""
    begun, ends = threading.Barrier(2, timeout=120), []

    def load(window: PlannedWindow) -> bool:
        begun.wait()
        if window.label == "0":
            raise KeyboardInterrupt
        try:
            pause(3600)
        except KeyboardInterrupt:
            ends.append(window.label)
            raise
        return True

    with pytest.raises(KeyboardInterrupt):
        run_in_lanes(WINDOWS[:2], 2, load)
    assert ends == ["1"]
    pause(0)
