"""An HTTP API on loopback: it pages, wants a login, throttles, lies and dies, as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    lists: dict[str, list[str]] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Said:
    """An answer. `cut`: so many bytes of the body come, and the connection ends; `reset`: it ends before any."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    length: bool = True


Answer = Callable[[Asked], Said]


class PagedApi:
    """`asked` is what came. `faults`: what is said to the n-th request (from 1) in place of the answer."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or (lambda asked: Said([]))
        self.asked: list[Asked] = []
        self.faults: dict[int, Said] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def with_login(self, login: str, path: str = "") -> str:
        """The address with a login, as a connection holds it."""
        return self.base.replace("http://", f"http://{login}@") + path

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(api: PagedApi) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(
                    self.command, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), dict(self.headers),
                    body, parse_qs(parts.query),
                )  # fmt: skip
                api.asked.append(asked)
                self.say(api.faults.get(len(api.asked)) or api.answer(asked))

            do_POST = do_GET

            def say(self, said: Said) -> None:
                if said.reset:
                    self.close_connection = True
                    self.connection.close()
                    return
                body = said.body if isinstance(said.body, bytes) else json.dumps(said.body, ensure_ascii=False).encode()
                self.send_response(said.status)
                if said.length:
                    self.send_header("Content-Length", str(len(body)))
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: said.cut])
                if said.cut is not None or not said.length:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "text": f"text {number}"} for number in range(1, count + 1)]
