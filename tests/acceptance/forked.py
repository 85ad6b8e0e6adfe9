"""What a test does in a process of its own, which may die at a point of a load."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

from tasks import switches


def forked(house: Any, at: str, act: Callable[[], object]) -> int:
    """Do it in a process that kills itself at the point `at` ('' for none); 0, 1 where it raised, or minus its last signal."""
    child = os.fork()
    if child == 0:
        try:
            house.open()
            if at:
                switches.at_points(switches.killer(at))
            act()
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
