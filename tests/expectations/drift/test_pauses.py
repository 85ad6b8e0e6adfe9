"""Rows in one piece that never came: hours without any, and what lies beyond the limit of a page."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.labels import pauses
from expectations.profile import Profile, profile_file

DAYS = 24
FIRST = datetime(2026, 3, 2)
Visits = list[tuple[str, str]]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[Visits], Any]:
    """The verdict on visits after DAYS days, and the profiles with theirs last."""

    def measured(rows: Visits) -> Profile:
        with (tmp_path / "batch.csv").open("w", newline="") as handle:
            csv.writer(handle).writerows([("at", "page"), *rows])
        return profile_file(tmp_path / "batch.csv")

    def judge(rows: Visits) -> Any:
        profiles = [*(measured(visits(day)) for day in range(DAYS)), measured(rows)]
        labels = [f"{FIRST + timedelta(days=day):%Y-%m-%d}.csv" for day in range(DAYS + 1)]
        return detect(profiles[-1], profiles[:-1], batch_label=labels[-1], history_labels=labels[:-1]), profiles

    return judge


def visits(day: int, most: int = 1300) -> Visits:
    """Visits from 8 to 20 o'clock, 700 to `most` of them, in their order."""
    rng = random.Random(day)
    start = FIRST + timedelta(days=day, hours=8)
    at = sorted(start + timedelta(minutes=rng.uniform(0, 720)) for _ in range(rng.randrange(700, most)))
    return [(f"{moment:%Y-%m-%d %H:%M:%S}", rng.choice("abcd")) for moment in at]


@pytest.mark.parametrize(("lost", "told"), [((12, 15), True), ((12, 13), True), ((17, 21), False)])
def test_hours_without_a_row_are_told_and_an_early_end_by_other_figures(judged: Any, lost: Any, told: bool) -> None:
    rows = [row for row in visits(DAYS) if not lost[0] <= int(row[0][11:13]) < lost[1]]
    verdict, profiles = judged(rows)
    found = [
        a
        for a in verdict.alerts
        if "in the hours of at in which none came, between the first and the last" in a.message
    ]
    assert bool(found) is told
    assert all(a.level == "digest" for a in found)
    ((_, pairs),) = pauses(profiles)
    assert (pairs[-1][0] > 0) is (lost[1] < 20)


def test_exactly_a_page_of_rows_is_told_by_that(judged: Any) -> None:
    verdict, _ = judged(visits(DAYS + 5, 1900)[:1000])
    told = {a.column: a for a in verdict.alerts}[None]
    assert told.cause == "the first 1,000 rows"
    assert "Exactly 1,000 rows came, as from a page or query with that limit" in told.message
    assert None not in {a.column for a in judged(visits(DAYS + 5, 1900)[:1001])[0].alerts}
