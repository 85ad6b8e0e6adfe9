"""The shop's web server: a file of names and a survey API in pages, as real HTTP on loopback.

    python -m deployments.shop.world.server --port 0 --port-file FILE

It prints one ready line, writes the port to FILE (whole or not at all) and serves until SIGTERM or SIGINT. It holds no
state, so that killing and starting it again loses nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from typing import Any
from urllib.parse import urlsplit

from deployments.shop.world.responses import Response, Site

LOOPBACK = "127.0.0.1"


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


def make_server(port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback, listening but not yet serving; port 0 takes a free one."""
    server = ThreadingHTTPServer((LOOPBACK, port), partial(_Handler, Site()))
    server.daemon_threads = True
    return server


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(prog="deployments.shop.world.server", description="The shop's web server.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--port-file", type=Path, help="the port is written here once the server listens")
    options = parser.parse_args(arguments)
    server = make_server(options.port)
    port = server.server_address[1]
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the serving loop, which this signal interrupted: it needs a thread of its own.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    if options.port_file is not None:
        _write_whole(options.port_file, str(port))
    _say(f"ready http://{LOOPBACK}:{port}")
    with server:
        server.serve_forever(poll_interval=0.1)


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
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


if __name__ == "__main__":
    main()
