"""Which windows of a table somebody asks for, and the error of one that isn't there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from deployments.declarations.table import Table
from deployments.errors import DeclarationError
from deployments.windows import Window

Reprocess = Literal["none", "failed", "all"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which windows are asked for. `start` and `end` (exclusive) are local dates or times, or labels."""

    window: str | None = None
    start: str | None = None
    end: str | None = None
    full_refresh: bool = False
    reprocess: Reprocess = "failed"


def named(table: Table, text: str, ended: datetime) -> Window:
    """The window somebody asked for; DeclarationError when there is none, or it isn't over."""
    assert table.grid is not None
    try:
        window = table.grid.parse(text)
        if window.end > ended:
            due = (window.end + table.lag).astimezone(table.grid.zone)
            begun = "isn't over yet" if window.start <= ended + table.lag else "lies in the future"
            raise ValueError(f"{text} {begun}: it is read from {due:%Y-%m-%d %H:%M} on ({table.grid.timezone})")
    except ValueError as error:
        raise no_such_window(table.table, str(error)) from None
    return window


def no_such_window(name: str, message: str) -> DeclarationError:
    """The error of a window that is asked for and isn't there."""
    return DeclarationError(f"{name}: {message}", code="NO-SUCH-WINDOW", next_command=f"headgate plan {name}")


def chosen(table: Table, due: Sequence[Window], selection: Selection) -> set[Window]:
    """Those of these windows that are asked for by `start` and `end`; DeclarationError for what is no date, or no span."""
    assert table.grid is not None
    grid = table.grid
    try:
        low = grid.moment(selection.start) if selection.start else None
        high = grid.moment(selection.end) if selection.end else None
    except ValueError as error:
        raise no_such_window(table.table, str(error)) from None
    if low is not None and high is not None and low >= high:
        raise no_such_window(
            table.table, f"--from {selection.start} isn't before --to {selection.end} (which is exclusive)"
        )
    wanted = {w for w in due if (low is None or w.start >= low) and (high is None or w.end <= high)}
    if low is None and high is None and table.schedule is not None and not table.schedule.catchup:
        wanted = set(due[-1:])
    return wanted
