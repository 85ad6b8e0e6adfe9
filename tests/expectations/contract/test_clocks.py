"""Every jump of every zone: local times become the moments Python gives them, and each value lies in exactly one window."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from deployments.bounds import WindowColumn, clocks, days
from deployments.clocks import Jump, begun, jumps
from deployments.windows import Grid
from expectations.contract.clocks import moment_sql, repeated_sql, set_clocks, skipped_sql

HOUR, SECOND, MICROSECOND = timedelta(hours=1), timedelta(seconds=1), timedelta(microseconds=1)
SOME_YEARS = (1, 1500, 1839, 1900, 1969, 2024, 2037, 2038, 2088, 2099, 2100, 2101, 2128, 2129, 2400, 2568, 9998)


@cache
def zones() -> dict[str, list[str]]:
    """The zones of the tz database by their region, each set of clocks once."""
    seen: dict[bytes, str] = {}
    for zone in sorted(zoneinfo.available_timezones(), key=lambda name: ("/" not in name, name)):
        file = next((Path(folder) / zone for folder in zoneinfo.TZPATH if (Path(folder) / zone).is_file()), None)
        seen.setdefault(zone.encode() if file is None else file.read_bytes(), zone)
    found: dict[str, list[str]] = {}
    for zone in seen.values():
        found.setdefault(zone.partition("/")[0] if "/" in zone else "other", []).append(zone)
    return found


def moments(local: datetime, zone: str) -> list[datetime]:
    """By the standard library alone: the moments at which the clocks show a local time."""
    clock = zoneinfo.ZoneInfo(zone)
    both = {local.replace(tzinfo=clock, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(moment for moment in both if moment.astimezone(clock).replace(tzinfo=None, fold=0) == local)


def around(jump: Jump) -> Iterator[datetime]:
    low, high = jump.shown
    for edge in (low, high):
        yield from (edge - HOUR, edge - MICROSECOND, edge, edge + SECOND, edge + HOUR)
    yield low + (high - low) / 2


WATCHED = ("America/New_York", "Africa/Casablanca", "Pacific/Apia", "America/Juneau", "Asia/Gaza", "Europe/Dublin")


@pytest.mark.parametrize("region", sorted(zones()))
def test_a_local_time_is_the_moment_that_the_tz_database_says(region: str) -> None:
    connection = duckdb.connect()
    # Each zone takes a third of a second here: all of them when HEADGATE_EVERY_ZONE is set.
    chosen = zones()[region] if os.environ.get("HEADGATE_EVERY_ZONE") else zones()[region][::6]
    for zone in {*chosen, *(zone for zone in WATCHED if zone in zones()[region])}:
        values = {value for jump in jumps(zone) for value in around(jump)}
        values |= {datetime(year, month, 14, 2, 30) for year in SOME_YEARS for month in (1, 4, 7, 12)}
        set_clocks(connection, [zone])
        asked = [moment_sql(zone, "v", "first"), moment_sql(zone, "v", "second"), skipped_sql(zone, "v"),
                 repeated_sql(zone, "v")]  # fmt: skip
        rows = connection.execute(
            f"SELECT v, {', '.join(asked)} FROM (SELECT unnest(?::TIMESTAMP[]) AS v)", [sorted(values)]
        ).fetchall()
        for value, first, second, skipped, repeated in rows:
            right = [moment.replace(tzinfo=None) for moment in moments(value, zone)]
            assert (first, second) == ((right[0], right[-1]) if right else (None, None)), f"{zone} {value}"
            assert (bool(skipped), bool(repeated)) == (not right, len(right) == 2), f"{zone} {value}"


GRIDS = [
    ("hour", 0, 0.2),
    ("15m", 0, 0.1),
    ("day", 0, 3),
    ("day", 2, 3),
    ("2d", 0, 6),
    ("week", 0, 15),
    ("month", 0, 63),
]
"""Windows, the hour of day they begin at, and how many days around a jump are looked at."""


@pytest.mark.parametrize("region", sorted(zones()))
def test_every_value_lies_in_exactly_one_window_the_one_of_its_moment(region: str) -> None:
    for zone in zones()[region]:
        for number, jump in enumerate(jumps(zone)):
            # They take turns: each kind of window, and each meaning of a time that is passed twice, at every jump would take
            # minutes.
            every, hour, reach = GRIDS[number % len(GRIDS)]
            first = datetime.combine(jump.at.date() - timedelta(days=8), datetime.min.time()).replace(hour=hour)
            grid = Grid(every, zone, first.replace(day=1) if every == "month" else first)
            windows = list(grid.between(jump.at - timedelta(days=reach), jump.at + timedelta(days=reach)))
            assert all(one.end == other.start for one, other in pairwise(windows))
            for ambiguous in ("first", "second") if number % 2 else ("quarantine", "second"):
                bounds = [clocks(window, zone, ambiguous) for window in windows]  # type: ignore[arg-type]
                assert all(low <= high for low, high in bounds)
                assert all(one[1] == other[0] for one, other in pairwise(bounds)), f"{zone} {every} {jump}"
                for value in around(jump):
                    right = moments(value, zone)
                    if not right:
                        continue
                    moment = right[-1] if ambiguous == "second" else right[0]
                    inside = [w for w, (low, high) in zip(windows, bounds, strict=True) if low <= value < high]
                    assert inside == [w for w in windows if w.start <= moment < w.end], f"{zone} {every} {value}"
            of_days = [days(window, zone) for window in windows]
            assert all(one[1] == other[0] for one, other in pairwise(of_days)), f"{zone} {every} {jump}"
            for window, (low, high) in zip(windows, of_days, strict=True):
                # A day is over when its window is read, and no day is read late by more than a window.
                assert begun(high, zone) <= window.end, f"{zone} {every} {window}"
                assert low == high or begun(low + timedelta(days=1), zone) > window.start, f"{zone} {every} {window}"


NAMED = [
    ("America/New_York", "day", "2024-01-01", date(2024, 1, 1), date(2024, 1, 2)),
    ("Pacific/Apia", "day", "2011-12-29", date(2011, 12, 29), date(2011, 12, 31)),
    ("Pacific/Apia", "day", "2011-12-31", date(2011, 12, 31), date(2012, 1, 1)),
    ("Pacific/Kwajalein", "day", "1993-08-22", date(1993, 8, 22), date(1993, 8, 23)),
    ("America/Sao_Paulo", "day", "2018-11-04", date(2018, 11, 4), date(2018, 11, 5)),
    ("Africa/Cairo", "day", "2024-04-26", date(2024, 4, 26), date(2024, 4, 27)),
    ("Asia/Beirut", "day", "2024-03-31", date(2024, 3, 31), date(2024, 4, 1)),
    ("America/St_Johns", "day", "1990-10-28", date(1990, 10, 28), date(1990, 10, 29)),
    ("Asia/Seoul", "month", "2024-02", date(2024, 2, 1), date(2024, 3, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "every", "label", "low", "high"), NAMED)
def test_the_days_of_a_window(zone: str, every: str, label: str, low: date, high: date) -> None:
    grid = Grid(every, zone, datetime(1980, 1, 1))
    window = grid.parse(label)
    assert grid.label(window) == label
    assert WindowColumn("day", "date", zone).bounds(window) == (low, high)


def test_a_day_belongs_to_the_last_hour_of_it() -> None:
    grid = Grid("hour", "America/New_York", datetime(2024, 11, 3))
    held = {grid.label(window): days(window, grid.timezone) for window in (grid.nth(n) for n in range(25))}
    assert [label for label, (low, high) in held.items() if low < high] == ["2024-11-03T23:00-05:00"]


def test_the_hour_that_happens_twice_is_in_the_first_of_its_windows_unless_the_second_is_meant() -> None:
    grid = Grid("hour", "America/New_York", datetime(2024, 11, 3))
    one, two, three = (datetime(2024, 11, 3, hour) for hour in (1, 2, 3))
    cut = {policy: [clocks(grid.nth(n), grid.timezone, policy) for n in (1, 2, 3)] for policy in ("first", "second")}  # type: ignore[arg-type]
    assert cut == {"first": [(one, two), (two, two), (two, three)], "second": [(one, one), (one, two), (two, three)]}


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Asia/Manila"])
def test_a_day_that_the_clocks_skip_has_no_window(zone: str) -> None:
    jump = next(item for item in jumps(zone) if item.after - item.before >= timedelta(hours=23))
    grid = Grid("day", zone, datetime.combine(jump.at.date() - timedelta(days=5), datetime.min.time()))
    windows = list(grid.between(jump.at - timedelta(days=4), jump.at + timedelta(days=4)))
    labels = [grid.label(window) for window in windows]
    assert len(set(labels)) == len(labels)
    assert [grid.parse(label) for label in labels] == windows
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert grid.next_after(jump.at) == grid.parse(jump.at.isoformat())
