"""Where no watch lives, a run tells its own failure: once, in every channel, and its end in the same thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.oncall.conftest import Desk

BAD, GOOD = "id,amount\n1,5\n2,-6\n", "id,amount\n1,5\n2,6\n"


def test_a_failed_run_is_told_once_and_its_end_in_the_same_thread(desk: Desk) -> None:
    table = desk.table("orders", BAD)
    assert [desk.load(table), desk.load(table)] == ["CHECK-FAILED", "CHECK-FAILED"]
    assert len(desk.slack.bodies) == len(desk.mail.messages) == 1
    first = str(desk.slack.bodies[0])
    for part in (
        f"{table} failed [CHECK-FAILED]",
        "AMOUNT",
        "was never published",
        "<@U0ANA>",
        "headgate show orders-",
    ):
        assert part in first
    desk.house.source("orders.csv", GOOD)
    assert desk.load(table) == "published"
    _, over = desk.slack.bodies
    assert over["thread_ts"].startswith("17.")
    assert over["text"].startswith(":large_green_circle: Over:")
    assert desk.mail.recipients[0] == ["ana@example.com", "owner@example.com"]
    assert desk.mail.messages[1]["In-Reply-To"] == desk.mail.messages[0]["References"]
    assert desk.open == []


def test_a_good_run_without_incidents_leaves_no_trace_here(desk: Desk) -> None:
    desk.load(desk.table("orders"))
    assert desk.slack.requests == []
    assert not (desk.bench.settings.state / "incidents.json").exists()


def test_with_a_watch_alive_the_run_says_nothing(desk: Desk) -> None:
    table = desk.table("orders", BAD)
    desk.watch()
    assert desk.load(table) == "CHECK-FAILED"
    assert desk.slack.requests == []
    desk.watch(1)
    assert len(desk.slack.bodies) == 1


def test_channels_that_are_down_fail_no_run(desk: Desk) -> None:
    desk.slack.plan = [403]
    desk.mail.refuse = "550 no"
    assert desk.load(desk.table("orders", BAD)) == "CHECK-FAILED"
    assert [item.trouble.code for item in desk.open] == ["CHECK-FAILED"]
    desk.mail.refuse = ""
    desk.watch(10)
    assert [len(desk.slack.bodies), len(desk.mail.messages)] == [1, 1]
