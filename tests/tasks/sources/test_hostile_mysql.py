"""A server that isn't the source's, or was taken over: it learns no password and gets no file."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from deployments.errors import DeclarationError, HeadgateError, UpstreamError
from tests.mariadb import select

Read = Callable[..., bytes]
PASSWORD = "MARKpassw0rd"
SALT = b"12345678", b"123456789012"
OK = b"\x00\x00\x00\x02\x00\x00\x00"


class Hostile:
    """Speaks MySQL's protocol without TLS, and answers what it is told to. `heard`: all that came. `patience`: seconds after
    an answer until it hangs up on a client that is waiting for the rest."""

    def __init__(
        self, plugin: bytes, after_login: list[bytes], answer: bytes | list[bytes] = OK, patience: float = 10
    ) -> None:
        self._patience = patience
        self.heard, self._plugin, self._after = b"", plugin, after_login
        self._answer = [answer] if isinstance(answer, bytes) else answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"mysql://reader:{PASSWORD}@127.0.0.1:{self.port}/db"

    def close(self) -> None:
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with suppress(OSError), self._socket.accept()[0] as client:
            client.settimeout(10)
            flags = struct.pack("<HBHHB", 0xF7FF & ~0x800, 45, 2, 0x81BF, 21)
            head = b"\x0a8.0.36\x00" + struct.pack("<I", 1) + SALT[0] + b"\x00" + flags + bytes(10)
            client.sendall(_packet(0, head + SALT[1] + b"\x00" + self._plugin + b"\x00"))
            number = self._listen(client)
            for answer in self._after:
                client.sendall(_packet(number + 1, answer))
                if (number := self._listen(client)) < 0:
                    return
            while number >= 0:
                client.sendall(b"".join(_packet(number + 1 + at, one) for at, one in enumerate(self._answer)))
                client.settimeout(self._patience)
                number = self._listen(client)

    def _listen(self, client: socket.socket) -> int:
        came = client.recv(65536)
        self.heard += came
        return came[3] if came else -1


def _packet(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


@pytest.fixture
def hostile() -> Iterator[Callable[..., Hostile]]:
    made: list[Hostile] = []

    def start(*arguments: object) -> Hostile:
        made.append(Hostile(*arguments))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


def key() -> bytes:
    """A public key whose private half the server has."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


NATIVE, SHA256, CACHING = b"mysql_native_password", b"sha256_password", b"caching_sha2_password"
ASKS: dict[str, tuple[bytes, list[bytes]]] = {
    "in the clear": (NATIVE, [b"\xfemysql_clear_password\x00"]),
    "as an answer to a prompt": (NATIVE, [b"\xfedialog\x00\x02Password: "]),
    "by a hash that is broken": (NATIVE, [b"\xfemysql_old_password\x0012345678\x00"]),
    "by a key of its own": (CACHING, [b"\x01\x04", b"\x01{key}"]),
    "by a key of its own, later": (NATIVE, [b"\xfecaching_sha2_password\x0012345678901234567890\x00", b"\x01\x04", b"\x01{key}"]),
    "by a key of its own at once": (SHA256, [b"\x01{key}"]),
    "by a key of its own, by another plugin": (NATIVE, [b"\xfesha256_password\x0012345678901234567890\x00", b"\x01{key}"]),
}  # fmt: skip


@pytest.mark.parametrize("how", ASKS)
def test_nobody_learns_the_password_who_is_not_proven(hostile: Callable[..., Hostile], read: Read, how: str) -> None:
    plugin, asked = ASKS[how]
    server = hostile(plugin, [answer.replace(b"{key}", key()) for answer in asked])
    with pytest.raises(DeclarationError, match="the server wants the password") as caught:
        read(select("SELECT 1 AS id"), shop=server.url)
    server.close()
    assert (caught.value.code, "VERIFY_IDENTITY" in caught.value.next_command) == ("SOURCE-LOGIN", True)
    # The login came, a scramble of the password at most, and nothing as long as what a key encrypts.
    assert b"reader" in server.heard
    assert PASSWORD.encode() not in server.heard
    assert len(server.heard) < 256 + 64
    assert PASSWORD not in str(caught.value)


