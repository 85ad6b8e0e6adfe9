"""Whoever reaches the page of answers without a link of ours: nothing is looked up for them, and they hold nobody up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from socket import create_connection
from typing import cast

import pytest

from flows import answer_server
from tasks.incidents.signed_links import Signer
from tasks.workbench import Workbench

SIGNER = Signer("", "a key of tests, with more than 32 characters")
NOW = datetime.now(UTC)


@dataclass
class Opened:
    """The server. `looked`: how often something was looked up."""

    port: int = 0
    looked: int = 0

    def bench(self) -> Workbench:
        # Taken for each request; what is in it is looked at for a link of ours only.
        return cast("Workbench", self)

    def __getattr__(self, name: str) -> object:
        self.looked += 1
        raise AttributeError(name)

    def say(self, request: bytes) -> bytes:
        with closing(create_connection(("127.0.0.1", self.port), timeout=30)) as connection:
            connection.sendall(request)
            answer = b""
            with suppress(OSError):
                while piece := connection.recv(65536):
                    answer += piece
            return answer


@pytest.fixture
def opened() -> Iterator[Opened]:
    made = Opened()
    server = answer_server.serve("127.0.0.1", 0, SIGNER, made.bench)
    made.port = server.server_port
    yield made
    server.shutdown()
    server.server_close()
    assert made.looked == 0


def forged() -> dict[str, str]:
    said, _, signature = SIGNER.link(["0123abcd"], "ack", NOW).rpartition("/")[2].rpartition(".")
    names, answering, until = said.split(".")
    other = Signer("", "another key of tests, of 32 characters and more").link(["0123abcd"], "ack", NOW)
    return {
        "another incident": f"ffffffff.{answering}.{until}.{signature}",
        "more incidents": f"{names}-ffffffff.{answering}.{until}.{signature}",
        "another answer": f"{names}.silence.{until}.{signature}",
        "an answer there isn't": f"{names}.resolve.{until}.{signature}",
        "a later end": f"{names}.{answering}.{int(until) + 999999}.{signature}",
        "no signature": said,
        "an empty one": f"{said}.",
        "half of one": f"{said}.{signature[:20]}",
        "one with more behind": f"{said}.{signature}=",
        "another key": other.rpartition("/")[2],
        "other letters": f"{said}.{signature}%0d%0aSet-Cookie:%20a=b",
        "no letters": "\xff\xfe.\xff",
        "nothing": "",
        "a path": f"../../{said}.x",
        "a table": "ops.decision;DROP TABLE x.ack.9999999999.x",
    }


@pytest.mark.parametrize("what", forged())
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_link_that_is_not_ours_is_no_page(opened: Opened, what: str, method: str) -> None:
    path = forged()[what].replace(" ", "%20").encode("latin-1")
    form = b"by=Mallory+X&hours=8&reason=because"
    head = b"Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nOrigin: https://evil.example\r\n"
    said = opened.say(
        method.encode()
        + b" /answer/"
        + path
        + b" HTTP/1.1\r\n"
        + head
        + b"Content-Length: %d\r\n\r\n" % len(form)
        + form
    )
    assert said.startswith(b"HTTP/1.0 404")
    # Neither the host that a caller names nor what it sent comes back, and no other origin may read it.
    for part in (b"evil.example", b"Set-Cookie", b"Mallory", b"Access-Control"):
        assert part not in said


@pytest.mark.parametrize("request_", [
    b"PUT / HTTP/1.1\r\n\r\n", b"DELETE / HTTP/1.1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nX: <b>\r\n\r\n",
    b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request_for_a_page_is_refused(
    opened: Opened, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The end of one that says nothing more, which half of a greeting of TLS does.
    monkeypatch.setattr(answer_server, "IDLE_SECONDS", 1.0)
    said = opened.say(request_)
    assert not said.startswith((b"HTTP/1.0 2", b"HTTP/1.1 2"))
    assert b"<script>" not in said
    # And the next caller is answered.
    assert opened.say(b"GET /x HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 404")


def test_a_caller_that_sends_a_byte_now_and_then_is_hung_up_on(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_server, "REQUEST_SECONDS", 1.0)
    slow = [create_connection(("127.0.0.1", opened.port), timeout=30) for _ in range(answer_server.AT_ONCE)]
    begun, ended = time.monotonic(), 0
    try:
        while ended < len(slow) and time.monotonic() - begun < 60:
            ended = 0
            for connection in slow:
                try:
                    connection.sendall(b"G")
                except OSError:
                    ended += 1
            time.sleep(0.2)
    finally:
        for connection in slow:
            connection.close()
    assert ended == len(slow)
    assert opened.say(b"GET /x HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 404")
