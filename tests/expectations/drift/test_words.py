"""What an owner reads of a figure."""

from __future__ import annotations

import math

import pytest

from expectations.drift.examples import with_one_value
from expectations.drift.figures import Key, named
from expectations.drift.model import Alert
from expectations.drift.words import say_level, say_share
from expectations.profile.model import BETWEEN, ColumnProfile, Profile, Sketch, Text

PAID = named("paid", "values", "log_mean")


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
        f"The typical size of paid: expected 20.01 (8 to 46), seen {seen:,.2f}".rstrip("0").rstrip(".") + f"{so}."
    )


@pytest.mark.parametrize(
    ("usual", "seen", "so"),
    [
        (1e10, 5e-321, "less than a millionth of the usual"),
        (1e-3, 1e300, "more than a million times the usual"),
        (20.0, 1e9, "more than a million times the usual"),
        (20.0, 1e7, "500,000 times the usual"),
    ],
)
def test_numbers_near_the_ends_of_what_there_is_are_told_in_few_digits(usual: float, seen: float, so: str) -> None:
    key = named("paid", "values", "quantile", "0.5")
    low, expected, high, now = (math.asinh(x / 1e-3) for x in (usual / 2, usual, usual * 2, seen))
    told = say_level(key, low, expected, high, now, 1e-3).message
    assert told.endswith(f", {so}.")
    assert len(told) < 150


@pytest.mark.parametrize(
    ("low", "high", "bounds", "smallest"),
    [(-200.0, 2.0, "2,271.14 or less", "above 2,271.14"), (0.5, 300.0, "326.31 or more", "below 326.31"),
     (-200.0, 300.0, "any", "none: it varies too much")],
)  # fmt: skip
def test_a_limit_that_few_batches_have_put_beyond_all_numbers_is_none(
    low: float, high: float, bounds: str, smallest: str
) -> None:
    key = named("paid", "values", "quantile", "0.5")
    said = say_level(key, low, 0.635, high, 3.0, 626.2)
    assert (said.bounds, said.smallest) == (f"424.9 ({bounds})", smallest)


def test_rows_have_none_below_nothing_at_all() -> None:
    said = say_level(named(None, "volume", "rows"), -190.0, math.log(420), math.log(2271), math.log(5000), math.nan)
    assert (said.bounds, said.smallest) == ("420 (0 to 2,271)", "above 2,271")


def test_a_figure_outside_its_bounds_never_reads_like_them() -> None:
    key = named("a", "relation", "correlation", "b")
    low, expected, high, seen = (math.atanh(x) for x in (0.9999, 0.99995, 0.99999, 0.998))
    assert "expected 1.000 (1.000 to 1.000), seen 0.998." in say_level(key, low, expected, high, seen, math.nan).message
    said = say_level(key, low, expected, high, math.atanh(0.99985), math.nan)
    assert said.observed not in (said.low, said.expected, said.high)


@pytest.mark.parametrize(("seen", "told"), [(0.5, "50.0 %"), (0.9996, "99.96 %"), (0.00012, "0.012 %")])
def test_a_share_is_told_with_the_digits_it_takes(seen: float, told: str) -> None:
    assert say_share(named("a", "completeness", "absent"), 0.999, 1.0, 1.0, seen, 5000).observed == told


def test_what_stayed_within_its_bounds_is_not_told_as_a_breach() -> None:
    said = say_share(named("paid", "reference", "unseen"), 0.0, 0.039, 1.0, 1.0, 500)
    assert said.aside == (
        "Share of rows whose paid was never seen before: usually 3.9 %, now 100.0 % (not unusual by itself)."
    )
    assert said.smallest == "none: it varies too much"


