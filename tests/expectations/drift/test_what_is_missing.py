"""Empty values that are gone, numbers that a cap cut off, rows of one thing only, and shares that never strayed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import Verdict, detect
from expectations.drift.between import pairs
from expectations.drift.figures import Figures
from expectations.drift.labels import capped, filled
from expectations.profile import Profile, profile_file

from .conftest import Row, write_day

DAYS = 24
Make = Callable[[int], list[Row]]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[Make, list[Row]], Verdict]:
    """The verdict on rows after DAYS days."""

    def judge(day: Make, rows: list[Row]) -> Verdict:
        return detect(measured(tmp_path, rows), [measured(tmp_path, day(number)) for number in range(DAYS)])

    return judge


def measured(folder: Path, rows: list[Row]) -> Profile:
    return profile_file(write_day(folder / "batch.csv", rows))


def orders(day: int) -> list[Row]:
    """150 orders: a fifth without a customer, few returned."""
    rng = random.Random(day)
    return [
        {
            "customer": "" if rng.random() < 0.2 else f"C{rng.randrange(40)}",
            "weight": f"{rng.gauss(50, 12):.2f}",
            "pieces": str(rng.choice([1, 1, 1, *range(2, 30)]) if rng.random() > 0.02 else -rng.randrange(1, 9)),
        }
        for _ in range(150)
    ]


def told(verdict: Verdict) -> set[str | None]:
    return {alert.column for alert in verdict.alerts}


def test_a_join_that_keeps_what_matches_is_told(judged: Any, tmp_path: Path) -> None:
    joined = [row for row in orders(DAYS) if row["customer"]]
    assert "customer" in told(judged(orders, joined))
    assert told(judged(orders, orders(DAYS))) == set()
    some = joined + [row for row in orders(DAYS) if not row["customer"]][:3]
    history = [measured(tmp_path, orders(day)) for day in range(DAYS)]
    assert [key for key, _ in filled([*history, measured(tmp_path, some)]) if key.column == "customer"] == []
    found = {key.column: found[-1] for key, found in filled([*history, measured(tmp_path, joined)])}
    assert [*found] == ["customer"]
    # A fifth has none; three days in four had as many as this at least.
    assert 0.1 < found["customer"][0] / found["customer"][1] <= 0.2
    once = [*history[:5], measured(tmp_path, joined), *history[5:]]
    assert [*filled([*once, measured(tmp_path, joined)])] == [], "it was so before"


def test_a_cap_is_told_and_a_day_without_returns_is_not(judged: Any, tmp_path: Path) -> None:
    cut = [row | {"weight": min(row["weight"], "60.00", key=float)} for row in orders(DAYS)]
    verdict = judged(orders, cut)
    assert "weight" in told(verdict)
    kept = [row for row in orders(DAYS) if int(row["pieces"]) > 0]
    assert told(judged(orders, kept)) == set()
    history = [measured(tmp_path, orders(day)) for day in range(DAYS)]
    shares = {
        (key.column, key.name): pairs[-1][0] / max(pairs[-1][1], 1)
        for key, pairs in capped([*history, measured(tmp_path, cut)])
    }
    assert shares["weight", "at_largest"] > 0.1
    assert shares["weight", "at_smallest"] == 0
    shares = {(key.column, key.name): pairs[-1][0] for key, pairs in capped([*history, measured(tmp_path, kept)])}
    assert shares["pieces", "at_smallest"] == 0, "so many order one piece on any day"


def test_a_large_first_order_and_many_zeros_are_no_caps(tmp_path: Path) -> None:
    """In a history they would raise the threshold of all else: a broken key of 5 % passed for two odd days before it."""
    first = [row | {"order_no": str(1000 + (at // 60 if at < 60 else at))} for at, row in enumerate(orders(DAYS))]
    history = [
        measured(tmp_path, [row | {"order_no": str(at)} for at, row in enumerate(orders(day))]) for day in range(DAYS)
    ]
    found = {key.column for key, _ in capped([*history, measured(tmp_path, first)])}
    assert "order_no" not in found
    assert "weight" in found
    free = [row | {"weight": "0" if at % 3 == 0 else row["weight"]} for at, row in enumerate(orders(DAYS))]
    without = [measured(tmp_path, orders(day)) for day in range(DAYS)]
    shares = {(k.column, k.name): p[-1][0] for k, p in capped([*without, measured(tmp_path, free)])}
    assert shares["weight", "at_smallest"] == 0, "told as zeros"


def ratings(day: int, likes: int = 0) -> list[Row]:
    """Ratings by people who come once, each with a taste: on every third day one of them gives nine of ten. `likes`: what all
    of that day like, if they agree.
    """
    rng = random.Random(day)
    counts = [450, 20, 30] if day % 3 == 0 else [60, 50, 70, 40, 80, 55, 65, 80]
    rows = []
    for person, count in enumerate(counts):
        stars = [likes or rng.randrange(2, 5)] * (30 if likes else 4) + [1, 2, 3, 4, 5]
        rows += [
            {
                "rating": f"{rng.getrandbits(48):012x}",
                "user_id": str(day * 100 + person),
                "stars": str(rng.choice(stars)),
            }
            for _ in range(count)
        ]
    return rows


def test_the_habits_of_one_who_has_most_rows_are_no_news(judged: Any) -> None:
    assert not [a for a in judged(ratings, ratings(DAYS, likes=5)).alerts if a.column == "stars" and a.score >= 1]
    assert "stars" in told(judged(ratings, ratings(DAYS + 1, likes=5))), "eight of them are"


def hours(day: int) -> list[Row]:
    """Three stations, one after the other, with a reading in each hour."""
    rng = random.Random(day)
    return [
        {"station": name, "reading": f"{rng.gauss(20, 4):.1f}"} for name in ("EWR", "JFK", "LGA") for _ in range(24)
    ]


def test_a_share_that_never_strayed_is_held_though_its_rows_come_in_runs(judged: Any) -> None:
    second = [row | {"station": "JFK" if row["station"] == "LGA" else row["station"]} for row in hours(DAYS)]
    assert "station" in told(judged(hours, second))
    assert told(judged(hours, hours(DAYS))) == set()


def test_two_groups_of_like_rows_are_no_correlation(tmp_path: Path) -> None:
    rng = random.Random(1)
    groups = [{"adults": "2", "changes": "0"}] * 12 + [{"adults": "1", "changes": "1"}] * 9
    mixed = [{"adults": str(rng.choice([1, 2])), "changes": str(rng.choice([0, 1]))} for _ in range(21)]

    def correlated(rows: list[Row]) -> bool:
        out = Figures()
        pairs(out, measured(tmp_path, rows))
        return any(key.name == "correlation" for key in out.levels)

    assert (correlated(groups), correlated(mixed)) == (False, True)


def test_names_that_went_through_a_web_page_are_told(judged: Any) -> None:
    def named(day: int) -> list[Row]:
        rng = random.Random(day)
        return [
            {"name": rng.choice(["Fish & Chips", "Tea", "R&D", "Bread", "Jam"]) + f" {rng.randrange(99)}"}
            for _ in range(120)
        ]

    page = [{"name": row["name"].replace("&", "&amp;")} for row in named(DAYS)]
    alerts = judged(named, page).alerts
    assert any(a.column == "name" and a.kind == "format" for a in alerts)
    assert told(judged(named, named(DAYS))) == set()
