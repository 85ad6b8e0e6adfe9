"""The dates of batches: read from labels and file names, or from the data; and the columns that only repeat them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median

from expectations.drift.catalogue import having
from expectations.drift.compare import likely_clocks
from expectations.drift.figures import Key, Pair
from expectations.drift.implied import Place, place
from expectations.profile.model import BETWEEN, Profile

Label = date | datetime | str | None

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])(?:[T_ -]?([01]\d|2[0-3]))?"
)
_EPOCH = date(1970, 1, 1)
SUNDAY = 6
WEEK = 7
# Batches are hours apart where it is less than so many days.
HOURS_APART = 0.9
STILL_TOLD, OF_THE_DATE = having("still_of_a_date"), having("date")
PARTS: dict[str, Callable[[date], int]] = {
    "year": lambda d: d.year,
    "quarter": lambda d: (d.month + 2) // 3,
    "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week,
    "day": lambda d: d.day,
}
_NAMED = re.compile(rf"(?:.*_)?(?:{'|'.join(PARTS)})(?:_.*)?", re.IGNORECASE)


def day_of(label: Label) -> float | None:
    """Days since 1970 of a label: a date, a window's start, or a name such as `sales_2024-05-06.csv`."""
    if isinstance(label, datetime):
        moment = label if label.tzinfo else label.replace(tzinfo=UTC)
        return moment.timestamp() / 86_400
    if isinstance(label, date):
        return float((label - _EPOCH).days)
    found = _DATE.search(label) if label else None
    if found is None:
        # Nor is a month one: its end is 28 to 31 days after its first.
        return None
    year, month, day = (int(part) for part in found.groups()[:3])
    try:
        return float((date(year, month, day) - _EPOCH).days) + int(found.group(4) or 0) / 24
    except ValueError:
        # The 31st of a month with 30 days: digits that are no date.
        return None


def days_of(labels: Sequence[Label]) -> list[float | None]:
    """Days of all labels, or none at all where one can't be read or they don't rise."""
    days = [day_of(label) for label in labels]
    told = [d for d in days if d is not None]
    rising = all(a < b for a, b in pairwise(told))
    return days if len(told) == len(days) and rising else [None] * len(days)


def weekdays(profiles: Sequence[Profile], days: Sequence[float | None]) -> list[int | None]:
    """Weekday of every batch (Monday 0): by its label, else by the middle of its first clock; none where most batches are
    further apart than a week.
    """
    known = _known(profiles, days)
    apart = [b - a for a, b in pairwise(known) if a is not None and b is not None]
    if apart and median(apart) > WEEK:
        return [None] * len(known)
    return [None if day is None else int(day + 3) % 7 for day in known]


def within_a_day(profiles: Sequence[Profile], days: Sequence[float | None]) -> bool:
    """Whether batches are hours apart, and not days, so far as they can be told."""
    known = _known(profiles, days)
    apart = [b - a for a, b in pairwise(known) if a is not None and b is not None]
    return bool(apart) and median(apart) < HOURS_APART


def turned_clocks(profiles: Sequence[Profile], days: Sequence[float | None]) -> int:
    """By how many hours a day told in UTC has begun later since Europe or North America changed their clocks within a week
    of the batch (1 or -1), or 0.
    """
    before, now = _known(profiles, days)[-2:]
    if before is None or now is None or now - before > WEEK:
        return 0
    first, each = _EPOCH.toordinal() + int(now), max(1, math.ceil(now - before))
    near = range(first - max(WEEK, 2 * each) + 1, first + each)
    return next((turned for day in near if (turned := _turned(date.fromordinal(day)))), 0)


def _turned(day: date) -> int:
    """The clocks go forward on the second (North America) and last Sunday of March (Europe), and back on the last Sunday of
    October and the first of November.
    """
    if day.weekday() != SUNDAY:
        return 0
    which, is_last = (day.day + WEEK - 1) // WEEK, (day + timedelta(WEEK)).month != day.month
    if day.month == 3 and (which == 2 or is_last):
        return -1
    return int((day.month == 10 and is_last) or (day.month == 11 and which == 1))


