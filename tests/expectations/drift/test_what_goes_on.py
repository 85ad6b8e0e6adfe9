"""What only goes on is no news: counters that take a digit more, months that end, tails that reach into another day."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from expectations.drift import Verdict, detect
from expectations.drift.block import Block
from expectations.drift.figures import named
from expectations.drift.predict import STEP, begins_anew
from expectations.profile import profile_file

DAYS, ROWS = 14, 90
Column = Callable[[int], list[str]]


def judged(folder: Path, column: Column, last: list[str] | None = None) -> Verdict:
    """The verdict on day DAYS of a table with one column and no labels; `last` replaces that day's values."""
    profiles = []
    for day in range(DAYS + 1):
        values = last if last is not None and day == DAYS else column(day)
        path = folder / "batch.csv"
        path.write_text("\n".join(["it,same", *(f"{value},x" for value in values)]) + "\n")
        profiles.append(profile_file(path))
    return detect(profiles[-1], profiles[:-1])


def counted(text: str, first: int, step: int = 1) -> Column:
    """A counter that goes on by ROWS * step a day."""
    return lambda day: [text.format(first + step * (ROWS * day + i)) for i in range(ROWS)]


def version(day: int) -> list[str]:
    return [f"1.{4 + day // 2}.0"] * ROWS if day < 12 else ["1.10.0"] * ROWS


GOES_ON: dict[str, Column] = {
    # On the last day most numbers have a digit more.
    "an id": counted("{}", 9_999 - ROWS * DAYS),
    "an id by thousands": lambda day: [str(1000 * (day - 4) + i) for i in range(ROWS)],
    "a number in a text": counted("T{}", 9_980 - ROWS * DAYS),
    "a padded number": counted("INV-{:06d}", 9_980 - ROWS * DAYS),
    "a run that counts batches": lambda day: [str(86 + day)] * ROWS,
    "a version": version,
    "a month's end": lambda day: [str((datetime(2025, 12, 18) + timedelta(days=day)).day)] * ROWS,
    "an iso week": lambda day: [f"2025-W{48 + day // 7:02d}"] * ROWS,
}


@pytest.mark.parametrize("case", GOES_ON)
def test_what_goes_on_is_no_news(case: str, tmp_path: Path) -> None:
    found = judged(tmp_path, GOES_ON[case])
    assert [a.message for a in found.alerts] == []


BREAKS: dict[str, tuple[str, list[str]]] = {
    "zeros in front of an id": ("an id", [f"{9_999 + i:08d}" for i in range(ROWS)]),
    "no zeros in front": ("a padded number", [f"INV-{9_980 + i}" for i in range(ROWS)]),
    "another text": ("a number in a text", [f"X{9_980 + i}" for i in range(ROWS)]),
    "a counter set back": ("a number in a text", [f"T{980 + i}" for i in range(ROWS)]),
    "a run far ahead": ("a run that counts batches", ["93000"] * ROWS),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_breaks_off_is_news(case: str, tmp_path: Path) -> None:
    usual, last = BREAKS[case]
    assert "it" in {a.column for a in judged(tmp_path, GOES_ON[usual], last).alerts}


def test_a_column_named_month_needs_no_earlier_step(tmp_path: Path) -> None:
    profiles = []
    for day in range(DAYS + 1):
        path = tmp_path / "batch.csv"
        path.write_text("month,rate\n" + f"{11 + (day == DAYS)},{19 + (day == DAYS)}\n" * ROWS)
        profiles.append(profile_file(path))
    assert {a.column for a in detect(profiles[-1], profiles[:-1]).alerts} == {"rate"}


def test_rows_that_sometimes_reach_into_the_next_day_are_no_news(tmp_path: Path) -> None:
    def stamps(day: int) -> list[str]:
        dice, at = random.Random(day), datetime(2025, 3, 3) + timedelta(days=day)
        found = [at + timedelta(minutes=dice.randrange(480, 1320) + dice.expovariate(1 / 60)) for _ in range(ROWS)]
        return [f"{moment:%Y-%m-%d %H:%M}" for moment in found if day < DAYS or moment.day == at.day]

    assert not judged(tmp_path, stamps).alerts


def test_an_hour_later_each_hour_is_no_news_of_a_segment(tmp_path: Path) -> None:
    profiles = []
    for hour in range(25):
        dice, at = random.Random(hour), datetime(2025, 3, 3) + timedelta(hours=hour)
        rows = [f"{at + timedelta(seconds=dice.randrange(3600))},{dice.choice('aab')}" for _ in range(ROWS)]
        path = tmp_path / "batch.csv"
        path.write_text("\n".join(["at,group", *rows]) + "\n")
        profiles.append(profile_file(path))
    assert not detect(profiles[-1], profiles[:-1]).alerts


@pytest.mark.parametrize("last", [21, 20])
def test_sums_of_the_week_begin_anew_on_the_third_monday(tmp_path: Path, last: int) -> None:
    """Counters that go on, and beside each what it counted this week: how they lie to each other begins anew, too."""
    dice, profiles = random.Random(5), []
    meters = [[dice.lognormvariate(8, 1), dice.lognormvariate(3, 0.8)] for _ in range(400)]
    for day in range(last - 14, last + 1):
        for meter in meters:
            meter[0] += meter[1] * dice.uniform(0.3, 1.7)
        rows = [f"{total:.1f},{rate * (day % 7 + dice.random()):.1f}" for total, rate in meters]
        path = tmp_path / "batch.csv"
        path.write_text("\n".join(["kwh,week_to_date", *rows]) + "\n")
        profiles.append(profile_file(path))
    labels = [f"{datetime(2025, 12, 1) + timedelta(days=day):%Y-%m-%d}.csv" for day in range(last - 14, last + 1)]
    assert detect(profiles[-1], profiles[:-1], batch_label=labels[-1], history_labels=labels[:-1]).alerts == ()


@pytest.mark.parametrize(
    ("values", "anew"),
    [
        ([1, 2, 3, 4, 1, 2, 3, 4, 1], True),
        ([5, 4, 3, 2, 5, 4, 3, 2, 5], True),
        # On it goes; further back than ever; back for the first time; where one batch was wrong by itself; to the other side.
        ([1, 2, 3, 4, 1, 2, 3, 4, 5], False),
        ([1, 2, 3, 4, 1, 2, 3, 4, -4], False),
        ([1, 2, 3, 4, 5, 6, 7, 8, 5], False),
        ([1, 2, 3, 0, 5, 6, 7, 8, 5], False),
        ([1, 2, 3, 4, 1, 2, 3, 4, 8], False),
    ],
)
def test_what_moves_back_as_once_before_begins_anew(values: list[float], anew: bool) -> None:
    level = np.array(values, dtype=float)[:, None]
    block = Block((named("sold", "values", "mean"),), level, level * 0)
    assert begins_anew(block, np.array([STEP])).tolist() == [anew]
    assert begins_anew(block, np.array([0])).tolist() == [False]
