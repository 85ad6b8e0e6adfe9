"""Read bytes over HTTP(S): one request for each address, an answer that is proven whole, and failures told apart.

HEAD is never asked: what it answers says nothing about the rows (an address that is signed for GET refuses it).
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from deployments.declared_settings import waiting_time
from deployments.errors import (
    DeclarationError,
    HeadgateError,
    SourceMissingError,
    SourceUnreachableError,
    UpstreamError,
)
from tasks import pauses
from tasks.progress import report_wait
from tasks.sources.address import Place, joined, same_place
from tasks.sources.hosts import check_answered_by, check_leads_to
from tasks.sources.protocol import NO_SUCH_WINDOW
from tasks.sources.surplus import listening
from tasks.sources.transfer import ACCEPTED, check_is_whole, whole

MAX_REDIRECTS = 10
LONGEST_WAIT_SECONDS = 300.0
"""So long in all a server is given that asks to be asked later."""
logger = logging.getLogger(__name__)
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
PASSING = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
"""A server that answers so may answer otherwise the next time; with any other status of 400 and above it stays with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page that is there. `pieces` are its bytes, without what the transport packed; they end only when it is whole."""

    place: Place
    response: httpx.Response

    @property
    def version(self) -> str | None:
        """What changes with the content: the strong tag, with length and date where they are said. A weak tag promises only
        that pages look alike, an empty one nothing."""
        headers = self.response.headers
        tag = headers.get("ETag", "")
        if tag.startswith("W/") or not tag.strip('"'):
            return None
        return ":".join(
            ["etag", tag.strip('"'), *(headers[n] for n in ("Content-Length", "Last-Modified") if n in headers)]
        )

    def pieces(self) -> Iterator[bytes]:
        with _telling(self.place):
            yield from whole(self.response, self.place)

    @property
    def was_packed(self) -> bool:
        """Whether the transport packed it: the name's ending may tell of that packing."""
        return self.response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


@dataclass(frozen=True, slots=True)
class Ask:
    """How a page is asked for. Headers and content go to the address's own place alone.

    `client`: one that goes on over the requests of a source. `refused` is called with an answer that refuses (400 and above).
    """

    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    client: httpx.Client | None = field(default=None, repr=False)
    refused: Callable[[httpx.Response], None] | None = None


@contextmanager
def opened(place: Place, longest_wait: float = LONGEST_WAIT_SECONDS, ask: Ask | None = None) -> Iterator[Answer]:
    """A streaming request (GET); user and password in the address become basic authentication. Redirects are followed to the
    same host, and to those the declaration names; the login goes to the address's own place alone."""
    waited, ask = 0.0, ask or Ask()
    with _telling(place), nullcontext(ask.client) if ask.client is not None else client_of(place) as client:
        url = place.url
        for left in reversed(range(MAX_REDIRECTS)):
            own = same_place(place.url, url)
            with client.stream(
                ask.method, _bare(url), auth=_login(place.url) if own else None, headers=ask.headers if own else None,
                content=ask.content, extensions={"trace": listening},
            ) as response:  # fmt: skip
                check_answered_by(place, url, response.extensions["network_stream"].get_extra_info("server_addr"))
                target = _redirect(response, url)
                if target is not None:
                    check_leads_to(place, url, target, "a redirect")
                    _check_repeats(ask, place, response, target)
                    url = target
                    continue
                response.stream = _InTime(response.stream, place)
                if response.status_code >= 400 and ask.refused is not None:
                    ask.refused(response)
                wait = asked_to_wait(response.headers) if response.status_code in _BUSY else None
                if not left:
                    # Asked again and again it answers so: that may pass, and isn't a matter of waiting any more.
                    wait = None
                if wait is None or waited + wait > longest_wait:
                    _check(response, place, wait)
                    yield Answer(place, response)
                    return
            waited += wait
            report_wait(
                "the source", f"{place.shown} asks to be left alone (HTTP {response.status_code})",
                f"it is asked again in {wait:.0f} s",
            )  # fmt: skip
            pauses.pause(wait)
        raise UpstreamError(
            f"{place.shown} leads on and on: {MAX_REDIRECTS} redirects", code="SOURCE-ANSWER",
            next_command="ask the source's owner for the address where the data are",
        )  # fmt: skip


def _check_repeats(ask: Ask, place: Place, response: httpx.Response, target: str) -> None:
    """Raise where a redirect would make another request of a POST, or take its content to another place."""
    if ask.method == "GET" or (response.status_code in (307, 308) and same_place(place.url, target)):
        return
    raise UpstreamError(
        f"{place.shown} sends a POST on (HTTP {response.status_code})", code="SOURCE-ANSWER",
        next_command="ask the source's owner for the address where it is answered; then: source.url",
    )  # fmt: skip


