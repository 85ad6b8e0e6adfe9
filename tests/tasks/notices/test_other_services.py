"""The plain webhook, PagerDuty's events, and a service reached through apprise."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError
from tasks.notices.channels import channel
from tasks.notices.delivery import NotDeliveredError, deliver
from tasks.notices.notice import Notice

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import Sink

Make = Callable[..., Notice]


def test_a_webhook_gets_everything_and_a_key_against_doubles(sink: Sink, notice: Make) -> None:
    deliver(channel("own", sink.url.replace("//", "//me:pass@") + "/hook?room=1"), notice())
    (request,) = sink.requests
    assert request["path"] == "/hook?room=1"
    assert request["headers"]["Idempotency-Key"] == notice().identity
    assert base64.b64decode(request["headers"]["Authorization"].split()[1]) == b"me:pass"
    body = request["body"]
    assert (body["incident"], body["severity"], body["commands"][0]) == (
        "3fa9c1", "critical", "headgate show nps-2019-09-f48bbe",
    )  # fmt: skip


def test_pagerduty_has_one_alert_for_an_incident(sink: Sink, notice: Make) -> None:
    place = channel("pager", f"pagerduty://ROUTINGKEY@events.pagerduty.com?api={sink.url}/v2/enqueue")
    for kind, over in (("opened", False), ("reminded", False), ("acknowledged", False), ("recovered", True)):
        deliver(place, notice(kind=kind, resolves=over))
    assert [(body["event_action"], body["dedup_key"], body["routing_key"]) for body in sink.bodies] == [
        (action, "3fa9c1", "ROUTINGKEY") for action in ("trigger", "trigger", "acknowledge", "resolve")
    ]
    assert sink.bodies[0]["payload"]["severity"] == "critical"


def test_anything_else_goes_through_apprise(sink: Sink, notice: Make) -> None:
    place = channel("bridge", sink.url.replace("http://", "json://") + "/apprise")
    deliver(place, notice())
    (body,) = sink.bodies
    assert body["title"] == notice().title
    assert "12 of 243 rows" in body["message"]
    sink.plan = [500] * 3
    with pytest.raises(NotDeliveredError):
        deliver(place, notice(), sleep=lambda _: None)


def test_an_address_that_apprise_does_not_know(notice: Make) -> None:
    with pytest.raises(DeclarationError, match="HEADGATE_NOTIFY_BRIDGE isn't an address that apprise knows"):
        deliver(channel("bridge", "nosuchservice://secret"), notice())
