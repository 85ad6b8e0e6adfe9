"""Windows: the half-open intervals a table is loaded by, and the grid that names them.

A grid is anchored at a local start. Days, weeks and months step in local calendar time, so a calendar day in a zone
with daylight saving stays a calendar day (23 or 25 hours long). Hours and minutes step in elapsed time.
Nothing here reads the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from deployments.clocks import begun

_ELAPSED = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_EVERY = re.compile(r"(?:(?P<name>hour|day|week|month)|(?P<n>[1-9]\d{0,3})(?P<unit>m|h|d))")
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open interval `[start, end)`; both ends are aware datetimes in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware datetimes")
        if self.start >= self.end:
            raise ValueError(f"a window must end after it starts: {self.start} .. {self.end}")

    @property
    def key(self) -> str:
        """The stable name of the window: ISO 8601 start and end in UTC, joined by '/'."""
        return f"{_iso(self.start)}/{_iso(self.end)}"

    @classmethod
    def from_key(cls, key: str) -> Window:
        """The inverse of `key`; raises ValueError for anything else."""
        start, _, end = key.partition("/")
        return cls(_parse_iso(start), _parse_iso(end))


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows of a table: every `every` from the local time `start`, up to `end` (exclusive) if given."""

    every: str
    timezone: str
    start: datetime
    end: datetime | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def nth(self, n: int) -> Window:
        """The n-th window, counted from 0 at `start`."""
        return Window(self._edge(n), self._edge(n + 1))

    def between(self, low: datetime, high: datetime) -> Iterator[Window]:
        """Whole windows that start at or after `low` and end at or before `high` (aware datetimes)."""
        n, last = max(0, self._index_at(low)), self._end_utc
        start = self._edge(n)
        while last is None or start < last:
            n, end = n + 1, self._edge(n + 1)
            if end > high:
                return
            # A day that the clocks of a zone jump over has no moment.
            if low <= start < end:
                yield Window(start, end)
            start = end

    def overlapping(self, window: Window) -> Iterator[Window]:
        """Windows that share a moment with another one, oldest first."""
        n, last = max(0, self._index_at(window.start)), self._end_utc
        while self._edge(n) < window.end and (last is None or self._edge(n) < last):
            if self._edge(n) < self._edge(n + 1):
                yield self.nth(n)
            n += 1

    def due(self, now: datetime) -> Iterator[Window]:
        """Windows that have ended by `now`, oldest first."""
        return self.between(self._edge(0), now)

    def due_keys(self, now: datetime) -> tuple[str, ...]:
        """`key` of each of `due`: made once for all tables of a grid."""
        return _keys(self, self._index_at(now))

    def next_after(self, now: datetime) -> Window | None:
        """The first window that has not ended by `now`; None when the grid has ended."""
        n = max(0, self._index_at(now))
        while self._edge(n + 1) <= now:
            n += 1
        if self._end_utc is not None and self._edge(n) >= self._end_utc:
            return None
        return self.nth(n)

    @property
    def ends_on_an_edge(self) -> bool:
        """Whether `end` is where a window ends; otherwise the last window would reach beyond it."""
        return self._end_utc is None or self._edge(self._index_at(self._end_utc)) == self._end_utc

    def label(self, window: Window) -> str:
        """What people call the window: its local start, as short as the grid allows ('2020-08-10')."""
        local = window.start.astimezone(self.zone)
        # The clocks may jump over midnight: what begins with a day is called by it.
        if (
            self._calendar
            and not (self.start.hour or self.start.minute)
            and begun(local, self.timezone) == window.start
        ):
            return f"{local:%Y-%m}" if self.every == "month" and local.day == 1 else f"{local:%Y-%m-%d}"
        # The offset tells the two local hours apart that share a name when clocks go back.
        return local.isoformat(timespec="minutes")

    def parse(self, text: str) -> Window:
        """The window that a label, a key or a local time inside it names; ValueError when none does."""
        if "/" in text:
            window = Window.from_key(text)
            if not self._holds(window):
                raise ValueError(f"{text} isn't a window of this grid (every {self.every} {self._span()})")
            return window
        if self.every != "month" and _MONTH.fullmatch(text.strip()):
            # Its first window alone is less than was meant, of a run as of an undo.
            raise ValueError(
                f"{text} is a month, and the windows are shorter (every {self.every}): name one, or take all of them by "
                "--from and --to"
            )
        moment = self.moment(text)
        n = self._index_at(moment)
        if n < 0 or (self._end_utc is not None and moment >= self._end_utc):
            raise ValueError(f"{text} lies outside the table's windows ({self._span()})")
        return self.nth(n)

    def moment(self, text: str) -> datetime:
        """An aware UTC datetime from a local date, month or time as people type it."""
        text = text.strip()
        if _MONTH.fullmatch(text):
            text += "-01"
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"'{text}' isn't a date or time like 2020-08-10 or 2020-08-10T02:00") from None
        return (value if value.tzinfo else value.replace(tzinfo=self.zone)).astimezone(UTC)

    @property
    def _calendar(self) -> bool:
        return self.every in ("day", "week", "month") or self.every.endswith("d")

    @property
    def _end_utc(self) -> datetime | None:
        return None if self.end is None else self.end.replace(tzinfo=self.zone).astimezone(UTC)

    def _span(self) -> str:
        return f"from {self.start.isoformat(' ')}" + (f" to {self.end.isoformat(' ')}" if self.end else "")

    def _edge(self, n: int) -> datetime:
        if self.every == "month":
            months = self.start.year * 12 + self.start.month - 1 + n
            local = self.start.replace(year=months // 12, month=months % 12 + 1)
        elif self._calendar:
            local = self.start + n * self._step
        else:
            return self.start.replace(tzinfo=self.zone).astimezone(UTC) + n * self._step
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    @property
    def _step(self) -> timedelta:
        named = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
        if self.every in named:
            return named[self.every]
        count, unit = int(self.every[:-1]), self.every[-1]
        return count * (timedelta(days=1) if unit == "d" else _ELAPSED[unit])

    def _index_at(self, moment: datetime) -> int:
        """The index of the window that contains `moment`; negative before the grid starts."""
        if moment < self._edge(0):
            return -1
        if self.every == "month":
            local = moment.astimezone(self.zone)
            n = (local.year - self.start.year) * 12 + local.month - self.start.month
        else:
            n = int((moment - self._edge(0)) / self._step)
        while self._edge(n) > moment:
            n -= 1
        while self._edge(n + 1) <= moment:
            n += 1
        return n

    def _holds(self, window: Window) -> bool:
        n = self._index_at(window.start)
        before_end = self._end_utc is None or window.start < self._end_utc
        return n >= 0 and before_end and self.nth(n) == window


@lru_cache(maxsize=16)
def _keys(grid: Grid, count: int) -> tuple[str, ...]:
    """Keys of the first windows of a grid, so many."""
    return () if count < 1 else tuple(window.key for window in grid.due(grid._edge(count)))


def check_every(every: str) -> str:
    """Return `every` if it is a step a grid knows; ValueError otherwise."""
    if not _EVERY.fullmatch(every):
        raise ValueError("allowed: hour, day, week, month, or a number with m, h or d such as 15m")
    return every


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()[:19] + "Z"


def _parse_iso(text: str) -> datetime:
    # strptime takes ten times as long, and books hold many windows.
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or _iso(moment) != text:
        raise ValueError(f"'{text}' isn't a moment of a window's key")
    return moment
