"""The address of a source: window placeholders filled in, joined with a connection, shown without secrets."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from deployments.windows import Window

_PLACEHOLDER = re.compile(r"\{window\.(start|end)(?::([^{}]+))?\}")


def fill(template: str, window: Window | None, timezone: str) -> str:
    """The URL for a window; moments are written in the table's zone, ISO 8601 unless a strftime format is given.

    They are escaped as a URL needs it (a bare '+' of an offset would be read as a blank); keys of S3 are no URLs.
    """
    if window is None:
        return template
    plain = template.startswith("s3://")

    def written(match: re.Match[str]) -> str:
        moment = (window.start if match[1] == "start" else window.end).astimezone(ZoneInfo(timezone))
        text = moment.strftime(match[2]) if match[2] else moment.isoformat(timespec="seconds")
        return text if plain else quote(text, safe="/:")

    return _PLACEHOLDER.sub(written, template)


def join(base: str | None, url: str) -> str:
    """A URL under its connection's base; a full URL stands for itself."""
    if base is None or "://" in url:
        return url
    return urljoin(base.rstrip("/") + "/", url.lstrip("/"))


def shown(url: str) -> str:
    """The URL without user, password and the values of its query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port else host
    query = re.sub(r"((?i:key|token|secret|sig|signature|password|credential)[^=&]*)=[^&]*", r"\1=***", parts.query)
    return urlunsplit((parts.scheme, place, parts.path, query, ""))
