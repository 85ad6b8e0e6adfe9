"""Which promises fell due and which were kept: by windows, by days, and of summaries by the tables below them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.project import Project, load_project
from expectations.review.facts import History, Publish, Run
from expectations.review.promises import promises_due

NOW = datetime(2026, 3, 15, tzinfo=UTC)
START = NOW - timedelta(days=7)
TABLE = """\
table: raw.orders
description: d
owner: o
source: {kind: csv, url: "file:///x%s.csv"}
columns: [{name: id, type: integer}]
load: {mode: %s}
sla: [{for: finance, %s}]
%s
"""
SUMMARY = """/*
target: analytics.a
description: d
owner: o
inputs: [{table: raw.orders}]
sla: [{for: board, fresh_by: "08:00"}]
*/
SELECT id FROM raw.orders
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    def made(promise: str, *, windows: bool = True, summary: bool = False) -> Project:
        for folder in ("tables", "summaries"):
            (tmp_path / folder).mkdir()
        grid = "window: {every: day, timezone: UTC, start: 2026-01-01}" if windows else ""
        place, mode = ("-{window.start:%Y-%m-%d}", "append") if windows else ("", "full_refresh")
        (tmp_path / "tables" / "orders.yaml").write_text(TABLE % (place, mode, promise, grid))
        if summary:
            (tmp_path / "summaries" / "a.sql").write_text(SUMMARY)
        return load_project(tmp_path)

    return made


def key(day: datetime) -> str:
    return f"{day:%Y-%m-%dT%H:%M:%SZ}/{day + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def at(day: int, hour: int) -> datetime:
    return START.replace(hour=hour) + timedelta(days=day)


def run(target: str, moment: datetime, status: str = "published") -> Run:
    return Run(target, "ingest", status, "core", moment - timedelta(minutes=1), moment)


def history(runs: list[Run], publishes: list[Publish], since: datetime = START - timedelta(days=60)) -> History:
    return History(runs, publishes, (), dict.fromkeys(("raw.orders", "analytics.a"), since))


def counted(project: Project, known: History, stakeholder: str = "finance") -> tuple[int, int]:
    dues = [due for due in promises_due(project, known, START, NOW) if due.stakeholder == stakeholder]
    return len(dues), sum(due.kept for due in dues)


def publishes(hours: list[int | None]) -> list[Publish]:
    """The window of each day is published on the next day at that hour; None: never."""
    return [Publish("raw.orders", key(START + timedelta(days=day - 1)), at(day, hour))
            for day, hour in enumerate(hours) if hour is not None]  # fmt: skip


@pytest.mark.parametrize(("hours", "kept"), [
    ([5] * 7, 7), ([5, 5, 7, 5, None, 5, 5], 5), ([6] * 7, 7), ([], 0),
])  # fmt: skip
def test_a_window_a_day(project: Callable[..., Project], hours: list[int | None], kept: int) -> None:
    assert counted(project('fresh_by: "06:00"'), history([], publishes(hours))) == (7, kept)


def test_data_is_never_older_than_promised(project: Callable[..., Project]) -> None:
    """30 hours after its beginning a window of a day must be there: at 6 o'clock of the next day."""
    assert counted(project("max_age: 30h"), history([], publishes([5, 5, 7, 5, 5, 5, 5]))) == (7, 6)


def test_a_new_table_promised_nothing_before_its_first_run(project: Callable[..., Project]) -> None:
    known = history([], publishes([5] * 7), since=at(5, 0))
    assert counted(project('fresh_by: "06:00"'), known) == (2, 2)


@pytest.mark.parametrize(("promise", "hours", "kept"), [
    ('fresh_by: "06:00"', dict.fromkeys(range(7), 5), 7), ('fresh_by: "06:00"', {0: 5, 1: 5, 3: 5, 4: 5, 5: 7}, 5),
    ("max_age: 25h", dict.fromkeys(range(-1, 7), 5), 7), ("max_age: 25h", {-1: 5, 0: 5, 1: 5, 3: 5, 4: 5, 5: 5, 6: 5}, 5),
])  # fmt: skip
def test_without_windows_each_day_counts(
    project: Callable[..., Project], promise: str, hours: dict[int, int], kept: int
) -> None:
    runs = [run("raw.orders", at(day, hour), "unchanged") for day, hour in hours.items()]
    assert counted(project(promise, windows=False), history(runs, [])) == (7, kept)


def test_a_failed_run_keeps_no_promise(project: Callable[..., Project]) -> None:
    runs = [run("raw.orders", at(day, 5), "failed") for day in range(7)]
    assert counted(project('fresh_by: "06:00"', windows=False), history(runs, [])) == (7, 0)


def test_a_summary_must_be_built_after_the_window_below_it(project: Callable[..., Project]) -> None:
    made = project('fresh_by: "06:00"', summary=True)
    built = [run("analytics.a", at(day, 6 if day != 3 else 4)) for day in range(7)]
    assert counted(made, history(built, publishes([5] * 7)), "board") == (7, 6)


@pytest.mark.parametrize("promise", ["max_age: 2d", 'fresh_by: "08:00"'])
def test_a_table_that_never_had_a_good_run_keeps_nothing(project: Callable[..., Project], promise: str) -> None:
    known = history([run("raw.orders", at(1, 9), "failed")], [])
    due, kept = counted(project(promise, windows=False), known)
    assert (due >= 6, kept) == (True, 0)
