"""Causes of what is odd in points in time: another zone or date, hours without a row, a lost time of day, dates far off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np

from expectations.drift.calendar import Label, days_of
from expectations.drift.causes_missing import usually
from expectations.drift.compare import likely_clocks
from expectations.drift.labels import pauses_of
from expectations.drift.model import Cause
from expectations.drift.words import percent
from expectations.profile.model import CLOCK_GRID, Clock, Profile
from expectations.profile.numbers import DAY

HOUR = 3600.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = ((datetime(*day, tzinfo=UTC) - EPOCH).total_seconds() for day in ((1, 1, 2), (9999, 12, 31)))
MONTHS = 12
NOON = 12
AFTERNOON = 0.2
# Batches that must have shown where they stand.
SHOWN = 7
# A batch lies elsewhere where it is so many times further from where it usually stands than nearly all before were, and so many
# hours at least.
FURTHER = 2.0
MOST = 0.9
LEAST = 0.4
# Hours by which a move may differ from whole half hours, and from whole days; and by which the parts of a batch may differ,
# more where it is far: readings of whole hours move by one more or less.
EXACT = 0.2
WHOLE = 0.4
NEAR = 2.0
EXACT_DAYS = 6.0
TOGETHER = 0.6
# From so many hours on it is told in days.
IN_DAYS = 23.0
# A date is far off where it lies so many days beyond all that ever were.
FAR = 3.0
# So many rows at most ever were where now nearly all are.
NEVER = 0.3
NEARLY_ALL = 0.98
MISSING = 0.02
MORE = 1.5
# Hours that were moved and not lost: how much better the day agrees with that.
BETTER = 0.02
FEW_HOURS = 2
INNER = range(2, len(CLOCK_GRID) - 2)
MIDDLE = CLOCK_GRID.index(0.5)


def causes(name: str, profiles: Sequence[Profile], labels: Sequence[Label]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile; `labels` say when each of them was."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    if len(columns) <= SHOWN or not all(c.clocks for c in columns):
        return
    clocks = likely_clocks(columns)
    yield from _time_lost(name, clocks)
    yield from _pause(name, clocks)
    days = days_of(labels)
    if len(columns) == len(profiles) and days[-1] is not None:
        stands = np.array([
            [at / HOUR - 24 * (day or 0.0) for at in clock.quantiles] for clock, day in zip(clocks, days, strict=True)
        ])  # fmt: skip
        yield from _moved(name, stands, clocks[-1], days[-1], np.array([_shares(c) for c in clocks]))
        yield from _far(name, stands, clocks[-1])


def _is_morning(hours: np.ndarray) -> bool:
    """Whether no row lies in the afternoon, where many usually do: that may be a clock of twelve hours."""
    return bool(hours[:-1, NOON + 1 :].sum(axis=1).mean() > AFTERNOON and not hours[-1, NOON + 1 :].any())


def _moved(name: str, stands: np.ndarray, now: Clock, day: float, hours: np.ndarray) -> Iterator[Cause]:
    """All of a batch, or of what its middle is made of, by whole half hours or days from where it usually stands."""
    usual = np.median(stands[:-1], axis=0)
    strays = np.quantile(np.abs(stands[:-1] - usual), MOST, axis=0)
    off = (stands[-1] - usual)[INNER]
    by = float(np.median(off))
    # A day that begins at midnight shows it by its ends, one of opening hours by its middle.
    sure = float(np.average(stands[-1] - usual, weights=1 / (strays + EXACT / 4) ** 2))
    by = sure if abs(sure - by) < NEAR else by
    # One short day among them says nothing about where all others stand.
    stray, least = float(strays[MIDDLE]), float(strays.min())
    if abs(by) < IN_DAYS and _is_morning(hours):
        return
    if abs(by) < max(LEAST, FURTHER * stray):
        return
    then = _at(now.quantiles[MIDDLE] - by * HOUR)
    middle = f"its middle is {_moment(_at(now.quantiles[MIDDLE]))}"
    side = "later" if by > 0 else "earlier"
    batch = _at(day * DAY)
    if abs(by) >= IN_DAYS and (turned := _turned(now, batch)):
        yield Cause(
            "day and month swapped", 0.97,
            f"Day and month of {name} have changed places: its middle is {turned:%Y-%m-%d} in the batch of {batch:%Y-%m-%d}.",
        )  # fmt: skip
        return
    if abs(by) >= IN_DAYS and abs(by - 24 * round(by / 24)) < EXACT_DAYS and float(np.ptp(off)) < 2 * EXACT_DAYS:
        count = abs(round(by / 24))
        whole = {365: "a year", 366: "a year", 1: "one day"}.get(count, f"{count:,} days")
        yield Cause(
            f"{whole} {side}", 0.96,
            f"All of {name} lies {whole} {side} than usual: {middle}, and would usually be {_moment(then)}.",
        )  # fmt: skip
        return
    # Few zones are half an hour off, and where rows come anywhere in the hour their middle strays.
    half = float(round(by)) if abs(by - round(by)) <= WHOLE else round(2 * by) / 2
    room = max(TOGETHER * (1 + abs(by) / 4), 3 * stray)
    if half and abs(by - half) < max(EXACT, min(WHOLE, 2 * least)) and float(np.ptp(off)) < room:
        yield Cause(
            f"shifted by {half:+g} h", 0.94,
            f"All of {name} lies {abs(half):g} h {side} than usual, as in another time zone: {middle}, and would usually be "
            f"{then:%H:%M}.",
        )  # fmt: skip


def _turned(now: Clock, batch: datetime) -> datetime | None:
    """The middle of a batch that would be where it belongs with day and month in each other's place; None where it wouldn't."""
    found = [_at(now.quantiles[at]) for at in INNER]
    if any(at.day > MONTHS or abs(at.replace(month=at.day, day=at.month) - batch) > timedelta(days=2) for at in found):
        return None
    return found[len(found) // 2]


def _far(name: str, stands: np.ndarray, now: Clock) -> Iterator[Cause]:
    """Some dates days beyond any that ever were, the middle of them where it usually is."""
    low, high = float(stands[:-1].min()), float(stands[:-1].max())
    for at, beyond, word in ((0, (low - stands[-1, 0]) / 24, "first"), (-1, (stands[-1, -1] - high) / 24, "last")):
        if beyond > FAR and low <= stands[-1, MIDDLE] <= high:
            value = _at(now.quantiles[at])
            years = f"about {beyond / 365.25:,.0f} years" if beyond > 700 else f"{beyond:,.0f} days"
            share = [
                p for p, x in zip(CLOCK_GRID, stands[-1], strict=True) if (x < low - 24 if at == 0 else x > high + 24)
            ]
            part = (max(share) if at == 0 else 1 - min(share)) if share else 0.0
            rows = (
                f"at least {percent(part)} of the rows lie there"
                if part
                else f"fewer than {percent(CLOCK_GRID[1])} of the rows do"
            )
            yield Cause(
                "dates far off", 0.83,
                f"Some of {name} are far from the batch's date: the {word} is {_moment(value)}, {years} beyond all that ever "
                f"were; {rows}.",
            )  # fmt: skip
            return


def _time_lost(name: str, clocks: Sequence[Clock]) -> Iterator[Cause]:
    """Points in time that have lost their time of day, or their seconds."""
    for part, lost, now in (
        ("midnight", "its time of day", "at 00:00"), ("whole_minutes", "its seconds", "on the full minute"),
    ):  # fmt: skip
        shares = [getattr(c, part) / max(c.count, 1.0) for c in clocks]
        if shares[-1] >= NEARLY_ALL and max(shares[:-1]) < NEVER:
            yield Cause(
                f"{lost.removeprefix('its ')} lost", 0.99 if part == "midnight" else 0.9,
                f"{name} has lost {lost}: {percent(median(shares[:-1]))} of its values were {now} before, {percent(shares[-1])} "
                f"are now.",
            )  # fmt: skip
            return


def _pause(name: str, clocks: Sequence[Clock]) -> Iterator[Cause]:
    """Hours without a row between the first and the last, in which rows usually come; or as many by which the rest is moved."""
    found = pauses_of(clocks)
    missing, first, hours = found[-1]
    if missing < MISSING or missing <= MORE * max(share for share, _, _ in found[:-1]):
        return
    shares = np.array([_shares(c) for c in clocks])
    begin = int(clocks[-1].quantiles[0] % DAY // HOUR)
    # From where the batch begins on, as a local day told in UTC begins in the evening.
    usual, now, at = np.roll(shares[:-1].mean(axis=0), -begin), np.roll(shares[-1], -begin), (first - begin) % 24
    lost, later = usual.copy(), usual.copy()
    lost[at : at + hours] = 0.0
    later[at + hours :] = usual[at : 24 - hours]
    later[at : at + hours] = 0.0
    fits = [float(np.sqrt(x / max(x.sum(), 1e-9)) @ np.sqrt(now)) for x in (lost, later)]
    span = f"{first:02d}:00 and {(first + hours - 1) % 24 + 1:02d}:00"
    there = usually(missing, clocks[-1].count)
    # Hours that are moved past the end of the day stand in the next one.
    if fits[1] > fits[0] + BETTER:
        yield Cause(
            f"shifted by +{hours} h from {first:02d}:00 on", 0.86,
            f"What comes from {first:02d}:00 on in {name} is {hours} h later than usual: no row lies between {span}, where "
            f"{there} usually do, and the hours after have what those {hours} h before them had.",
        )  # fmt: skip
        return
    alike = hours <= FEW_HOURS and fits[1] > fits[0] - BETTER
    or_moved = f": they are missing, or all that comes later is {hours} h late" if alike else ""
    yield Cause(
        f"rows from {first:02d}:00 to {(first + hours - 1) % 24 + 1:02d}:00 missing", 0.845,
        f"No row of {name} lies between {span}; {there} usually do{or_moved}.",
    )  # fmt: skip


def _shares(clock: Clock) -> np.ndarray:
    """The share of the rows in each hour of the day."""
    return np.array(clock.hours) / max(sum(clock.hours), 1.0)


def _at(seconds: float) -> datetime:
    """Seconds since 1970 as a date; the last there is for what lies beyond it."""
    return EPOCH + timedelta(seconds=min(max(seconds, FIRST), LAST))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
