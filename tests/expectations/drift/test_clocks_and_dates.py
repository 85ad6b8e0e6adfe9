"""What the calendar and the clocks make usual, and the errors that lie right beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from expectations.drift import Verdict, calendar, detect
from expectations.profile import Profile, profile_file

Rows = Callable[[date], list[str]]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., Verdict]:
    """The verdict about a batch of the one column `at`, after 28 usual ones."""

    def write(day: date, rows: list[str]) -> Profile:
        path = tmp_path / f"{day}.csv"
        path.write_text("row,at\n" + "".join(f"r{n},{value}\n" for n, value in enumerate(rows)))
        return profile_file(path)

    def judge(usual: Rows, last: date, odd: Rows | None = None, apart: int = 1) -> Verdict:
        days = [last - timedelta(days=apart * before) for before in range(28, 0, -1)]
        history = [write(day, usual(day)) for day in days]
        return detect(write(last, (odd or usual)(last)), history, batch_label=last, history_labels=days)

    return judge


def clocks(verdict: Verdict) -> list[str]:
    return [a.message for a in verdict.alerts if a.column == "at"]


def shop(day: date, utc: int = 0, rows: int = 400) -> list[str]:
    """Sales between 8 and 20 o'clock, told in a zone `utc` hours from the shop's."""
    rng = random.Random(day.toordinal())
    opens = datetime(day.year, day.month, day.day, 8)
    return sorted(
        f"{opens + timedelta(seconds=rng.randrange(43_200), hours=utc):%Y-%m-%d %H:%M:%S}" for _ in range(rows)
    )


def hourly(day: date, first: int = 6, last: int = 20, later: int = 0, rows: int = 300) -> list[str]:
    rng = random.Random(day.toordinal())
    chosen = [rng.randint(first, last) for _ in range(rows)]
    return sorted(
        f"{datetime(day.year, day.month, day.day) + timedelta(hours=h + later):%Y-%m-%d %H:00:00}" for h in chosen
    )


def test_when_the_clocks_change_utc_is_an_hour_earlier(judged: Callable[..., Verdict]) -> None:
    def usual(day: date) -> list[str]:
        return shop(day, 2 if day < date(2024, 3, 31) else 1)

    assert clocks(judged(usual, date(2024, 3, 31))) == []
    assert clocks(judged(usual, date(2024, 4, 2))) == []


def round_the_clock(day: date, zone: str = "Europe/Berlin", rows: int = 600) -> list[str]:
    """Sales at any minute of a local day, told in UTC as a warehouse has them."""
    rng = random.Random(day.toordinal())
    begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    ends = begins + timedelta(days=1)
    minutes = int((ends.astimezone(UTC) - begins.astimezone(UTC)).total_seconds() / 60)
    moments = [
        begins.astimezone(UTC) + timedelta(minutes=m) for m in (0, minutes - 1, *rng.choices(range(minutes), k=rows))
    ]
    return sorted(f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments)


@pytest.mark.parametrize("day", ["2024-03-31", "2024-04-01", "2024-04-08", "2024-10-27", "2024-10-28", "2024-11-05"])
def test_a_day_that_has_always_ended_at_midnight_still_does_when_the_clocks_change(
    judged: Callable[..., Verdict], day: str
) -> None:
    assert clocks(judged(round_the_clock, date.fromisoformat(day))) == []


def test_the_hour_that_a_local_day_has_not_is_no_pause(judged: Callable[..., Verdict]) -> None:
    def local(day: date) -> list[str]:
        rng = random.Random(day.toordinal())
        hours = [hour for hour in range(24) if hour != 2 or day != date(2024, 3, 31)]
        return sorted(f"{day} {rng.choice(hours):02}:{rng.randrange(60):02}:00" for _ in range(600))

    def outage(day: date) -> list[str]:
        return [moment for moment in local(day) if not 10 <= int(moment[11:13]) < 15]

    assert clocks(judged(local, date(2024, 3, 31))) == []
    assert any("in the hours of" in text for text in clocks(judged(local, date(2024, 3, 31), outage)))


def test_an_hour_past_midnight_is_told_when_no_clock_was_changed(judged: Callable[..., Verdict]) -> None:
    def late(day: date) -> list[str]:
        return [*round_the_clock(day), *[f"{day} 22:{minute:02}:00" for minute in range(40)]]

    assert clocks(judged(round_the_clock, date(2024, 7, 9), late))


@pytest.mark.parametrize(("day", "utc"), [(date(2024, 5, 14), 1), (date(2024, 3, 31), 3), (date(2024, 3, 31), -2)])
def test_an_hour_is_told_in_other_weeks_and_in_the_other_direction(
    judged: Callable[..., Verdict], day: date, utc: int
) -> None:
    assert clocks(judged(lambda d: shop(d, 2), day, lambda d: shop(d, utc)))


@pytest.mark.parametrize(
    ("day", "turned"),
    [
        ("2024-03-09", 0), ("2024-03-10", -1), ("2024-03-16", -1), ("2024-03-17", 0), ("2024-03-31", -1), ("2024-10-27", 1),
        ("2024-11-03", 1), ("2024-11-10", 0), ("2024-07-07", 0),
    ],
)  # fmt: skip
def test_the_days_on_which_europe_and_north_america_change_their_clocks(day: str, turned: int) -> None:
    last = date.fromisoformat(day)
    days = calendar.days_of([last - timedelta(days=1), last])
    nothing = Profile(0, {})
    assert calendar.turned_clocks([nothing, nothing], days) == turned


def test_a_first_hour_without_rows_is_no_news_and_another_zone_is(judged: Callable[..., Verdict]) -> None:
    day = date(2024, 5, 14)
    assert clocks(judged(hourly, day, lambda d: hourly(d, first=7))) == []
    assert clocks(judged(hourly, day, lambda d: hourly(d, later=-1)))


def weekly(day: date, days: Sequence[int] = (0, 1, 2, 3, 4), later: int = 0) -> list[str]:
    rng = random.Random(day.toordinal())
    return sorted(str(day + timedelta(days=rng.choice(days) + later)) for _ in range(200))


def test_a_week_that_begins_with_a_holiday_is_no_news_and_a_day_too_late_is(judged: Callable[..., Verdict]) -> None:
    monday = date(2024, 5, 20)
    assert clocks(judged(weekly, monday, lambda d: weekly(d, (1, 2, 3, 4)), apart=7)) == []
    assert clocks(judged(weekly, monday, lambda d: weekly(d, later=1), apart=7))


def test_a_wrong_year_in_few_rows_is_told(judged: Callable[..., Verdict]) -> None:
    def odd(day: date) -> list[str]:
        return [str(day.replace(year=day.year - 1)) if n % 20 == 0 else str(day) for n in range(200)]

    told = clocks(judged(lambda day: [str(day)] * 200, date(2024, 5, 14), odd))
    assert any("before the day or time at which several batches begin" in message for message in told), told


def test_months_have_no_weekday() -> None:
    days = calendar.days_of([date(2024, month, 1) for month in range(1, 13)])
    assert None not in days
    assert calendar.weekdays([Profile(0, {})] * 12, days) == [None] * 12


def test_a_month_that_is_a_day_shorter_is_no_news(tmp_path: Path) -> None:
    """Monthly files are named by their month, and September ends a day before August does."""
    profiles, labels = [], [f"2019-{month:02d}" for month in range(5, 10)]
    for month in range(5, 10):
        path = tmp_path / "batch.csv"
        first, following = datetime(2019, month, 1), datetime(2019, month + 1, 1)
        minutes = int((following - first).total_seconds() / 60)
        rng = random.Random(month)
        stamps = sorted(first + timedelta(minutes=rng.randrange(minutes)) for _ in range(2000))
        path.write_text("row,at\n" + "".join(f"r{month}{n},{at}\n" for n, at in enumerate(stamps)))
        profiles.append(profile_file(path))
    told = detect(profiles[-1], profiles[:-1], batch_label=labels[-1], history_labels=labels[:-1]).alerts
    assert [a.message for a in told if a.column == "at"] == []


def test_a_local_month_agrees_with_the_date_in_utc_and_another_month_does_not(tmp_path: Path) -> None:
    def agrees(rows: list[tuple[int, str]]) -> float:
        path = tmp_path / "batch.csv"
        path.write_text("row,month,at\n" + "".join(f"r{n},{month},{at}\n" for n, (month, at) in enumerate(rows)))
        return profile_file(path).relations.parts.get("month\x1fat\x1fmonth", 0.0)

    evening = [(1, f"2024-0{2 if hour < 8 else 1}-{1 if hour < 8 else 31:02d} {hour:02d}:15:00") for hour in range(24)]
    assert agrees(evening) == 1.0
    assert agrees([(2, at.replace("2024-02-01", "2024-01-20").replace("01-31", "01-20")) for _, at in evening]) == 0.0


def test_days_beyond_the_twelfth_are_read_with_the_month_first(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    lines = [f"r{n},04/13/2024 {8 + n // 6:02d}:{n % 6}0:00,04/13/2024 {9 + n // 6:02d}:{n % 6}0:00" for n in range(60)]
    path.write_text("row,from,to\n" + "\n".join(lines) + "\n")
    profile = profile_file(path)
    assert profile.relations.gaps["from\x1fto"][:2] == (60.0, 1.0)
    assert (profile.columns["from"].autocorrelation or 0.0) > 0.9


def test_the_hours_of_a_segment_go_round_the_clock(tmp_path: Path) -> None:
    """A bar's nights: what is told of a segment doesn't jump when a few more rows come after midnight."""
    path = tmp_path / "batch.csv"
    kinds = {"early": 21, "late": 26}
    lines = [
        f"r{n},{kind},{datetime(2024, 5, 6) + timedelta(hours=hour, minutes=n)}"
        for kind, hour in kinds.items()
        for n in range(60)
    ]
    path.write_text("row,kind,at\n" + "\n".join(lines) + "\n")
    means = {kind: profile_file(path).relations.segments[f"kind\x1f{kind}\x1fat"][3] for kind in kinds}
    assert means["late"] - means["early"] == pytest.approx(5, abs=0.1)
    assert means["late"] == pytest.approx(2.5, abs=0.2)
