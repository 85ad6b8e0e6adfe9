"""One row that belongs elsewhere: told by the columns that are odd at once, and not where a column or two are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.at_once import odd_at_once
from expectations.drift.extract import extract

Row = dict[str, str]


def a_clean_day(rows: list[Row]) -> list[Row]:
    return rows


def a_header(rows: list[Row]) -> list[Row]:
    return [*rows[:50], {name: name for name in rows[0]}, *rows[50:]]


def a_line_of_sums(rows: list[Row]) -> list[Row]:
    sums = {name: f"{sum(float(row[name]) for row in rows):.2f}" for name in ("price", "total")}
    return [*rows, dict.fromkeys(rows[0], "") | {"order_id": "Total"} | sums]


def a_remark(rows: list[Row]) -> list[Row]:
    return [*rows, dict.fromkeys(rows[0], "") | {"order_id": "# end of export"}]


def a_column_is_empty_in_a_row(rows: list[Row]) -> list[Row]:
    return [rows[0] | {"user": ""}, *rows[1:]]


def two_times_are_written_otherwise(rows: list[Row]) -> list[Row]:
    return [*rows[:-1], rows[-1] | {name: rows[-1][name].replace(" ", "T") for name in ("paid_at", "sent_at")}]


CASES: list[tuple[Callable[[list[Row]], list[Row]], float]] = [
    (a_clean_day, 0), (a_header, 7), (a_line_of_sums, 5), (a_remark, 7),
    (a_column_is_empty_in_a_row, 0), (two_times_are_written_otherwise, 0),
]  # fmt: skip


@pytest.mark.parametrize(("change", "columns"), CASES)
def test_a_row_that_belongs_elsewhere_is_told(world: Any, change: Any, columns: float) -> None:
    """Of the shop's eight columns one holds ids that are spelled in many ways."""
    batch = world.measured(change(world.today))
    profiles = [*world.profiles, batch]
    ((key, pairs),) = odd_at_once(profiles, [extract(p) for p in profiles])
    assert (key.column, key.of) == (None, ("format", "odd_at_once"))
    assert pairs == [(0.0, 7.0)] * len(world.profiles) + [(columns, 7.0)]
    told = [a for a in world.judge(change(world.today)).alerts if (a.column, a.kind) == (None, "format")]
    assert bool(told) is bool(columns)
    assert all(a.level == "digest" and a.observed == f"{columns:.0f} of 7" for a in told)


def test_where_it_was_so_before_it_is_no_news(world: Any) -> None:
    """A source that ends every file with its sums does so today, too; without them nothing is told of it either."""
    history = [world.measured(a_line_of_sums(world.day(day))) for day in range(12)]
    for change in (a_line_of_sums, a_clean_day):
        told = detect(world.measured(change(world.day(12))), history).alerts
        assert (None, "format") not in {(a.column, a.kind) for a in told}


def test_a_short_history_says_nothing(world: Any) -> None:
    profiles = [*world.profiles[:9], world.measured(a_header(world.today))]
    assert list(odd_at_once(profiles, [extract(p) for p in profiles])) == []
