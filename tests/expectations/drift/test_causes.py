"""What most likely happened, in the data's own terms: the cause that stands before the figure, and none for a clean day."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.profile import profile_file

from .conftest import write_day

Row = dict[str, str]
Change = Callable[[list[Row], Any], list[Row]]


def each(name: str, new: Callable[[str], str]) -> Change:
    return lambda rows, _: [row | {name: new(row[name])} for row in rows]


CASES: dict[str, tuple[str | None, str, str, Change]] = {
    "cents": ("price", "unit x 100", "about 100 times", each("price", lambda v: f"{float(v) * 100:.0f}")),
    "thousands": ("total", "unit / 1,000", "about 1/1,000 of", each("total", lambda v: f"{float(v) / 1000:.5f}")),
    "pounds": ("price", "unit x 2.2", "kilograms and pounds", each("price", lambda v: f"{float(v) * 2.20462:.2f}")),
    "sign": ("price", "sign flipped", "The sign of price is flipped", each("price", lambda v: f"-{v}")),
    "sign of most": (
        "price", "sign flipped", "of the values are negative, 0.0 % were before; the middle number was",
        lambda rows, _: [row | {"price": f"-{row['price']}" if at % 25 else row["price"]} for at, row in enumerate(rows)],
    ),
    "one default": ("price", "all -1", "Every value of price is `-1`; 0.0 % usually are.", each("price", lambda _: "-1")),
    "zone": (
        "paid_at", "shifted by +9 h", "shifted by +9 h: the middle of the day was",
        each("paid_at", lambda v: str(datetime.fromisoformat(v) + timedelta(hours=9))),
    ),
    "a zone of one of two": (
        "sent_at", "+0.5 h next to paid_at", "sent_at lies 0.5 h later than usual next to paid_at, as with another time zone",
        each("sent_at", lambda v: str(datetime.fromisoformat(v) + timedelta(minutes=30))),
    ),
    "a tax in one of three": (
        "total", "total = items * price no longer holds", "held in 100 % of the rows and holds in few rows now",
        each("total", lambda v: f"{float(v) * 1.05:.2f}"),
    ),
    "renamed": (
        "country", "label renamed KR -> Korea", "`KR` of country is called `Korea` now",
        each("country", lambda v: "Korea" if v == "KR" else v),
    ),
    "merged": (
        "country", "label KR merged into US", "before) is gone, and `US` has as many more",
        each("country", lambda v: "US" if v == "KR" else v),
    ),
    "placeholder": (
        "user", "placeholder unknown", "are the placeholder `unknown`",
        lambda rows, _: [row | {"user": "unknown" if at % 3 else row["user"]} for at, row in enumerate(rows)],
    ),
    "empty": (
        "items", "values missing", "All of items is empty; 0.0 % usually are.", each("items", lambda _: ""),
    ),
    "spelled anew": (
        "paid_at", "written differently", "are written in a way never seen before: `",
        each("paid_at", lambda v: v.replace(" ", "T")),
    ),
    "cut": (
        "user", "cut at 3 characters", "Texts of user end after 3 characters: `U0", each("user", lambda v: v[:3]),
    ),
    "cut to one character": (
        "country", "cut at 1 character", "Texts of country end after 1 character: `KR` before, `K` now.",
        each("country", lambda v: v[:1]),
    ),
    "hashed anew": (
        "country", "all values are others", "None of the values of country was ever seen before: its commonest was `KR`",
        each("country", lambda v: {"KR": "5f", "US": "a0", "JP": "9e"}[v]),
    ),
    "a zone in which the afternoon is morning": (
        "paid_at", "shifted by -8 h", "shifted by -8 h: the middle of the day was",
        each("paid_at", lambda v: str(datetime.fromisoformat(v) - timedelta(hours=8))),
    ),
    "a clock of twelve": (
        "paid_at", "afternoon written as morning", "The hours of paid_at are those of a clock of twelve without AM and PM: ",
        each("paid_at", lambda v: v if int(v[11:13]) <= 12 else f"{v[:11]}{int(v[11:13]) - 12:02d}{v[13:]}"),
    ),
    "padded": (
        "items", "padded with zeros", "Numbers of items are written with zeros in front: `1` before, `001` now.",
        each("items", lambda v: v.rjust(3, "0")),
    ),
    "padded with spaces": (
        "user", "padded with spaces", "have spaces at their edge, 0.0 % at most had before: `U", each("user", lambda v: f"{v}  "),
    ),
    "rounded": (
        "price", "rounded to whole numbers", "price holds whole numbers only, rounded or cut: ",
        each("price", lambda v: f"{float(v):.0f}"),
    ),
    "a filter": (
        "price", "rows with price below 20", "No row has price below 20.",
        lambda rows, _: [row for row in rows if float(row["price"]) > 20],
    ),
    "some rows twice": (
        None, "rows repeated", "60 of 282 rows repeat another row: order_id `", lambda rows, _: [*rows, *rows[:60]],
    ),
    "one row again and again": (
        None, "one row 41 times", "One row stands there 41 times, that of order_id `",
        lambda rows, _: [*rows, *rows[:1] * 40],
    ),
    "a line of sums": (
        None, "a row of another kind", "is of another kind, as a line of sums at the end or a remark: it has no value in user,",
        lambda rows, _: [*rows, dict.fromkeys(rows[0], "") | {"order_id": "Total", "total": "9999.00"}],
    ),
    "yesterday's file": (
        None, "an earlier file again", "100 % of the rows are those of the batch orders_2024-03-24.csv.",
        lambda _, world: world.day(20),
    ),
    "fan-out": (None, "rows multiplied by 3", "Every row stands there 3 times, as", lambda rows, _: [*rows, *rows, *rows]),
    "files put together": (
        None, "header among the rows", "A row holds the names of the columns, as where files are put one behind the other",
        lambda rows, _: [*rows[:100], {name: name for name in rows[0]}, *rows[100:]],
    ),
    "a tenth": (None, "% of the rows", "rows came where about", lambda rows, _: rows[::10]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_named_in_the_terms_of_the_data(world: Any, case: str) -> None:
    column, cause, sentence, change = CASES[case]
    found = {a.column: a for a in world.judge(change(world.today, world)).alerts if a.cause is not None}
    assert column in found
    assert cause in str(found[column].cause)
    assert sentence in found[column].message
    assert 0.6 <= (found[column].confidence or 0) <= 1
    assert found[column].to_json()["cause"] == found[column].cause


def test_numbers_that_near_those_of_another_column_and_are_written_as_before_are_not_swapped(tmp_path: Path) -> None:
    history = [profile_file(write_day(tmp_path / "batch.csv", priced(day))) for day in range(10)]
    rows = [
        row | {"pieces": f"{float(row['price']):.0f}", "price": f"{float(row['pieces']) + 0.37:.2f}"}
        for row in priced(10)
    ]
    told = detect(profile_file(write_day(tmp_path / "batch.csv", rows)), history).alerts
    assert {"pieces", "price"} <= {a.column for a in told}
    assert not any("swapped" in str(a.cause) for a in told)


def test_one_label_that_stayed_is_no_other_list_of_codes(world: Any) -> None:
    told = world.judge(
        [row | {"country": {"US": "a0", "JP": "9e"}.get(row["country"], "KR")} for row in world.today]
    ).alerts
    assert any(a.column == "country" for a in told)
    assert not any("None of the values" in a.message for a in told)


def test_a_new_label_as_long_as_the_longest_is_no_text_that_was_cut(world: Any) -> None:
    told = world.judge([row | {"user": f"V{at % 40:02d}"} for at, row in enumerate(world.today)]).alerts
    assert any(a.column == "user" for a in told)
    assert not any("cut at" in str(a.cause) for a in told)


def fares(seed: int, factors: dict[str, float], offset: float = 0.0) -> list[Row]:
    rng, rows = random.Random(seed), []
    for _ in range(400):
        parts = {"fare": rng.lognormvariate(2.5, 0.5), "toll": rng.choice([0, 0, 6.55])}
        parts["tip"] = round(parts["fare"] * rng.choice([0, 0.15, 0.2]), 2)
        parts["fare"] = round(parts["fare"], 2)
        row = parts | {"total": sum(parts.values()) + offset}
        rows.append({name: f"{value * factors.get(name, 1.0):.2f}" for name, value in row.items()})
    return rows


@pytest.mark.parametrize(
    ("factors", "offset", "column", "cause"),
    [
        ({"fare": 0.95}, 0.0, "fare", "5 % lower"),
        ({"fare": 1.19}, 0.0, "fare", "19 % higher"),
        ({"total": 0.95}, 0.0, "total", "5 % lower"),
        ({}, 2.5, "total", "moved by +2.5"),
    ],
)
def test_of_a_sum_that_no_longer_agrees_the_column_that_moved_is_named(
    tmp_path: Path, factors: dict[str, float], offset: float, column: str, cause: str
) -> None:
    from expectations.drift import detect
    from expectations.profile import profile_file

    from .conftest import write_day

    before = [profile_file(write_day(tmp_path / "batch.csv", fares(day, {}))) for day in range(8)]
    told = detect(profile_file(write_day(tmp_path / "batch.csv", fares(9, factors, offset))), before).alerts
    causes = {a.cause for a in told if a.cause is not None}
    assert causes == {cause}
    assert any(a.message.startswith(f"{column} ") and "total = fare + " in a.message for a in told), told
    # What no longer holds is told once, of the column that moved.
    assert [a.column for a in told if a.cause is not None and a.under is None] == [column]


def test_what_has_a_cause_stands_first(world: Any) -> None:
    told = world.judge(CASES["cents"][3](world.today, world)).alerts
    assert told[0].cause is not None
    assert [a.cause is None for a in told] == sorted(a.cause is None for a in told)


def test_a_masked_column_names_no_value(world: Any, tmp_path: Any) -> None:
    from expectations.drift import detect
    from expectations.profile import profile_file

    from .conftest import day_rows, write_day

    def hidden(rows: list[Row]) -> Any:
        return profile_file(write_day(tmp_path / "batch.csv", rows), masked=["country"])

    renamed = CASES["renamed"][3](world.today, world)
    told = detect(hidden(renamed), [hidden(day_rows(day)) for day in range(5)]).alerts
    assert not any("Korea" in a.message or "KR" in a.message for a in told)


def priced(seed: int) -> list[Row]:
    """Orders with a width that is often not known, a discount, and pieces times price."""
    rng, rows = random.Random(seed), []
    for _ in range(300):
        pieces, price = rng.choice([1, 2, 3, 5, 8]), round(rng.uniform(2, 60), 2)
        rows.append(
            {
                "pieces": str(pieces),
                "price": f"{price:.2f}",
                "total": f"{pieces * price:.2f}",
                "width": "" if rng.random() < 0.4 else f"{rng.uniform(100, 200):.1f}",
                "height": f"{rng.uniform(1, 9):.1f}",
                "city": rng.choice(["Rome", "Oslo", "Bern"]),
                "shop": rng.choice(["north", "south", "east"]),
                "fee": rng.choice(["0", "0", "1.50", "2.50"]),
            }
        )
    return rows


@pytest.mark.parametrize(
    ("change", "column", "cause", "sentence"),
    [
        (lambda row: row | {"width": row["width"] or "0"}, "width", "0 instead of empty", "width holds 0 where it was empty"),
        (
            lambda row: row | {"fee": "" if row["fee"] == "0" else row["fee"]},
            "fee", "empty instead of 0", "fee is empty where it held 0: ",
        ),
        (
            lambda row: row | {"total": f"{float(row['total']) * 1.19:.2f}"},
            "total", "total = pieces * price no longer holds", "in few rows now, if in any.",
        ),
        (
            lambda row: row | {"price": row["height"], "height": row["price"]},
            "price", "columns price and height swapped", "price holds what height held before, and height what price held.",
        ),
        (
            lambda row: row | {"city": row["shop"], "shop": row["city"]},
            "city", "columns city and shop swapped", "city holds what shop held before, and shop what city held.",
        ),
    ],
)  # fmt: skip
def test_empty_that_became_0_a_product_and_a_swap_are_named(
    tmp_path: Path, change: Callable[[Row], Row], column: str, cause: str, sentence: str
) -> None:
    history = [profile_file(write_day(tmp_path / "batch.csv", priced(day))) for day in range(10)]
    rows = [change(row) for row in priced(10)]
    alerts = detect(profile_file(write_day(tmp_path / "batch.csv", rows)), history).alerts
    found = {a.column: a for a in alerts if a.cause is not None and a.under is None}
    other = cause.partition(" and ")[2].removesuffix(" swapped")
    if column not in found and other in found:
        # Of two columns that stand in each other's place one tells it.
        cause, sentence, column = f"columns {other} and {column} swapped", f"{other} holds what {column} held", other
    assert found[column].cause == cause
    assert sentence in found[column].message
    assert "+" not in cause
