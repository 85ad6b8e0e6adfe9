"""How a command ends: in order by SIGTERM as by Ctrl-C, the exit code names the signal; and in time."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

from deployments.declared_settings import waiting_time
from tasks.progress import report

_SOON_SECONDS = 2
"""A command that is told to stop has ended by then, or says what it waits for."""
_received: list[int] = []
_codes: list[int] = []
_ended = threading.Event()


def on_terminate() -> None:
    """From now on SIGTERM raises KeyboardInterrupt. Prefect has a way of its own inside a worker's run."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)
        hears, told = socket.socketpair()
        told.setblocking(False)
        signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
        threading.Thread(target=_say_what_is_waited_for, args=(hears,), daemon=True, name="told to stop").start()


def has_stopped() -> None:
    """Nothing of the command is at work any more."""
    _ended.set()


def received(default: int) -> int:
    """The signal that stopped us."""
    return _received[-1] if _received else default


def skip_teardown() -> None:
    """Have this process end as soon as all that was to be done at its end is done.

    Python would walk through two thousand modules once more to free what the system frees anyway, and DuckDB's binding prints
    what it takes for leaks. Exit handlers run last in, first out: called before any library registers its own.
    """
    atexit.register(_leave)


def _leave() -> None:
    logging.shutdown()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    if _codes:
        os._exit(_codes[-1])


def end_in_time(code: int) -> None:
    """End this process with `code` after a while whatever its libraries still wait for: at its end Prefect sends events and
    logs, and when the server is away it would try for minutes."""
    _codes.append(code)
    if "prefect" in sys.modules:
        threading.Thread(target=_end, args=(code,), daemon=True, name="end in time").start()


def _end(code: int) -> None:
    time.sleep(waiting_time("EXIT_TIMEOUT_SECONDS"))
    sys.stdout.flush()
    os._exit(code)


def _say_what_is_waited_for(signals: socket.socket) -> None:
    """Once, after the first signal to stop. The main thread hears of none while a driver of a database waits for an answer."""
    while not {signal.SIGINT, signal.SIGTERM}.intersection(signals.recv(64)):
        pass
    if not _ended.wait(_SOON_SECONDS):
        seconds = waiting_time("LOCK_TIMEOUT_SECONDS")
        report(
            "stopping: what is being read, copied or asked of the warehouse ends first "
            f"(a lock is waited for {f'{seconds:g} s at most' if seconds else 'as long as it takes'}: "
            "HEADGATE_LOCK_TIMEOUT_SECONDS)"
        )


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
