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
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from deployments.declared_settings import waiting_time
from tasks.progress import report

_SOON_SECONDS = 2
"""A command that is told to stop has ended by then, or says what it waits for."""
_received: list[int] = []
_codes: list[int] = []


def on_terminate() -> Callable[[], None]:
    """From now on SIGTERM raises KeyboardInterrupt. Prefect has a way of its own inside a worker's run. Returns what to call
    when nothing of the command is at work any more; until then it is told what a stop waits for.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    signal.signal(signal.SIGTERM, _stop)
    hears, tells = socket.socketpair()
    tells.setblocking(False)
    before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    waits = threading.Thread(target=_say_what_is_waited_for, args=(hears, ended), daemon=True, name="told to stop")
    waits.start()

    def end() -> None:
        ended.set()
        # Of a program that calls this one it may be another's.
        signal.set_wakeup_fd(before)
        tells.close()
        waits.join()
        hears.close()

    return end


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


def _say_what_is_waited_for(signals: socket.socket, ended: threading.Event) -> None:
    """Once, after the first signal to stop. The main thread hears of none while a driver of a database waits for an answer."""
    while heard := signals.recv(64):
        if {signal.SIGINT, signal.SIGTERM}.intersection(heard):
            break
    if not ended.wait(_SOON_SECONDS):
        seconds = waiting_time("LOCK_TIMEOUT_SECONDS")
        report(
            "stopping: what is being read, copied or asked of the warehouse ends first "
            f"(a lock is waited for {f'{seconds:g} s at most' if seconds else 'as long as it takes'}: "
            "HEADGATE_LOCK_TIMEOUT_SECONDS)"
        )


def _stop(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