class _InTime(httpx.SyncByteStream):
    """The body of an answer, given up when it takes too long as a whole: a byte a second never times out by itself."""

    def __init__(self, body: httpx.SyncByteStream | httpx.AsyncByteStream, place: Place) -> None:
        assert isinstance(body, httpx.SyncByteStream)
        self._body, self._place = body, place

    def __iter__(self) -> Iterator[bytes]:
        limit, begun, came = waiting_time("SOURCE_READ_SECONDS"), time.monotonic(), 0
        for piece in self._body:
            came += len(piece)
            if time.monotonic() - begun > limit:
                raise SourceUnreachableError(
                    f"{self._place.shown} gave only {came:,} bytes in {limit:,} s (HEADGATE_SOURCE_READ_SECONDS)",
                    code="SOURCE-TIMEOUT",
                    next_command="ask the source's owner; a longer time if it is really that slow",
                )
            yield piece

    def close(self) -> None:
        self._body.close()


def exists(place: Place) -> bool:
    """Whether a page is there, by a GET whose body isn't read."""
    try:
        with opened(place, longest_wait=0):
            return True
    except SourceMissingError:
        return False


@contextmanager
def _telling(place: Place) -> Iterator[None]:
    """Turn httpx's errors into ours; their texts may repeat an address."""
    try:
        yield
    except httpx.TimeoutException:
        raise SourceUnreachableError(
            f"{place.shown} didn't answer within {waiting_time('SOURCE_TIMEOUT_SECONDS')} s (a firewall or an IP allow-list?)",
            code="SOURCE-TIMEOUT",
            next_command="headgate check --connect",
        ) from None
    except httpx.RemoteProtocolError as error:
        if "complete message body" not in str(error) and "incomplete" not in str(error):
            raise _unreachable(place, error) from None
        raise SourceUnreachableError(
            f"{place.shown} was cut off: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _untrusted(place, error) or _unreachable(place, error) from None


def _untrusted(place: Place, error: Exception) -> HeadgateError | None:
    """The failure of TLS that an error comes from: no later try makes a certificate good."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UpstreamError(
                f"{place.shown} has a certificate that isn't trusted: {cause.verify_message}", code="SOURCE-TLS",
                next_command="ask the source's owner; one of your own authority: export SSL_CERT_FILE=FILE",
            )  # fmt: skip
        if isinstance(cause, ssl.SSLError) and "EOF" not in str(cause):
            return UpstreamError(
                f"{place.shown} can't agree with us on TLS ({cause.reason or 'handshake failed'}); is it https at all?",
                code="SOURCE-TLS", next_command="check the address and its port; ask the source's owner",
            )  # fmt: skip
        cause = cause.__cause__ or cause.__context__
    return None


def _unreachable(place: Place, error: Exception) -> SourceUnreachableError:
    text = str(error).replace(place.url, place.shown).replace(_bare(place.url), place.shown)
    return SourceUnreachableError(
        f"{place.shown} can't be read: {type(error).__name__}: {text}",
        code="SOURCE-UNREACHABLE",
        next_command="headgate check --connect",
    )


def client_of(place: Place) -> httpx.Client:
    return httpx.Client(
        timeout=waiting_time("SOURCE_TIMEOUT_SECONDS"),
        # Unpacked by us: httpx takes the first member of a gzip body for all of it.
        headers={"Accept-Encoding": ACCEPTED, "User-Agent": "headgate"},
        trust_env=urlsplit(place.url).hostname not in ("127.0.0.1", "localhost", "::1"),
    )


def _login(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _redirect(response: httpx.Response, url: str) -> str | None:
    location = response.headers.get("Location")
    if response.status_code not in _REDIRECTS or not location:
        return None
    return joined(_bare(url), str(location))


def _check(response: httpx.Response, place: Place, wait: float | None) -> None:
    status, where = response.status_code, place.shown
    if status in (404, 410):
        raise SourceMissingError(
            f"{where} isn't there (HTTP {status})",
            code="SOURCE-MISSING",
            next_command=NO_SUCH_WINDOW,
            status=status,
        )
    if status in (401, 403, 407):
        raise DeclarationError(
            f"{where} refuses us (HTTP {status})",
            code="SOURCE-LOGIN",
            next_command=f"mend {place.setting or 'source.connection: it names the login'}; then: headgate check --connect",
            status=status,
        )
    if wait is not None:
        raise SourceUnreachableError(
            f"{where} answered HTTP {status} and asks to be left alone for {wait:,.0f} s; we wait"
            f" {LONGEST_WAIT_SECONDS:,.0f} s at most",
            code="SOURCE-BUSY", next_command="headgate retry RUN   (after that time)", status=status, wait_seconds=wait,
        )  # fmt: skip
    if status in PASSING:
        raise SourceUnreachableError(
            f"{where} answered HTTP {status}",
            code="SOURCE-UNREACHABLE",
            next_command="headgate retry RUN",
            status=status,
        )
    if status >= 400:
        raise UpstreamError(
            f"{where} doesn't take the request (HTTP {status})",
            code="SOURCE-ANSWER",
            next_command="is the address right, with its query? else ask the source's owner",
            status=status,
        )
    check_is_whole(response, place)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """How long a server asks to be left alone (Retry-After), in seconds, one at least; None when nothing that can be read.

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
