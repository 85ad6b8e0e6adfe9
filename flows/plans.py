"""What a plan says: the windows or objects of a table, the state of each, and what a run would do with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from deployments.errors import DeclarationError
from tasks.warehouses.changes import Change

State = Literal["loaded", "missing", "failed", "stale", "undone", "future", "look", "waits"]
"""`undone`: its last load was rolled back; it is loaded again once the source has other content, or when asked for. A window of
a database waits until it is asked for: the same rows may come in another order.
`stale`: loaded by an older declaration; of a summary: of inputs that were loaded again since. `waits`: of a summary, for windows
of its inputs."""


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """One window and what is known of it. `look`: no windows, only the source can tell whether there is news."""

    batch_key: str
    label: str
    state: State
    run: bool
    rows: int | None = None
    stands: bool = False
    """Whether a publish of it stands: that of an older declaration (`stale`), or one from before what was `undone`."""
    sequence: int = 0
    fingerprint: str | None = None
    refused: tuple[str, ...] = ()
    """Fingerprints of content that was rolled back: not to be loaded again unless somebody asks for it."""
    reread: bool = False
    """Whether it is published, and only read again: loaded again where its source has other rows (`window.lookback`, an object
    that was put there again)."""
    object_name: str = ""
    """Of an object that is a batch: its name below the source's address."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What `run` would do with one table, and how long it took before."""

    table: str
    windows: tuple[PlannedWindow, ...]
    changes: tuple[Change, ...]
    next_due: datetime | None
    rows_expected: int | None
    seconds_expected: float | None
    paused: str | None = None
    """Until when, by whom and why nothing is loaded."""
    missing: DeclarationError | None = None
    """The live table is gone though publishes stand: nothing is loaded into a part of a table."""
    changed: str | None = None
    """What a count tells of rows that others have changed; looked at when there is nothing to do otherwise."""
    kept: tuple[str, ...] = ()
    """What hangs on the live table that a renamed one would lack: a full refresh replaces its rows instead."""
    layout: tuple[str, ...] = ()
    """SQL that gives the live table the declared layout (`physical`), which no load of it does."""
    stranger: str | None = None
    """Why the live table isn't ours, so that nothing can be published into it."""
    declared_anew: bool = False
    """Whether the last publish was made by another declaration, or there is none."""
    reconciled: str | None = None
    """How far the table is known to agree with its source; None where they were never compared."""
    refusal: DeclarationError | None = None
    """Why nothing of it would be published as it is declared now, with what to do: its live table has another shape, or holds
    the rows already under other windows."""
    batches: Literal["window", "object"] = "window"
    """What its batches are, as people say it."""
    again_by: str | None = None
    """What loads again what is loaded; None: nothing does, since its batches only add rows."""
    counted: tuple[tuple[State, int], ...] = ()
    """Of windows that stand, don't run and aren't among `windows`: how many there are in each state."""

    @property
    def to_run(self) -> tuple[PlannedWindow, ...]:
        return () if self.paused or self.missing else tuple(window for window in self.windows if window.run)

    @property
    def reread(self) -> tuple[PlannedWindow, ...]:
        """Those of `to_run` that are published, and read again for rows that came late."""
        return tuple(window for window in self.to_run if window.reread)

    @property
    def why_again(self) -> str:
        """Why `reread` are read again."""
        if self.batches == "window":
            return "for late rows (window.lookback)"
        return f"since {'it was' if len(self.reread) == 1 else 'they were'} put there again"

    def to_json(self) -> dict[str, object]:
        """The plan for `--json`."""
        told = {
            "changes": [str(change) for change in self.changes],
            "missing": self.missing and self.missing.message,
            "refusal": self.refusal and self.refusal.message,
            "next_due": self.next_due and self.next_due.isoformat(),
        }
        shown = asdict(replace(self, missing=None, refusal=None)) | told
        return {name: value for name, value in shown.items() if name != "counted"}

    @property
    def due_said(self) -> str | None:
        """When its next window is due, as times are printed."""
        return None if self.next_due is None else f"{self.next_due.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def count(self, state: State) -> int:
        return sum(window.state == state for window in self.windows) + dict(self.counted).get(state, 0)
