"""Batches above the sample: exact counts stay exact, estimates stay near, order does not matter."""

from __future__ import annotations

import json

import duckdb
import pytest

from expectations.profile import ColumnKind, Profile, measure
from expectations.profile.measure import SAMPLED

ROWS = 3 * SAMPLED
BIG = """(SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE (i * 7919) % 1000 END AS n, 'k' || (i % 1000) AS k,
    (i % 100000)::VARCHAR AS often FROM range({rows}) t(i) ORDER BY {order})"""
KINDS = [ColumnKind("i", "integer"), ColumnKind("n", "integer"), ColumnKind("k", "text"), ColumnKind("often", "text")]


def big(order: str) -> Profile:
    with duckdb.connect() as con:
        return measure(con, BIG.format(rows=ROWS, order=order), KINDS)


@pytest.fixture(scope="module")
def profile() -> Profile:
    return big("i")


def test_counts_are_exact(profile: Profile) -> None:
    assert profile.rows == ROWS
    assert profile.columns["n"].nulls == ROWS // 50


def test_estimates_are_near(profile: Profile) -> None:
    assert profile.sampled == pytest.approx(SAMPLED, rel=0.02)
    numbers = profile.columns["n"].numbers
    assert numbers is not None
    assert numbers.mean == pytest.approx(499.5, rel=0.02)
    assert profile.columns["k"].text.counted == pytest.approx(ROWS, rel=0.01)


def test_rows_in_another_order_give_the_same_sample(profile: Profile) -> None:
    other = big("hash(i)")
    assert other.columns["n"].numbers == profile.columns["n"].numbers
    assert other.row_marks == profile.row_marks


def test_a_wide_profile_stays_small() -> None:
    columns = ", ".join(
        f"(hash(i + {c}) % 997)::VARCHAR || 'x' AS t{c}, (hash(i * {c + 1}) % 7)::INT AS n{c}" for c in range(10)
    )
    kinds = [ColumnKind(f"{p}{c}", "text") for c in range(10) for p in "tn"]
    with duckdb.connect() as con:
        wide = measure(con, f"(SELECT {columns} FROM range(20000) t(i))", kinds)
    assert len(json.dumps(wide.to_json(), separators=(",", ":"))) < 110_000
