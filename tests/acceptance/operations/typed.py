"""Next commands, typed as they are printed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from deployments.next_commands import written


def typed(house: Any, command: Callable[..., Any], text: str) -> None:
    """Each step of a next command, as it is printed; SQL as the owner of the table types it. None may be refused."""
    for step, _ in written(text):
        if step.startswith(("ALTER TABLE", "CREATE INDEX", "DROP INDEX")):
            house.place.ask(step.partition("   (")[0])
            continue
        assert step.startswith("headgate "), text
        done = command(*shlex.split(step)[1:])
        assert done.error is None, (step, done.error)
        assert done.code in (0, 3), (step, done.out)
