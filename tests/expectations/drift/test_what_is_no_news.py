"""What made false alarms once, and the errors that lie right beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expectations.drift import detect
from expectations.drift.block import Block
from expectations.drift.compare import _is_limit, _unseen_patterns
from expectations.drift.extract import extract
from expectations.drift.figures import named
from expectations.drift.frame import _is_direction
from expectations.drift.given_others import residuals
from expectations.drift.implied import beyond_digits
from expectations.drift.predict import _choose, is_common
from expectations.profile import Profile, profile_file


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[list[str]], Profile]:
    """The profile of one column of numbers `n` beside a row number."""

    def measure(values: list[str]) -> Profile:
        path = tmp_path / "batch.csv"
        path.write_text("row,n\n" + "".join(f"r{at},{value}\n" for at, value in enumerate(values)))
        return profile_file(path)

    return measure


@pytest.mark.parametrize(
    ("ends", "inside", "limit"),
    [([5, 5, 4, 5], 1, True), ([5, 5, 5, 5], 5, False), ([1, 2, 3, 4], 0, False), ([9, 5, 5, 5], 0, False)],
)
def test_a_limit_is_reached_often_and_never_passed(ends: list[float], inside: float, limit: bool) -> None:
    assert _is_limit(np.array([*ends, np.nan]), inside) is limit


def stars(day: int, *more: str) -> list[str]:
    return [str(1 + (at * 7 + day) % 5) for at in range(200)] + list(more)


def test_a_sixth_star_is_told(measured: Any) -> None:
    history = [measured(stars(day)) for day in range(14)]
    verdict = detect(measured(stars(15, *["6"] * 8)), history)
    told = [a.message for a in verdict.alerts if (a.column, a.kind) == ("n", "values")]
    assert told
    assert "above the limit that several batches reach and none passes" in told[0]


def test_a_year_of_birth_whose_limit_moves_by_one_is_not(measured: Any) -> None:
    def born(day: int, last: int) -> list[str]:
        return [str(last - (at * 13 + day) % 60) for at in range(200)]

    history = [measured(born(day, 2007)) for day in range(14)]
    assert detect(measured(born(15, 2008)), history).alerts == ()


@pytest.mark.parametrize(
    ("values", "characters"),
    [(["0", "0.01", "0.25"], 0), (["0.0", "12.50", "-7.125"], 0), (["0007", "0012", "0123"], 2)],
)
def test_only_what_no_number_needs_is_counted(measured: Any, values: list[str], characters: float) -> None:
    found = beyond_digits(measured(values * 20).columns["n"])
    assert found is not None
    assert found[0] == pytest.approx(characters, abs=0.02 + 2 * found[1])


def test_a_pattern_that_may_have_been_among_the_unlisted_is_new_by_what_goes_beyond() -> None:
    sets = [{"a": 90.0, "b": 10.0}, {"a": 95.0, "b": 5.0}, {"a": 70.0, "c": 30.0}]
    assert _unseen_patterns(sets, [0.0, 0.0, 0.0])[-1] == (30.0, 100.0)
    assert _unseen_patterns(sets, [0.1, 0.05, 0.3])[-1] == (20.0, 100.0)


def test_a_way_that_cannot_predict_the_batch_is_not_chosen() -> None:
    """Else the looseness of one way would judge the miss of another."""
    misses = np.stack([np.full((9, 2), miss) for miss in (5.0, 0.1, 7.0, 9.0)])
    able = np.array([[True, True], [True, False], [False, False], [True, True]])
    assert _choose(misses, able).tolist() == [1, 0]


def test_none_at_all_is_no_news_where_most_batches_had_none() -> None:
    """One batch that was all otherwise moves the mean: none of the rows is then far below it, and what is usual."""
    rows = np.full((9, 3), 100.0)
    had = np.zeros((9, 3))
    had[4, 0] = 100.0
    had[:8, 1] = 40.0
    had[[1, 4], 2] = 100.0
    had[8, 2] = 50.0
    keys = tuple(named("n", "values", "zero") for _ in range(3))
    assert is_common(Block(keys, had, rows)).tolist() == [True, False, False]


def test_a_date_has_no_hour_that_a_zero_could_be(tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    lines = [f"{at},2024-05-07,{0 if at % 3 else 5}" for at in range(60)]
    path.write_text("\n".join(["row,day,n", *lines, ""]))
    # The month is 5 in a third of the rows; the hour is none.
    assert [key.split("\x1f")[-1] for key in profile_file(path).relations.parts if key.startswith("n")] == ["month"]


def test_a_middle_of_whole_days_may_jump_by_one(measured: Any, tmp_path: Path) -> None:
    def stays(day: int, nights: list[int]) -> Profile:
        path = tmp_path / "stays.csv"
        rng = random.Random(day)
        begins = date(2024, 3, 1) + timedelta(days=day)
        lines = [f"{at},{begins},{begins + timedelta(days=rng.choice(nights))}" for at in range(40)]
        path.write_text("\n".join(["row,checkin,checkout", *lines, ""]))
        return profile_file(path)

    usual = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    history = [stays(day, usual) for day in range(28)]
    told = [detect(stays(day, usual), history).alerts for day in range(28, 44)]
    assert [a.message for alerts in told for a in alerts if "The time from" in a.message] == []
    longer = detect(stays(28, [nights + 3 for nights in usual]), history)
    assert {a.column for a in longer.alerts} & {"checkin", "checkout"}


def test_what_moved_at_once_has_not_moved_slowly(measured: Any) -> None:
    def sizes(day: int, by: float) -> Profile:
        rng = random.Random(day)
        return measured([f"{rng.gauss(100, 10) * by:.2f}" for _ in range(300)])

    history = [sizes(day, 1.0) for day in range(24)] + [sizes(day, 1.5) for day in range(24, 29)]
    told = detect(sizes(30, 1.5), history).alerts
    assert [a for a in told if a.kind == "slow_drift"] == []


Batch = Callable[[int, list[str]], Profile]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """The profile of a batch of rows under a header of `width` columns `a`, `b`, ..."""

    def measure(width: int, rows: list[str]) -> Profile:
        path = tmp_path / "batch.csv"
        path.write_text("\n".join([",".join("abcdefgh"[:width]), *rows, ""]))
        return profile_file(path)

    return measure


def told(profile: Profile, history: list[Profile]) -> set[tuple[str | None, str]]:
    return {(a.column, a.kind) for a in detect(profile, history).alerts}


def test_a_first_one_in_a_column_of_zeros_is_no_news_and_many_are(batch: Batch) -> None:
    def cancelled(day: int, few: int) -> Profile:
        return batch(2, [f"{day}-{n},{int(n < few)}" for n in range(40)])

    history = [cancelled(day, 0) for day in range(28)]
    assert told(cancelled(29, 1), history) == set()
    assert ("b", "values") in told(cancelled(29, 25), history)


def test_the_largest_number_is_no_news_where_one_as_large_was_there_before(batch: Batch) -> None:
    def waited(day: int, longest: int) -> Profile:
        return batch(2, [f"{day}-{n},{longest if n == 7 else 0}" for n in range(60)])

    history = [waited(day, 90 if day == 9 else 0) for day in range(28)]
    assert told(waited(29, 80), history) == set()
    assert ("b", "values") in told(waited(29, 5000), history)


def test_one_number_alone_shows_no_quantile(batch: Batch) -> None:
    def carts(day: int, found: list[float]) -> Profile:
        return batch(2, [f"{day}-{n},{found[n] if n < len(found) else ''}" for n in range(20)])

    def usual(day: int) -> list[float]:
        rng = random.Random(day)
        return [round(rng.lognormvariate(3, 0.4), 2) for _ in range(rng.randint(8, 10))]

    history = [carts(day, usual(day)) for day in range(28)]
    assert ("b", "values") not in told(carts(29, [40.0]), history)
    assert ("b", "values") in told(carts(29, [100 * price for price in usual(29)]), history)


def test_few_rows_may_come_out_alike_and_many_do_not(batch: Batch) -> None:
    def races(day: int, rows: int, same: bool = False) -> Profile:
        rng = random.Random(day)
        return batch(2, [f"{day}-{n},{'x' if same else rng.choice('xxyz')}" for n in range(rows)])

    few, many = ([races(day, rows) for day in range(28)] for rows in (20, 200))
    assert told(races(29, 20, same=True), few) == set()
    assert ("b", "values") in told(races(29, 200, same=True), many)


def test_two_rare_values_in_one_row_make_no_correlation(batch: Batch) -> None:
    def rooms(day: int, together: int) -> Profile:
        rng = random.Random(day)
        odd = rng.sample(range(30), 2) if not together else []
        rows = [(int(n in odd[:1] or n < together), int(n in odd[1:] or n < together)) for n in range(30)]
        return batch(3, [f"{day}-{n},{adults},{children}" for n, (adults, children) in enumerate(rows)])

    history = [rooms(day, 0) for day in range(28)]
    assert told(rooms(29, 1), history) == set()
    assert told(rooms(29, 14), history)


def test_a_key_that_stands_in_three_rows_more_is_told_and_a_name_is_not(batch: Batch) -> None:
    def people(day: int, again: int) -> Profile:
        rng = random.Random(day)
        keys = [f"{day:02d}-{n}" for n in range(100 - again)]
        return batch(2, [f"{key},{rng.randrange(80)}" for key in [*keys, *keys[:again]]])

    history = [people(day, 0) for day in range(28)]
    assert told(people(29, 1), history) == set()
    assert told(people(29, 4), history) == {("a", "duplicates")}


def test_a_new_value_of_a_closed_column_is_told_and_of_an_open_one_is_not(batch: Batch) -> None:
    def wards(day: int, new: int) -> Profile:
        rng = random.Random(day)
        rows = [(rng.choice(["CARD", "ONCO", "SURG"]), f"p{rng.randrange(9000)}") for _ in range(120)]
        return batch(2, [f"{'X_CARD' if n < new else ward},{patient}" for n, (ward, patient) in enumerate(rows)])

    history = [wards(day, 0) for day in range(28)]
    assert told(wards(29, 0), history) == set()
    assert ("a", "reference") in told(wards(29, 15), history)


def test_how_often_a_column_changes_counts_empty_rows_too(batch: Batch) -> None:
    """More coupons are used at Christmas: that fewer neighbours are both empty follows from it."""

    def orders(day: int, used: float) -> Profile:
        rng = random.Random(day)
        return batch(2, [f"{day}-{n},{'XMAS' if rng.random() < used else ''}" for n in range(300)])

    history = [orders(day, 0.1 + 0.002 * day) for day in range(28)]
    assert ("b", "order") not in told(orders(29, 0.5), history)


def test_a_quantile_that_jumps_over_a_gap_is_no_news(batch: Batch) -> None:
    def callers(day: int, low: float) -> Profile:
        rng = random.Random(day)
        numbers = [rng.randrange(1000, 1100) + (0 if rng.random() < low else 90_000) for _ in range(3000)]
        return batch(2, [f"{day}-{n},{number}" for n, number in enumerate(numbers)])

    history = [callers(day, 0.5 + 0.03 * (day % 2)) for day in range(28)]
    assert ("b", "values") not in told(callers(29, 0.48), history)
    assert ("b", "values") in told(callers(29, 0.1), history)


def test_a_fifth_fewer_rows_wake_nobody_and_half_of_them_do(batch: Batch) -> None:
    def rows(day: int, count: int) -> Profile:
        return batch(1, [f"{day}-{n}" for n in range(count)])

    history = [rows(day, 1000 + day % 3) for day in range(28)]
    levels = {
        count: {a.level for a in detect(rows(29, count), history).alerts if a.kind == "volume"} for count in (800, 500)
    }
    assert levels == {800: {"digest"}, 500: {"page"}}


def test_a_space_at_the_edge_of_a_column_name_is_told(tmp_path: Path) -> None:
    profiles = []
    for header in ("id,price", "id,price", "id,price "):
        (tmp_path / "batch.csv").write_text(f"{header}\n1,2\n")
        profiles.append(profile_file(tmp_path / "batch.csv"))
    messages = [a.message for a in detect(profiles[-1], profiles[:-1]).alerts]
    assert "Column price is called 'price ' now." in messages


@pytest.mark.parametrize(("times", "told"), [(1, False), (1000, True)])
def test_ids_that_begin_with_one_go_on_from_the_first_day(measured: Any, times: int, told: bool) -> None:
    """The first batches are held against later ones, among which nothing lies above all: the eleventh was the first that did."""
    rng, first = random.Random(4), 1
    history: list[Profile] = []
    for day in range(13):
        rows = round(rng.gauss(1000, 80))
        batch = measured([str(at * (times if day == 12 else 1)) for at in range(first, first + rows)])
        verdict = detect(batch, history)
        assert bool(verdict.alerts) == (told and day == 12), [a.message for a in verdict.alerts]
        history, first = [*history, batch], first + rows


@pytest.mark.parametrize(("company", "told"), [("not_applicable", False), ("not_applicable ", True)])
def test_how_known_texts_are_written_follows_from_which_came(tmp_path: Path, company: str, told: bool) -> None:
    """Fewer of the long names make shorter texts on average, which the names tell. A space behind one is no name."""

    def measure(day: int, long: int, name: str) -> Profile:
        path = tmp_path / "batch.csv"
        names = (name if at % 10 < long else ("ibm", "kpmg")[at // 10 % 2] for at in range(60))
        path.write_text("row,by\n" + "".join(f"r{day}-{at},{by}\n" for at, by in enumerate(names)))
        return profile_file(path)

    history = [measure(day, 8, "not_applicable") for day in range(20)]
    kinds = {alert.kind for alert in detect(measure(20, 1, company), history).alerts if alert.column == "by"}
    assert "categories" in kinds
    assert ("format" in kinds) == told


def test_rows_of_one_group_count_as_fewer_in_a_correlation(tmp_path: Path) -> None:
    """Three rows of one booking that differ from all others in two columns make a rank correlation of nearly one."""
    path = tmp_path / "batch.csv"
    path.write_text(
        "row,adults,changes\n"
        + "".join(f"r{at},{a},{b}\n" for at, (a, b) in enumerate([(2, 0)] * 30 + [(3, 2)] * 2 + [(3, 3)]))
    )
    value, variance = extract(profile_file(path)).levels[named("adults", "relation", "correlation", "changes")]
    assert value > 3
    assert value / variance**0.5 < 6


@pytest.mark.parametrize(("waited", "told"), [(["125"] * 14 + ["0"] * 7, False), (["125"] * 90, True)])
def test_how_far_numbers_lie_has_no_measure_where_all_were_one_and_the_same(
    measured: Any, waited: list[str], told: bool
) -> None:
    """Days on the waiting list: nobody's but for one row's and one group's in 28 days, so a second group's are no news;
    everybody's are.
    """
    history = [measured(["0"] * (20 + 37 * day % 50)) for day in range(26)]
    history.insert(15, measured(["0"] * 19 + ["1"]))
    history.insert(23, measured(["0"] * 58 + ["101"] * 17))
    assert any(a.column == "n" for a in detect(measured(waited), history).alerts) is told


def pairs(tmp_path: Path, at: int, low: float, times: float) -> Profile:
    """Hearts are 10 times the shares of a text, or so many times less; shares lie from `low` to twice of it."""
    rng = random.Random(at)
    path = tmp_path / "texts.csv"
    shares = [rng.uniform(low, 2 * low) for _ in range(80)]
    path.write_text(
        "row,shares,hearts\n"
        + "".join(f"r{n},{s:.0f},{s * 10 / times * rng.gauss(1, 0.1):.0f}\n" for n, s in enumerate(shares))
    )
    return profile_file(path)


@pytest.mark.parametrize(("low", "told"), [(5000.0, False), (250.0, True)])
def test_a_fit_is_uncertain_where_it_was_never_tried(tmp_path: Path, low: float, told: bool) -> None:
    """Half the hearts of what the shares lead to expect: news among the numbers of before, none at twenty times as many."""
    history = [pairs(tmp_path, at, rng_low, 1.0) for at, rng_low in enumerate([200.0, 250.0, 300.0] * 7)]
    key = named("hearts", "relation", "given_others")
    value, variance = dict(residuals([*history, pairs(tmp_path, 99, low, 2.0)]))[key][-1]
    assert value < -1
    assert (abs(value) / variance**0.5 > 7.8) is told


@pytest.mark.parametrize(
    ("name", "ends", "is_one"),
    [
        ("wind_dir", (0.0, 360.0), True),
        ("Heading", (2.0, 357.0), True),
        ("wind_speed", (0.0, 360.0), False),
        ("direction", (1.0, 4.0), False),
        ("course", (0.0, 900.0), False),
        ("bearing", (-170.0, 300.0), False),
    ],
)
def test_degrees_round_a_circle_are_known_by_their_name_and_numbers(
    measured: Any, name: str, ends: tuple[float, float], is_one: bool
) -> None:
    columns = [measured([str(end) for end in ends]).columns["n"]]
    assert _is_direction(name, columns) is is_one


def wind(tmp_path: Path, at: int, middle: float, times: float = 1.0) -> Profile:
    """The wind of a day: it comes from one side, mostly; another one on another day."""
    rng = random.Random(at)
    path = tmp_path / "wind.csv"
    degrees = [round(rng.gauss(middle, 45) % 360, -1) * times for _ in range(72)]
    path.write_text("row,wind_dir\n" + "".join(f"r{n},{d:g}\n" for n, d in enumerate(degrees)))
    return profile_file(path)


@pytest.mark.parametrize(("middle", "times", "told"), [(60, 1.0, False), (250, 3.14159 / 180, True), (250, 10, True)])
def test_a_wind_from_another_side_is_no_news_but_another_unit(
    tmp_path: Path, middle: float, times: float, told: bool
) -> None:
    history = [wind(tmp_path, at, 200 + 30 * (at % 5)) for at in range(28)]
    verdict = detect(wind(tmp_path, 99, middle, times), history)
    assert any(a.column == "wind_dir" for a in verdict.alerts) is told
