"""A column that moves a little every day is told before any single day is out of the ordinary."""

from __future__ import annotations

from typing import Any

from expectations.drift import detect


def moved(rows: list[dict[str, str]], factor: float) -> list[dict[str, str]]:
    return [
        row | {"items": str(round(int(row["items"]) + (factor if i % 4 == 0 else 0)))} for i, row in enumerate(rows)
    ]


def test_a_slow_movement_is_a_digest_of_its_own_kind(world: Any) -> None:
    profiles, labels, kinds = list(world.profiles), list(world.labels), set()
    for step in range(7):
        rows = [
            row | {"price": f"{float(row['price']) * (1 + 0.03 * (step + 1)):.2f}", "total": ""}
            for row in world.day(21 + step)
        ]
        rows = [row | {"total": f"{int(row['items']) * float(row['price']):.2f}"} for row in rows]
        profile = world.measured(rows)
        label = f"orders_2024-{'03' if step < 7 else '04'}-{25 + step:02d}.csv"
        verdict = detect(profile, profiles, batch_label=label, history_labels=labels)
        kinds |= {a.kind for a in verdict.alerts if a.column in ("price", "total")}
        assert all(a.level == "digest" for a in verdict.alerts if a.kind == "slow_drift")
        profiles.append(profile)
        labels.append(label)
    assert "slow_drift" in kinds
