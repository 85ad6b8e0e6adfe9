"""Digits, rows and ends that are missing, and factors and shares as people say them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.words import counted_rows, factor, listed, percent_of, than
from expectations.profile import profile_file

from .conftest import write_day
from .test_causes import priced

Row = dict[str, str]


def prices(day: int, write: Any) -> list[Row]:
    dice = random.Random(day)
    return [{"id": str(n), "price": write(dice.choice([1.65, 2.95, 4.25, 4.75, 9.95]))} for n in range(200)]


@pytest.mark.parametrize(
    ("write", "cause", "sentence"),
    [
        (lambda v: f"{v:.0f}", "rounded to whole numbers", "price is rounded to whole numbers: "),
        (lambda v: str(int(v)), "cut to whole numbers", "price is cut to whole numbers: "),
        (lambda v: f"{v + 0.02:.2f}", None, ""),
    ],
)
def test_rounded_is_told_from_cut(tmp_path: Path, write: Any, cause: str | None, sentence: str) -> None:
    def measured(day: int, how: Any) -> Any:
        return profile_file(write_day(tmp_path / "batch.csv", prices(day, how)))

    history = [measured(day, lambda v: f"{v:.2f}") for day in range(12)]
    told = [a for a in detect(measured(13, write), history).alerts if a.column == "price"]
    assert told
    named = [a for a in told if a.cause is not None and ("rounded" in a.cause or "cut" in a.cause)]
    assert [a.cause for a in named] == ([cause] if cause else [])
    assert all(sentence in a.message for a in named)


def test_cents_that_lost_their_point_are_a_unit_and_not_rounded(world: Any) -> None:
    told = world.judge([row | {"price": f"{float(row['price']) * 100:.0f}"} for row in world.today]).alerts
    assert "unit x 100" in {a.cause for a in told}
    assert not any("rounded" in str(a.cause) for a in told)


def test_fewer_cheap_orders_are_no_filter(world: Any) -> None:
    rows = [row for at, row in enumerate(world.today) if float(row["price"]) > 20 or at % 2]
    assert not any("missing" in str(a.cause) for a in world.judge(rows).alerts)


def test_values_at_an_end_are_a_cap_and_not_rows_that_are_missing(world: Any) -> None:
    rows = [row | {"price": f"{max(20.0, float(row['price'])):.2f}"} for row in world.today]
    (told,) = [a for a in world.judge(rows).alerts if a.column == "price" and a.cause is not None]
    assert told.cause == "capped at 20"
    assert "No number of price lies below 20, where about" in told.message


@pytest.mark.parametrize(("share", "width"), [("0.4", "width")])
def test_rows_without_a_value_that_never_came(tmp_path: Path, share: str, width: str) -> None:
    history = [profile_file(write_day(tmp_path / "batch.csv", priced(day))) for day in range(12)]
    rows = [row for row in priced(13) if row["width"]]
    told = detect(profile_file(write_day(tmp_path / "batch.csv", rows)), history).alerts
    (named,) = [a for a in told if a.column == "width" and a.cause is not None]
    assert named.cause == "rows without width missing"
    assert "usual rows that are missing now" not in named.message


@pytest.mark.parametrize(
    ("ratio", "said", "name"),
    [
        (1 / 1.05, "4.8 % lower than before", "4.8 % lower"), (0.95, "5 % lower than before", "5 % lower"),
        (1.19, "19 % higher than before", "19 % higher"), (100, "100 times before", "factor x 100"),
        (1 / 1000, "1/1,000 of before", "factor / 1,000"), (2.2046, "2.2 times before", "factor x 2.2"),
        (1e-9, "less than a millionth of before", "factor / more than a million"),
    ],
)  # fmt: skip
def test_factors_are_told_as_people_say_them(ratio: float, said: str, name: str) -> None:
    assert than(ratio, "before") == said
    assert factor(ratio) == name


@pytest.mark.parametrize(
    ("share", "rows", "said"),
    [(0.018, 2000, "1.8 % (36 of 2,000 rows)"), (0.25, 2000, "25 %"), (0.25, 80, "25 % (20 of 80 rows)"), (0.0, 2000, "0.0 %"),
     (0.5, float("nan"), "50 %"), (1.0, 1, "100 % (1 of 1 row)")],
)  # fmt: skip
def test_few_rows_are_counted(share: float, rows: float, said: str) -> None:
    assert percent_of(share, rows) == said
    assert counted_rows(share, rows) in said


def test_names_are_listed() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_the_rows_of_a_share_are_those_of_the_batch(world: Any) -> None:
    """A figure counts rows that come in runs as fewer; what is told are the rows that are there."""
    rows = [row | {"items": "" if at % 24 == 0 else row["items"]} for at, row in enumerate(world.today)]
    told = next(a for a in world.judge(rows).alerts if (a.column, a.kind) == ("items", "completeness"))
    assert told.observed == f"4.5 % (10 of {len(rows)} rows)"
    assert told.observed in told.message
