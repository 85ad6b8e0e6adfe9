"""One bad day after three weeks of good ones: an alert names the guilty column, and its sentence says why."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

Row = dict[str, str]
Change = Callable[[list[Row], Any], list[Row]]


def values(name: str, new: Callable[[str], str], share: float = 1.0) -> Change:
    def change(rows: list[Row], _: Any) -> list[Row]:
        rng = random.Random(1)
        return [row | {name: new(row[name])} if rng.random() < share else row for row in rows]

    return change


def shuffled(name: str) -> Change:
    def change(rows: list[Row], _: Any) -> list[Row]:
        moved = [row[name] for row in rows]
        random.Random(2).shuffle(moved)
        return [row | {name: value} for row, value in zip(rows, moved, strict=True)]

    return change


def later(hours: int) -> Callable[[str], str]:
    return lambda text: str(datetime.fromisoformat(text) + timedelta(hours=hours))


def in_japan(rows: list[Row], _: Any) -> list[Row]:
    return [row | {"price": f"{float(row['price']) * 100:.2f}"} if row["country"] == "JP" else row for row in rows]


def restamped(_: list[Row], world: Any) -> list[Row]:
    day = world.day(20)
    return [row | {name: later(24)(row[name]) for name in ("paid_at", "sent_at")} for row in day]


CASES: dict[str, tuple[str | None, str, Change]] = {
    "nulls": ("items", "completeness", values("items", lambda _: "", 0.1)),
    "unit": ("price", "values", values("price", lambda v: f"{float(v) * 100:.0f}")),
    "sign": ("price", "values", values("price", lambda v: f"-{v}", 0.2)),
    "ten percent more": ("total", "relation", values("total", lambda v: f"{float(v) * 1.1:.2f}")),
    "renamed category": ("country", "categories", values("country", lambda v: "USA" if v == "US" else v)),
    "case": ("country", "format", values("country", str.lower)),
    "unknown keys": ("user", "reference", values("user", lambda v: f"U9{v[2:]}", 0.3)),
    "time zone": ("paid_at", "clock", values("paid_at", later(9))),
    "sibling's zone": ("sent_at", "clock", values("sent_at", later(-1))),
    "next day": ("paid_at", "clock", values("paid_at", later(24))),
    "date format": ("paid_at", "format", values("paid_at", lambda v: v.replace(" ", "T"))),
    "shuffled": ("sent_at", "order", shuffled("sent_at")),
    "shuffled against others": ("price", "relation", shuffled("price")),
    "rounded": ("price", "format", values("price", lambda v: f"{float(v):.0f}")),
    "words": ("price", "format", values("price", lambda v: f"{v} EUR")),
    "constant": ("order_id", "values", values("order_id", lambda _: "1")),
    "one segment": ("price", "values", in_japan),
    "duplicates": (None, "duplicates", lambda rows, _: [*rows, *rows[:60]]),
    "most rows lost": (None, "volume", lambda rows, _: rows[::4]),
    "yesterday's file": (None, "redelivery", lambda _, world: world.day(20)),
    "yesterday's rows too": (None, "redelivery", lambda rows, world: [*rows, *world.day(20)[:80]]),
    "yesterday's file, new dates": (None, "redelivery", restamped),
}


@pytest.mark.parametrize("case", CASES)
def test_the_guilty_column_is_named(world: Any, case: str) -> None:
    column, kind, change = CASES[case]
    verdict = world.judge(change(world.today, world))
    alerts = {(alert.column, alert.kind): alert for alert in verdict.alerts}
    assert (column, kind) in alerts, sorted(alerts, key=str)
    told = alerts[column, kind]
    assert told.message.endswith(".")
    assert told.expected in told.message
    assert told.observed in told.message
    assert column is None or column in told.message


def test_a_clean_day_passes_and_a_large_error_pages(world: Any) -> None:
    assert world.judge(world.today).verdict == "pass"
    assert world.judge(CASES["unit"][2](world.today, world)).verdict == "page"


def test_the_worse_error_scores_higher(world: Any) -> None:
    shares = (0.0, 0.05, 0.2, 0.8)
    scores = [world.judge(values("items", lambda _: "", share)(world.today, world)).score for share in shares]
    assert scores == sorted(scores)
    assert scores[0] < 1 < scores[-1]


def test_alerts_say_the_smallest_change_that_would_be_noticed(world: Any) -> None:
    verdict = world.judge(CASES["nulls"][2](world.today, world))
    told = next(a for a in verdict.alerts if (a.column, a.kind) == ("items", "completeness"))
    assert told.smallest_change is not None
    least = float(told.smallest_change.removeprefix("above ").removesuffix(" %"))
    assert 0 < least < 10


def test_a_renamed_category_is_told_with_its_new_name(world: Any) -> None:
    verdict = world.judge(CASES["renamed category"][2](world.today, world))
    told = [a for a in verdict.alerts if a.column == "country" and a.kind in ("categories", "reference")]
    assert told
    assert all(" New: USA (" in a.message and "USA" in a.examples for a in told)


def test_since_names_the_first_of_a_run_of_bad_days(world: Any) -> None:
    from expectations.drift import detect

    bad = CASES["nulls"][2]
    profiles = [*world.profiles, world.measured(bad(world.day(21), world))]
    labels = [*world.labels, "orders_2024-03-25.csv"]
    verdict = detect(
        world.measured(values("items", lambda _: "", 0.4)(world.day(22), world)),
        profiles,
        batch_label="orders_2024-03-26.csv",
        history_labels=labels,
    )
    told = next(a for a in verdict.alerts if (a.column, a.kind) == ("items", "completeness"))
    assert told.since == "orders_2024-03-25.csv"
