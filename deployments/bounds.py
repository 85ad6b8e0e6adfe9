"""Which values of a column belong to a window. The query at the source, the check of every row, the rows a window replaces and
the rules that compare windows all ask here.

Every value belongs to exactly one window of a grid. A moment belongs to the window it lies in. A date belongs to the window in
which its day ends, so that the day is over when the window is read. A local time belongs where its moment does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from deployments.clocks import Ambiguous, clock_at, day_at
from deployments.windows import Window

Bound = date | datetime
"""A date; an aware moment; or a naive time, local or UTC as the column is."""


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """A column of the warehouse that tells the windows of a table apart. `timezone`: the one its days are counted in."""

    name: str
    kind: Literal["date", "timestamp", "timestamptz"]
    timezone: str

    def bounds(self, window: Window) -> tuple[Bound, Bound]:
        """The least value of the window, and the least of the next one. The warehouse holds timestamps as UTC."""
        if self.kind == "date":
            return days(window, self.timezone)
        if self.kind == "timestamptz":
            return window.start.astimezone(UTC), window.end.astimezone(UTC)
        start, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (window.start, window.end))
        return start, end


def days(window: Window, timezone: str) -> tuple[date, date]:
    """The days that end in the window; the second is the first that doesn't. Both are the same where none ends."""
    return day_at(window.start, timezone), day_at(window.end, timezone)


def clocks(window: Window, timezone: str, ambiguous: Ambiguous) -> tuple[datetime, datetime]:
    """Local times from the first of the window to the first of the next one. A time that can't be told apart from another, and
    one that the clocks jump over, belong to exactly one window, too: they are set aside there."""
    start, end = (clock_at(moment, timezone, ambiguous) for moment in (window.start, window.end))
    return start, end
