"""What happened to a column next to those it goes with: a sum so far, a factor, some rows in another zone, a renamed term."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import Alert, detect
from expectations.profile import Profile, profile_file

from .conftest import Row, write_day

DAYS = 14
Change = Callable[[list[Row]], list[Row]]


def trips(day: int) -> list[Row]:
    """Trips that are the dearer the longer they are, by no formula; two clocks some minutes apart; a sum of two parts."""
    rng, rows = random.Random(day), []
    for _ in range(300):
        km = rng.lognormvariate(3.5, 0.5)
        country = rng.choice(["KR", "US", "FR"])
        paid = datetime(2024, 3, 4) + timedelta(days=day, hours=rng.gauss(12, 1.5))
        net, tax = round(rng.uniform(20, 60), 2), rng.choice([1.5, 2.25, 4.75])
        rows.append(
            {
                "km": f"{km:.1f}",
                "minutes": f"{20 + km * rng.uniform(1.9, 2.1):.1f}",
                "price": f"{10 + km * rng.uniform(1.15, 1.25):.2f}",
                "country": country,
                "paid_at": f"{paid:%Y-%m-%d %H:%M:%S}",
                "sent_at": f"{paid + timedelta(minutes=rng.uniform(1, 9)):%Y-%m-%d %H:%M:%S}",
                "net": f"{net:.2f}",
                "tax": f"{tax:.2f}",
                "gross": f"{net + tax:.2f}",
            }
        )
    return rows


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Profile]:
    path = tmp_path_factory.mktemp("trips") / "batch.csv"
    return [profile_file(write_day(path, trips(day))) for day in range(DAYS)]


@pytest.fixture
def told(history: list[Profile], tmp_path: Path) -> Callable[[Sequence[Row]], dict[str | None, Alert]]:
    def alerts(rows: Sequence[Row]) -> dict[str | None, Alert]:
        labels = [f"{datetime(2024, 3, 4) + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS + 1)]
        batch = profile_file(write_day(tmp_path / "batch.csv", list(rows)))
        verdict = detect(batch, history, batch_label=labels[-1], history_labels=labels[:-1])
        return {a.column: a for a in verdict.alerts if a.cause is not None and a.under is None}

    return alerts


def times(name: str, ratio: float) -> Change:
    return lambda rows: [row | {name: f"{float(row[name]) * ratio:.2f}"} for row in rows]


def so_far(rows: list[Row], name: str = "net") -> list[Row]:
    sums = accumulate(float(row[name]) for row in rows)
    return [row | {name: f"{value:.2f}"} for row, value in zip(rows, sums, strict=True)]


def later(rows: list[Row], name: str, hours: float, which: Callable[[int, Row], bool]) -> list[Row]:
    return [
        row | {name: str(datetime.fromisoformat(row[name]) + timedelta(hours=hours))} if which(at, row) else row
        for at, row in enumerate(rows)
    ]


def renamed(rows: list[Row], old: str, new: str) -> list[Row]:
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]


CASES: dict[str, tuple[str, str, str, Change]] = {
    "a sum so far": (
        "net", "sums so far", "Each number of net is the sum of those up to its row: none is below the one before it", so_far,
    ),
    "a factor on one of three": (
        "price", "12 % higher", "price is 12 % higher than what km and minutes of its row usually go with.", times("price", 1.12),
    ),
    "a fifth less": ("km", "20 % lower", "km is 20 % lower than what minutes and price of its row", times("km", 0.8)),
    "a discount": ("minutes", "10 % lower", "minutes is 10 % lower than what km and price of its row", times("minutes", 0.9)),
    "some rows of two clocks": (
        "sent_at", "+9 h in some rows", "sent_at lies 9 h later than usual next to paid_at, as where some come from another time",
        lambda rows: later(rows, "sent_at", 9, lambda at, _: at % 4 == 0),
    ),
    "one country's zone": (
        "paid_at", "-5 h where country is FR", "The hours of paid_at lie 5 h earlier where country is FR, next to the other rows",
        lambda rows: later(later(rows, "paid_at", -5, lambda _, row: row["country"] == "FR"),
                           "sent_at", -5, lambda _, row: row["country"] == "FR"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_happened_next_to_other_columns_is_named(told: Any, case: str) -> None:
    column, cause, sentence, change = CASES[case]
    found = told(change(trips(DAYS)))
    assert {name: a.cause for name, a in found.items()}.get(column) == cause, found
    assert sentence in found[column].message


@pytest.mark.parametrize(("name", "ratio", "told_as"), [("price", 1.12, 12), ("price", 0.9, -10)])
def test_what_others_lead_to_expect_is_told_in_percent(told: Any, name: str, ratio: float, told_as: float) -> None:
    """It was told in errors of the mean, as if these were a logarithm: a price of 12 % more as one of 1,767 %."""
    found = told(times(name, ratio)(trips(DAYS)))[name]
    figure = "By how many percent " + name + " differs from what the other numbers of its rows lead to expect"
    assert figure in found.message
    assert float(found.observed.removesuffix(" %")) == pytest.approx(told_as, abs=2)


def test_a_usual_day_has_none(told: Any) -> None:
    assert told(trips(DAYS)) == {}


def causes(found: dict[str | None, Alert]) -> set[str]:
    return {str(a.cause) for a in found.values()}


def test_rows_that_were_sorted_are_no_sum_so_far(told: Any) -> None:
    found = told(sorted(trips(DAYS), key=lambda row: float(row["net"])))
    assert found.keys() <= {None, "net", "gross"}
    assert "sums so far" not in causes(found)


def test_a_factor_on_all_that_goes_together_is_no_factor_of_one(told: Any) -> None:
    rows = times("km", 1.3)(times("minutes", 1.3)(times("price", 1.3)(trips(DAYS))))
    assert not any("usually go with" in a.message for a in told(rows).values())


def test_all_rows_in_another_zone_are_not_some_of_them(told: Any) -> None:
    found = told(later(trips(DAYS), "sent_at", 9, lambda *_: True))
    assert any("+9 h" in cause for cause in causes(found))
    assert not any("in some rows" in cause or "where" in cause for cause in causes(found))


def test_half_an_hour_more_in_some_rows_is_no_zone(told: Any) -> None:
    found = told(later(trips(DAYS), "sent_at", 0.4, lambda at, _: at % 4 == 0))
    assert not any("in some rows" in cause for cause in causes(found))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda rows: renamed(rows, "tax", "vat"),
            "gross = net + tax holds as before under the new name: tax is called vat now.",
        ),
        (
            lambda rows: renamed(times("tax", 2)(rows), "tax", "vat"),
            "gross = net + tax held in 100 % of the rows and doesn't under the new name: tax is called vat now.",
        ),
        (
            lambda rows: [{name: value for name, value in row.items() if name != "tax"} for row in rows],
            "gross = net + tax can't be checked any more: tax is gone.",
        ),
    ],
)
def test_a_sum_of_which_a_column_was_renamed_says_so(told: Any, change: Change, sentence: str) -> None:
    found = told(change(trips(DAYS)))
    assert any(a.message.startswith(sentence) for a in found.values()), found


def test_a_renamed_column_of_no_formula_breaks_none(told: Any) -> None:
    assert not any("under the new name" in a.message for a in told(renamed(trips(DAYS), "km", "distance")).values())
