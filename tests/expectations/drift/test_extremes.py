"""One absurd number or date in a column with a long tail: told from five times the furthest on, and not before."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.profile import Profile, profile_file

DAY = date(2026, 3, 2)


@pytest.fixture
def sold(tmp_path: Path) -> Callable[..., Profile]:
    """A day's pieces per order: mostly few, now and then some thousand or a return of as many."""

    def measure(day: int, *more: int) -> Profile:
        rng = random.Random(day)
        pieces = [int(rng.paretovariate(0.9)) * rng.choice([1, 1, 1, 1, -1]) for _ in range(300)]
        path = tmp_path / "batch.csv"
        path.write_text("order,pieces\n" + "".join(f"{day}-{at},{n}\n" for at, n in enumerate([*pieces, *more])))
        return profile_file(path)

    return measure


@pytest.mark.parametrize(("times", "told"), [(7, True), (-7, True), (2, False), (-2, False)])
def test_a_number_far_beyond_all_before_is_told(sold: Any, times: int, told: bool) -> None:
    history = [sold(day) for day in range(21)]
    furthest = max(abs(q) for p in history for q in p.columns["pieces"].numbers.quantiles)
    verdict = detect(sold(30, int(times * furthest)), history)
    found = [a for a in verdict.alerts if a.column == "pieces" and "est number in pieces" in a.message]
    assert bool(found) is told
    assert verdict.verdict != "page"


@pytest.fixture
def repaired(tmp_path: Path) -> Callable[..., Profile]:
    """The repairs of a day: when the things were bought, mostly lately, now and then years ago or for delivery in a month."""

    def measure(day: int, *more: date) -> Profile:
        rng = random.Random(day)
        ago = [min(1500, int(rng.paretovariate(0.7))) - 30 * (rng.random() < 0.02) for _ in range(40)]
        bought = [DAY + timedelta(days=day - one) for one in ago]
        path = tmp_path / f"repairs_{DAY + timedelta(days=day)}.csv"
        rows = "".join(f"{day}-{at},{one}\n" for at, one in enumerate([*bought, *more]))
        path.write_text(f"repair,bought\n{rows}")
        return profile_file(path)

    return measure


@pytest.mark.parametrize(
    ("odd", "told"),
    [(date(1970, 1, 1), True), (date(2099, 1, 1), True), (date(2020, 1, 1), False), (date(2027, 1, 1), False)],
)
def test_a_date_far_beyond_all_before_is_told(repaired: Any, odd: date, told: bool) -> None:
    history = [repaired(day) for day in range(24)]
    days = [DAY + timedelta(days=day) for day in range(24)]
    last = DAY + timedelta(days=24)
    verdict = detect(repaired(24, odd), history, batch_label=last, history_labels=days)
    found = [a for a in verdict.alerts if a.column == "bought"]
    assert bool(found) is told, [a.message for a in found]
    assert verdict.verdict != "page"
