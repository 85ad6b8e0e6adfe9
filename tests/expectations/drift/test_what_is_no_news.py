"""What made false alarms once, and the errors that lie right beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expectations.drift import detect
from expectations.drift.block import Block
from expectations.drift.compare import _is_limit, _unseen_patterns
from expectations.drift.figures import named
from expectations.drift.implied import beyond_digits
from expectations.drift.predict import _choose, is_common
from expectations.profile import Profile, profile_file


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[list[str]], Profile]:
    """The profile of one column of numbers `n` beside a row number."""

    def measure(values: list[str]) -> Profile:
        path = tmp_path / "batch.csv"
        path.write_text("row,n\n" + "".join(f"r{at},{value}\n" for at, value in enumerate(values)))
        return profile_file(path)

    return measure


@pytest.mark.parametrize(
    ("ends", "inside", "limit"),
    [([5, 5, 4, 5], 1, True), ([5, 5, 5, 5], 5, False), ([1, 2, 3, 4], 0, False), ([9, 5, 5, 5], 0, False)],
)
def test_a_limit_is_reached_often_and_never_passed(ends: list[float], inside: float, limit: bool) -> None:
    assert _is_limit(np.array([*ends, np.nan]), inside) is limit


def stars(day: int, *more: str) -> list[str]:
    return [str(1 + (at * 7 + day) % 5) for at in range(200)] + list(more)


def test_a_sixth_star_is_told(measured: Any) -> None:
    history = [measured(stars(day)) for day in range(14)]
    verdict = detect(measured(stars(15, *["6"] * 8)), history)
    told = [a.message for a in verdict.alerts if (a.column, a.kind) == ("n", "values")]
    assert told
    assert "above the limit that several batches reach and none passes" in told[0]


def test_a_year_of_birth_whose_limit_moves_by_one_is_not(measured: Any) -> None:
    def born(day: int, last: int) -> list[str]:
        return [str(last - (at * 13 + day) % 60) for at in range(200)]

    history = [measured(born(day, 2007)) for day in range(14)]
    assert detect(measured(born(15, 2008)), history).alerts == ()


@pytest.mark.parametrize(
    ("values", "characters"),
    [(["0", "0.01", "0.25"], 0), (["0.0", "12.50", "-7.125"], 0), (["0007", "0012", "0123"], 2)],
)
def test_only_what_no_number_needs_is_counted(measured: Any, values: list[str], characters: float) -> None:
    found = beyond_digits(measured(values * 20).columns["n"])
    assert found is not None
    assert found[0] == pytest.approx(characters, abs=0.02 + 2 * found[1])


def test_a_pattern_that_may_have_been_among_the_unlisted_is_new_by_what_goes_beyond() -> None:
    sets = [{"a": 90.0, "b": 10.0}, {"a": 95.0, "b": 5.0}, {"a": 70.0, "c": 30.0}]
    assert _unseen_patterns(sets, [0.0, 0.0, 0.0])[-1] == (30.0, 100.0)
    assert _unseen_patterns(sets, [0.1, 0.05, 0.3])[-1] == (20.0, 100.0)


def test_a_way_that_cannot_predict_the_batch_is_not_chosen() -> None:
    """Else the looseness of one way would judge the miss of another."""
    misses = np.stack([np.full((9, 2), miss) for miss in (5.0, 0.1, 7.0, 9.0)])
    able = np.array([[True, True], [True, False], [False, False], [True, True]])
    assert _choose(misses, able).tolist() == [1, 0]


def test_none_at_all_is_no_news_where_most_batches_had_none() -> None:
    """One batch that was all otherwise moves the mean: none of the rows is then far below it, and what is usual."""
    rows = np.full((9, 3), 100.0)
    had = np.zeros((9, 3))
    had[4, 0] = 100.0
    had[:8, 1] = 40.0
    had[[1, 4], 2] = 100.0
    had[8, 2] = 50.0
    keys = tuple(named("n", "reference", f"f{i}") for i in range(3))
    assert is_common(Block(keys, had, rows)).tolist() == [True, False, False]


def test_a_date_has_no_hour_that_a_zero_could_be(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    lines = [f"{at},2024-05-07,{0 if at % 3 else 5}" for at in range(60)]
    path.write_text("\n".join(["row,day,n", *lines, ""]))
    # The month is 5 in a third of the rows; the hour is none.
    assert [key.split("\x1f")[-1] for key in profile_file(path).relations.parts if key.startswith("n")] == ["month"]


def test_a_middle_of_whole_days_may_jump_by_one(measured: Any, tmp_path: Path) -> None:
    def stays(day: int, nights: list[int]) -> Profile:
        path = tmp_path / "stays.csv"
        rng = random.Random(day)
        begins = date(2024, 3, 1) + timedelta(days=day)
        lines = [f"{at},{begins},{begins + timedelta(days=rng.choice(nights))}" for at in range(40)]
        path.write_text("\n".join(["row,checkin,checkout", *lines, ""]))
        return profile_file(path)

    usual = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    history = [stays(day, usual) for day in range(28)]
    told = [detect(stays(day, usual), history).alerts for day in range(28, 44)]
    assert [a.message for alerts in told for a in alerts if "The time from" in a.message] == []
    longer = detect(stays(28, [nights + 3 for nights in usual]), history)
    assert {a.column for a in longer.alerts} & {"checkin", "checkout"}


def test_what_moved_at_once_has_not_moved_slowly(measured: Any) -> None:
    def sizes(day: int, by: float) -> Profile:
        rng = random.Random(day)
        return measured([f"{rng.gauss(100, 10) * by:.2f}" for _ in range(300)])

    history = [sizes(day, 1.0) for day in range(24)] + [sizes(day, 1.5) for day in range(24, 29)]
    told = detect(sizes(30, 1.5), history).alerts
    assert [a for a in told if a.kind == "slow_drift"] == []
