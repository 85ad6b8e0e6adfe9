"""Who is on call when: weeks in turn, weeks given by hand, swaps, overrides, absences. The clock is passed in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.oncall import DAYS, OnCall
from deployments.declarations.problems import Fault, KeyPath, nearest

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Shift:
    """A time in which one person is on call; `person` None: nobody is. Both ends are UTC, the end not included."""

    start: datetime
    end: datetime
    person: str | None
    reason: str = ""


def name_of(rota: OnCall, shift: Shift) -> str:
    """Who has the shift, for people."""
    return rota.people[shift.person].name if shift.person is not None else "nobody"


def shifts(rota: OnCall, low: datetime, high: datetime) -> list[Shift]:
    """Who is on call between two moments (aware), in order and without holes; neighbors of one person are joined."""
    edges = {low, high}
    first = _week_at(rota, low)
    for n in range(first, _week_at(rota, high) + 1):
        edges.add(_edge(rota, n))
    for span in (*rota.overrides, *(away for person in rota.people.values() for away in person.away)):
        edges.update((_utc(rota, span.from_), _utc(rota, span.to)))
    ordered = sorted(edge for edge in edges if low <= edge <= high)
    found: list[Shift] = []
    for start, end in itertools.pairwise(ordered):
        person, reason = _at(rota, start)
        week_begins = _edge(rota, _week_at(rota, start)) == start
        if found and (found[-1].person, found[-1].reason) == (person, reason) and not week_begins:
            found[-1] = Shift(found[-1].start, end, person, reason)
        else:
            found.append(Shift(start, end, person, reason))
    return found


def shift_at(rota: OnCall, at: datetime) -> Shift:
    """The shift that holds at a moment, as far as it lies in that week."""
    start, end = week_at(rota, at)
    return next(shift for shift in shifts(rota, start, end) if shift.start <= at < shift.end)


def week_at(rota: OnCall, at: datetime) -> tuple[datetime, datetime]:
    """Beginning and end (UTC) of the week that holds a moment: from one handover to the next."""
    n = _week_at(rota, at)
    return _edge(rota, n), _edge(rota, n + 1)


def relief(rota: OnCall, at: datetime) -> Shift | None:
    """The next shift of somebody else within four weeks; None when nobody else follows."""
    current = shift_at(rota, at)
    for shift in shifts(rota, current.end, current.end + 4 * WEEK):
        if shift.person is not None and shift.person != current.person:
            return shift
    return None


def rota_faults(rota: OnCall) -> Iterator[Fault]:
    """Everything wrong between the keys of a rota; gaps only when the rest is sound."""
    faults = [*_unknown_people(rota), *_weeks_off_the_handover(rota), *_overlaps(rota)]
    if not rota.rotation and not rota.weeks:
        faults.append(
            Fault(("rotation",), "nobody is ever on call", "rotation: [person, ...] or weeks: {date: person}")
        )
    yield from faults
    if not faults:
        yield from _gaps(rota)


def ends_at(rota: OnCall) -> datetime | None:
    """When weeks given by hand run out and no rotation follows; None: never."""
    if rota.rotation:
        return None
    return _utc(rota, datetime.combine(max(rota.weeks) + WEEK, rota.handover_time))


def _gaps(rota: OnCall) -> Iterator[Fault]:
    """Times without anybody, from the start to one round after the last date in the file."""
    dates = [rota.starts, *rota.weeks, *(swap.week for swap in rota.swaps), *(swap.with_ for swap in rota.swaps)]
    spans = [*rota.overrides, *(away for person in rota.people.values() for away in person.away)]
    dates += [span.to.date() for span in spans]
    rounds = max(len(rota.rotation), 1)
    end = ends_at(rota) or _utc(rota, datetime.combine(max(dates), rota.handover_time)) + (rounds + 1) * WEEK
    zone = ZoneInfo(rota.timezone)
    for shift in shifts(rota, _edge(rota, 0), end):
        if shift.person is None:
            local = [moment.astimezone(zone) for moment in (shift.start, shift.end)]
            yield Fault(
                _place(rota, shift.reason), f"nobody is on call from {local[0]:%Y-%m-%d %H:%M} to "
                f"{local[1]:%Y-%m-%d %H:%M} ({rota.timezone})" + (f": {shift.reason}" if shift.reason else ""),
                "an override, a swap or a week by hand",
            )  # fmt: skip


def _place(rota: OnCall, reason: str) -> KeyPath:
    away = next((name for name, person in rota.people.items() if reason == f"{person.name} is away"), None)
    return ("people", away, "away") if away else ("weeks",) if rota.weeks else ("rotation",)


def _at(rota: OnCall, moment: datetime) -> tuple[str | None, str]:
    """Who is on call at a moment, and why if it isn't simply their turn."""
    for item in rota.overrides:
        if _utc(rota, item.from_) <= moment < _utc(rota, item.to):
            return _unless_away(rota, item.person, item.reason or "stands in", moment)
    week = _date(rota, _week_at(rota, moment))
    for swap in rota.swaps:
        if week in (swap.week, swap.with_):
            other = swap.with_ if week == swap.week else swap.week
            return _unless_away(rota, _turn(rota, other), swap.reason or "swapped", moment)
    return _unless_away(rota, _turn(rota, week), "", moment)


