"""Pauses between two tries, which end at once when the process is told to stop: a thread gets no signal of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_cut = threading.Event()


def pause(seconds: float) -> None:
    """Wait before another try; raises KeyboardInterrupt as soon as no further one is to be made."""
    if _cut.wait(seconds):
        raise KeyboardInterrupt


@contextmanager
def cut_short() -> Iterator[None]:
    """Nobody in this process tries anything again until the end of the block. What is being tried goes on to its end."""
    _cut.set()
    try:
        yield
    finally:
        _cut.clear()
