"""From flow runs to troubles: which end of which run means what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.project import SHOP, Project, load_project
from tasks.incidents.model import Trouble
from tasks.incidents.prefect_view import PrefectView, Run, Told, prefect_troubles

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NPS = "raw_data.nps"


@pytest.fixture(scope="module")
def shop() -> Project:
    return load_project(SHOP)


def run(state: str, minutes_ago: float = 10, **changes: Any) -> Run:
    at = NOW - timedelta(minutes=minutes_ago)
    begun = None if state == "SCHEDULED" else at
    base: dict[str, Any] = {
        "subject": NPS, "flow_run_id": "f1", "run_name": "raw_data.nps, due", "state": state, "name": state.title(),
        "message": "", "expected": at, "started": begun, "ended": begun if state != "RUNNING" else None, "pool": "p",
    }  # fmt: skip
    return Run(**{**base, **changes})


def found(
    shop: Project, *runs: Run, failing: tuple[str, ...] = (), good: float | None = None, **view: Any
) -> list[Trouble]:
    good_at = {} if good is None else {NPS: NOW - timedelta(minutes=good)}
    return prefect_troubles(PrefectView(runs=runs, **view), shop, failing, good_at, NOW)


@pytest.mark.parametrize(
    ("runs", "good", "codes"),
    [
        ([run("CRASHED")], None, ["RUN-CRASHED"]),
        ([run("CRASHED", message="left behind: its parent ended")], None, ["RUN-ORPHANED"]),
        ([run("CRASHED", 20), run("COMPLETED", 10)], None, []),
        ([run("CRASHED")], 5, []),  # loaded by hand since
        ([run("CRASHED")], 15, ["RUN-CRASHED"]),
        ([run("CRASHED"), run("RUNNING", 1)], 0.5, ["RUN-CRASHED"]),  # on its way: its end will tell
        ([run("FAILED", message="no module named x")], None, ["RUN-FAILED"]),
        ([run("FAILED"), run("SCHEDULED", -3, name="Retrying")], None, []),
        ([run("CRASHED", own_process=False)], None, []),  # a part of another run, which tells it
        ([run("CRASHED", subject="other.project")], None, []),
        ([run("SCHEDULED", 5)], None, ["RUN-NOT-STARTED"]),
        ([run("SCHEDULED", 3)], None, []),
        ([run("SCHEDULED", 30), run("RUNNING", 40)], None, []),  # waits for its turn
        ([run("SCHEDULED", 30, name="AwaitingConcurrencySlot")], None, []),
        ([run("CANCELLED")], None, []),  # somebody wanted it
    ],
)
def test_what_each_end_means(shop: Project, runs: list[Run], good: float | None, codes: list[str]) -> None:
    assert [item.code for item in found(shop, *runs, good=good)] == codes


def test_a_failure_that_has_told_its_own_story_is_not_told_again(shop: Project) -> None:
    assert found(shop, run("FAILED"), failing=(NPS,)) == []


def test_a_run_whose_own_work_is_published_is_no_fault_of_the_software(shop: Project) -> None:
    """Prefect's server went away between the publish and the end of the flow."""
    begun = NOW - timedelta(minutes=12)
    beside = run("FAILED", 10, started=begun, ended=NOW - timedelta(minutes=9))
    assert found(shop, beside, good=10) == []
    assert [item.code for item in found(shop, beside, good=13)] == ["RUN-FAILED"]
    told = {"f1": Told("CHECK-FAILED", "upstream", "12 rows", None)}
    assert [item.code for item in found(shop, beside, good=10, told=told)] == ["CHECK-FAILED"]


def test_while_the_warehouse_is_down_old_failures_are_not_told_as_new(shop: Project) -> None:
    failed = [run("FAILED", 300), run("CRASHED", 200, subject="raw_data.channel", flow_run_id="f2")]
    late = run("SCHEDULED", 30, subject="raw_data.customer_variants", flow_run_id="f3")
    told = {"f1": Told("CONNECTION-LOST", "retryable", "can't connect", "headgate check --connect")}

    def codes(*runs: Run, **view: Any) -> list[str]:
        return [i.code for i in prefect_troubles(PrefectView(runs=runs, **view), shop, (), None, NOW)]

    assert codes(*failed) == []
    assert sorted(codes(*failed, late, told=told)) == ["RUN-NOT-STARTED", "WAREHOUSE-UNREACHABLE"]


def test_a_failure_before_its_story_has_the_cause_a_hook_kept(shop: Project) -> None:
    told = {"f1": Told("CONNECTION-LOST", "retryable", "can't connect to the warehouse", "headgate check --connect")}
    (item,) = found(shop, run("FAILED"), told=told)
    assert (item.scope, item.code, item.next_command) == (
        "the warehouse",
        "WAREHOUSE-UNREACHABLE",
        "headgate check --connect",
    )


def test_runs_that_no_worker_takes_are_about_the_pool(shop: Project) -> None:
    (item,) = found(shop, run("SCHEDULED", 30), run("SCHEDULED", 20))
    assert (item.scope, item.times, item.since) == ("work pool p", 2, NOW - timedelta(minutes=30))


def test_only_our_declared_tables_are_told_when_switched_off(shop: Project) -> None:
    assert [item.scope for item in found(shop, switched_off=(NPS, "other.project"))] == [NPS]
