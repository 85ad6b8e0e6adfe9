"""Channels: where notices can go, from the addresses in HEADGATE_NOTIFY_<NAME>. An address holds secrets: never shown.

slack+https://hooks.slack.com/services/...   incoming webhook (a plain https address of that host is one, too)
slack://TOKEN@CHANNEL-ID                     bot token with chat:write; answers go into threads
smtp+starttls://user:password@host:587/?from=headgate@example.com&to=oncall,owner      (smtps:// for TLS from the start)
https://host/path                            JSON of the whole notice; user:password@ becomes basic authentication
pagerduty://ROUTING-KEY@events.pagerduty.com Events API v2: triggered, acknowledged and resolved with the incident
anything else                                given to apprise (extra 'notify'): Teams is workflows://...
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from deployments.errors import DeclarationError

Kind = Literal["slack", "slack_bot", "mail", "webhook", "pagerduty", "bridge"]
logger = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Channel:
    """One place to send to. `address` is without user and query; `secret` is a token or password."""

    name: str
    kind: Kind
    address: str = field(repr=False)
    user: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    tls: Literal["starttls", "tls", "none"] = "none"
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def channels(addresses: Mapping[str, str]) -> dict[str, Channel]:
    """Every channel that can be used, by its name. One that can't is logged: the others must not fall silent with it."""
    found = {}
    for name, address in sorted(addresses.items()):
        try:
            found[name] = channel(name, address)
        except DeclarationError as error:
            logger.error("notices can't go to channel '%s': %s", name, error.message)
    return found


def channel_mistakes(addresses: Mapping[str, str]) -> list[DeclarationError]:
    """What is wrong with the addresses, for `check`."""
    found = []
    for name, address in sorted(addresses.items()):
        try:
            channel(name, address)
        except DeclarationError as error:
            found.append(error)
    return found


def channel(name: str, address: str) -> Channel:
    """One channel from its address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _unfit(name, "isn't an address") from None
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    user, secret = unquote(parts.username or ""), unquote(parts.password or "")
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme in ("slack+https", "slack+http") or (scheme == "https" and host == "hooks.slack.com"):
        return Channel(name, "slack", address.removeprefix("slack+"), host=host)
    if scheme == "slack":
        # Channel IDs are upper case, which urlsplit's hostname loses.
        place = unquote(parts.netloc.rpartition("@")[2])
        if not user or not place:
            raise _unfit(name, "must be slack://TOKEN@CHANNEL-ID")
        api = options.get("api", "https://slack.com/api")
        return Channel(name, "slack_bot", api, user=place, secret=user, host=urlsplit(api).hostname or "")
    if scheme in ("smtp", "smtps", "smtp+starttls"):
        return _mail(Channel(name, "mail", "", user, secret, host, port, "starttls", options), scheme)
    if scheme in ("http", "https"):
        bare = urlunsplit((scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        return Channel(name, "webhook", bare, user, secret, host)
    if scheme == "pagerduty" and user:
        api = options.get("api", f"https://{host}/v2/enqueue")
        return Channel(name, "pagerduty", api, secret=user, host=host)
    if not scheme:
        raise _unfit(name, "isn't an address")
    return Channel(name, "bridge", address)


def _mail(found: Channel, scheme: str) -> Channel:
    options = found.options
    if not found.host or "@" not in options.get("from", ""):
        raise _unfit(found.name, "needs a host and ?from=an address")
    if scheme == "smtp" and found.host not in _LOOPBACK:
        raise _unfit(found.name, "would send mail and password in the clear: smtp+starttls:// or smtps://")
    tls: Literal["starttls", "tls", "none"] = {"smtps": "tls", "smtp+starttls": "starttls"}.get(scheme, "none")  # type: ignore[assignment]
    usual = {"tls": 465, "starttls": 587, "none": 25}[tls]
    return Channel(found.name, "mail", "", found.user, found.secret, found.host, found.port or usual, tls, options)


def _unfit(name: str, why: str) -> DeclarationError:
    return DeclarationError(
        f"HEADGATE_NOTIFY_{name.upper()} {why}", code="NOTIFY-CHANNEL",
        next_command="docs/on-call-rota.md lists the forms of addresses",
    )  # fmt: skip
