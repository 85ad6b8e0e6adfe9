"""The last lock before anything leaves: known secrets and logins in addresses are taken out of every text of a notice.

The texts are written without them; an error of a library may quote an address all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from deployments.settings import Settings
from tasks.notices.notice import Contact, Link, Notice

_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
_TOO_SHORT = 6
_DATABASES = frozenset({"postgresql", "postgres", "redshift"})
Kept = TypeVar("Kept", Notice, Link)


def known_secrets(settings: Settings) -> frozenset[str]:
    """Passwords, tokens and keys of the settings, as they stand there and decoded; very short ones would hide words."""
    found: set[str] = {settings.pii_key or ""}
    for address in (settings.warehouse_url or "", *settings.connections.values(), *settings.notify.values()):
        found |= _in(address)
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
    """What of an address is secret: the password; the user of a token's address; the path of a webhook."""
    try:
        parts = urlsplit(address)
        secrets = {parts.password or ""}
    except ValueError:
        return set()
    # A database's user is no secret, and may be a word that notices need.
    if parts.password is None and parts.username and parts.scheme not in _DATABASES:
        secrets.add(parts.username)
    if "hooks." in (parts.hostname or ""):
        secrets.add(parts.path)
    return secrets | {unquote(secret) for secret in secrets}
