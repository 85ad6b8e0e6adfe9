"""An API that can't be reached, refuses or answers with something else: who must act, and no secret in any of it."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.tasks.sources.paged_api import Asked, PagedApi, Said

Read = Callable[..., bytes]
KEY = "k3y-of-theirs"


def source(**keys: Any) -> dict[str, Any]:
    auth = {"kind": "query", "name": "api_key"}
    return {"kind": "rest", "url": "/v1", "connection": "api", "auth": auth, "retries": 0, **keys}


def told(read: Read, address: str, **keys: Any) -> HeadgateError:
    with pytest.raises(HeadgateError) as caught:
        read(source(**keys), columns=({"name": "id", "type": "integer", "nullable": False},), api=address)
    error = caught.value
    assert error.next_command
    assert KEY not in f"{error} {error.to_json()} {error!r}"
    return error


def echoed(asked: Asked) -> Said:
    """An API that repeats what it was sent, the key as well."""
    return Said({"errors": [{"detail": f"since is wrong, {asked.query}"}]}, 422)


ANSWERS: dict[str, tuple[Said | Callable[[Asked], Said], str, str, str]] = {
    "401": (Said(status=401), "SOURCE-LOGIN", "declaration", "refuses us (HTTP 401)"),
    "403": (Said({"message": "no"}, 403), "SOURCE-LOGIN", "declaration", "refuses us (HTTP 403)"),
    "404": (Said(status=404), "SOURCE-MISSING", "upstream", "isn't there (HTTP 404)"),
    "400": (Said({"message": "since must be a date"}, 400), "SOURCE-REQUEST", "declaration", "(HTTP 400): since must be a date"),
    "400 nested without end": (Said(b'{"message":' + b"[" * 60_000, 400), "SOURCE-REQUEST", "declaration", "(HTTP 400)"),
    "400 packed as nobody knows": (
        Said(b"nope", 400, {"Content-Encoding": "zz"}), "SOURCE-REQUEST", "declaration", "(HTTP 400)"),
    "400 packed without end": (
        Said(b"nope", 400, {"Content-Encoding": ", ".join(["gzip"] * 3000)}), "SOURCE-REQUEST", "declaration", "(HTTP 400)"),
    "nested without end": (Said(b"[" * 100_000), "NOT-JSON", "upstream", "nested too deeply"),
    "429 for ever": (Said(status=429, headers={"Retry-After": "9" * 9}), "SOURCE-BUSY", "upstream", "asks to be left alone"),
    "429 until a year that isn't": (
        Said(status=429, headers={"Retry-After": "Fri, 31 Dec 999999 23:59:59 GMT"}), "SOURCE-UNREACHABLE", "upstream", "429"),
    "429 until the last of all years": (
        Said(status=429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}), "SOURCE-BUSY", "upstream", "429"),
    "headers of 1 MB": (Said([], headers={"X": "x" * 1_000_000}), "SOURCE-UNREACHABLE", "upstream", "can't be read"),
    "405": (Said(b"nope", 405), "SOURCE-REQUEST", "declaration", "doesn't take the request (HTTP 405)"),
    "422 that repeats the key": (echoed, "SOURCE-REQUEST", "declaration", "since is wrong"),
    "500": (Said(status=500), "SOURCE-UNREACHABLE", "upstream", "answered HTTP 500"),
    "429": (Said(status=429), "SOURCE-UNREACHABLE", "upstream", "answered HTTP 429"),
    "429 for an hour": (Said(status=429, headers={"Retry-After": "3600"}), "SOURCE-BUSY", "upstream", "3,600 s"),
    "reset": (Said(reset=True), "SOURCE-UNREACHABLE", "upstream", "can't be read"),
    "cut": (Said([{"id": 1}], cut=4), "SOURCE-CUT", "upstream", "cut off"),
    "cut, of no length": (Said([{"id": 1}], cut=4, length=False), "SOURCE-CUT", "upstream", "in the middle of its JSON"),
    "204": (Said(b"", 204), "SOURCE-ANSWER", "upstream", "HTTP 204"),
    "a login page": (Said(b"<!doctype html><html><body>Log in"), "NOT-TEXT", "upstream", "a web page (HTML)"),
    "nothing": (Said(b""), "NOT-JSON", "upstream", "isn't JSON"),
    "text": (Said(b"maintenance"), "NOT-JSON", "upstream", "isn't JSON"),
    "JSON lines": (Said(b'{"id": 1}\n{"id": 2}\n'), "NOT-JSON", "upstream", "isn't JSON"),
    "no list": (Said({"id": 1}), "NOT-RECORDS", "upstream", "isn't a list of objects"),
    "a list of numbers": (Said([1, 2]), "NOT-RECORDS", "upstream", "isn't a list of objects"),
    "an error that says 200": (Said({"error": "no"}), "NOT-RECORDS", "upstream", "isn't a list of objects"),
    "round and round": (Said(status=302, headers={"Location": "/v1"}), "SOURCE-ANSWER", "upstream", "on and on"),
    "to a file": (Said(status=302, headers={"Location": "file:///etc/passwd"}), "SOURCE-ELSEWHERE", "upstream", "file: address"),
    "to this network": (
        Said(status=302, headers={"Location": "http://169.254.169.254/"}), "SOURCE-ELSEWHERE", "declaration", "another host",
    ),
    "other columns": (Said([{"ident": 1}]), "HEADER", "upstream", "no record has the column 'id'"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "code", "family", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_no_page_is_told(
    api: PagedApi, read: Read, said: Said | Callable[[Asked], Said], code: str, family: str, words: str
) -> None:
    api.answer = (lambda _: said) if isinstance(said, Said) else said
    error = told(read, api.with_login(f":{KEY}"))
    assert (error.code, error.family) == (code, family)
    assert words in error.message


def test_no_more_is_read_of_a_refusal_than_its_first_words(api: PagedApi, read: Read) -> None:
    bomb = zlib.compress(b'{"message": "' + bytes(256 * 1024**2))
    api.answer = lambda _: Said(bomb, 400, {"Content-Encoding": "deflate"})
    tracemalloc.start()
    try:
        assert told(read, api.with_login(f":{KEY}")).code == "SOURCE-REQUEST"
        assert tracemalloc.get_traced_memory()[1] < 50 * 1024**2
    finally:
        tracemalloc.stop()


def test_nobody_listens(read: Read) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = told(read, f"http://:{KEY}@127.0.0.1:{port}")
    assert (error.code, error.family) == ("SOURCE-UNREACHABLE", "upstream")
    assert "refused" in error.message


def test_no_such_host(read: Read) -> None:
    assert told(read, f"http://:{KEY}@no-such-host.invalid").code == "SOURCE-UNREACHABLE"


def test_https_where_there_is_none(api: PagedApi, read: Read) -> None:
    error = told(read, api.with_login(f":{KEY}").replace("http://", "https://"))
    assert (error.code, error.family) == ("SOURCE-TLS", "upstream")


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """A server with a certificate that it signed itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key"), "-out",
         str(tmp_path / "cert"), "-subj", "/CN=localhost", "-days", "1"], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True):
                    pass
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://:{KEY}@127.0.0.1:{server.getsockname()[1]}"
    server.close()


def test_a_certificate_that_nobody_trusts(untrusted: str, read: Read) -> None:
    error = told(read, untrusted)
    assert (error.code, error.family) == ("SOURCE-TLS", "upstream")
    assert "SSL_CERT_FILE" in str(error.next_command)


def test_records_that_cannot_be_written_without_a_guess_are_set_aside(
    api: PagedApi, source: Callable[..., Any]
) -> None:
    api.answer = lambda _: Said(b'[{"id": 1}, {"id": 2, "id": 3}, {"id": "\\ud800"}, {"id": 1.10}]')
    reader = source({"kind": "rest", "url": api.base}, columns=({"name": "id", "type": "integer"},))
    assert b"".join(reader.chunks()) == b'"id"\n1\n1.10\n'
    assert [(reject.record, reject.code) for reject in reader.set_aside] == [(1, "KEY-TWICE"), (2, "HALF-CHARACTER")]
