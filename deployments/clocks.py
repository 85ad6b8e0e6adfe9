"""Clocks of a time zone: when they jump, and what they show. The tz database that Python reads is the only one asked.

Local times are naive, moments are aware datetimes in UTC. A local time that the clocks pass twice (an overlap, when they go
back) has two moments; one that they jump over (a gap) has none.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

Ambiguous = Literal["quarantine", "first", "second"]

FIRST_YEAR, LAST_YEAR = 1840, 2128
"""No zone jumps before 1844. From 2101 every zone follows a yearly rule, and within 28 years every kind of year occurs."""
_OLD, _OLD_PROBE, _PROBE = datetime(1950, 1, 1, tzinfo=UTC), timedelta(days=3), timedelta(days=6)
"""No two jumps of a zone are closer to each other than the probes: in 1939 clocks were put back within four days."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Jump:
    """From `at` on, the clocks are `after` ahead of UTC; until then `before`."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def shown(self) -> tuple[datetime, datetime]:
        """Local times, the earlier first, between which the clocks jump over (a gap) or pass twice (an overlap)."""
        naive = self.at.replace(tzinfo=None)
        low, high = sorted((naive + self.before, naive + self.after))
        return low, high

    @property
    def goes_back(self) -> bool:
        return self.after < self.before


@lru_cache(maxsize=64)
def jumps(zone: str) -> tuple[Jump, ...]:
    """Every jump of a zone's clocks, oldest first, up to LAST_YEAR."""
    clock = ZoneInfo(zone)
    found = []
    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR + 1, 1, 2, tzinfo=UTC)
    ahead = at.astimezone(clock).utcoffset()
    while at < end:
        following = at + (_OLD_PROBE if at < _OLD else _PROBE)
        then = following.astimezone(clock).utcoffset()
        if then != ahead:
            assert ahead is not None
            assert then is not None
            found.append(Jump(_changed(clock, at, following, ahead), ahead, then))
        at, ahead = following, then
    return tuple(found)


def first_offset(zone: str) -> timedelta:
    """How far ahead of UTC the clocks were before their first jump."""
    offset = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


def begun(day: date, zone: str) -> datetime:
    """The moment a day begins: its first midnight, or the jump that leads over midnight."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def day_at(moment: datetime, zone: str) -> date:
    """The last day that has begun by `moment`. Later moments never have an earlier day, though clocks may go back over
    midnight."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    while begun(day + timedelta(days=1), zone) <= moment:
        day += timedelta(days=1)
    while begun(day, zone) > moment:
        day -= timedelta(days=1)
    return day


def clock_at(moment: datetime, zone: str, ambiguous: Ambiguous) -> datetime:
    """The least local time whose moment isn't before `moment`, where a local time that is passed twice stands for its
    first moment, or its second. A time that the clocks jump over counts to what lies before the jump."""
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    known = jumps(zone)
    at = bisect_right(known, moment, key=lambda jump: jump.at)
    if ambiguous == "second":
        return min([local, *(jump.shown[0] for jump in known[at : at + 2])])
    return max([local, *(jump.shown[1] for jump in known[max(0, at - 2) : at] if jump.goes_back)])


def _changed(clock: ZoneInfo, low: datetime, high: datetime, ahead: timedelta) -> datetime:
    """The first second at which the clocks aren't `ahead` any more; they are at `low`, and aren't at `high`."""
    seconds = range(int((high - low) / _SECOND) + 1)
    at = bisect_right(seconds, 0, key=lambda n: (low + n * _SECOND).astimezone(clock).utcoffset() != ahead)
    return low + at * _SECOND
