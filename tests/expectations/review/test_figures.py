"""Figures of a span: what counts as a run, how failures and recoveries are counted, what took long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deployments.project import SHOP, Project, load_project
from expectations.review.facts import Alarm, History, Opened, Run
from expectations.review.figures import figures

NOW = datetime(2026, 3, 15, tzinfo=UTC)
START = NOW - timedelta(days=7)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(SHOP)


def run(hours: float, status: str = "published", *, target: str = "raw.a", tier: str = "core", took: int = 10,
        kind: str = "ingest", code: str | None = None) -> Run:  # fmt: skip
    begun = START + timedelta(hours=hours)
    return Run(target, kind, status, tier, begun, begun + timedelta(seconds=took), 100, 5, code)


def test_only_runs_that_ended_in_the_span_count(project: Project) -> None:
    runs = [run(-1), run(0), run(1, "failed"), run(2, "waiting"), run(3, "running"), run(4, "checked"), run(7 * 24),
            run(5, "failed", tier="standard"), run(6, "unchanged")]  # fmt: skip
    found = figures(project, History(runs, (), (), {}), START, NOW)
    assert (found.all.runs, found.all.failed, found.core.runs, found.core.failed) == (4, 2, 3, 1)
    assert found.core.rate == pytest.approx(1 / 3)


def test_rows_are_those_of_batches_that_stand_not_of_summaries(project: Project) -> None:
    runs = [run(1), run(2, "warned"), run(3, "failed"), run(4, kind="summary")]
    found = figures(project, History(runs, (), (), {}), START, NOW)
    assert (found.rows_published, found.rows_quarantined) == (200, 10)


def test_recovery_is_from_opening_to_closing(project: Project) -> None:
    def incident(opened: float, closed: float | None) -> Opened:
        return Opened("raw.a", "X", "page", START + timedelta(hours=opened),
                      None if closed is None else START + timedelta(hours=closed))  # fmt: skip

    known = [incident(-5, 1), incident(1, 3), incident(5, None), incident(-9, -8), incident(-9, None)]
    found = figures(project, History((), (), known, {}), START, NOW)
    assert (found.incidents_opened, found.incidents_closed, found.incidents_open) == (2, 2, 2)
    assert found.recovery_seconds == 4 * 3600
    assert figures(project, History((), (), (), {}), START, NOW).recovery_seconds is None


def test_an_answer_counts_from_the_opening_of_what_was_opened_in_the_span(project: Project) -> None:
    def incident(opened: float, answered: float | None) -> Opened:
        at = None if answered is None else START + timedelta(hours=answered)
        return Opened("raw.a", "X", "page", START + timedelta(hours=opened), None, at)

    known = [incident(-5, 1), incident(1, 2), incident(1, 4), incident(5, None)]
    found = figures(project, History((), (), known, {}), START, NOW)
    assert (found.incidents_opened, found.incidents_answered, found.answer_seconds) == (3, 2, 2 * 3600)
    assert figures(project, History((), (), (), {}), START, NOW).answer_seconds is None


def test_slow_and_expensive_are_two_things(project: Project) -> None:
    runs = [run(1, target="raw.slow", took=60), *(run(hour, target="raw.often", took=10) for hour in range(9))]
    found = figures(project, History(runs, (), (), {}), START, NOW)
    assert [item.target for item in found.slowest] == ["raw.slow", "raw.often"]
    assert [(item.target, item.seconds) for item in found.most_work] == [("raw.often", 90), ("raw.slow", 60)]


def test_failures_are_counted_by_their_code(project: Project) -> None:
    runs = [run(1, "failed", code="HEADER"), run(2, "failed", code="TOLERANCE"), run(3, "failed", code="HEADER")]
    assert figures(project, History(runs, (), (), {}), START, NOW).failures == (("HEADER", 2), ("TOLERANCE", 1))


def test_a_false_alarm_is_one_that_an_owner_said_is_not_interesting(project: Project) -> None:
    said = ((-1, "not-interesting"), (0, "not-interesting"), (1, "meant"), (2, "not-meant"), (3, None))
    alarms = [Alarm("raw.a", START + timedelta(hours=hour), answer) for hour, answer in said]
    found = figures(project, History((), (), (), {}, alarms), START, NOW).alarms
    assert (found.told, found.false, found.unanswered) == (4, 1, 1)