def _known(profiles: Sequence[Profile], days: Sequence[float | None]) -> list[float | None]:
    """The labels' days, and where there are none the middles of the first clock, read in one order of day and month."""
    firsts = [next((c for c in p.columns.values() if c.clocks), None) for p in profiles]
    clocks = iter(likely_clocks([c for c in firsts if c is not None]))
    middles = [None if c is None else next(clocks).quantiles[5] / 86_400 for c in firsts]
    return [middle if day is None else day for middle, day in zip(middles, days, strict=True)]


def repeats_a_date(profiles: Sequence[Profile], days: Sequence[float | None]) -> dict[str, list[Pair] | None]:
    """Columns that only repeat a part of the batch's date (year, month, day ...): that they change is no news.

    With the share of rows that agree with the label where no clock of the data tells it (see `given_others.held`).
    """
    last = len(profiles) - 1
    found: dict[str, list[Pair] | None] = {}
    counts: dict[str, int] = {}
    for profile in profiles[:last]:
        for name in {key.split(BETWEEN)[0] for key, share in profile.relations.parts.items() if is_part(key, share)}:
            counts[name] = counts.get(name, 0) + 1
    found.update({name: None for name, count in counts.items() if last >= 3 and count >= 0.9 * last})
    if last < 2:
        return found
    found.update({name: None for name in ticking(profiles) if name not in found})
    days = _known(profiles, days)
    if any(day is None for day in days) or last < 3:
        return found
    for name, column in profiles[last].columns.items():
        if name in found or column.clocks or any(name not in p.columns for p in profiles):
            continue
        for part in PARTS:
            agree = [_agrees(p, name, day, part) for p, day in zip(profiles, days, strict=True)]
            if sum(agree[:last]) >= 0.9 * last:
                found[name] = [(p.rows * float(ok), float(p.rows)) for p, ok in zip(profiles, agree, strict=True)]
    return found


def ticking(profiles: Sequence[Profile]) -> set[str]:
    """Columns that only count: one value in each batch, which stays, goes up by one, or starts anew (12, 1; 1.9, 2.0).

    Two steps must have been seen, unless the column is called what it counts (month, fiscal_year).
    """
    found = set()
    for name in profiles[-1].columns:
        columns = [p.columns.get(name) for p in profiles]
        alone = [c for c in columns if c is not None and c.distinct == 1 and not c.nulls and not c.clocks]
        read = [place(c, padded=True) for c in alone]
        places = [told for told in read if told is not None]
        if len(places) < len(profiles) or len({around for around, _ in places}) > 1:
            continue
        steps = [(a, b) for (_, a), (_, b) in pairwise(places) if a != b]
        if (len(steps) > 2 or _NAMED.fullmatch(name)) and all(_ticks(a, b) for a, b in steps):
            found.add(name)
    return found


def _ticks(a: Place, b: Place) -> bool:
    at = next(i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    on = b[at] == a[at] + 1 or (at == 0 and len(a) == 1 and a[at] > 1 and b[at] <= 1)
    return on and all(rest <= 1 for rest in b[at + 1 :])


def _agrees(profile: Profile, name: str, day: float | None, part: str) -> bool:
    numbers = profile.columns[name].numbers
    if numbers is None or day is None:
        return False
    near = {PARTS[part](date.fromordinal(_EPOCH.toordinal() + int(day) + step)) for step in (-1, 0, 1)}
    return numbers.quantiles[1] in near and numbers.quantiles[-2] in near


def is_part(key: str, share: float) -> bool:
    """Whether a column is a part of a date where it equals it in this share of rows. A month stays the same for weeks: that
    many small numbers are 1 says nothing in January.
    """
    return share >= (0.9 if key.endswith((f"{BETWEEN}year", f"{BETWEEN}month")) else 0.5)


def muted(key: Key, repeated: dict[str, list[Pair] | None]) -> bool:
    """Whether a figure only says that the date went on."""
    if key.of in OF_THE_DATE or not repeated:
        return False
    return (key.column in repeated and key.of not in STILL_TOLD) or key.second in repeated
