"""Whether a server sent more than the Content-Length it promised: httpx reads up to that length and drops the rest in silence.

A length counted in characters, or taken from before a page was rewritten, cuts the last rows off. What came behind the body is
seen only on the connection itself: its reads are counted, through the trace that httpx gives of it.
"""

from __future__ import annotations

import re
from typing import Any

import httpcore
import httpx

_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_INFORMATIONAL = re.compile(rb"HTTP/1\.\d 1\d\d")
LATE_SECONDS = 0.2


def listening(event: str, info: dict[str, Any]) -> None:
    """httpx's `trace` of a request: count what comes over each connection from when it stands."""
    if event.endswith(("connect_tcp.complete", "start_tls.complete")):
        _Counted(info["return_value"])


class _Counted:
    """Stands in for `read` and `write` of a connection. `body_bytes`: what came behind the head of the answer now read."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._read, self._write = stream.read, stream.write
        self._head, self.body_bytes = b"", -1
        stream.read = self.read  # type: ignore[method-assign]
        stream.write = self.write  # type: ignore[method-assign]

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # One request after the other: what is read from now on is the next answer.
        self._head, self.body_bytes = b"", -1
        self._write(buffer, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._read(max_bytes, timeout)
        if self.body_bytes >= 0:
            self.body_bytes += len(data)
            return data
        self._head += data
        while ends := _HEAD_ENDS.search(self._head):
            informational, self._head = _INFORMATIONAL.match(self._head), self._head[ends.end() :]
            if not informational:
                self.body_bytes, self._head = len(self._head), b""
                break
        return data


def goes_on(response: httpx.Response) -> bool:
    """Whether bytes came behind the Content-Length of an answer that was read to its end. Chunks end themselves."""
    headers = response.headers
    if "Content-Length" not in headers or "chunked" in headers.get("Transfer-Encoding", "").lower():
        return False
    stream = response.extensions["network_stream"]
    counted = getattr(stream.read, "__self__", None)
    assert isinstance(counted, _Counted), "the client wasn't listened to"
    if counted.body_bytes <= int(headers["Content-Length"]) and stream.get_extra_info("is_readable"):
        try:
            stream.read(1, LATE_SECONDS)
        except (httpcore.NetworkError, httpcore.TimeoutException):
            return False
    return counted.body_bytes > int(headers["Content-Length"])
