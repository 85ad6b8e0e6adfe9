"""A web server on a bare socket: it answers what it is told to, byte for byte, also what no server should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable


class LyingWeb:
    """`answers[path]`: the bytes of one answer after the other, the last one for ever; None for the path `*` is any path.

    `asked`: the request lines that came, `headers` their headers.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        self.headers: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def put(self, path: str, *answers: bytes) -> str:
        """Give these answers at a path; returns its address."""
        self.answers[path] = list(answers)
        return self.base + path

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        head = request.decode("latin-1")
        line, _, headers = head.partition("\r\n")
        self.asked.append(line.rpartition(" ")[0])
        self.headers.append(headers)
        method, path, *_ = line.split(" ")
        left = self.answers.get(path) or self.answers.get("*") or [answer(404)]
        sent = left.pop(0) if len(left) > 1 else left[0]
        if method == "HEAD":
            sent = answer(403)
        # A socket that is closed with something unread sends a reset, which would take the answer along.
        connection.settimeout(2)
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            # Who asked has gone: the next one is served all the same.
            pass


def answer(status: int, body: bytes = b"", headers: Iterable[str] = (), *, length: int | None = -1) -> bytes:
    """An answer; `length`: what Content-Length says (-1: the truth, None: nothing)."""
    lines = [f"HTTP/1.1 {status} Said", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(body: bytes, headers: Iterable[str] = (), *, ended: bool = True) -> bytes:
    """An answer in two chunks, with the last one that ends it, or without."""
    half = len(body) // 2
    parts = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:half], body[half:]) if part)
    return answer(200, parts + (b"0\r\n\r\n" if ended else b""), ["Transfer-Encoding: chunked", *headers], length=None)
