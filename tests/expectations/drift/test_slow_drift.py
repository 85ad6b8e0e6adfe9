"""A column that moves a little every day is told before any single day is out of the ordinary."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from expectations.drift import detect


def test_a_slow_movement_is_a_digest_of_its_own_kind(world: Any) -> None:
    profiles, labels, told = list(world.profiles), list(world.labels), []
    for step in range(9):
        factor = 1 + 0.04 * (step + 1)
        rows = [row | {"price": f"{float(row['price']) * factor:.2f}"} for row in world.day(21 + step)]
        rows = [row | {"total": f"{int(row['items']) * float(row['price']):.2f}"} for row in rows]
        label = f"orders_{date(2024, 3, 25) + timedelta(days=step)}.csv"
        profile = world.measured(rows)
        verdict = detect(profile, profiles, batch_label=label, history_labels=labels)
        told += [a for a in verdict.alerts if a.column in ("price", "total")]
        profiles.append(profile)
        labels.append(label)
    slow = [a for a in told if a.kind == "slow_drift"]
    assert slow
    assert {a.level for a in slow} == {"digest"}
    assert "has been moving" in slow[0].message
    assert len({a.column for a in slow}) == len(slow), "a movement is told once"


def test_one_week_with_one_day_far_out_is_not_slow(world: Any) -> None:
    profiles, labels, told = list(world.profiles), list(world.labels), []
    for step in range(9):
        rows = [
            row | {"price": str(30 * float(row["price"])) if step == 3 else row["price"]}
            for row in world.day(21 + step)
        ]
        label = f"orders_{date(2024, 3, 25) + timedelta(days=step)}.csv"
        profile = world.measured(rows)
        verdict = detect(profile, profiles, batch_label=label, history_labels=labels)
        told += [(step, a.column, a.kind) for a in verdict.alerts]
        profiles.append(profile)
        labels.append(label)
    assert (3, "price", "values") in told
    assert [each for each in told if each[2] == "slow_drift"] == []
