"""Objects that are loaded in place are held against the batches before them as others are, by the rows of their candidate."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from deployments.errors import DriftStopError
from tasks import candidate_profile
from tests.acceptance.modes.test_in_place import TABLE, Bucket, bucket

__all__ = ["bucket"]
SUITE = "table: {schema}.orders\ndrift: {policy: stop}\n"
DAYS = 8


def lines(number: int, amount: Callable[[random.Random], float] = lambda dice: dice.gauss(20, 5)) -> str:
    dice = random.Random(number)
    rows = [f"{n},{amount(dice):.2f},{dice.choice(['card', 'cash', 'bank'])}" for n in range(300)]
    return "\n".join(["id,amount,note", *rows]) + "\n"


@pytest.mark.parametrize("measured", [None, 300, 200], ids=["few rows", "many rows", "some of more"])
def test_a_change_of_unit_is_told_and_stops(
    house: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, measured: int | None
) -> None:
    if measured is not None:
        monkeypatch.setattr(candidate_profile, "MEASURED", measured)
        monkeypatch.setattr(import_module("expectations.profile.measure"), "SAMPLED", 100)
    table = house.declare("orders", TABLE.format(prefix=bucket.prefix), SUITE)
    verdicts = []
    for number in range(DAYS):
        bucket.put("a.csv", lines(number))
        record = house.load(table)
        verdicts.append(record.drift.verdict)
        assert record.profile["rows"] == 300
    assert "alert" not in verdicts
    standing = house.rows(table)
    bucket.put("a.csv", lines(DAYS, lambda dice: 100 * dice.gauss(20, 5)))
    with pytest.raises(DriftStopError, match="amount"):
        house.load(table)
    assert house.rows(table) == standing
