"""Values that were in every batch and are gone, and numbers that left their usual last digits."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.labels import lost_values, off_grid
from expectations.profile import Profile, profile_file

Batch = list[tuple[str, str]]


@pytest.fixture
def measured(tmp_path: Path) -> Callable[[Batch], Profile]:
    """The profile of rows of a label and a price."""

    def measure(rows: Batch) -> Profile:
        with (tmp_path / "batch.csv").open("w", newline="") as handle:
            csv.writer(handle).writerows([("kind", "price"), *rows])
        return profile_file(tmp_path / "batch.csv")

    return measure


def sold(day: int, rows: int = 80) -> Batch:
    """Sales of three kinds, at prices that end in 5 or 9."""
    rng = random.Random(day)
    kinds = rng.choices(["tea", "coffee", "cake"], [55, 25, 20], k=rows)
    return [(kind, f"{rng.randrange(100, 900) // 10 / 10 + rng.choice([0.05, 0.09]):.2f}") for kind in kinds]


def test_a_label_is_lost_that_every_batch_had_and_not_one_that_comes_and_goes(measured: Any) -> None:
    rare = [measured([*sold(day), ("scone", "1.05")] if day % 2 else sold(day)) for day in range(12)]
    columns = [p.columns["kind"] for p in rare]
    without = measured([row for row in sold(17) if row[0] != "cake"]).columns["kind"]
    assert [*lost_values([*columns, without])] == ["cake"]
    assert lost_values([*columns, measured(sold(18)).columns["kind"]]) == {}


def test_a_version_that_is_rolled_out_leaves_nothing_to_tell(measured: Any) -> None:
    def versions(day: int) -> Batch:
        return [("1.9" if at < 88 - 6 * day else "2.0", "1.05") for at in range(90)]

    fading = [measured(versions(day)).columns["kind"] for day in range(16)]
    assert lost_values(fading) == {}
    alone = [measured([("1.9", "1.05")] * 90).columns["kind"]] * 12
    assert lost_values([*alone, measured([("2.0", "1.05")] * 90).columns["kind"]]) == {}


def test_numbers_off_the_usual_last_digits_are_counted(measured: Any) -> None:
    history = [measured(sold(day)) for day in range(5)]
    taxed = measured([(kind, f"{float(price) * 1.08:.2f}") for kind, price in sold(6)])

    def share(batch: Profile) -> float:
        found = {key.other: pairs[-1] for key, pairs in off_grid([*history, batch]) if key.column == "price"}
        return found["hundredths"][0] / found["hundredths"][1]

    assert share(measured(sold(6))) == 0
    assert share(taxed) > 0.5


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda kind, price: ("coffee" if kind == "cake" else kind, price), "kind"),
        (lambda kind, price: (kind, f"{float(price) * 1.08:.2f}"), "price"),
        (lambda kind, price: (kind, price), None),
    ],
)
def test_merged_labels_and_a_small_factor_are_told(measured: Any, change: Any, column: str | None) -> None:
    history = [measured(sold(day)) for day in range(21)]
    verdict = detect(measured([change(*row) for row in sold(22)]), history)
    told = {a.column for a in verdict.alerts}
    assert column in told if column else not told
