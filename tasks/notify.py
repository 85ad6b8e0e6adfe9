"""Notify: put notices into the outbox for the channels they are routed to, and deliver what lies there."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from deployments.declarations.oncall import OnCall
from deployments.errors import HeadgateError
from tasks.notices.channels import Channel
from tasks.notices.delivery import NotDeliveredError, deliver
from tasks.notices.notice import Notice
from tasks.notices.outbox import Letter, Outbox
from tasks.notices.routing import route

logger = logging.getLogger(__name__)
_PAUSES = (timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
GIVE_UP_AFTER = timedelta(days=3)
_ONLY_FOR = {
    # The incident goes on as one of many: people have been told of those.
    "folded": ("pagerduty", "webhook"),
    # It came and went, and nobody works on it: its thread says so, a mail would be one more.
    "ended": ("pagerduty", "webhook", "slack_bot"),
}
"""Notices for channels that keep an alert per incident open until they hear of its end, or a thread."""


@dataclass
class Delivered:
    """What became of the letters. `threads`: by incident and channel, what later messages answer to."""

    sent: list[Letter] = field(default_factory=list)
    kept: list[Letter] = field(default_factory=list)
    threads: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Failure:
    said: str
    wait: timedelta = timedelta(0)
    whole_channel: bool = False


def put(
    outbox: Outbox, notices: Iterable[Notice], channels: Mapping[str, Channel], rota: OnCall | None, now: datetime
) -> int:
    """Write each notice for every channel it is routed to; how many letters are new. Twice is safe."""
    count = 0
    for notice in notices:
        routed = route(notice, rota, channels, now)
        for name in routed.channels:
            if channels[name].kind not in _ONLY_FOR.get(notice.kind, (channels[name].kind,)):
                continue
            # Over before anybody was told, in hours in which nobody wanted to be: then nobody is told of its end either.
            if notice.resolves and outbox.withdraw(notice.thread, name):
                continue
            held = routed.not_before is not None
            count += outbox.put(Letter(notice, name, now, not_before=routed.not_before, held=held))
    return count


def deliver_all(
    outbox: Outbox, channels: Mapping[str, Channel], threads: Mapping[tuple[str, str], str], now: datetime
) -> Delivered:
    """Deliver what is due. A channel that fails is left alone until the next time; what must wake somebody goes to the
    others then. Never raises for a channel's sake."""
    done = Delivered(threads=dict(threads))
    down: dict[str, _Failure] = {}
    waiting = [letter for letter in outbox.letters() if letter.not_before is None or letter.not_before <= now]
    while waiting:
        letter = waiting.pop(0)
        channel = channels.get(letter.channel)
        failure = _tried(letter, channel, down, done)
        if failure is None:
            outbox.sent(letter)
            done.sent.append(letter)
            continue
        if failure.whole_channel:
            down[letter.channel] = failure
        done.kept.append(_kept(outbox, letter, failure, now))
        waiting += _stand_ins(outbox, letter, channels, down, now)
    outbox.forget(now)
    return done


def _tried(letter: Letter, channel: Channel | None, down: Mapping[str, _Failure], done: Delivered) -> _Failure | None:
    """None when it was sent, else why not."""
    if channel is None:
        return _Failure(f"channel '{letter.channel}' isn't configured here")
    if letter.channel in down:
        return down[letter.channel]
    key = (letter.notice.thread, letter.channel)
    try:
        receipt = deliver(channel, letter.notice, done.threads.get(key, ""))
    except NotDeliveredError as error:
        logger.warning("a notice was kept: %s", error.message)
        return _Failure(error.message, timedelta(seconds=error.wait_seconds), whole_channel=True)
    except HeadgateError as error:
        # Perhaps only this notice is refused (nobody to write to): the channel is tried with the others.
        logger.warning("a notice was kept: %s", error.message)
        return _Failure(error.message)
    if receipt.thread:
        done.threads[key] = receipt.thread
    return None


def _kept(outbox: Outbox, letter: Letter, failure: _Failure, now: datetime) -> Letter:
    """The letter with its next time, or given up after days: it is in the log, and the incident is in the list."""
    tries = letter.tries + 1
    pause = max(_PAUSES[min(tries, len(_PAUSES)) - 1], failure.wait)
    again = replace(letter, tries=tries, failure=failure.said, held=False, not_before=now + pause)
    if now - letter.put_at > GIVE_UP_AFTER:
        logger.error("a notice was given up after %s: %s: %s", GIVE_UP_AFTER, letter.notice.title, failure.said)
        outbox.sent(again)
    else:
        outbox.keep(again)
    return again


def _stand_ins(
    outbox: Outbox, letter: Letter, channels: Mapping[str, Channel], down: Mapping[str, _Failure], now: datetime
) -> list[Letter]:
    """The same notice for the channels it wasn't routed to, when its own doesn't take it."""
    if not letter.notice.wakes or letter.stand_in:
        return []
    others = [
        Letter(letter.notice, name, now, stand_in=True)
        for name in channels
        if name != letter.channel and name not in down
    ]
    return [other for other in others if outbox.put(other)]
