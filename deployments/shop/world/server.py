"""The shop's web server: a file of names and a survey API in pages, as real HTTP on loopback.

    python -m deployments.shop.world.server --port 0 --port-file FILE

It prints one ready line, writes the port to FILE (whole or not at all) and serves until SIGTERM or SIGINT, or until
FILE is gone. It holds no state, so that killing and starting it again loses nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from typing import Any
from urllib.parse import urlsplit

from deployments.shop.world.responses import Response, Site

LOOPBACK = "127.0.0.1"
WATCH_SECONDS = 1.0


class _Handler(BaseHTTPRequestHandler):
    """Writes the site's answer to a request; keeps connections open between pages."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    # Header and body go out as one packet: with Nagle's algorithm a second small write waits 40 ms for the first's ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, site: Site, request: Any, client_address: Any, server: BaseServer) -> None:
        self.site = site
        super().__init__(request, client_address, server)

    def version_string(self) -> str:
        return "shop/1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        parts = urlsplit(self.path)
        base = f"http://{self.headers.get('Host') or LOOPBACK}"
        response = self.site.respond(parts.path, parts.query, base, dict(self.headers.items()))
        self._send(response, with_body=with_body)

    def _send(self, response: Response, *, with_body: bool) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body and response.status != 304:
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: addresses with e-mail parameters don't belong in a log, and a full pipe would stop us."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up half-way is no error of ours; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(wished_port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback, listening but not yet serving; on a free port when the wished one is taken or 0."""
    handler = partial(_Handler, Site())
    try:
        return _Server((LOOPBACK, wished_port), handler)
    except OSError:
        if wished_port == 0:
            raise
        return _Server((LOOPBACK, 0), handler)


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to stop, or until its port file is gone: a deleted state folder leaves no server."""
    parser = argparse.ArgumentParser(prog="deployments.shop.world.server", description="The shop's web server.")
    parser.add_argument("--port", type=int, default=0, help="the port wished for; another one when it is taken or 0")
    parser.add_argument("--port-file", type=Path, help="the port is written here once the server listens")
    options = parser.parse_args(arguments)
    server = make_server(options.port)
    port = server.server_address[1]

    def stop(*_: object) -> None:
        # shutdown() waits for the serving loop, which a signal has interrupted: it needs a thread of its own.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if options.port_file is not None:
        _write_whole(options.port_file, f"{port}\n")
        threading.Thread(target=_watch, args=(options.port_file, stop), daemon=True).start()
    _say(f"ready http://{LOOPBACK}:{port}")
    with server:
        server.serve_forever(poll_interval=0.1)


def _watch(file: Path, stop: Callable[[], None]) -> None:
    while file.exists():
        time.sleep(WATCH_SECONDS)
    stop()


def _say(line: str) -> None:
    """Prints the line; whoever started the server may have gone already, and that is no reason to stop."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # The interpreter flushes once more at exit and would complain about the same pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _write_whole(file: Path, text: str) -> None:
    """Writes the file so that a reader never sees half of it."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="ascii")
    draft.replace(file)


if __name__ == "__main__":
    main()
