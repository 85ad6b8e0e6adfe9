"""What can't be delivered is kept, the others are tried, and it goes out later: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.declarations.oncall import OnCall
from tasks.notices.channels import channels
from tasks.notices.notice import Notice
from tasks.notices.outbox import Letter, Outbox
from tasks.notify import deliver_all, put

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import MailServer, Sink

Make = Callable[..., Notice]
NOW = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)
HOURS = [{"hours": "09:00-18:00", "to": ["ops"]}]


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def rota(*routes: dict[str, Any]) -> OnCall:
    return OnCall.model_validate({
        "timezone": "UTC", "starts": "2026-01-05", "rotation": ["ana"], "routes": list(routes),
        "people": {"ana": {"name": "Ana", "email": "ana@example.com"}},
    })  # fmt: skip


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.notices.delivery.TRIES", 1)


def test_a_channel_that_is_down_gets_it_later_and_only_once(outbox: Outbox, sink: Sink, notice: Make) -> None:
    places = channels({"ops": f"{sink.url}/hook"})
    sink.plan = [500]
    put(outbox, [notice()], places, None, NOW)
    assert [len(lot) for lot in (deliver_all(outbox, places, {}, NOW).kept, sink.bodies)] == [1, 0]
    assert deliver_all(outbox, places, {}, later(0.1)).sent == []  # not before its time
    assert len(deliver_all(outbox, places, {}, later(2)).sent) == 1
    put(outbox, [notice()], places, None, later(3))
    assert deliver_all(outbox, places, {}, later(3)).sent == []
    assert [body["incident"] for body in sink.bodies] == ["3fa9c1"]


def test_what_must_wake_somebody_goes_to_the_other_channels_meanwhile(
    outbox: Outbox, sink: Sink, mail: MailServer, notice: Make
) -> None:
    places = channels({"ops": f"{sink.url}/hook", "mail": mail.address()})
    sink.plan = [500]
    digest = notice(identity="d", thread="d", kind="digest", wakes=False)
    put(outbox, [notice(), digest], places, rota({"to": ["ops"]}), NOW)
    deliver_all(outbox, places, {}, NOW)
    assert [message["Subject"] for message in mail.messages] == [
        "[headgate] raw_data.nps 2019-09 failed [CHECK-FAILED] (critical)"
    ]
    deliver_all(outbox, places, {}, later(5))
    assert len(sink.bodies) == 2
    assert len(mail.messages) == 1


def test_a_channel_that_hangs_is_tried_once_a_pass_not_once_a_letter(
    outbox: Outbox, sink: Sink, notice: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_NOTIFY_TIMEOUT_SECONDS", "1")
    places = channels({"ops": f"{sink.url}/hook"})
    sink.plan = ["hang"]
    put(outbox, [notice(identity=str(n)) for n in range(20)], places, None, NOW)
    assert len(deliver_all(outbox, places, {}, NOW).kept) == 20
    assert len(sink.requests) == 1


def test_a_service_that_asks_to_wait_is_left_alone_so_long(outbox: Outbox, sink: Sink, notice: Make) -> None:
    places = channels({"ops": f"{sink.url}/hook"})
    sink.plan = [(429, {"Retry-After": "900"})]
    put(outbox, [notice()], places, None, NOW)
    deliver_all(outbox, places, {}, NOW)
    assert deliver_all(outbox, places, {}, later(14)).sent == []
    assert len(deliver_all(outbox, places, {}, later(15)).sent) == 1


def test_one_letter_that_is_refused_does_not_hold_up_the_next(outbox: Outbox, mail: MailServer, notice: Make) -> None:
    places = channels({"mail": mail.address(to="oncall")})
    nobody = notice(identity="a", contacts=(), owners=())
    put(outbox, [nobody, notice(identity="b")], places, None, NOW)
    done = deliver_all(outbox, places, {}, NOW)
    assert [letter.notice.identity for letter in done.sent] == ["b"]


def test_held_until_its_hours_and_taken_back_when_it_is_over_before(outbox: Outbox, sink: Sink, notice: Make) -> None:
    places = channels({"ops": f"{sink.url}/hook"})
    put(outbox, [notice()], places, rota(*HOURS), NOW)
    assert deliver_all(outbox, places, {}, later(60)).sent == []
    put(outbox, [notice(identity="o", kind="recovered", resolves=True)], places, rota(*HOURS), later(90))
    assert deliver_all(outbox, places, {}, later(600)).sent == []
    assert sink.requests == []


def test_a_letter_is_written_whole_or_not_at_all(outbox: Outbox, notice: Make) -> None:
    outbox.put(Letter(notice(), "ops", NOW))
    (outbox.folder / "broken.json").write_text('{"notice": {"iden')
    assert [letter.notice.identity for letter in outbox.letters()] == [notice().identity]
    assert (outbox.folder / "broken.unreadable").exists()


def test_a_letter_comes_back_as_it_was_put(outbox: Outbox, notice: Make) -> None:
    letter = replace(Letter(notice(), "ops", NOW), not_before=later(1), tries=2, failure="down")
    outbox.keep(letter)
    assert list(outbox.letters()) == [letter]


def test_after_days_it_is_given_up(outbox: Outbox, notice: Make) -> None:
    places = channels({"ops": "http://127.0.0.1:1/hook"})
    put(outbox, [notice()], places, None, NOW)
    for day in range(5):
        deliver_all(outbox, places, {}, later(day * 24 * 60))
    assert list(outbox.letters()) == []


def test_an_end_that_follows_one_that_was_told_is_for_threads_and_alerts_alone(
    outbox: Outbox, sink: Sink, mail: MailServer, notice: Make
) -> None:
    """Slack's thread says it, without showing it in the channel; the service's alert is closed; nobody gets a mail."""
    places = channels({"slack": f"slack://xoxb-test-token@C0OPS?api={sink.url}/api", "hook": f"{sink.url}/hook",
                       "mail": mail.address()})  # fmt: skip
    put(outbox, [notice()], places, None, NOW)
    threads = deliver_all(outbox, places, {}, NOW).threads
    ended = notice(identity="e", kind="ended", wakes=False, resolves=True, line="Over once more.", at=later(300))
    put(outbox, [ended], places, None, later(300))
    deliver_all(outbox, places, threads, later(300))
    assert len(mail.messages) == 1
    said = [body for body in sink.bodies if body.get("thread_ts")]
    assert [(body["reply_broadcast"], body["text"].partition(" ")[2]) for body in said] == [(False, "Over once more.")]
    assert [body["kind"] for body in sink.bodies if "incident" in body] == ["opened", "ended"]
