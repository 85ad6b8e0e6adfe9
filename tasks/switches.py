"""Named points inside the life of a batch. Crash trials kill the process at one; otherwise they do nothing."""

from __future__ import annotations

import os
import signal

VARIABLE = "HEADGATE_KILL_AT"


def reached(point: str) -> None:
    """Die by SIGKILL when the environment names this point; used by `make crash` only."""
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
