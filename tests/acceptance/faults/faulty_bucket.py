"""An HTTP proxy in front of the S3 server that answers wrong at chosen requests."""

from __future__ import annotations

import http.client
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Literal
from urllib.parse import urlsplit

How = Literal[
    "500", "503", "404", "expired", "denied", "no bucket", "elsewhere", "slow", "cut", "wrong bytes", "hang up"
]
SLOW_SECONDS = 1.0
REFUSALS = {
    "404": (404, "NoSuchKey"),
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "expired": (400, "ExpiredToken"),
    "denied": (403, "AccessDenied"),
    "no bucket": (404, "NoSuchBucket"),
    "elsewhere": (301, "PermanentRedirect"),
}
"""Status and code of what is answered in place of the object."""


@dataclass
class Fault:
    """What happens to the next `times` requests of a method whose path holds `match`."""

    method: str
    match: str
    how: How
    times: int


class Bucket:
    """Passes requests on to `target` (http://host:port), unless a fault is due."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self._faults: list[Fault] = []
        self._lock = Lock()
        self.fired = 0
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                bucket._pass(self)

            do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, match: str, how: How, times: int = 1) -> None:
        self._faults.append(Fault(method, match, how, times))

    def forget(self) -> None:
        """From now on everything is answered as it is."""
        self._faults.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _pass(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        fault = self._due(request)
        how = None if fault is None else fault.how
        if how in REFUSALS:
            self._refuse(request, *REFUSALS[how])
            return
        if how == "hang up":
            request.close_connection = True
            return
        if how == "slow":
            time.sleep(SLOW_SECONDS)
        with suppress(OSError):
            self._answer(request, body, how)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes, how: str | None) -> None:
        upstream = http.client.HTTPConnection(self._target, timeout=30)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "expect")}
        upstream.request(request.command, request.path, body, headers | {"Host": request.headers["Host"]})
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                request.send_header(name, value)
        length = answer.headers.get("Content-Length") if request.command == "HEAD" else str(len(data))
        request.send_header("Content-Length", length or "0")
        request.end_headers()
        if how == "wrong bytes" and data:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        if how == "cut":
            request.wfile.write(data[: len(data) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.close()
            return
        if request.command != "HEAD":
            request.wfile.write(data)

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>a planned fault</Message></Error>".encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/xml")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(text)

    def _due(self, request: BaseHTTPRequestHandler) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.method == request.command and fault.match in request.path:
                    fault.times -= 1
                    self.fired += 1
                    return fault
        return None
