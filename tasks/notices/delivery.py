"""Delivering one notice to one channel. Every call ends within half a minute; what failed says whether waiting may help."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from smtplib import SMTP, SMTP_SSL, SMTPException, SMTPResponseException
from typing import Any

import httpx

from deployments.declared_settings import waiting_time
from deployments.errors import RetryableError, UpstreamError
from tasks.notices.bridge import send_bridged
from tasks.notices.channels import Channel
from tasks.notices.mail import mail_message
from tasks.notices.notice import Notice
from tasks.notices.slack import slack_message
from tasks.notices.webhook import pagerduty_event, webhook_body

TRIES = 3
PATIENCE_SECONDS = 5.0
"""What is waited here for a service that asks for it; longer waits are the outbox's."""
_CONNECT_SECONDS = 4


class NotDeliveredError(RetryableError):
    """The channel can't be reached or doesn't take it now; the notice is kept and sent later."""

    def __init__(self, message: str, *, wait_seconds: float = 0.0, **facts: object) -> None:
        super().__init__(message, listing=(), code="NOTICE-KEPT", next_command="headgate watch", **facts)
        self.wait_seconds = wait_seconds


class RefusedError(UpstreamError):
    """The channel will never take this: a wrong token, an unknown recipient, a channel that is gone."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """`thread`: what later messages of the incident answer to, in this channel."""

    thread: str = ""


def deliver(
    channel: Channel,
    notice: Notice,
    thread: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Send a notice, trying again for a short while. NotDeliveredError or RefusedError when it didn't arrive."""
    send = {"slack": _slack, "slack_bot": _slack_bot, "mail": _mail, "webhook": _webhook, "pagerduty": _pagerduty,
            "bridge": _bridge}[channel.kind]  # fmt: skip
    for attempt in range(TRIES):
        try:
            return send(channel, notice, thread)
        except NotDeliveredError as error:
            if attempt == TRIES - 1 or error.wait_seconds > PATIENCE_SECONDS or error.facts.get("slow"):
                raise
            sleep(error.wait_seconds or 0.5 * 2**attempt)
    raise AssertionError


def recipients(channel: Channel, notice: Notice) -> list[str]:
    """Whom an e-mail goes to: addresses of the channel, with oncall and owner filled in from the notice."""
    words = [word.strip() for word in channel.options.get("to", "oncall,owner").split(",")]
    on_call = [contact.email for contact in notice.contacts]
    owners = [owner for owner in notice.owners if "@" in owner]
    found: list[str] = []
    for word in words:
        found += {"oncall": on_call, "owner": owners}.get(word, [word] if "@" in word else [])
    return list(dict.fromkeys(found or on_call or owners))


def _slack(channel: Channel, notice: Notice, thread: str) -> Receipt:
    _post(channel, channel.address, slack_message(notice))
    return Receipt()


def _slack_bot(channel: Channel, notice: Notice, thread: str) -> Receipt:
    body = slack_message(notice, in_thread=bool(thread))
    body |= {"channel": channel.user, "unfurl_links": False}
    if thread:
        # Those that somebody must see are shown in the channel as well as in their thread.
        body |= {"thread_ts": thread, "reply_broadcast": notice.wakes}
    headers = {"Authorization": f"Bearer {channel.secret}"}
    answer = _json(channel, _post(channel, f"{channel.address.rstrip('/')}/chat.postMessage", body, headers=headers))
    if not answer.get("ok"):
        said = str(answer.get("error", "no reason"))
        if said in ("ratelimited", "rate_limited", "internal_error", "service_unavailable", "fatal_error"):
            raise NotDeliveredError(f"channel '{channel.name}': Slack says {said}", wait_seconds=PATIENCE_SECONDS)
        raise _refused(channel, f"Slack says {said}")
    return Receipt(thread or str(answer.get("ts", "")))


def _webhook(channel: Channel, notice: Notice, thread: str) -> Receipt:
    auth = (channel.user, channel.secret) if channel.user else None
    _post(channel, channel.address, webhook_body(notice), auth=auth, headers={"Idempotency-Key": notice.identity})
    return Receipt()


def _pagerduty(channel: Channel, notice: Notice, thread: str) -> Receipt:
    _post(channel, channel.address, pagerduty_event(notice, channel.secret))
    return Receipt()


def _bridge(channel: Channel, notice: Notice, thread: str) -> Receipt:
    send_bridged(channel, notice, NotDeliveredError)
    return Receipt()


def _mail(channel: Channel, notice: Notice, thread: str) -> Receipt:
    to = recipients(channel, notice)
    if not to:
        raise _refused(channel, "nobody to write to: no rota, no owner's address, no ?to=")
    message = mail_message(notice, channel.options["from"], to)
    context = ssl.create_default_context(cafile=channel.options.get("ca"))
    seconds = waiting_time("NOTIFY_TIMEOUT_SECONDS")
    try:
        server: SMTP
        if channel.tls == "tls":
            server = SMTP_SSL(channel.host, channel.port or 0, timeout=seconds, context=context)
        else:
            server = SMTP(channel.host, channel.port or 0, timeout=seconds)
        with server:
            if channel.tls == "starttls":
                server.starttls(context=context)
            if channel.user:
                server.login(channel.user, channel.secret)
            server.send_message(message)
    except SMTPResponseException as error:
        if error.smtp_code >= 500:
            raise _refused(channel, f"the mail server says {error.smtp_code}") from None
        raise NotDeliveredError(f"channel '{channel.name}': the mail server says {error.smtp_code}") from None
    except ssl.SSLCertVerificationError as error:
        raise _refused(channel, f"the mail server's certificate: {error.verify_message}") from None
    except (OSError, SMTPException) as error:
        slow = isinstance(error, TimeoutError)
        raise NotDeliveredError(f"channel '{channel.name}': {type(error).__name__}", slow=slow or None) from None
    return Receipt(f"<{notice.thread}@headgate>")


def _post(
    channel: Channel, url: str, body: dict[str, Any], *, auth: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:  # fmt: skip
    """POST as JSON. Messages of errors name the channel and the status, never the address: it is a secret."""
    seconds = waiting_time("NOTIFY_TIMEOUT_SECONDS")
    timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
    try:
        answer = httpx.post(url, json=body, auth=auth, headers=headers, timeout=timeout)
    except httpx.TimeoutException:
        raise NotDeliveredError(f"channel '{channel.name}' doesn't answer", slow=True) from None
    except httpx.HTTPError as error:
        raise NotDeliveredError(f"channel '{channel.name}' can't be reached: {type(error).__name__}") from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise NotDeliveredError(
            f"channel '{channel.name}' answers {answer.status_code}", wait_seconds=retry_after(answer.headers)
        )
    if not answer.is_success:
        raise _refused(channel, f"it answers {answer.status_code}")
    return answer


def retry_after(headers: httpx.Headers) -> float:
    """Seconds the service asks to wait: a number or a date; 0 when it doesn't say."""
    value = headers.get("Retry-After", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max((at - datetime.now(at.tzinfo)).total_seconds(), 0.0)


def _json(channel: Channel, answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NotDeliveredError(f"channel '{channel.name}' doesn't answer as Slack does")
    return body


def _refused(channel: Channel, why: str) -> RefusedError:
    return RefusedError(
        f"channel '{channel.name}' refuses: {why}", code="NOTICE-REFUSED",
        next_command=f"mend HEADGATE_NOTIFY_{channel.name.upper()}, then: headgate watch",
    )  # fmt: skip
