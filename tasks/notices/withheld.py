"""The last lock before anything leaves: known secrets and logins in addresses are taken out of every text of a notice.

The texts are written without them; an error of a library may quote an address all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import TypeVar
from urllib.parse import unquote, unquote_plus, urlsplit

from deployments.addresses import DATABASES, S3_PLACES
from deployments.settings import Settings
from tasks.notices.notice import Contact, Link, Notice

_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
_TOO_SHORT = 6
_UNGUESSED = 16
_OF_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Options of a database's address that are words, not secrets.
_OPTIONS = ("sslmode", "sslrootcert", "options", "connect_timeout", "application_name", "target_session_attrs", "host")
Kept = TypeVar("Kept", Notice, Link)


def known_secrets(settings: Settings) -> frozenset[str]:
    """Passwords, tokens and keys of the settings, as they stand there and decoded; very short ones would hide words."""
    keys = (settings.pii_key, settings.pii_key_before, settings.answer_key, *(os.environ.get(name) for name in _OF_AWS))
    found = {key for key in keys if key}
    places = (settings.warehouse_url, settings.stage_url, settings.report_url, *settings.connections.values())
    for address in filter(None, places):
        found |= _in(address)
    for address in settings.notify.values():
        found |= _in(address) | _of_webhook(address)
    return frozenset(secret for secret in found if len(secret) >= _TOO_SHORT)


def without_secrets(notice: Notice, secrets: Iterable[str]) -> Notice:
    """The notice as it may be sent."""
    ordered = sorted(secrets, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in ordered:
            text = text.replace(secret, "...")
        return _LOGIN.sub("...@", text)

    return _cleaned(notice, clean, {"identity", "thread", "kind", "severity"})


def _cleaned(item: Kept, clean: Callable[[str], str], kept: Iterable[str]) -> Kept:
    changes: dict[str, object] = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if field.name in kept or isinstance(value, bool):
            continue
        if isinstance(value, str):
            changes[field.name] = clean(value)
        elif isinstance(value, tuple):
            changes[field.name] = tuple(_part(part, clean) for part in value)
    return replace(item, **changes)  # type: ignore[arg-type]


def _part(part: object, clean: Callable[[str], str]) -> object:
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, Link):
        return _cleaned(part, clean, ())
    assert isinstance(part, Contact)
    return part


def _in(address: str) -> set[str]:
    """What of an address is secret: the password, the user of a token's address, what a query holds."""
    try:
        parts = urlsplit(address)
        secrets = {parts.password or ""}
    except ValueError:
        return set()
    # A database's user is no secret, and may be a word that notices need.
    if parts.password is None and parts.username and parts.scheme not in DATABASES:
        secrets.add(parts.username)
    plain = {"s3": S3_PLACES, **dict.fromkeys(DATABASES, _OPTIONS)}.get(parts.scheme, ())
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if name not in plain:
            secrets |= {value, unquote_plus(value)}
    return secrets | {unquote(secret) for secret in secrets}


def _of_webhook(address: str) -> set[str]:
    """The path of a webhook is its password: as a whole, and each part that nobody could guess."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return set()
    if not parts.scheme.endswith(("http", "https")):
        return set()
    return {parts.path, *(part for part in parts.path.split("/") if len(part) >= _UNGUESSED)}
