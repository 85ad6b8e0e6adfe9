"""How long a server asks to be left alone: Retry-After, in seconds or as a date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds, one at least; None when nothing is asked, or nothing that can be read.

    A date is held against the server's own clock where it tells it.
    """
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", said):
        return max(1.0, float(said))
    until, now = _moment(said), _moment(headers.get("Date", "")) or datetime.now(UTC)
    return None if until is None else max(1.0, (until - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
