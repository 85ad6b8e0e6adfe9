"""What the world does, and an owner can't mend, is told later than what a program does; each beside the error next to it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from expectations.drift import Verdict, detect
from expectations.drift.block import Block
from expectations.drift.calendar import weekdays
from expectations.drift.figures import Key, named
from expectations.drift.first_time import NAMES, NEVER, RESTED, VARIES, nearness
from expectations.drift.frame import _rests
from expectations.drift.volume import held
from expectations.profile import Profile, profile_file

Written = Callable[[str, Sequence[str]], Profile]
DAYS = 28


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """The profile of these lines under a header."""

    def measure(header: str, lines: Sequence[str]) -> Profile:
        path = tmp_path / "batch.csv"
        path.write_text("\n".join([header, *lines, ""]))
        return profile_file(path)

    return measure


def told(verdict: Verdict, column: str) -> set[str]:
    return {alert.kind for alert in verdict.alerts if alert.column == column}


@pytest.mark.parametrize(
    ("key", "resting", "ruled", "expected"),
    [
        (named("fare", "values", "quantile", "0.5"), False, False, VARIES),
        (named("fare", "values", "above_limit"), False, True, 1.0),
        (named("user_id", "values", "above"), False, False, NAMES),
        (named("user_id", "values", "largest"), False, False, VARIES),
        (named("rain", "reference", "unseen"), True, False, RESTED),
        (named("rain", "reference", "unseen"), False, False, NEVER),
        (named("rain", "format", "edge_space"), True, False, 1.0),
    ],
)
def test_where_the_threshold_of_a_figure_lies(key: Key, resting: bool, ruled: bool, expected: float) -> None:
    values = np.array([[0.0] * 12 + [9.0]]).T
    shares, none = Block((key,), values, np.full_like(values, 10.0)), Block((), np.zeros((13, 0)), np.zeros((13, 0)))
    found = nearness(shares, none, frozenset([key.column] * resting), frozenset([key] * ruled))
    assert found.tolist() == [expected]


def test_digits_after_the_point_go_with_the_size_of_a_double(written: Written) -> None:
    """Doubles are written with 17 digits: 98.29548562971826 has one more after the point than 100.42700068731232."""

    def rates(day: int, low: float, digits: int | None = None) -> Profile:
        rng = random.Random(day)
        found = (rng.uniform(low, low + 50) for _ in range(60))
        return written(
            "row,rate", [f"{day}-{n},{x if digits is None else round(x, digits)}" for n, x in enumerate(found)]
        )

    history = [rates(day, 101) for day in range(DAYS)]
    assert "format" not in told(detect(rates(DAYS, 60), history), "rate")
    assert "format" in told(detect(rates(DAYS, 101, 2), history), "rate")


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        (lambda day: ["0"] * 40 if day % 3 else [str(n % 9 / 100) for n in range(40)], True),
        (lambda day: [str(n % 9 / 100) for n in range(40)], False),
        (lambda day: ["0"] * 40, False),
        (lambda day: ["USD"] * 40 if day % 3 else ["USD", "EUR"] * 20, False),
    ],
)
def test_rain_rests_and_what_always_moves_or_never_does_not(
    written: Written, day: Callable[[int], list[str]], rests: bool
) -> None:
    history = [
        written("row,n", [f"{number}-{n},{value}" for n, value in enumerate(day(number))]) for number in range(9)
    ]
    assert _rests([profile.columns["n"] for profile in history]) is rests


def test_the_numbers_that_are_left_when_many_are_missing_are_others(written: Written) -> None:
    """Flights after noon are cancelled: their times are empty, which is told; that those before noon are earlier is the same."""

    def flights(day: int, last: int, later: int = 0) -> Profile:
        rng = random.Random(day)
        times = sorted(rng.randrange(500, 2200) for _ in range(300))
        return written("row,left", [f"{day}-{n},{at + later if at < last else ''}" for n, at in enumerate(times)])

    history = [flights(day, 2190) for day in range(DAYS)]
    cancelled = detect(flights(DAYS, 1350), history)
    assert "completeness" in told(cancelled, "left")
    assert {(a.kind, a.level) for a in cancelled.alerts if a.column == "left"} & {("values", "page")} == set()
    assert "values" in told(detect(flights(DAYS, 2190, later=900), history), "left")


@pytest.mark.parametrize(("seen", "out"), [(23, 1.44), (60, 0.6), (38, 1.0)])
def test_how_far_a_count_is_out_is_measured_from_what_is_expected(seen: float, out: float) -> None:
    score, few, _ = held(math.log(seen), math.log(120), math.log(38), math.log(900), 1.0)
    assert (round(score, 2), few) == (out, math.log(38))
    assert held(math.log(seen), math.log(120), math.log(38), math.log(900), 2.0)[0] == pytest.approx(score / 2)


def test_what_is_expected_beyond_the_fewest_that_ever_were_makes_no_page(written: Written) -> None:
    """What the last days lead to expect is fewer than ever came on a Sunday: that is no distance to measure by."""
    counts = [500, 490, 510, 480, 520, 900, 900] * 3 + [250, 200, 160, 130, 105, 84, 500, 67]
    names = [f"{date(2024, 1, 1) + timedelta(day)}.csv" for day in range(len(counts))]
    days = [written("row", [f"9-{n}" for n in range(rows)]) for rows in counts]
    assert detect(days[-1], days[:-1], batch_label=names[-1], history_labels=names[:-1]).score < 3


def test_months_are_no_weekdays_whichever_way_their_days_are_written(written: Written) -> None:
    def month(number: int) -> Profile:
        return written("at,n", [f"{number % 12 + 1}/{day}/{2001 + number // 12} 00:00,{day}" for day in range(1, 29)])

    months = [month(number) for number in range(20)]
    assert weekdays(months, [None] * 20) == [None] * 20
