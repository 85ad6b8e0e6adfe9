"""What never was so before is told earlier; what is only an estimate, or the size of an id, later."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.drift.block import Block
from expectations.drift.figures import Key, named
from expectations.drift.first_time import (
    BEYOND,
    ESTIMATED,
    INSIDE,
    NAMES,
    NEVER,
    VARIES,
    names_things,
    nearness,
    of_rows,
)
from expectations.drift.predict import is_common

NOTHING = Block((), np.zeros((13, 0)), np.zeros((13, 0)))
UNSEEN = named("city", "reference", "unseen")
VARIED = [0.1, 0.2, 0.15] * 4
NEVER_SO = [0.0] * 12


@pytest.mark.parametrize(
    ("key", "history", "seen", "expected"),
    [
        (UNSEEN, NEVER_SO, 0.1, NEVER),
        (UNSEEN, NEVER_SO, 0.0, 1.0),
        (UNSEEN, NEVER_SO[:9], 0.1, 1.0),
        (UNSEEN, NEVER_SO, 1.0, 1.0),
        (UNSEEN, VARIED, 0.3, BEYOND),
        (UNSEEN, VARIED, 0.18, INSIDE),
        (named(None, "redelivery", "exact"), NEVER_SO, 0.4, NEVER),
        (named(None, "duplicates", "duplicate_rows"), NEVER_SO, 0.1, NEVER),
        (named("at", "order", "same_as_next"), VARIED, 0.9, 1.0),
        (named("amount", "relation", "determined", "city"), [1.0] * 12, 0.9, NEVER),
        (named("amount", "segment", "missing", "city"), NEVER_SO, 0.9, VARIES),
        (named("user_id", "values", "below_usual", "0.5"), VARIED, 0.9, NAMES),
        (named("amount", "values", "below_usual", "0.5"), VARIED, 0.9, VARIES),
    ],
)
def test_a_share_is_told_earlier_where_it_never_was_so(
    key: Key, history: list[float], seen: float, expected: float
) -> None:
    rows = np.array([[*history, seen]]).T * 100
    shares = Block((key,), rows, np.full_like(rows, 100.0))
    assert nearness(shares, Block((), np.zeros((len(rows), 0)), np.zeros((len(rows), 0)))).tolist() == [expected]


@pytest.mark.parametrize(
    ("key", "history", "seen", "expected"),
    [
        (named("at", "clock", "ends", "the batch's date"), [18.0, 19.0] * 6, 26.0, BEYOND),
        (named("at", "clock", "ends", "the batch's date"), [18.0] * 12, 19.0, 1.0),
        (named("name", "format", "length"), [2.0, 2.1] * 6, 1.0, BEYOND),
        (named("amount", "relation", "given_others"), [0.0, 0.1] * 6, 9.0, ESTIMATED),
    ],
)
def test_a_level_is_told_earlier_beyond_all_before(
    key: Key, history: list[float], seen: float, expected: float
) -> None:
    values = np.array([[*history, seen]]).T
    assert nearness(NOTHING, Block((key,), values, np.ones_like(values))).tolist() == [expected]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("id", True), ("user_id", True), ("InvoiceNo", True), ("CustomerID", True), ("zip", True), ("orderId", True),
     ("paid", False), ("amount", False), ("valid", False), ("casino", False), ("number of rows", False), (None, False)],
)  # fmt: skip
def test_which_columns_are_called_like_an_id(name: str | None, expected: bool) -> None:
    assert names_things(name) is expected


def test_what_was_usual_weeks_ago_and_ended_is_no_longer_common() -> None:
    dashes, dots = [100.0] * 14, [0.0] * 15
    for history, common in (([*dashes, *dots], False), ([*dots, *dashes], True), ([100.0, 0.0] * 14, True)):
        rows = np.array([[*history, 100.0]]).T
        assert is_common(Block((named("at", "format", "pattern"),), rows, np.full_like(rows, 100.0)))[0] == common


def test_degrees_have_sizes_that_say_as_little_as_those_of_ids() -> None:
    values = np.array([[200.0, 210.0] * 6 + [40.0]]).T
    mean = Block((named("wind_dir", "values", "mean"),), values, np.ones_like(values))
    assert nearness(NOTHING, mean).tolist() == [VARIES]
    assert nearness(NOTHING, mean, directions=frozenset({"wind_dir"})).tolist() == [NAMES]


@pytest.mark.parametrize(
    ("misses", "now", "rows", "beyond", "near"),
    [
        ([1.0, -2.0] * 6, -2.5, 40, False, 0.75),
        ([1.0, -2.0] * 6, 1.5, 40, False, 0.75),
        # As far as one was before; so far to the other side; a history of few batches; few rows; a bound for whatever comes.
        ([1.0, -2.0] * 6, -1.5, 40, False, 1.2),
        ([1.0, -2.0] * 6, 0.5, 40, False, 1.2),
        ([1.0, -2.0] * 4, -2.5, 40, False, 1.2),
        ([1.0, -2.0] * 6, -2.5, 20, False, 1.2),
        ([1.0, -2.0] * 6, 0.0, 40, True, 0.75),
        ([1.0, -2.0] * 6, 0.0, 20, True, 1.2),
    ],
)
def test_the_number_of_rows_is_told_early_where_none_was_missed_by_as_much(
    misses: list[float], now: float, rows: int, beyond: bool, near: float
) -> None:
    keys = [named(None, "volume", "rows"), named("n", "values", "mean")]
    before, last, expected = np.array([misses, misses]).T, np.array([now, now]), np.log([rows, 1_000])
    assert of_rows(keys, np.array([1.2, 1.2]), before, last, expected, beyond).tolist() == [near, 1.2]