SAID: dict[str, tuple[Key, tuple[float, ...], str]] = {
    "a unit is said once": (
        named("code", "format", "length"),
        tuple(math.log1p(x) for x in (6.7, 7.0, 7.4, 5.2)),
        "The mean length of code: expected 7.0 characters (6.7 to 7.4), seen 5.2 characters.",
    ),
    "nothing is below nothing": (
        named("id", "format", "beyond_digits"),
        (-0.1, 0.0, 0.1, math.log(3)),
        "The characters of id that its numbers don't need (zeros in front, a unit): "
        "expected 0.0 characters (0.0 to 0.1), seen 2.0 characters.",
    ),
    "fewer are told in percent": (
        named(None, "volume", "rows"),
        tuple(math.log(x) for x in (355, 592, 987, 149)),
        "The number of rows: expected 592 (355 to 987), seen 149, 25 % of the usual.",
    ),
    "no statistics of the other columns": (
        named("price", "relation", "given_others"),
        (-0.35, 0.0, 0.35, 3562.3),
        "By how much price lies above or below what the other numbers of its rows lead to expect, on average: "
        "expected +0.00 (-0.35 to +0.35), seen +3,562.30.",
    ),
    "a factor that isn't a unit is told in percent": (
        named("price", "relation", "given_others_log"),
        (-0.02, 0.0, 0.02, math.log(1.19)),
        "By how many percent price differs from what the other numbers of its rows lead to expect: "
        "expected +0.0 % (-2.0 % to +2.0 %), seen +19.0 %.",
    ),
    "how far single values lie off has the unit of the column": (
        named("price", "relation", "given_others_spread"),
        tuple(math.log(x) for x in (1.8, 2.1, 2.6, 14.0)),
        "How far single values of price lie from what the other numbers of their rows lead to expect: "
        "expected 2.1 (1.8 to 2.6), seen 14, 6.67 times the usual.",
    ),
    "how widely numbers spread is a factor": (
        named("price", "values", "log_spread"),
        tuple(math.log(math.log(x)) for x in (1.5, 2.0, 2.5, 6.0)),
        "The factor by which numbers of price typically differ: expected 2 times (1.5 to 2.5), seen 6 times.",
    ),
    "since when a clock counts": (
        named("at", "clock", "middle", "the batch's date"),
        (13.2, 14.3, 15.4, -105.6),
        "The middle of at, counted from the batch's date: expected +14.3 h (+13.2 to +15.4), seen -4.4 d.",
    ),
    "an hour of a segment": (
        named("at", "segment", "hour", f"country{BETWEEN}DE"),
        (-1.0, 0.25, 1.5, 9.0),
        "The time of day of at where country is DE, next to the other rows: expected +0.2 h (-1.0 to +1.5), seen +9.0 h.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_a_level_is_told_as_an_owner_says_it(case: str) -> None:
    key, (low, expected, high, seen), message = SAID[case]
    said = say_level(key, low, expected, high, seen, math.nan)
    assert said.message == message
    assert "-0.0" not in said.smallest
    assert not said.smallest.startswith("below 0.0 ")


@pytest.mark.parametrize(
    ("share", "figure"), [("0.25", "The number that 25 % of paid are below"), ("0.5", "The middle number of paid")]
)
def test_a_quantile_is_told_by_the_share_below_it(share: str, figure: str) -> None:
    key = named("paid", "values", "quantile", share)
    low, expected, high, seen = (math.asinh(x / 10) for x in (8, 10, 12, 30))
    said = say_level(key, low, expected, high, seen, 10.0)
    assert said.message == f"{figure}: expected 10 (8 to 12), seen 30, 3 times the usual."


def test_a_state_of_the_whole_column_is_a_yes_or_no() -> None:
    said = say_share(named("paid", "values", "constant"), 0.0, 0.0, 0.34, 1.0, 18)
    assert said.message == "Whether paid holds one and the same value in every row: so far never, now yes."
    assert (said.bounds, said.smallest) == ("never", "once")


def column_of(*values: str, masked: bool = False) -> dict[str, ColumnProfile]:
    top = tuple((value, 10.0) for value in values)
    text = Text(40.0, 0, 0, 0, 0, 0, 0, 0, 0, 2.0, 0.0, (), ())
    return {"country": ColumnProfile("text", masked, 0, len(values), text, top, Sketch((), (), True))}


@pytest.mark.parametrize(
    ("kind", "before", "now", "masked", "shown"),
    [
        ("format", ("KR", "US"), ("kr", "us"), False, " For example `KR` before, `kr` now."),
        ("format", ("KR", "US"), ("KR", "kr"), False, " For example `KR` before, `kr` now."),
        ("format", ("KR", "US"), ("US", "KR"), False, ""),
        # The same thing before and now, not the commonest of each.
        (
            "format",
            ("spinach_fet", "classic_dlx"),
            ("classic_dl", "spinach_fet"),
            False,
            " For example `classic_dlx` before, `classic_dl` now.",
        ),
        ("format", ("2", "7"), ("0000000007",), False, " For example `7` before, `0000000007` now."),
        # Written as before: what is odd about it isn't this value.
        ("format", ("11:00",), ("12:00",), False, ""),
        ("format", ("KR",), ("kr",), True, ""),
        ("values", ("KR",), ("kr",), False, ""),
        ("format", ("KR",), ("k" * 200,), False, f" For example `KR` before, `{'k' * 39}…` now."),
    ],
)
def test_another_spelling_shows_one_value_of_before_and_now(
    kind: str, before: tuple[str, ...], now: tuple[str, ...], masked: bool, shown: str
) -> None:
    profiles = [Profile(40, column_of(*before)), Profile(40, column_of(*now, masked=masked))]
    alert = Alert("country", kind, "digest", 1.2, "Said.", "a", "b")
    assert with_one_value(alert, profiles).message == f"Said.{shown}"