def _unless_away(rota: OnCall, person: str | None, reason: str, moment: datetime) -> tuple[str | None, str]:
    if person is None:
        return None, reason
    if any(_utc(rota, away.from_) <= moment < _utc(rota, away.to) for away in rota.people[person].away):
        return None, f"{rota.people[person].name} is away"
    return person, reason


def _turn(rota: OnCall, week: date) -> str | None:
    if week in rota.weeks:
        return rota.weeks[week]
    n = (week - rota.starts).days // 7
    return rota.rotation[n % len(rota.rotation)] if rota.rotation and n >= 0 else None


def _week_at(rota: OnCall, moment: datetime) -> int:
    local = moment.astimezone(ZoneInfo(rota.timezone)).replace(tzinfo=None)
    return (local - datetime.combine(rota.starts, rota.handover_time)) // WEEK


def _date(rota: OnCall, n: int) -> date:
    return rota.starts + n * WEEK


def _edge(rota: OnCall, n: int) -> datetime:
    return _utc(rota, datetime.combine(_date(rota, n), rota.handover_time))


def _utc(rota: OnCall, local: datetime) -> datetime:
    return local.replace(tzinfo=ZoneInfo(rota.timezone)).astimezone(UTC)


def _unknown_people(rota: OnCall) -> Iterator[Fault]:
    used: list[tuple[KeyPath, str]] = [
        *((("rotation", n), name) for n, name in enumerate(rota.rotation)),
        *((("weeks", week.isoformat()), name) for week, name in rota.weeks.items()),
        *((("overrides", n, "person"), item.person) for n, item in enumerate(rota.overrides)),
        *((("escalation", "to", n), name) for n, name in enumerate(rota.escalation.to)),
    ]
    for place, name in used:
        if name not in rota.people:
            yield Fault(place, f"'{name}' isn't one of the people", ", ".join(rota.people), nearest(name, rota.people))


def _weeks_off_the_handover(rota: OnCall) -> Iterator[Fault]:
    day = DAYS[rota.handover_day]
    dated: list[tuple[KeyPath, date]] = [
        (("starts",), rota.starts),
        *((("weeks", week.isoformat()), week) for week in rota.weeks),
        *((("swaps", n, key), when) for n, swap in enumerate(rota.swaps)
          for key, when in (("week", swap.week), ("with", swap.with_))),
    ]  # fmt: skip
    for place, when in dated:
        if when.weekday() != rota.handover_day:
            near = when - timedelta(days=(when.weekday() - rota.handover_day) % 7)
            yield Fault(place, f"{when} is a {DAYS[when.weekday()]}, weeks begin on {day}", f"such as {near}")
        elif when < rota.starts:
            yield Fault(place, f"{when} lies before the rota starts ({rota.starts})")


def _overlaps(rota: OnCall) -> Iterator[Fault]:
    """Two overrides at one time, or a week swapped twice: the file wouldn't say who it is."""
    spans: Sequence[tuple[datetime, datetime, int]] = sorted(
        (item.from_, item.to, n) for n, item in enumerate(rota.overrides)
    )
    for (_, end, earlier), (start, _, later) in itertools.pairwise(spans):
        if start < end:
            yield Fault(("overrides", later), f"overlaps another override, by {rota.overrides[earlier].person}")
    seen: set[date] = set()
    for n, swap in enumerate(rota.swaps):
        if swap.week == swap.with_:
            yield Fault(("swaps", n), "a week can't be swapped with itself")
        for week in {swap.week, swap.with_} & seen:
            yield Fault(("swaps", n), f"the week of {week} is swapped already")
        seen |= {swap.week, swap.with_}
