"""What an owner reads of a figure."""

from __future__ import annotations

import math

import pytest

from expectations.drift.extract import Key
from expectations.drift.words import say_level, say_share

PAID = Key("paid", "values", "log_mean")


def logs(*values: float) -> list[float]:
    return [math.log1p(value) for value in values]


@pytest.mark.parametrize(
    ("seen", "so"),
    [(19, ""), (25, ""), (2000, ", 100 times the usual"), (0.2, ", 1/100 of the usual"), (90_000, ", 4,498 times the usual")],
)  # fmt: skip
def test_a_changed_unit_is_told_as_a_factor(seen: float, so: str) -> None:
    low, expected, high, now = logs(8, 20.01, 46, seen)
    told = say_level(PAID, low, expected, high, now, math.nan).message
    assert told == (
        f"The typical size of paid (geometric mean): expected 20.01 (8 to 46), seen {seen:,.2f}".rstrip("0").rstrip(".")
        + f"{so}."
    )


def test_a_figure_outside_its_bounds_never_reads_like_them() -> None:
    key = Key("a", "relation", "correlation", "b")
    low, expected, high, seen = (math.atanh(x) for x in (0.9999, 0.99995, 0.99999, 0.998))
    assert "expected 1.000 (1.000 to 1.000), seen 0.998." in say_level(key, low, expected, high, seen, math.nan).message
    said = say_level(key, low, expected, high, math.atanh(0.99985), math.nan)
    assert said.observed not in (said.low, said.expected, said.high)


@pytest.mark.parametrize(("seen", "told"), [(0.5, "50.0 %"), (0.9996, "99.96 %"), (0.00012, "0.012 %")])
def test_a_share_is_told_with_the_digits_it_takes(seen: float, told: str) -> None:
    assert say_share(Key("a", "completeness", "absent"), 0.999, 1.0, 1.0, seen, 5000).observed == told


def test_what_stayed_within_its_bounds_is_not_told_as_a_breach() -> None:
    said = say_share(Key("paid", "values", "unseen"), 0.0, 0.039, 1.0, 1.0, 500)
    assert said.aside == (
        "Share of rows whose paid stands in no earlier batch: usually 3.9 %, now 100.0 %; alone it would not be told."
    )
    assert said.smallest == "none: it varies too much"
