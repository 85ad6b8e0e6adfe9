"""The pages behind signed links over HTTP, beside the watch: for a proxy of one's own that has TLS. Stops with the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tasks.incidents.answer_page import html, page
from tasks.incidents.signed_links import Signer
from tasks.workbench import Workbench

logger = logging.getLogger(__name__)
LONGEST_FORM_BYTES = 8192
AT_ONCE = 16
"""Requests that are worked on at the same time; further ones are hung up on."""
IDLE_SECONDS = 10.0
REQUEST_SECONDS = 30.0
"""How long a request may take to come as a whole: a byte now and then would hold its place for ever."""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
                               "frame-ancestors 'none'",
    # The address is the right to answer: it stays out of other sites' logs, and out of caches.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}  # fmt: skip


def serve(host: str, port: int, signer: Signer, bench: Callable[[], Workbench]) -> ThreadingHTTPServer:
    """Serve from a thread of this process until `shutdown`; OSError when the address is taken. `bench`: as it is now."""
    server = _Server((host, port), _handler(signer, bench))
    threading.Thread(target=server.serve_forever, name="answers", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(*arguments)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # The usual trace has the address in it.
        logger.warning("a request for an answer was given up")


def _handler(signer: Signer, bench: Callable[[], Workbench]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "headgate", ""

        def setup(self) -> None:
            super().setup()
            self.connection.settimeout(IDLE_SECONDS)
            self._late = threading.Timer(REQUEST_SECONDS, self._hang_up)
            self._late.daemon = True
            self._late.start()

        def finish(self) -> None:
            self._late.cancel()
            super().finish()

        def _hang_up(self) -> None:
            with suppress(OSError):
                self.connection.shutdown(SHUT_RDWR)

        def do_GET(self) -> None:
            self._show(None)

        def do_HEAD(self) -> None:
            self._show(None)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LONGEST_FORM_BYTES:
                self.close_connection = True
                self.send_error(413)
                return
            sent = parse_qs(self.rfile.read(int(length)).decode("utf-8", errors="replace"), max_num_fields=20)
            self._show({name: values[-1] for name, values in sent.items()})

        def _show(self, form: dict[str, str] | None) -> None:
            self._late.cancel()
            # Whatever a proxy has left of the path before it.
            token = urlsplit(self.path).path.rpartition("/")[2]
            shown = page(bench(), signer, token, form, datetime.now(UTC))
            body = html(shown).encode()
            self.send_response(shown.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            # Nothing that a caller sent is repeated.
            super().send_error(code)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: an address is the right to answer."""

    return Handler
