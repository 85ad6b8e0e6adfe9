"""A column that two others determine by whatever rule, and holds something else now."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.by_two import by_two
from expectations.profile import Profile, profile_file

Row = dict[str, str]
DAYS = 20
PRODUCTS = [f"P{number:02d}" for number in range(12)]
SIZES = ["S", "M", "L", "XL"]
OF_PRICE = "price", "product and size"
PRICES = {
    (product, size): f"{random.Random(f'{product}{size}').randrange(40) / 4 + 5:.2f}"
    for product in PRODUCTS
    for size in SIZES
}


def sold(day: int, products: Sequence[str] = PRODUCTS) -> list[Row]:
    """Sales at the prices of a list by product and size, none of which tells a price alone; a brand goes with its product."""
    rng, rows = random.Random(day), []
    for _ in range(90):
        product, size = rng.choice(products), rng.choice(SIZES)
        price = PRICES.get((product, size), "9.00")
        brand = f"B{int(product[1:]) % 5}"
        rows.append({"product": product, "size": size, "price": price, "brand": brand, "shop": str(rng.randrange(9))})
    return rows


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., Profile]:
    def measure(rows: Sequence[Row], masked: Sequence[str] = ()) -> Profile:
        with (tmp_path / "batch.csv").open("w", newline="") as handle:
            out = csv.DictWriter(handle, list(rows[0]))
            out.writeheader()
            out.writerows(rows)
        return profile_file(tmp_path / "batch.csv", masked=masked)

    return measure


@pytest.fixture
def history(measured: Any) -> list[Profile]:
    return [measured(sold(day)) for day in range(DAYS)]


def found(profiles: Sequence[Profile]) -> dict[tuple[str | None, str], list[tuple[float, float]]]:
    return {(key.column, key.other): pairs for key, pairs in by_two(profiles)}


def moved(rows: Sequence[Row], every: int = 1) -> list[Row]:
    """Each price, or every so many, is that of the next size: a lookup by position."""
    sizes = dict(zip(SIZES, [*SIZES[1:], SIZES[0]], strict=True))
    return [
        row | {"price": PRICES[row["product"], sizes[row["size"]]]} if at % every == 0 else row
        for at, row in enumerate(rows)
    ]


@pytest.mark.parametrize("every", [1, 3])
def test_values_that_never_came_with_the_two_others_are_told(measured: Any, history: list[Profile], every: int) -> None:
    batch = measured(moved(sold(DAYS), every))
    pairs = found([*history, batch])[OF_PRICE]
    assert all(others == 0 for others, _ in pairs[:-1])
    assert pairs[-1][0] / pairs[-1][1] == pytest.approx(1 / every, abs=0.1)
    verdict = detect(batch, history)
    assert verdict.verdict != "pass"
    assert "price is none of what product and size of the row usually come with" in json.dumps(verdict.to_json())


def test_numbers_times_a_small_factor_are_told_however_many_there_are(measured: Any) -> None:
    def climate(day: int, factor: float = 1.0) -> list[Row]:
        rng, rows = random.Random(day), []
        for _ in range(80):
            warm, dew = rng.randrange(8, 22), rng.randrange(1, 8)
            humid = factor * 100 * 2.718 ** (0.06 * (dew - warm))
            rows.append({"temp": str(warm), "dewp": str(dew), "humid": f"{humid:.2f}", "wind": str(rng.randrange(30))})
        return rows

    history = [measured(climate(day)) for day in range(DAYS)]
    told = detect(measured(climate(DAYS, 1.03)), history).alerts
    assert any(a.figure is not None and a.figure.name == "by_two" and a.column == "humid" for a in told)
    assert all(a.level == "digest" for a in told if a.figure is not None and a.figure.name == "by_two")
    assert detect(measured(climate(DAYS)), history).alerts == ()


@pytest.mark.parametrize(
    "rows",
    [
        sold(DAYS),
        # Others than usual of what there is, and a product that no batch had: nothing is known of its prices.
        sold(DAYS, PRODUCTS[:3]),
        [*sold(DAYS), *sold(DAYS, ["P77"])[:9]],
    ],
)
def test_another_mix_and_a_product_never_seen_are_no_other_price(
    measured: Any, history: list[Profile], rows: list[Row]
) -> None:
    pairs = found([*history, measured(rows)])[OF_PRICE]
    assert pairs[-1][0] == 0
    assert pairs[-1][1] > 50


def test_what_one_column_tells_or_none_does_has_no_such_figure(measured: Any, history: list[Profile]) -> None:
    """The brand goes with the product alone, and the shop with nothing."""
    assert not {"brand", "shop"} & {column for column, _ in found([*history, measured(sold(DAYS))])}
    loose = [measured([row | {"price": str(at * 7 % 41)} for at, row in enumerate(sold(day))]) for day in range(DAYS)]
    assert OF_PRICE not in found(loose)


def test_a_price_that_varies_within_its_product_and_size_isnt_determined(measured: Any) -> None:
    def haggled(day: int) -> list[Row]:
        rng = random.Random(day)
        return [row | {"price": row["price"] if rng.random() < 0.7 else "8.00"} for row in sold(day)]

    assert OF_PRICE not in found([measured(haggled(day)) for day in range(DAYS)])


def test_a_short_history_one_of_an_older_version_and_masked_columns_have_none(
    measured: Any, history: list[Profile]
) -> None:
    batch = measured(sold(DAYS))
    assert found([*history[:9], batch]) == {}
    older = [replace(p, value_marks={}) for p in history]
    assert found([*older, batch]) == {}
    # It begins once enough batches have it.
    assert OF_PRICE in found([*older[:8], *history[8:], batch])
    hidden = [measured(sold(day), masked=["size"]) for day in range(12)]
    assert all("size" not in p.value_marks for p in hidden)
    assert not any("size" in (column, *other.split(" and ")) for column, other in found(hidden))


def test_marks_of_another_hash_are_not_compared(measured: Any, history: list[Profile]) -> None:
    other = [replace(p, marked_by="another engine") for p in history]
    assert found([*other, measured(sold(DAYS))]) == {}


def test_marks_survive_being_kept(history: list[Profile]) -> None:
    kept = Profile.from_json(json.loads(json.dumps(history[0].to_json())))
    assert kept.value_marks == history[0].value_marks
    assert {len(marks) for marks in kept.value_marks.values()} == {90}
