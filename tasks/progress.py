"""Progress of long work, told to whoever listens: a terminal's bar, or nobody; and that something outside is waited for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

Listener = Callable[[str, int, str], None]
Hearer = Callable[[str], None]
logger = logging.getLogger(__name__)
_listeners: list[Listener] = []
_hearers: list[Hearer] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Send the progress of this process to `listener(step, amount so far, unit)`; returns how to stop."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def report_progress(step: str, amount: int, unit: str) -> None:
    """Say how far a step is; cheap when nobody listens, and safe from any thread."""
    for listener in tuple(_listeners):
        listener(step, amount, unit)


def hear_waits(hearer: Hearer) -> Callable[[], None]:
    """Send what `report_wait` says in this process to the newest hearer alone; returns how to stop."""
    _hearers.append(hearer)
    return lambda: _hearers.remove(hearer)


def report_wait(what: str, why: str, then: str) -> None:
    """Say that `what` waits for something outside, before it does: why, and for how long. In the log, and at a terminal."""
    report(f"{what} waits: {why}; {then}")


def report(sentence: str) -> None:
    """Say something outside that changes how the work goes on. In the log, and at a terminal."""
    # Where nobody keeps a log, logging prints it on standard error, where whoever hears it says it already.
    if logger.hasHandlers() or not _hearers:
        logger.warning("%s", sentence)
    for hearer in _hearers[-1:]:
        hearer(sentence)


def again_in(pauses: Sequence[float], last: str) -> str:
    """When it is tried again, for people: 'tried again in 5 s, then in 30 s, then the run fails'."""
    return "tried again in " + ", then in ".join(f"{pause:g} s" for pause in pauses) + f", then {last}"
