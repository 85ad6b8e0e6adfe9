"""Requests to an API: each with its login, in its rate, and again where a failure passes by itself."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit, urlunsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from deployments.declarations.rest import OAuth2, Where
from deployments.declarations.sources import RestSource
from deployments.declared_settings import connection_setting
from deployments.errors import DeclarationError, HeadgateError, SourceUnreachableError, UpstreamError
from deployments.foreign_text import one_line
from deployments.settings import Settings
from tasks import pauses
from tasks.sources import web
from tasks.sources.address import Place, same_place
from tasks.sources.json_document import document_of, gathered
from tasks.sources.json_text import Parsed
from tasks.sources.rest_login import Login, login_of, token_request
from tasks.sources.stored import plain
from tasks.sources.transfer import has_end, whole

_BACKOFF = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)
_LONGEST_REASON_BYTES = 65_536
_REASONS = ("message", "error_description", "detail", "error", "title", "errors", "reason")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Request:
    """One page to ask for: its address, without a login, and the JSON that is sent."""

    url: str = field(repr=False)
    body: Mapping[str, Any] | None = None

    def with_query(self, params: Mapping[str, Any]) -> Request:
        """The same with these parameters of the address, in place of those of the same names."""
        parts = urlsplit(self.url)
        # What stands there already stays letter by letter: it may be signed.
        kept = [pair for pair in parts.query.split("&") if pair and unquote_plus(pair.partition("=")[0]) not in params]
        added = {name: [_text(item) for item in _listed(value)] for name, value in params.items()}
        query = "&".join(filter(None, [*kept, urlencode(added, doseq=True)]))
        return Request(urlunsplit(parts._replace(query=query)), self.body)

    def with_body(self, params: Mapping[str, Any]) -> Request:
        """The same with these keys in its body."""
        return Request(self.url, {**(self.body or {}), **params})

    def with_params(self, params: Mapping[str, Any], where: Where) -> Request:
        return self.with_query(params) if where == "query" else self.with_body(params)


@dataclass(frozen=True, slots=True)
class Page:
    """What a request was answered."""

    parsed: Parsed
    url: str = field(repr=False)
    next_link: str | None = field(repr=False)
    """The address that the header Link calls the next one (RFC 8288)."""


class Api:
    """An API that is asked for one batch: over one client, whose connections are kept, until it is closed."""

    def __init__(self, source: RestSource, settings: Settings, first: Place) -> None:
        self._source, self._settings, self._first = source, settings, first
        self._client = web.client_of(first)
        self._login: Login = login_of(source.auth, first.base or first.url, source.connection, self._fetched_token)
        self._login.spoken |= {value for _, value in parse_qsl(urlsplit(first.base or "").query) if value}
        self._paths = [source.records, source.total, *(getattr(source.paging, name, None) for name in ("path", "more"))]
        self._next_at = 0.0

    def close(self) -> None:
        self._client.close()

    def page(self, request: Request) -> Page:
        """The answer to one request. It is asked again a bounded number of times, and the last failure is the one told."""
        self._again(self._login.ready)
        return self._again(lambda: self._answer(request))

    def _answer(self, request: Request) -> Page:
        self._in_rate()
        try:
            return self._asked(request)
        except DeclarationError as error:
            if error.facts.get("status") != 401 or not self._login.renew():
                raise
            # A token that was taken back before its end.
            return self._asked(request)

    def _asked(self, request: Request) -> Page:
        own = same_place(self._first.url, request.url)
        url = request.with_query(self._login.params).url if own and self._login.params else request.url
        place = Place(url, None, self._first.hosts, until_close=True)
        headers = {"Accept": "application/json"}
        content = None
        if self._source.method == "POST":
            headers["Content-Type"] = "application/json"
            content = json.dumps(request.body or {}, ensure_ascii=False).encode()
        if own:
            headers |= self._source.headers | self._login.headers
        ask = web.Ask(self._source.method, headers, content, self._client, self._refused(place))
        try:
            with web.opened(place, longest_wait=0, ask=ask) as answer:
                body = gathered(plain(place, "none", encoding="utf-16", answer=answer), place.shown)
                return Page(self._parsed(body, answer), request.url, _linked(answer.response))
        except DeclarationError as error:
            if error.code == "SOURCE-LOGIN":
                error.next_command = f"mend {self._setting(self._source.connection)}; then: headgate check --connect"
            raise

    def _parsed(self, body: bytes, answer: web.Answer) -> Parsed:
        try:
            return document_of(body, answer.place.shown, self._paths)
        except UpstreamError as error:
            if has_end(answer.response) or error.code != "NOT-JSON":
                raise
            raise SourceUnreachableError(
                f"{answer.place.shown} ended in the middle of its JSON",
                code="SOURCE-CUT",
                next_command="headgate retry RUN",
            ) from None

    def _setting(self, connection: str | None) -> str:
        return "source.connection" if connection is None else connection_setting(connection)

    def _fetched_token(self, auth: OAuth2) -> bytes:
        place, ask = token_request(auth, self._settings.connection(auth.connection))
        told = f"the address of tokens, connection '{auth.connection}',"

        def refused(response: httpx.Response) -> None:
            if response.status_code in (400, 401, 403):
                raise DeclarationError(
                    f"{told} refuses our client (HTTP {response.status_code})", code="SOURCE-LOGIN",
                    next_command=f"mend {self._setting(auth.connection)}; then: headgate check --connect",
                )  # fmt: skip

        asked = web.Ask(ask.method, ask.headers, ask.content, refused=refused)

        with web.opened(place, longest_wait=0, ask=asked) as answer:
            return gathered(answer.pieces(), place.shown)

    def _refused(self, place: Place) -> Callable[[httpx.Response], None]:
        """What to do with an answer that says the request itself is wrong: no later try makes it right."""

        def refused(response: httpx.Response) -> None:
            status = response.status_code
            if 400 <= status < 500 and status not in (401, 403, 404, 407, 410, *web.PASSING):
                reason = self._login.hidden(_reason(response, place))
                raise DeclarationError(
                    f"{place.shown} doesn't take the request (HTTP {status})" + (f": {reason}" if reason else ""),
                    code="SOURCE-REQUEST",
                    next_command="mend source.params, body or headers; then: headgate check --connect",
                    status=status,
                )

        return refused

    def _in_rate(self) -> None:
        rate = self._source.rate
        if rate is None:
            return
        wait = self._next_at - time.monotonic()
        if wait > 0:
            pauses.pause(wait)
        self._next_at = max(self._next_at, time.monotonic()) + rate.seconds_between

    def _again(self, call: Callable[[], Result]) -> Result:
        retrying = Retrying(
            stop=stop_after_attempt(self._source.retries + 1), wait=_waiting, retry=retry_if_exception(_passes),
            sleep=lambda seconds: pauses.pause(seconds), reraise=True,
        )  # fmt: skip
        try:
            return retrying(call)
        except SourceUnreachableError as error:
            asked = int(retrying.statistics.get("attempt_number", 1))
            if asked > 1:
                error.message = f"{error.message} (asked {asked} times)"
            raise


def _passes(error: BaseException) -> bool:
    if not isinstance(error, SourceUnreachableError):
        return isinstance(error, HeadgateError) and error.code == "SOURCE-CUT"
    wait = error.facts.get("wait_seconds")
    if wait is not None and float(str(wait)) > web.LONGEST_WAIT_SECONDS:
        return False
    return error.facts.get("status") in (None, *web.PASSING)


def _waiting(state: RetryCallState) -> float:
    """As long as the server asks for, and a little more, so that many who were refused at once don't come back at once."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.facts.get("wait_seconds") if isinstance(error, HeadgateError) else None
    return _BACKOFF(state) if asked is None else float(str(asked)) + random.uniform(0, 0.5)  # noqa: S311


def _linked(response: httpx.Response) -> str | None:
    links = response.links.values()
    return next((link["url"] for link in links if "next" in link.get("rel", "").lower().split()), None)


def _reason(response: httpx.Response, place: Place) -> str:
    """What a JSON answer says went wrong, in a line; '' when it says nothing that can be read. No more of it is read."""
    held = b""
    try:
        for piece in whole(response, place):
            held += piece
            if len(held) >= _LONGEST_REASON_BYTES:
                break
        document = json.loads(held[:_LONGEST_REASON_BYTES])
    except (ValueError, LookupError, RecursionError, HeadgateError, httpx.HTTPError):
        return ""
    for _ in range(3):
        if isinstance(document, list) and document:
            document = document[0]
        if isinstance(document, str):
            return one_line(document, 200)
        if not isinstance(document, dict):
            return ""
        document = next((document[name] for name in _REASONS if document.get(name)), None)
    return one_line(document, 200) if isinstance(document, str) else ""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
