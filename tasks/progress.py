"""Progress of long work, told to whoever listens: a terminal's bar, or nobody."""

from __future__ import annotations

from collections.abc import Callable

WAITING = "s waiting"
Listener = Callable[[str, int, str], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Send the progress of this process to `listener(step, amount so far, unit)`; returns how to stop."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def report_progress(step: str, amount: int, unit: str) -> None:
    """Say how far a step is, or for how long (`WAITING`) it waits; cheap when nobody listens, and safe from any thread."""
    for listener in tuple(_listeners):
        listener(step, amount, unit)
