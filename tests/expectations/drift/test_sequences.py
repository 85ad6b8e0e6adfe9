"""Rows out of their order, numbers that a sequence left out, lines that an order lost, and endings that no price has."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.combined import combined
from expectations.drift.labels import filled, left_out, off_grid
from expectations.drift.sequences import out_of_order, per_value, skipped
from expectations.profile import Profile, profile_file

DAYS = 24
FIRST = datetime(2026, 3, 2)
Row = dict[str, str]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Row]], Profile]:
    """The profile of rows."""
    path = tmp_path_factory.mktemp("lines") / "batch.csv"

    def measure(rows: list[Row]) -> Profile:
        with path.open("w", newline="") as handle:
            out = csv.DictWriter(handle, list(rows[0]))
            out.writeheader()
            out.writerows(rows)
        return profile_file(path)

    return measure


def lines(day: int) -> list[Row]:
    """Lines of 60 to 300 orders, in the order of their time; orders are numbered through, prices end in .00, .49 and .99, and a
    third of the lines has no voucher.
    """
    rng, orders = random.Random(day), [random.Random(f"orders {d}").randrange(60, 300) for d in range(day + 1)]
    begin, found = 10_000 + sum(orders[:-1]), []
    moments = sorted(FIRST + timedelta(days=day, seconds=rng.uniform(0, 86_000)) for _ in range(orders[-1]))
    for number, at in enumerate(moments, begin):
        for _ in range(rng.randrange(3, 9)):
            price = rng.randrange(1, 40) + rng.choice([0, 0.49, 0.99])
            voucher = rng.choice(["", "SPRING", "SUMMER"])
            found.append(
                {"order": str(number), "at": f"{at:%Y-%m-%d %H:%M:%S}", "price": f"{price:.2f}", "voucher": voucher}
            )
    return found


@pytest.fixture(scope="module")
def history(measured: Any) -> list[Profile]:
    return [measured(lines(day)) for day in range(DAYS)]


def a_clean_day(rows: list[Row]) -> list[Row]:
    return rows


def one_row_late(rows: list[Row]) -> list[Row]:
    """The times joined by position, one row late."""
    return [row | {"at": rows[i - 1]["at"]} for i, row in enumerate(rows)]


def a_page_is_missing(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not 0.4 <= (int(row["order"]) - int(rows[0]["order"])) / (len(rows) / 5.5) < 0.6]


def the_first_are_missing(rows: list[Row]) -> list[Row]:
    return [row for row in rows if int(row["order"]) > int(rows[0]["order"]) + 20]


def every_second_line(rows: list[Row]) -> list[Row]:
    return rows[::2]


def a_tax(rows: list[Row]) -> list[Row]:
    return [row | {"price": f"{float(row['price']) * 1.07:.2f}"} for row in rows]


def only_with_voucher(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["voucher"]]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (a_clean_day, None), (one_row_late, "at"), (a_page_is_missing, "order"), (the_first_are_missing, "order"),
        (every_second_line, "order"), (a_tax, "price"), (only_with_voucher, "voucher"),
    ],
)  # fmt: skip
def test_what_the_number_of_rows_hides_is_told(measured: Any, history: list[Profile], change: Any, column: str) -> None:
    labels = [f"{FIRST + timedelta(days=day):%Y-%m-%d}.csv" for day in range(DAYS + 1)]
    batch = measured(change(lines(DAYS)))
    verdict = detect(batch, history, batch_label=labels[-1], history_labels=labels[:-1])
    told = {a.column for a in verdict.alerts}
    assert column in told if column else not told
    assert not [a for a in verdict.alerts if a.column is None and a.score >= 1], "the number of rows is as usual"


def figures(function: Any, profiles: list[Profile]) -> dict[tuple[str, str, str], tuple[float, float]]:
    """The pair of the last profile by column, name and what it is next to."""
    return {(key.column, key.name, key.other): pairs[-1] for key, pairs in function(profiles)}


def test_each_figure_speaks_of_its_own(measured: Any, history: list[Profile]) -> None:
    clean = [*history, measured(lines(DAYS))]
    assert figures(out_of_order, clean) == {("order", "out_of_order", ""): (0, 18), ("at", "out_of_order", ""): (0, 18)}
    assert (
        figures(skipped, clean)["order", "skipped", ""][0]
        == figures(skipped, clean)["order", "skipped_before", ""][0]
        == 0
    )
    assert figures(off_grid, clean)["price", "off_grid", "two digits"][0] == 0
    assert figures(filled, clean) == {}
    late = [*history, measured(one_row_late(lines(DAYS)))]
    assert figures(out_of_order, late)["at", "out_of_order", ""] == (18, 18)
    page = figures(skipped, [*history, measured(a_page_is_missing(lines(DAYS)))])
    assert page["order", "skipped", ""][0] > 20
    assert page["order", "skipped_before", ""][0] == 0
    first = figures(skipped, [*history, measured(the_first_are_missing(lines(DAYS)))])
    assert first["order", "skipped", ""][0] == 0
    assert first["order", "skipped_before", ""][0] > 10


def test_rows_in_no_order_and_numbers_with_gaps_have_no_such_figures(measured: Any) -> None:
    def shuffled(day: int) -> list[Row]:
        rows = [row | {"order": str(7 * int(row["order"]))} for row in lines(day)]
        random.Random(day).shuffle(rows)
        return rows

    profiles = [measured(shuffled(day)) for day in range(14)]
    assert figures(out_of_order, profiles) == figures(skipped, profiles) == {}


def in_texts(rows: list[Row]) -> list[Row]:
    return [row | {"order": f"2026-{int(row['order']):07d}"} for row in rows]


def test_numbers_at_the_end_of_texts_are_a_sequence_as_well(measured: Any) -> None:
    profiles = [measured(in_texts(lines(day))) for day in range(14)]
    clean = figures(skipped, [*profiles, measured(in_texts(lines(14)))])
    assert clean["order", "skipped", ""][0] == clean["order", "skipped_before", ""][0] == 0
    first = figures(skipped, [*profiles, measured(in_texts(the_first_are_missing(lines(14))))])
    assert first["order", "skipped_before", ""][0] > 10
    page = figures(skipped, [*profiles, measured(in_texts(a_page_is_missing(lines(14))))])
    assert page["order", "skipped", ""][0] > 10


def test_texts_that_are_no_numbers_or_of_several_lengths_are_no_sequence(measured: Any) -> None:
    def named(rows: list[Row], name: str) -> list[Row]:
        return [row | {"order": name.format(int(row["order"]))} for row in rows]

    for name in ("a{:x}", "T{}b", "{:d}/x"):
        assert measured(named(lines(3), name)).columns["order"].ends is None, name
    longer = measured([row | {"order": "T" + "0" * (at % 2) + row["order"]} for at, row in enumerate(lines(3))])
    assert longer.columns["order"].ends is None
    first, *_, last = (row["order"] for row in lines(3))
    assert measured(named(lines(3), "T{}")).columns["order"].ends == (float(first), float(last))


def test_numbers_of_which_many_are_left_out_may_go_on_without_a_gap(measured: Any) -> None:
    """Every third order is of this shop, and each day begins where the one before ended."""

    def every_third(day: int) -> list[Row]:
        rows = [row for row in lines(day) if int(row["order"]) % 3 == 0]
        ends = [
            lines(day)[0] | rows[0] | {"order": lines(day)[0]["order"]},
            rows[-1] | {"order": lines(day)[-1]["order"]},
        ]
        return [ends[0], *(row for row in rows if ends[0]["order"] < row["order"] < ends[1]["order"]), ends[1]]

    profiles = [measured(every_third(day)) for day in range(14)]
    clean = figures(skipped, [*profiles, measured(every_third(14))])
    assert clean == {("order", "skipped_before", ""): (0.0, clean["order", "skipped_before", ""][1])}
    first = figures(skipped, [*profiles, measured(the_first_are_missing(every_third(14)))])
    assert first["order", "skipped_before", ""][0] > 10


def test_a_file_that_is_out_of_order_now_and_then_is_no_news(measured: Any) -> None:
    days = [one_row_late(lines(day)) if day % 5 == 0 else lines(day) for day in range(16)]
    assert ("at", "out_of_order", "") not in figures(out_of_order, [measured(rows) for rows in days])


def test_lines_per_order_are_followed_where_they_stray_less_than_the_rows(
    measured: Any, history: list[Profile]
) -> None:
    assert ("order", "per_value", "") in figures(per_value, history)
    regular = [measured(list(lines(5)[:200])) for _ in range(14)]
    assert figures(per_value, regular) == {}


def a_lookup_by_position(rows: list[Row]) -> list[Row]:
    names = ["Ana", "Ben", "Cho", "Dan"]
    return [row | {"owner": names[(names.index(row["owner"]) + 1) % 4]} for row in rows]


@pytest.mark.parametrize(("change", "told"), [(a_clean_day, False), (a_lookup_by_position, True)])
def test_values_that_never_stood_together_are_told(measured: Any, change: Any, told: bool) -> None:
    """Four shops of four owners; as many rows of each owner as ever, in other shops."""

    def visits(day: int) -> list[Row]:
        rng, owners = random.Random(day), ["Ana", "Ben", "Cho", "Dan"]
        chosen = [rng.randrange(4) for _ in range(60)]
        return [{"shop": f"shop {i}", "owner": owners[i], "bags": str(rng.randrange(5))} for i in chosen]

    profiles = [measured(visits(day)) for day in range(DAYS)]
    batch = measured(change(visits(DAYS)))
    share = figures(combined, [*profiles, batch])["owner", "combination", "shop"]
    assert share == ((60, 60) if told else (0, 60))
    alerts = detect(batch, profiles).alerts
    assert any("stand together as never before" in a.message for a in alerts) is told


def test_a_value_that_is_new_is_no_new_combination(measured: Any) -> None:
    def visits(day: int, shop: str) -> list[Row]:
        return [{"shop": "b" if at % 3 else shop, "owner": "Ana" if at % 3 else "Ben"} for at in range(60)]

    profiles = [measured(visits(day, "a")) for day in range(12)]
    assert figures(combined, [*profiles, measured(visits(12, "c"))])["owner", "combination", "shop"][0] == 0


@pytest.mark.parametrize(
    ("kept", "name"),
    [(lambda size: size > 6, "none_below"), (lambda size: size < 31, "none_above"), (lambda _: True, None)],
)
def test_a_filter_on_sizes_is_told_by_what_is_missing(measured: Any, kept: Any, name: str | None) -> None:
    def sizes(day: int) -> list[float]:
        rng = random.Random(day)
        return [rng.uniform(1, 40) for _ in range(rng.randrange(80, 400))]

    def written(found: list[float]) -> Profile:
        return measured([{"size": f"{size:.3f}", "kind": "box"} for size in found])

    profiles = [written(sizes(day)) for day in range(DAYS)]
    batch = written([size for size in sizes(DAYS) if kept(size)])
    found = {which: pair for (_, which, _), pair in figures(left_out, [*profiles, batch]).items()}
    assert [which for which, (rows, of) in found.items() if rows > 0.08 * of] == ([name] if name else [])
    told = [a.column for a in detect(batch, profiles).alerts]
    assert ("size" in told) is (name is not None)
