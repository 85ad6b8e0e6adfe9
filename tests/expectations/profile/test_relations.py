"""What is found to hold between columns."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from expectations.profile import ColumnKind, Profile, measure
from expectations.profile.model import BETWEEN

RIDES = """(SELECT i AS id, 5 + (i * 7) % 23 AS fare, CASE WHEN i % 3 = 0 THEN (i % 11) / 2 ELSE 0 END AS tip,
    fare + tip AS total, 1 + i % 4 AS items, items * fare AS cost,
    TIMESTAMP '2024-05-06 00:00:00' + INTERVAL (i) MINUTE AS starts, starts + INTERVAL 20 MINUTE AS ends,
    hour(starts) AS hour, 'z' || (i % 40) AS zone, 'c' || (i % 8) AS city
    FROM range(600) t(i)) AS rides"""
NAMES = ("fare", "tip", "total", "items", "cost", "starts", "ends", "hour", "zone", "city")


@pytest.fixture(scope="module")
def rides() -> Iterator[Profile]:
    with duckdb.connect() as con:
        yield measure(con, RIDES, [ColumnKind(name, "text") for name in NAMES])


def test_keys_do_not_depend_on_the_order_of_columns(rides: Profile) -> None:
    with duckdb.connect() as con:
        other = measure(con, RIDES, [ColumnKind(name, "text") for name in reversed(NAMES)])
    assert other.relations.pairs == rides.relations.pairs
    assert other.relations.gaps == rides.relations.gaps
    assert other.row_marks == rides.row_marks


@pytest.mark.parametrize(("formula", "share"), [("total = fare + tip", 1.0), ("cost = fare * items", 1.0)])
def test_formulas_are_found(rides: Profile, formula: str, share: float) -> None:
    assert rides.relations.formulas[formula] == pytest.approx(share)


def test_a_number_that_is_a_part_of_a_date(rides: Profile) -> None:
    assert rides.relations.parts[BETWEEN.join(("hour", "starts", "hour"))] == 1.0


def test_gap_between_clocks(rides: Profile) -> None:
    count, ordered, *quantiles = rides.relations.gaps[BETWEEN.join(("ends", "starts"))]
    assert (count, ordered) == (600, 0.0)
    assert set(quantiles) == {-1200.0}


def test_dependency_counts_pairs(rides: Profile) -> None:
    assert rides.relations.pairs[BETWEEN.join(("city", "zone"))] == 40
    assert rides.relations.pairs[BETWEEN.join(("city", "items"))] == 8


def test_segments_hold_figures_of_each_value(rides: Profile) -> None:
    rows, missing, count, *_ = rides.relations.segments[BETWEEN.join(("city", "c1", "fare"))]
    assert (rows, missing, count) == (75, 0, 75)


def test_shuffling_shows_in_what_a_category_explains(rides: Profile) -> None:
    with duckdb.connect() as con:
        moved = RIDES.replace("'c' || (i % 8) AS city", "'c' || (hash(i) % 8) AS city")
        shuffled = measure(con, moved, [ColumnKind(name, "text") for name in NAMES])
    key = BETWEEN.join(("city", "zone"))
    assert shuffled.relations.pairs[key] > 3 * rides.relations.pairs[key]