FILE = b"\xfb/etc/hostname"
BROKEN = {
    "a file": FILE,
    "nothing": b"",
    "no columns": b"\x05",
    "half a number": b"\xfc\x01",
    "a column without end": b"\x01",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_answer_of_mysql_is_told_as_the_servers(
    hostile: Callable[..., Hostile], read: Read, what: str
) -> None:
    with open("/etc/hostname", "rb") as file:
        secret = file.read()
    server = hostile(NATIVE, [OK], BROKEN[what], 1)
    with pytest.raises(HeadgateError) as caught:
        read(select("SELECT 1 AS id"), shop=server.url)
    server.close()
    assert secret not in server.heard
    assert caught.value.code in ("SOURCE-ANSWER", "SOURCE-UNREACHABLE")
    if what == "a file":
        assert isinstance(caught.value, UpstreamError)
        assert "asks for a file of this machine" in str(caught.value)


EOF = b"\xfe\x00\x00\x02\x00"


def rows_of(columns: int, *rows: bytes) -> list[bytes]:
    """An answer with rows, of so many columns that are texts."""
    named = b"\x03def\x00\x00\x00\x02id\x00\x0c" + struct.pack("<HIBHB", 45, 400, 253, 0, 0) + b"\x00\x00"
    return [bytes([columns]), *([named] * columns), EOF, *rows, EOF]


ODD: dict[str, bytes | list[bytes]] = {
    "done, and no rows": OK,
    "no row": rows_of(1),
    "a NULL": rows_of(1, b"\xfb"),
    "no number": rows_of(1, b"\x02ab"),
    "no text": rows_of(2, b"\x02\xff\xfe\x02\xff\xfe"),
    "fewer fields": rows_of(1, b"\x011"),
    "more fields": rows_of(3, b"\x011\x011\x011"),
    "rows of different lengths": rows_of(2, b"\x011\x011", b"\x011"),
    "two NULLs": rows_of(2, b"\xfb\xfb"),
}
ASKED: dict[str, Callable[[Any], object]] = {
    "rows": lambda reader: b"".join(reader.chunks()),
    "fingerprint": lambda reader: reader.fingerprint(),
    "login": lambda reader: reader.ping(),
    "columns": lambda reader: reader.describe(),
    "first day": lambda reader: reader.first_day("id"),
    "waiting": lambda reader: reader.says_yes("SELECT 1"),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("what", ODD)
def test_an_answer_of_another_shape_ends_nothing_as_a_fault_of_ours(
    hostile: Callable[..., Hostile], source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, what: str, asked: str
) -> None:
    monkeypatch.setattr("tasks.sources.mysql_session._GRACE_SECONDS", 1)
    monkeypatch.setattr("tasks.sources.mysql._ASKED_SECONDS", 1)
    server = hostile(NATIVE, [OK], ODD[what])
    reader = source(select("SELECT id FROM people", statement_timeout="1s"), shop=server.url)
    told = ""
    try:
        ASKED[asked](reader)
    except HeadgateError as error:
        told = error.code
    server.close()
    # Some of them are an answer all the same: a table without rows has no first day.
    assert told in ("", "SOURCE-ANSWER", "SOURCE-UNREACHABLE", "SOURCE-LOGIN", "WAIT-FOR")
    assert told or (what, asked) not in {
        ("done, and no rows", one) for one in ("rows", "columns", "fingerprint", "login")
    }


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    monkeypatch.setattr("tasks.sources.mysql_driver.LARGEST_PACKET_PIECES", 2)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as client:
            client.sendall(b"".join(b"\xff\xff\xff" + bytes([number]) + b"\x0a" * 0xFFFFFF for number in range(6)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(UpstreamError, match="OverflowError") as caught:
        read(select("SELECT 1 AS id"), shop=f"mysql://reader:{PASSWORD}@127.0.0.1:{listening.getsockname()[1]}/db")
    listening.close()
    thread.join(10)
    assert caught.value.code == "SOURCE-ANSWER"


@pytest.mark.parametrize("greeting", [b"\x0a\xff\xfe\x00", b"", b"\x0anot a number\x00" + bytes(60)])
def test_a_greeting_that_is_none(read: Read, greeting: bytes) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listening.accept()[0] as client:
            client.sendall(_packet(0, greeting))
            client.settimeout(5)
            client.recv(100)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.raises(HeadgateError) as caught:
        read(select("SELECT 1 AS id"), shop=f"mysql://reader:{PASSWORD}@127.0.0.1:{listening.getsockname()[1]}/db")
    listening.close()
    thread.join(10)
    assert caught.value.code in ("SOURCE-ANSWER", "SOURCE-UNREACHABLE")
