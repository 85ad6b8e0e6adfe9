"""The number of rows: told by the fewest that ever were, whatever it varies by, and to the row where it never varies."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.crowds import rows_of_one
from expectations.drift.volume import limits
from expectations.profile import Profile, profile_file

from .conftest import write_day

# Threefold from day to day, in no order of weekdays.
VARIED = [604, 1310, 480, 1770, 910, 655, 1502, 720, 1120, 530, 1660, 840, 1405, 590, 990, 1230, 470, 1580, 1090, 760,
          1340, 615, 1010, 1700, 555, 880, 1450, 690]  # fmt: skip
BY_DAY = [2000, 2600, 1900, 2050, 2700, 400, 300] * 4
STEADY = [72] * 28


@pytest.mark.parametrize(
    ("history", "rows", "told"),
    [
        (VARIED, 1, True), (VARIED, 10, True), (VARIED, 50, True), (VARIED, 200, True), (VARIED, 400, False),
        (VARIED, 2500, False), (VARIED, 9000, True),
        (VARIED[:7], 100, True), (VARIED[:7], 200, False),
        (BY_DAY, 539, True), (BY_DAY, 1000, True), (BY_DAY, 1700, False),
        (STEADY, 69, True), (STEADY, 66, True), (STEADY, 71, False), (STEADY, 73, False), (STEADY, 76, True),
        ([*STEADY[:-3], 60, 72, 72], 66, True),
        ([*STEADY[:-2], 69, 69], 69, False),
        ([12, 9, 15] * 8, 3, False),
        # Pages: for the first time, beyond luck, and where as many were there before.
        (VARIED, 1000, True), (VARIED, 500, True), (VARIED, 999, False), (VARIED, 800, False), ([*VARIED, 1000], 1000, False),
        (VARIED, 2000, False), ([1020, 1010, 1030, 990] * 6, 1000, False),
    ],
)  # fmt: skip
def test_few_rows_are_told_however_few(history: list[int], rows: int, told: bool) -> None:
    days = [day % 7 for day in range(len(history) + 1)] if history is BY_DAY else [None] * (len(history) + 1)
    few, many = limits([*map(float, history), float(rows)], days)
    assert (not few < math.log(rows) < many) is told


# Sundays of a shop, of some 25 lines an order.
SUNDAYS = [1500, 1750, 1800, 1790, 1440, 646] * 4


@pytest.mark.parametrize(("each", "rows", "told"), [(1, 279, True), (25, 279, False), (25, 240, True), (25, 20, True)])
def test_a_day_of_few_orders_is_luck_where_so_many_rows_come_at_once(each: float, rows: int, told: bool) -> None:
    days = [day % 6 for day in range(len(SUNDAYS))]
    few, _ = limits([*map(float, SUNDAYS), float(rows)], [*days, 5], each)
    assert (few >= math.log(rows)) is told


def test_how_many_rows_come_at_once_is_told_by_what_comes_and_goes(tmp_path: Path) -> None:
    """Lines of an order; a shop's number stays, and a name says nothing of what it names."""

    def day(at: int) -> Profile:
        lines = [{"order_id": f"{at}-{i // 12}", "shop_id": "7", "note": f"{at}-{i // 40}"} for i in range(120)]
        return profile_file(write_day(tmp_path / "lines.csv", lines))

    assert rows_of_one([day(at) for at in range(4)]) == 12
    assert rows_of_one([replace(p, columns={"note": p.columns["note"]}) for p in map(day, range(4))]) == 1


@pytest.mark.parametrize("count", [6, 0])
def test_a_short_or_empty_history_sets_no_limit(count: int) -> None:
    assert limits([9.0] * count + [1.0], [None] * (count + 1)) == (-math.inf, math.inf)


@pytest.mark.parametrize("rows", [1, 2, 20, 50])
def test_next_to_nothing_is_a_page(world: Any, rows: int) -> None:
    told = {a.kind: a for a in world.judge(world.today[:rows]).alerts}
    assert told["volume"].level == "page"
    assert "The number of rows: expected " in told["volume"].message


@pytest.mark.parametrize(("share", "told"), [(1.0, []), (0.7, []), (0.5, [(None, "volume", "digest")])])
def test_every_second_row_is_told_where_counts_stray_by_an_eighth(
    tmp_path: Path, share: float, told: list[Any]
) -> None:
    """Also of a day that has twice the rows of others, so that the half isn't few for the table."""

    def day(at: int, share: float = 1.0) -> Profile:
        rng = random.Random(at)
        count = int(400 * (0.45 if at % 7 > 4 else 1) * rng.lognormvariate(0, 0.12) * share)
        return profile_file(write_day(tmp_path / "lines.csv", [{"n": str(rng.random())} for _ in range(count)]))

    labels = [f"{date(2025, 3, 3) + timedelta(days=at)}.csv" for at in range(43)]
    verdict = detect(day(42, share), [day(at) for at in range(42)], batch_label=labels[-1], history_labels=labels[:-1])
    assert [(a.column, a.kind, a.level) for a in verdict.alerts] == told
