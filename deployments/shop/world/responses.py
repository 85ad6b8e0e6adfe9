"""What the shop's web server answers to a path and its parameters, without any network.

`/name_gender.csv` is a file. `/api/nps?from=&to=&page=` gives the answers created in [from, to) (ISO 8601, UTC), in
pages: `{"data": [...], "next": url or null}`. Both carry ETag and Last-Modified, and honor If-None-Match and
If-Modified-Since. `/` names the world that is served, so that a launcher can tell this server from another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import parse_qs, urlencode

from deployments.shop.world.rows import SourceRows, Value
from deployments.shop.world.season import END_DAY, SEED
from deployments.shop.world.sources import fingerprint, web_rows

PAGE_ROWS = 100
LAST_CHANGED = datetime(END_DAY.year, END_DAY.month, END_DAY.day, tzinfo=UTC)


@dataclass(frozen=True)
class Response:
    """A status, headers (Content-Length included) and a body."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class BadQueryError(ValueError):
    """A parameter of the API that can't be read; its text is the answer's text."""


class Site:
    """The files and the API over one world's rows."""

    def __init__(self, seed: int = SEED) -> None:
        rows = web_rows(seed)
        self._world = fingerprint(seed)
        self._names = rows["name_gender"].csv().encode()
        self._answers = tuple(_record(record) for record in rows["nps"].records())
        self._moments = _moments(rows["nps"])

    def respond(self, path: str, query: str, base: str, headers: Mapping[str, str]) -> Response:
        """The answer to GET `path?query`; `base` is scheme and host as the client wrote them."""
        if path == "/":
            return _json(200, {"serves": "the shop", "world": self._world})
        if path == "/name_gender.csv":
            return _revalidated(self._names, "text/csv; charset=utf-8", headers)
        if path == "/api/nps":
            try:
                page = self.page(query, base + path)
            except BadQueryError as error:
                return _json(400, {"error": str(error)})
            return _revalidated(page, "application/json", headers)
        return _json(404, {"error": f"nothing at {path}"})

    def page(self, query: str, url: str) -> bytes:
        """One page of answers as JSON; BadQueryError when a parameter can't be read."""
        given = parse_qs(query, keep_blank_values=True)
        unknown = sorted(set(given) - {"from", "to", "page"})
        if unknown:
            raise BadQueryError(f"unknown parameter {unknown[0]}; allowed: from, to, page")
        low, high = _moment(given, "from", datetime.min), _moment(given, "to", datetime.max)
        number = _page_number(given)
        first, last = bisect_left(self._moments, low), bisect_left(self._moments, high)
        start = first + (number - 1) * PAGE_ROWS
        end = min(start + PAGE_ROWS, last)
        following = None
        if end < last:
            limits = [(name, given[name][-1]) for name in ("from", "to") if name in given]
            following = f"{url}?{urlencode([*limits, ('page', str(number + 1))])}"
        document = {"data": self._answers[start:end], "next": following}
        return json.dumps(document, ensure_ascii=False).encode()


def _moments(rows: SourceRows) -> list[datetime]:
    position = rows.header.index("created_at")
    return [moment for row in rows.rows if isinstance(moment := row[position], datetime)]


def _record(record: dict[str, Value]) -> dict[str, Value]:
    """As the API writes it: times in ISO 8601 with Z."""
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in record.items()}


def _moment(given: dict[str, list[str]], name: str, default: datetime) -> datetime:
    if name not in given:
        return default
    text = given[name][-1]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQueryError(f"{name}={text} isn't a date or time such as 2019-05-01T00:00:00Z") from None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _page_number(given: dict[str, list[str]]) -> int:
    text = given.get("page", ["1"])[-1]
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise BadQueryError(f"page={text[:40]} isn't a page number from 1")
    return int(text)


def _revalidated(body: bytes, kind: str, headers: Mapping[str, str]) -> Response:
    """The body, or 304 when the client has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    facts = {"ETag": tag, "Last-Modified": format_datetime(LAST_CHANGED, usegmt=True), "Cache-Control": "no-cache"}
    asked = {name.lower(): value for name, value in headers.items()}
    if _client_has_it(asked, tag):
        return Response(304, b"", facts)
    return Response(200, body, {**facts, "Content-Type": kind, "Content-Length": str(len(body))})


def _client_has_it(asked: Mapping[str, str], tag: str) -> bool:
    """RFC 9110, 13.2.2: If-None-Match decides alone; If-Modified-Since counts only without it."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in tags.split(",")]
    since = asked.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) >= LAST_CHANGED


def _json(status: int, document: dict[str, str]) -> Response:
    body = json.dumps(document).encode()
    return Response(status, body, {"Content-Type": "application/json", "Content-Length": str(len(body))})
