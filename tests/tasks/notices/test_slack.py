"""Slack, both interfaces: what arrives, in threads, and what happens when the service doesn't want it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tasks.notices.channels import Channel, channel
from tasks.notices.delivery import NotDeliveredError, RefusedError, deliver
from tasks.notices.notice import Contact, Notice
from tasks.notices.slack import slack_message

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import Sink

Make = Callable[..., Notice]


def webhook(sink: Sink) -> Channel:
    return channel("ops", f"slack+{sink.url}/services/T0/B0/secret")


def bot(sink: Sink, token: str = "xoxb-test-token") -> Channel:
    return channel("ops", f"slack://{token}@C0OPS?api={sink.url}/api")


def test_a_webhook_takes_the_blocks(sink: Sink, notice: Make) -> None:
    deliver(webhook(sink), notice())
    (body,) = sink.bodies
    texts = "\n".join(str(block) for block in body["blocks"])
    assert body["blocks"][0]["text"]["text"] == ":red_circle: raw_data.nps 2019-09 failed [CHECK-FAILED]"
    for part in ("12 of 243 rows", "as it was published", "2 h 10 min left", "<@U01MINJI>", "headgate incident ack 3fa9c1",
                 "<https://reports.example.com/nps.html|Report of the run>"):  # fmt: skip
        assert part in texts


def test_a_bot_answers_in_the_thread_and_shows_what_wakes_in_the_channel(sink: Sink, notice: Make) -> None:
    thread = deliver(bot(sink), notice()).thread
    deliver(bot(sink), notice(kind="late", line="Now late: finance."), thread)
    deliver(bot(sink), notice(kind="recovered", line="Over.", wakes=False, resolves=True), thread)
    first, late, over = sink.bodies
    assert "thread_ts" not in first
    assert (late["thread_ts"], late["reply_broadcast"]) == (thread, True)
    assert (over["thread_ts"], over["reply_broadcast"], over["text"]) == (thread, False, ":large_green_circle: Over.")
    assert "blocks" not in over


def test_nothing_in_a_text_becomes_a_mention_or_a_link(notice: Make) -> None:
    message = slack_message(notice(cause=("<!channel> & <https://evil.example.com|click>",)))
    assert "&lt;!channel&gt; &amp; &lt;https" in str(message["blocks"])


def test_a_huge_notice_stays_within_the_limits(sink: Sink, notice: Make) -> None:
    huge = notice(title="x" * 500, cause=tuple("y" * 400 for _ in range(40)), effect=("z" * 9000,))
    deliver(webhook(sink), huge)
    assert len(sink.bodies) == 1


def test_a_person_without_a_member_id_is_named(notice: Make) -> None:
    message = slack_message(notice(contacts=(Contact("Jonas", "j@example.com"),)))
    assert "Jonas" in str(message["blocks"])


@pytest.mark.parametrize("plan", [[(429, {"Retry-After": "0"})], [500, 503]])
def test_a_busy_service_is_asked_again(sink: Sink, notice: Make, plan: list[object]) -> None:
    sink.plan = list(plan)
    waited: list[float] = []
    deliver(webhook(sink), notice(), sleep=waited.append)
    assert len(sink.requests) == len(plan) + 1
    assert len(sink.bodies) == 1
    assert len(waited) == len(plan)


def test_a_short_wait_is_waited_and_a_long_one_is_left_to_the_outbox(sink: Sink, notice: Make) -> None:
    waited: list[float] = []
    sink.plan = [(429, {"Retry-After": "2"}), (429, {"Retry-After": "600"})]
    with pytest.raises(NotDeliveredError) as kept:
        deliver(webhook(sink), notice(), sleep=waited.append)
    assert waited == [2.0]
    assert kept.value.wait_seconds == 600
    assert len(sink.requests) == 2


def test_a_service_that_hangs_is_given_up_after_one_try(
    sink: Sink, notice: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_NOTIFY_TIMEOUT_SECONDS", "1")
    sink.plan = ["hang"]
    with pytest.raises(NotDeliveredError, match="'ops' doesn't answer"):
        deliver(webhook(sink), notice())
    assert len(sink.requests) == 1


def test_a_refusal_is_not_repeated_and_tells_no_secret(sink: Sink, notice: Make) -> None:
    with pytest.raises(RefusedError) as refused:
        deliver(bot(sink, "xoxb-wrong"), notice())
    assert "invalid_auth" in str(refused.value)
    assert "xoxb" not in str(refused.value) + repr(bot(sink))
    sink.plan = [404]
    with pytest.raises(RefusedError) as gone:
        deliver(webhook(sink), notice())
    assert len(sink.requests) == 2
    assert "secret" not in str(gone.value) + repr(webhook(sink))
