"""One cause is told once: what it explains as well is folded under it, and what it doesn't explain stands by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.drift import detect
from expectations.drift.model import Alert, standing
from expectations.profile import profile_file

from .conftest import write_day

Row = dict[str, str]


def leads(alerts: tuple[Alert, ...]) -> list[Alert]:
    return [alert for alert in alerts if alert.under is None]


def shifted(row: Row, begin: str, step: int = 1) -> Row:
    names = list(row)
    at = names.index(begin)
    values = [row[name] for name in names]
    moved = [*values[:at], "", *values[at:-1]] if step > 0 else [*values[:at], *values[at + 1 :], ""]
    return dict(zip(names, moved, strict=True))


@pytest.mark.parametrize(
    ("every", "step", "name", "sentence"),
    [
        (
            1,
            1,
            "values one column to the right from ",
            "In every row the values stand one column too far to the right from ",
        ),
        (
            20,
            1,
            "values one column to the right from ",
            "In about 11 of 222 rows (5.0 %) the values stand one column too far",
        ),
        (
            1,
            -1,
            "values one column to the left up to ",
            "In every row the values stand one column too far to the left up to ",
        ),
    ],
)
def test_values_that_stand_in_the_next_column_have_one_cause(
    world: Any, every: int, step: int, name: str, sentence: str
) -> None:
    rows = [shifted(row, "country", step) if at % every == every - 1 else row for at, row in enumerate(world.today)]
    alerts = world.judge(rows).alerts
    assert len(alerts) > 5
    first, *others = leads(alerts)
    assert str(first.cause).startswith(name)
    assert sentence in first.message
    assert "total holds what price held" in first.message or "price" in first.message
    assert first.level == "page"
    # What the columns before have with them is all that may be left.
    assert not [a for a in others if a.column in ("items", "price", "total", "paid_at")], others
    assert alerts.index(first) == 0


def test_several_columns_that_are_spelled_anew_each_are_no_shift(world: Any) -> None:
    rows = [
        row | {"user": f"{row['user']}-x", "country": row["country"].lower(), "items": f"{row['items']} pc"}
        for row in world.today
    ]
    assert not any("one column" in str(a.cause) for a in world.judge(rows).alerts)


def later(row: Row, *names: str) -> Row:
    return row | {name: str(datetime.fromisoformat(row[name]) + timedelta(hours=9)) for name in names}


def test_a_zone_of_several_clocks_is_told_once(world: Any) -> None:
    alerts = world.judge([later(row, "paid_at", "sent_at") for row in world.today]).alerts
    (told,) = [alert for alert in leads(alerts) if alert.cause == "shifted by +9 h"]
    other = {"paid_at": "sent_at", "sent_at": "paid_at"}[str(told.column)]
    assert f" The same in {other}." in told.message
    (same,) = [alert for alert in alerts if alert.column == other and alert.cause is not None]
    assert same.under == told.column
    assert "shifted by" not in same.message
    assert same.to_json()["under"] == told.column


def test_two_causes_are_told_each_by_itself(world: Any) -> None:
    rows = [later(row, "paid_at") | {"items": "" if at % 3 else row["items"]} for at, row in enumerate(world.today)]
    told = {alert.column: alert.cause for alert in leads(world.judge(rows).alerts) if alert.cause}
    assert told["items"] == "values missing"
    assert told["paid_at"] == "shifted by +9 h"


def test_what_a_cause_does_not_make_stands_by_itself(world: Any) -> None:
    """A unit on all amounts that are there says nothing of those that are absent."""
    rows = [
        row | {"price": "" if at % 4 == 0 else f"{float(row['price']) * 100:.0f}"} for at, row in enumerate(world.today)
    ]
    found = leads(world.judge(rows).alerts)
    assert "price" in {a.column for a in found if str(a.cause).startswith("unit x 100")}
    assert any((a.column, a.kind) == ("price", "completeness") for a in found)


def test_a_join_that_multiplied_rows_is_told_once(world: Any) -> None:
    alerts = world.judge([row for row in world.today for _ in range(3)]).alerts
    assert [a.cause for a in leads(alerts)] == ["rows multiplied by 3"]
    assert len(alerts) > 5
    assert {a.under for a in alerts[1:]} == {"table"}


def test_what_was_folded_under_an_alert_that_is_ignored_stands_by_itself(world: Any) -> None:
    alerts = world.judge([later(row, "paid_at", "sent_at") for row in world.today]).alerts
    lead = next(alert for alert in alerts if alert.cause == "shifted by +9 h" and alert.under is None)
    left = standing([alert for alert in alerts if alert.column != lead.column])
    assert left
    assert all(
        alert.under is None for alert in left if alert.column != lead.column and alert.cause == "shifted by +9 h"
    )
    assert standing(alerts) == alerts


def test_of_masked_columns_nothing_is_told_beside_another(tmp_path: Path, world: Any) -> None:
    """What names a masked column is withheld: the others would lose their sentence with it."""

    def hidden(rows: list[Row]) -> Any:
        return profile_file(write_day(tmp_path / "batch.csv", rows), masked=["user"])

    rows = [row | {"user": "", "items": ""} for row in world.today]
    told = detect(hidden(rows), [hidden(world.day(day)) for day in range(12)]).alerts
    missing = {a.column: a for a in told if a.cause == "values missing"}
    assert missing["items"].under is None
    assert missing["user"].under is None
    assert "user" not in missing["items"].message
