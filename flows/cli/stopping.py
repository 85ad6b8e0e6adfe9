"""A stop from outside: SIGTERM ends a command as Ctrl-C does, in order, and the exit code names the signal."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_received: list[int] = []


def on_terminate() -> None:
    """From now on SIGTERM raises KeyboardInterrupt. Prefect has a way of its own inside a worker's run."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)


def received(default: int) -> int:
    """The signal that stopped us."""
    return _received[-1] if _received else default


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
