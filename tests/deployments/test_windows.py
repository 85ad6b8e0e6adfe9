"""Windows: calendar days across clock changes, grids anchored anywhere, labels that parse back, what is due when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.windows import Grid, Window, check_every


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def grid(every: str, zone: str, start: str, end: str | None = None) -> Grid:
    return Grid(every, zone, datetime.fromisoformat(start), None if end is None else datetime.fromisoformat(end))


DAYS = [
    ("Europe/Berlin", "2024-03-31", 23), ("Europe/Berlin", "2024-10-27", 25), ("Europe/Berlin", "2024-03-30", 24),
    ("America/New_York", "2024-03-10", 23), ("America/New_York", "2024-11-03", 25),
    ("Asia/Seoul", "2024-03-31", 24), ("Asia/Seoul", "1988-05-08", 23), ("Asia/Seoul", "1988-10-09", 25),
    ("Australia/Lord_Howe", "2024-04-07", 24.5), ("UTC", "2024-03-31", 24),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_a_calendar_day_is_as_long_as_the_clocks_make_it(zone: str, day: str, hours: float) -> None:
    window = grid("day", zone, "1980-01-01").parse(day)
    assert window.end - window.start == timedelta(hours=hours)
    assert window.start.astimezone(ZoneInfo(zone)).isoformat().startswith(f"{day}T00:00:00")


LENGTHS = [
    ("hour", "UTC", "2024-01-01", 3600), ("15m", "UTC", "2024-01-01", 900), ("6h", "UTC", "2024-01-01", 21600),
    ("2d", "UTC", "2024-01-01", 172800), ("week", "UTC", "2024-01-01", 604800), ("month", "UTC", "2024-02-01", 2505600),
    ("month", "UTC", "2023-02-15T04:00", 2419200), ("2d", "Europe/Berlin", "2024-03-30", 172800 - 3600),
    ("week", "America/New_York", "2024-11-03", 604800 + 3600), ("month", "Europe/Berlin", "2024-03-01", 31 * 86400 - 3600),
]  # fmt: skip


@pytest.mark.parametrize(("every", "zone", "start", "seconds"), LENGTHS)
def test_length_of_the_first_window(every: str, zone: str, start: str, seconds: int) -> None:
    window = grid(every, zone, start).nth(0)
    assert (window.end - window.start).total_seconds() == seconds


def test_hours_go_on_in_elapsed_time_when_clocks_change() -> None:
    hours = list(grid("hour", "Europe/Berlin", "2024-10-27").between(utc("2024-10-26T22:00"), utc("2024-10-27T23:00")))
    assert len(hours) == 25
    assert {window.end - window.start for window in hours} == {timedelta(hours=1)}
    labels = [grid("hour", "Europe/Berlin", "2024-10-27").label(window) for window in hours]
    assert labels[2:4] == ["2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00"]


GRIDS = [
    grid("day", "Europe/Berlin", "2024-03-25"), grid("day", "Asia/Seoul", "2020-08-10T02:00"),
    grid("day", "Europe/Berlin", "2024-10-20T02:30"), grid("month", "America/New_York", "2023-11-01"),
    grid("month", "Asia/Seoul", "2023-11-28T05:00"), grid("week", "Europe/Berlin", "2024-03-25"),
    grid("hour", "Europe/Berlin", "2024-10-26"), grid("30m", "Australia/Lord_Howe", "2024-04-06"),
    grid("15m", "Asia/Kathmandu", "2024-04-06T00:07"), grid("3d", "America/New_York", "2024-03-08T01:00"),
    grid("7h", "America/New_York", "2024-11-02"), grid("1m", "UTC", "2024-01-01"), grid("day", "Africa/Cairo", "2024-04-20"),
]  # fmt: skip


@pytest.mark.parametrize("made", GRIDS, ids=lambda g: f"{g.every} {g.timezone} {g.start}")
def test_labels_and_keys_parse_back_and_windows_touch(made: Grid) -> None:
    windows = [made.nth(n) for n in range(120)]
    assert [made.parse(made.label(window)) for window in windows] == windows
    assert [made.parse(window.key) for window in windows] == windows
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]
    assert len({made.label(window) for window in windows}) == 120


@given(st.sampled_from(GRIDS), st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)))
def test_every_moment_lies_in_the_window_it_names(made: Grid, moment: datetime) -> None:
    if moment < made.nth(0).start:
        return
    window = made.parse(moment.isoformat())
    assert window.start <= moment < window.end
    following = made.next_after(moment)
    assert following == window


def test_a_daily_table_switched_on_late_has_its_missed_windows_due() -> None:
    """Daily at 02:00 from 2020-08-10 02:00, looked at on 2020-08-13 20:00: three days are over, the fourth ends at 02:00."""
    made, now = grid("day", "Asia/Seoul", "2020-08-10T02:00"), datetime(2020, 8, 13, 20, tzinfo=ZoneInfo("Asia/Seoul"))
    due = list(made.due(now))
    assert [made.label(window) for window in due] == [f"2020-08-{day}T02:00+09:00" for day in (10, 11, 12)]
    following = made.next_after(now)
    assert following is not None
    assert following.end == datetime(2020, 8, 14, 2, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2024-01-01T00:00", 0),
        ("2024-01-01T23:59:59", 0),
        ("2024-01-02T00:00", 1),
        ("2024-01-04", 3),
        ("2030-01-01", 3),
    ],
)
def test_a_window_is_due_the_moment_it_ends_and_none_after_the_end(now: str, due: int) -> None:
    made = grid("day", "UTC", "2024-01-01", "2024-01-04")
    assert len(list(made.due(utc(now)))) == due
    following = made.next_after(utc(now))
    assert following == (made.nth(due) if due < 3 else None)


def test_before_the_start_the_first_window_is_next() -> None:
    made = grid("month", "UTC", "2024-01-01")
    assert made.next_after(utc("2020-01-01")) == made.nth(0)


@pytest.mark.parametrize(("low", "high", "days"), [
    ("2024-01-02", "2024-01-04", [2, 3]), ("2024-01-02T01:00", "2024-01-04", [3]), ("2023-01-01", "2024-01-02", [1]),
    ("2024-01-02", "2024-01-02T23:00", []), ("2025-01-01", "2024-01-01", []),
])  # fmt: skip
def test_between_gives_whole_windows_only(low: str, high: str, days: list[int]) -> None:
    found = grid("day", "UTC", "2024-01-01").between(utc(low), utc(high))
    assert [window.start.day for window in found] == days


@pytest.mark.parametrize("text", [
    "2023-12-31", "2024-01-04", "2024-02-30", "yesterday", "", "2024-01-01T00:00:00Z/2024-01-03T00:00:00Z",
    "2024-01-01T00:00:00Z/x", "2024-01-01T00:00:00+00:00/2024-01-02T00:00:00+00:00", "2024-01-01/2024-01-02",
    "2024-01-01T00:00:00.5Z/2024-01-02T00:00:00.5Z", "2024-01-01T01:00:00Z/2024-01-02T01:00:00Z",
    "2024-01-04T00:00:00Z/2024-01-05T00:00:00Z", "2024-01",
])  # fmt: skip
def test_what_names_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        grid("day", "UTC", "2024-01-01", "2024-01-04").parse(text)


@pytest.mark.parametrize("every", ["hour", "day", "week", "month", "1m", "15m", "6h", "2d", "9999m"])
def test_steps_a_grid_knows(every: str) -> None:
    assert check_every(every) == every
    assert grid(every, "UTC", "2024-01-01").nth(1).start > utc("2024-01-01")


@pytest.mark.parametrize("every", ["", "0h", "h", "1w", "days", "1.5h", "-1h", "15 m", "10000m", "2 months", "1h\n"])
def test_other_steps_are_refused(every: str) -> None:
    with pytest.raises(ValueError, match="allowed: hour, day, week, month"):
        check_every(every)


@pytest.mark.parametrize(("start", "end"), [
    (datetime(2024, 1, 1), datetime(2024, 1, 2)), (utc("2024-01-02"), utc("2024-01-02")), (utc("2024-01-02"), utc("2024-01-01")),
])  # fmt: skip
def test_a_window_is_aware_and_ends_after_it_starts(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError):
        Window(start, end)


@pytest.mark.parametrize(("every", "end", "fits"), [
    ("day", None, True), ("day", "2024-01-31", True), ("day", "2024-01-31T01:00", False), ("month", "2024-03-01", True),
    ("month", "2024-03-02", False), ("7h", "2024-01-01T14:00", True), ("7h", "2024-01-02", False),
])  # fmt: skip
def test_a_grid_knows_whether_its_end_is_where_a_window_ends(every: str, end: str | None, fits: bool) -> None:
    assert grid(every, "Europe/Berlin", "2024-01-01", end).ends_on_an_edge == fits
