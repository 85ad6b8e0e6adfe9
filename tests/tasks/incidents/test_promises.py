"""Freshness per stakeholder from proofs: when a promise is broken, foreseen, or kept. The clock is passed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.project import Project, load_project
from deployments.windows import Window
from tasks.incidents.freshness import Pace, Published, late_troubles, severity_of, standings

TABLE = """\
table: raw.{name}
description: Rows.
owner: data@example.com
tier: {tier}
source: {{kind: csv, url: "http://files.example.com/{url}.csv"}}
{window}
columns: [{{name: id, type: integer}}, {{name: at, type: timestamp, source_timezone: UTC}}]
load: {{mode: {mode}{column}}}
sla: {sla}
"""
SUMMARY = """/*
target: analytics.daily
description: Figures.
owner: data@example.com
tier: core
inputs: [{table: raw.orders}]
sla: [{for: board, fresh_by: "07:00"}]
*/
SELECT count(*) AS n FROM raw.orders
"""
DAILY = "window: {every: day, timezone: Asia/Seoul, start: 2026-11-01}"
BY_SIX = '[{for: finance, fresh_by: "06:00"}]'


def project(tmp_path: Path, *, sla: str = BY_SIX, window: str = DAILY, summary: bool = False) -> Project:
    for kind in ("tables", "summaries"):
        (tmp_path / kind).mkdir(exist_ok=True)
    mode, column = ("replace_window", ", window_column: at") if window else ("full_refresh", "")
    url = "{window.start:%Y%m%d}" if window else "all"
    text = TABLE.format(name="orders", url=url, tier="standard", window=window, mode=mode, column=column, sla=sla)
    (tmp_path / "tables" / "orders.yaml").write_text(text)
    if summary:
        (tmp_path / "summaries" / "daily.sql").write_text(SUMMARY)
    return load_project(tmp_path)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def published(day: str, at: str = "2026-11-21T17:00") -> Published:
    """The window of that Seoul day stands."""
    start = datetime.fromisoformat(f"{day}T00:00+09:00").astimezone(UTC)
    return Published(Window(start, start + timedelta(days=1)), utc(at), utc(at))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-22T20:00", []),  # 05:00 in Seoul: the window ended at midnight, an hour is left
        ("2026-11-22T20:59", []),
        ("2026-11-22T21:00", [False]),  # 06:00: broken
        ("2026-11-25T00:00", [False]),
    ],
)
def test_fresh_by_a_local_time_holds_for_the_window_after_the_newest(
    tmp_path: Path, now: str, expected: list[bool]
) -> None:
    made = project(tmp_path)
    where = standings(made, {"raw.orders": published("2026-11-21")}, utc(now))
    found = late_troubles(made, where, {}, utc(now))
    assert [item.foreseen for item in found] == expected


def test_a_kept_promise_is_about_tomorrow(tmp_path: Path) -> None:
    made = project(tmp_path)
    now = utc("2026-11-22T22:00")
    where = standings(made, {"raw.orders": published("2026-11-22", "2026-11-22T18:00")}, now)
    assert [item.at for item in where["raw.orders"].promises] == [utc("2026-11-23T21:00")]
    assert late_troubles(made, where, {}, now) == []


@pytest.mark.parametrize(
    ("now", "pace", "foreseen"),
    [
        ("2026-11-22T20:00", Pace(3000), False),  # 50 minutes usually, 60 left, a fifth more is 60
        ("2026-11-22T20:05", Pace(3000), True),
        ("2026-11-22T20:05", Pace(3000, utc("2026-11-22T19:50")), False),  # it began a while ago
        ("2026-11-22T20:05", Pace(600, utc("2026-11-22T20:55")), True),  # short, but scheduled too late
        ("2026-11-22T20:05", None, False),
        ("2026-11-22T18:00", Pace(30000), False),  # too early to say
    ],
)
def test_a_breach_is_foreseen_from_usual_durations(tmp_path: Path, now: str, pace: Pace | None, foreseen: bool) -> None:
    made = project(tmp_path)
    where = standings(made, {"raw.orders": published("2026-11-21")}, utc(now))
    found = late_troubles(made, where, {"raw.orders": pace} if pace else {}, utc(now))
    assert [item.foreseen for item in found] == [True] * foreseen


def test_no_older_than_counts_from_the_end_of_the_data(tmp_path: Path) -> None:
    made = project(tmp_path, sla="[{for: ops, max_age: 26h}]")
    known = {"raw.orders": published("2026-11-21")}
    ends = utc("2026-11-21T15:00")
    for hours, late in ((25, False), (26, True)):
        now = ends + timedelta(hours=hours)
        assert bool(late_troubles(made, standings(made, known, now), {}, now)) is late


def test_without_windows_a_good_look_counts_like_a_publish(tmp_path: Path) -> None:
    made = project(tmp_path, window="")
    known = {"raw.orders": Published(None, utc("2026-11-01T00:00"), utc("2026-11-22T01:00"))}
    assert [item.at for item in standings(made, known, utc("2026-11-22T02:00"))["raw.orders"].promises] == [
        utc("2026-11-23T06:00")
    ]


def test_a_summary_is_late_until_it_is_built_after_its_input(tmp_path: Path) -> None:
    made = project(tmp_path, summary=True)
    now = utc("2026-11-22T23:00")
    fresh_input = published("2026-11-22", "2026-11-22T20:00")
    for built, late in (("2026-11-22T19:00", True), ("2026-11-22T20:30", False)):
        known = {
            "raw.orders": fresh_input,
            "analytics.daily": Published(None, utc(built), utc(built), utc("2026-11-01T00:00")),
        }
        found = late_troubles(made, standings(made, known, now), {}, now)
        assert [item.scope for item in found] == ["analytics.daily"] * late


def test_the_highest_tier_of_what_depends_on_it_is_the_severity(tmp_path: Path) -> None:
    assert severity_of(project(tmp_path), "raw.orders") == "major"
    assert severity_of(project(tmp_path, summary=True), "raw.orders") == "critical"
