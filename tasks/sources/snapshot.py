"""An end for reads that hold a source's snapshot for too long, whatever they wait for: the server, or us."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class Watch:
    """Calls `end` when a block hasn't ended within so many seconds (None: never), and never after the block.

    `over`: whether it did.
    """

    def __init__(self, limit: float | None, end: Callable[[], None]) -> None:
        self.over = False
        self._end, self._left, self._lock = end, False, threading.Lock()
        self._timer = None if limit is None else threading.Timer(limit, self._ring)

    def __enter__(self) -> Watch:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """The snapshot is given back; safe from any thread, and more than once."""
        with self._lock:
            self._left = True
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        with self._lock:
            if not self._left:
                self.over = True
                self._end()


def hang_up(descriptor: int) -> None:
    """End the connection of a socket that another thread may be reading: it is told that nothing comes any more."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
