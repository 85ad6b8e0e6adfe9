"""The mix of labels and of last digits: what moves each of them a little, and all of them together."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expectations.drift import detect
from expectations.drift.block import Block
from expectations.drift.figures import named
from expectations.drift.mixes import labels_mixed, last_digits
from expectations.profile import Profile, profile_file

DAYS = 28
STATES = ["cancelled", "delivered", "open", "paid", "sent"]
Rows = list[tuple[str, str]]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., Profile]:
    def measure(rows: Rows, columns: tuple[str, str] = ("state", "minutes")) -> Profile:
        with (tmp_path / "batch.csv").open("w", newline="") as handle:
            csv.writer(handle).writerows([columns, *rows])
        return profile_file(tmp_path / "batch.csv")

    return measure


def day(at: int, rows: int = 300) -> Rows:
    """Jobs with a state and the minutes they took: each state's share strays by a third from day to day."""
    rng = random.Random(at)
    weights = [share * rng.uniform(0.7, 1.3) for share in (10, 40, 16, 12, 22)]
    return [(rng.choices(STATES, weights)[0], str(round(rng.gauss(400, 60)))) for _ in range(rows)]


def rotated(rows: Rows) -> Rows:
    after = dict(zip(STATES, [*STATES[1:], STATES[0]], strict=True))
    return [(after[state], minutes) for state, minutes in rows]


def doubled(rows: Rows) -> Rows:
    """Half of the minutes are sums of two equal halves: they are even, and about what they were."""
    return [(state, str(int(minutes) // 2 * 2) if at % 2 else minutes) for at, (state, minutes) in enumerate(rows)]


def test_labels_that_are_all_out_of_place_are_told_together(measured: Any) -> None:
    history = [measured(day(at)) for at in range(DAYS)]
    told = detect(measured(rotated(day(DAYS))), history)
    assert [(a.column, a.kind, a.level) for a in told.alerts] == [("state", "categories", "digest")]
    assert "need another value of state for its usual mix" in told.alerts[0].message


def test_the_mix_of_a_usual_day_and_of_a_small_one_is_no_news(measured: Any) -> None:
    history = [measured(day(at)) for at in range(DAYS)]
    for at in range(DAYS, DAYS + 4):
        assert detect(measured(day(at)), history).alerts == ()
    assert not [a for a in detect(measured(day(DAYS, rows=40)), history).alerts if a.kind == "categories"]


def test_numbers_that_were_added_up_twice_end_in_other_digits(measured: Any) -> None:
    history = [measured(day(at)) for at in range(DAYS)]
    told = detect(measured(doubled(day(DAYS))), history)
    assert [(a.column, a.kind, a.level) for a in told.alerts] == [("minutes", "values", "digest")]
    assert "need another last digit (units) for the usual mix" in told.alerts[0].message


def test_where_one_digit_ends_most_numbers_there_is_no_mix(measured: Any) -> None:
    def tens(at: int) -> Rows:
        return [(state, f"{minutes}0" if place % 4 else minutes) for place, (state, minutes) in enumerate(day(at))]

    alone = {"state": (1.0, 1.0), "minutes": (1.0, 1.0)}
    assert [key.other for key, _ in last_digits([measured(tens(at)) for at in range(12)], alone)] == []
    assert [key.other for key, _ in last_digits([measured(day(at)) for at in range(12)], alone)] == ["units"]


def orders(at: int, foreign: int = 0) -> Rows:
    """Lines of orders, 25 each, of one country throughout."""
    rng = random.Random(at)
    found = []
    for number in range(24):
        country = "FR" if number < foreign else rng.choices(["DE", "FR", "AT"], [80, 8, 12])[0]
        found += [(f"{at:03d}{number:02d}", country)] * 25
    return found


def test_a_few_orders_of_many_lines_are_no_other_mix(measured: Any) -> None:
    history = [measured(orders(at), ("order_no", "country")) for at in range(DAYS)]
    few = detect(measured(orders(DAYS, foreign=6), ("order_no", "country")), history)
    assert not [a for a in few.alerts if a.column == "country"]
    most = detect(measured(orders(DAYS, foreign=22), ("order_no", "country")), history)
    assert [a for a in most.alerts if a.column == "country"]


def test_a_new_mix_that_stays_is_not_told_every_day(measured: Any) -> None:
    batches = [measured(day(at) if at < DAYS else rotated(day(at))) for at in range(DAYS + 4)]
    told = [bool(detect(batches[at], batches[at - DAYS : at]).alerts) for at in range(DAYS, DAYS + 4)]
    assert told[0]
    assert sum(told) == 1


@pytest.mark.filterwarnings("error")
def test_a_label_that_all_rows_have_strays_by_nothing() -> None:
    keys = tuple(named("state", "categories", "category", label) for label in ("open", "paid"))
    rows = np.full((12, 2), 72.0)
    of_rows = rows * [1.0, 0.0]
    of_rows[-1] = [36.0, 36.0]
    ((key, pairs),) = labels_mixed(Block(keys, of_rows, rows), {"state": (1.0, 1.0)})
    assert key == named("state", "categories", "mix")
    assert all(np.isnan(distance) for distance, _ in pairs[:3])
    assert [distance for distance, _ in pairs[3:]] == pytest.approx([0.0] * 8 + [0.5], abs=1e-6)
