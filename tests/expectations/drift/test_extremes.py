"""One absurd number in a column with a long tail: told from five times the furthest on, and not before."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.profile import Profile, profile_file


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
