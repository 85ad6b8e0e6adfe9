"""Notices while their channel is away, row by row of docs/faults.md: kept, told by the watch, and sent once when it is back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.watch import told
from tasks.notices.outbox import Outbox

if TYPE_CHECKING:
    from tests.acceptance.oncall.conftest import Desk

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
Broken = Callable[["Desk", str, str, int], str]
"""Given the desk, the addresses of Slack and of the mail server and a port where nothing listens: the broken address."""


def table() -> dict[str, str]:
    """What happens to what a pass of the watch says of it."""
    text = PAGE.read_text().partition("## When nobody can be told")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| (the mail.*?|Slack.*?) \| `(.*?)` \| kept", text, re.M))


def _answers(*plan: object) -> Broken:
    def broken(desk: Desk, slack: str, _mail: str, _port: int) -> str:
        desk.slack.plan = list(plan)
        return slack

    return broken


def _no_room(desk: Desk, _slack: str, mail: str, _port: int) -> str:
    desk.mail.refuse = "452 4.3.1 full"
    return mail


FAULTS: dict[str, Broken] = {
    "the mail server doesn't answer": lambda d, s, mail, port: re.sub(r":\d+/", f":{port}/", mail),
    "the mail server has no room for now": _no_room,
    "the mail server refuses the login": lambda d, s, mail, port: mail.replace("loader:", "stranger:"),
    "Slack answers 500": _answers(500, 500, 500),
    "Slack asks to wait": _answers((429, {"Retry-After": "90"})),
    "Slack takes the connection and says nothing": _answers("hang"),
    "Slack's host can't be reached": lambda d, slack, m, port: re.sub(r"127.0.0.1:\d+", f"127.0.0.1:{port}", slack),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_kept_told_and_sent_once(
    desk: Desk, fault: str, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_NOTIFY_TIMEOUT_SECONDS", "1")
    places = desk.bench.settings.notify
    name = "mail" if "mail" in fault else "ops"
    broken = FAULTS[fault](desk, places["ops"], places["mail"], free_port())
    desk.house.place.settings = replace(desk.house.place.settings, notify={name: broken})
    orders = desk.table("orders", "id,amount\n1,5\n2,-6\n")
    desk.watch()
    assert desk.load(orders) == "CHECK-FAILED"
    assert table()[fault].replace("NAME", name) in told(desk.watch(1))
    outbox = Outbox(desk.bench.settings.state)
    assert len(list(outbox.letters())) == 1
    desk.slack.plan, desk.mail.refuse = [], ""
    desk.house.place.settings = replace(desk.house.place.settings, notify={name: places[name]})
    desk.watch(5)
    desk.watch(10)
    assert len(desk.slack.bodies) + len(desk.mail.messages) == 1
    assert list(outbox.letters()) == []


def test_every_row_is_tried() -> None:
    assert set(table()) == set(FAULTS)
