"""Two labels in each other's place, and numbers that are rounded more or less than usual."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.exchanged import exchanged
from expectations.drift.extract import extract
from expectations.drift.figures import named
from expectations.profile import Profile, profile_file

DAYS = 24
Sold = list[tuple[str, str, str]]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[Sold], Profile]:
    def measure(rows: Sold) -> Profile:
        with (tmp_path / "batch.csv").open("w", newline="") as handle:
            csv.writer(handle).writerows([("size", "price", "calories"), *rows])
        return profile_file(tmp_path / "batch.csv")

    return measure


def sold(day: int) -> Sold:
    """100 meals, about as many large as small ones; large ones cost more, if by little."""
    rng = random.Random(day)
    sizes = rng.choices(["large", "small"], [rng.uniform(0.3, 0.7), 0.5], k=100)
    return [(s, f"{rng.gauss(12 if s == 'large' else 9, 3):.2f}", str(rng.randrange(400, 2400))) for s in sizes]


def turned(rows: Sold) -> Sold:
    return [("small" if size == "large" else "large", price, calories) for size, price, calories in rows]


def test_exchanged_labels_are_told_where_both_are_as_common(measured: Any) -> None:
    history = [measured(sold(day)) for day in range(DAYS)]
    told = {a.column: a for a in detect(measured(turned(sold(DAYS))), history).alerts}
    assert told["size"].cause == "labels large and small exchanged"
    assert "Rows with large in size are like those with small were" in told["size"].message
    assert detect(measured(sold(DAYS)), history).alerts == ()
    shares = dict(exchanged([*history, measured(turned(sold(DAYS)))]))
    (pairs,) = shares.values()
    assert pairs[-1][0] < -0.5
    assert all(value > 0 for value, _ in pairs[:-1])


def test_a_short_history_and_one_label_can_not_tell_them(measured: Any) -> None:
    history = [measured(sold(day)) for day in range(9)]
    assert list(exchanged([*history, measured(turned(sold(DAYS)))])) == []
    alone = [measured([("large", price, calories) for _, price, calories in sold(day)]) for day in range(DAYS)]
    assert list(exchanged(alone)) == []


def rounded(rows: Sold, to: int) -> Sold:
    return [(size, price, str(round(int(calories) / to) * to)) for size, price, calories in rows]


@pytest.mark.parametrize(("usual", "now"), [(1, 10), (100, 1)])
def test_numbers_rounded_otherwise_are_told(measured: Any, usual: int, now: int) -> None:
    history = [measured(rounded(sold(day), usual)) for day in range(DAYS)]
    verdict = detect(measured(rounded(sold(DAYS), now)), history)
    assert "calories" in {a.column for a in verdict.alerts}
    assert detect(measured(rounded(sold(DAYS), usual)), history).alerts == ()


def test_thousands_with_a_raise_are_no_thousands_any_more(measured: Any) -> None:
    """A factor leaves multiples of ten, as their last digit says nothing."""
    history = [measured(rounded(sold(day), 1000)) for day in range(DAYS)]
    raised = [(s, p, str(int(int(c) * 1.05))) for s, p, c in rounded(sold(DAYS), 1000)]
    figures = extract(measured(raised)).shares
    assert figures[named("calories", "values", "multiples", "10")][0] > 0
    assert figures[named("calories", "values", "multiples", "1,000")][0] == 0
    assert "calories" in {a.column for a in detect(measured(raised), history).alerts}
