"""Named points inside the life of a batch. Crash trials kill the process at one; otherwise passing one does nothing.

`HEADGATE_KILL_AT=copy-part:2 headgate run orders` dies by SIGKILL when the second part has been copied.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable

VARIABLE = "HEADGATE_KILL_AT"

POINTS: dict[str, str] = {
    "extract-part": "a part of the source lies in the spool",
    "validate-part": "a part is checked",
    "stage-part": "a part is uploaded",
    "stage-manifest": "every part is uploaded, the manifest isn't",
    "candidate-made": "the candidate is made and empty",
    "copy-bytes": "some bytes of a part are on their way into the candidate",
    "copy-part": "a part is committed into the candidate",
    "copied": "the candidate is filled and not yet compared with what was checked",
    "kept-latest": "older versions of a key are taken out of the batch",
    "before-finish": "the candidate is judged; its indexes aren't made, or were made ahead",
    "after-finish": "the candidate is ready",
    "judged": "the batch is judged, its profile is kept; nothing of it is published",
    "built": "a summary's SELECT has filled its candidate",
    "publish-begun": "nothing of the publish has happened",
    "proof-locked": "the proof table is locked and read",
    "quarantine-written": "the rows set aside are replaced, uncommitted",
    "replay-flipped": "rows have left quarantine, uncommitted; they aren't in the live table",
    "rows-deleted": "the live rows that go are deleted, uncommitted; those that come aren't there",
    "before-swap": "the live table is about to be renamed",
    "renamed": "the old table is renamed, uncommitted; no table has the live name",
    "rollback-begun": "nothing of the rollback has happened",
    "taken-back": "a publish is taken back, uncommitted",
    "before-commit": "data and proof are written, uncommitted",
    "after-commit": "COMMIT has been answered; nobody has used the answer",
    "before-clean-up": "the batch is published; its candidate is still there",
    "after-clean-up": "everything is done but the record of the run",
}
"""Every point and what is true there. A point may be passed many times in a run, or not at all in a load mode."""

_actions: list[Callable[[str], None]] = []


def reached(point: str) -> None:
    """Say that a point is passed. Costs a look at an empty list."""
    for action in _actions:
        action(point)


def at_points(action: Callable[[str], None]) -> None:
    """Call `action(point)` at every point from now on, in whatever thread passes it (trials only)."""
    _actions.append(action)


def killer(at: str) -> Callable[[str], None]:
    """An action that kills this process at a point, 'name' or 'name:n' for the n-th time it is passed."""
    name, _, nth = at.partition(":")
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}={at}: no such point; there are {', '.join(POINTS)}")
    passed: Counter[str] = Counter()

    def kill(point: str) -> None:
        passed[point] += 1
        if point == name and passed[point] >= int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


if os.environ.get(VARIABLE):
    at_points(killer(os.environ[VARIABLE]))
