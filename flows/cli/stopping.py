"""How a command ends: in order by SIGTERM as by Ctrl-C, the exit code names the signal; and in time."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from deployments.declared_settings import waiting_time

_received: list[int] = []


def on_terminate() -> None:
    """From now on SIGTERM raises KeyboardInterrupt. Prefect has a way of its own inside a worker's run."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)


def received(default: int) -> int:
    """The signal that stopped us."""
    return _received[-1] if _received else default


def end_in_time(code: int) -> None:
    """End this process with `code` after a while whatever its libraries still wait for: at its end Prefect sends events and
    logs, and when the server is away it would try for minutes."""
    if "prefect" in sys.modules:
        threading.Thread(target=_end, args=(code,), daemon=True, name="end in time").start()


def _end(code: int) -> None:
    time.sleep(waiting_time("EXIT_TIMEOUT_SECONDS"))
    sys.stdout.flush()
    os._exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
