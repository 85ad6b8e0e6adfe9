"""Read bytes over HTTP(S): one client's settings, and its failures told apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from deployments.declared_settings import waiting_time
from deployments.errors import DeclarationError, SourceMissingError, SourceUnreachableError
from tasks.sources.address import shown

CHUNK_BYTES = 1024 * 1024


@contextmanager
def opened(url: str) -> Iterator[httpx.Response]:
    """A streaming GET; user and password in the URL become basic authentication."""
    with telling(url), _client(url) as client, client.stream("GET", _bare(url)) as response:
        _check(response, url)
        response.stream = _InTime(response.stream, url)
        yield response


class _InTime(httpx.SyncByteStream):
    """The body of an answer, given up when it takes too long as a whole: a byte a second never times out by itself."""

    def __init__(self, body: httpx.SyncByteStream | httpx.AsyncByteStream, url: str) -> None:
        assert isinstance(body, httpx.SyncByteStream)
        self._body, self._url = body, url

    def __iter__(self) -> Iterator[bytes]:
        limit, begun, came = waiting_time("SOURCE_READ_SECONDS"), time.monotonic(), 0
        for piece in self._body:
            came += len(piece)
            if time.monotonic() - begun > limit:
                raise SourceUnreachableError(
                    f"{shown(self._url)} gave only {came:,} bytes in {limit:,} s (HEADGATE_SOURCE_READ_SECONDS)",
                    code="SOURCE-TIMEOUT",
                    next_command="ask the source's owner; a longer time if it is really that slow",
                )
            yield piece

    def close(self) -> None:
        self._body.close()


def head(url: str) -> httpx.Headers:
    """The headers a GET would have; empty when the server doesn't answer HEAD."""
    with telling(url), _client(url) as client:
        response = client.head(_bare(url))
        if response.status_code in (405, 501):
            return httpx.Headers()
        _check(response, url)
        return response.headers


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Turn httpx's errors into ours."""
    try:
        yield
    except httpx.TimeoutException:
        raise SourceUnreachableError(
            f"{shown(url)} didn't answer within {waiting_time('SOURCE_TIMEOUT_SECONDS')} s (a firewall or an IP allow-list?)",
            code="SOURCE-TIMEOUT",
            next_command="headgate check --connect",
        ) from None
    except httpx.RemoteProtocolError as error:
        if "complete message body" not in str(error) and "incomplete" not in str(error):
            raise _unreachable(url, error) from None
        raise SourceUnreachableError(
            f"{shown(url)} was cut off: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
        ) from None
    except httpx.HTTPError as error:
        raise _unreachable(url, error) from None


def _unreachable(url: str, error: Exception) -> SourceUnreachableError:
    return SourceUnreachableError(
        f"{shown(url)} can't be read: {type(error).__name__}: {str(error).replace(url, shown(url))}",
        code="SOURCE-UNREACHABLE",
        next_command="headgate check --connect",
    )


def _client(url: str) -> httpx.Client:
    parts = urlsplit(url)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpx.Client(
        timeout=waiting_time("SOURCE_TIMEOUT_SECONDS"),
        follow_redirects=True,
        auth=auth,
        trust_env=parts.hostname not in ("127.0.0.1", "localhost"),
    )


def _bare(url: str) -> str:
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    return urlunsplit((parts.scheme, place, parts.path, parts.query, ""))


def _check(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (404, 410):
        raise SourceMissingError(
            f"{shown(url)} isn't there (HTTP {status})",
            code="SOURCE-MISSING",
            next_command="ask the source's owner; `on_missing: empty` if such windows are normal",
            status=status,
        )
    if status in (401, 403):
        raise DeclarationError(
            f"{shown(url)} refuses us (HTTP {status})",
            code="SOURCE-LOGIN",
            next_command="check the connection's settings",
        )
    if status >= 400:
        raise SourceUnreachableError(
            f"{shown(url)} answered HTTP {status}", code="SOURCE-UNREACHABLE", next_command="headgate retry RUN",
            status=status,
        )  # fmt: skip
