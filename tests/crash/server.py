"""The web server of the trials' source: what a window holds, with its ETag, or 410."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from world import World, etag


class Files:
    """Serves the contents of several worlds on a free port of loopback."""

    def __init__(self) -> None:
        self._worlds: list[World] = []
        files = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                files._answer(self, body=True)

            def do_HEAD(self) -> None:
                files._answer(self, body=False)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, name="crash-files", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, world: World) -> None:
        self._worlds.append(world)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        _, name, file = request.path.split("/")
        key = (name, file.removesuffix(".csv"))
        world = next((world for world in self._worlds if key in world.content), None)
        batch = None if world is None else world.content[key]
        if world is None or batch is None or not batch.text:
            request.send_response(410)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        try:
            request.send_response(200)
            request.send_header("Content-Length", str(len(batch.text)))
            request.send_header("ETag", f'"{etag(batch)}"')
            request.end_headers()
            if body and key in world.cut:
                world.cut.discard(key)
                request.wfile.write(batch.text[: len(batch.text) // 2])
                request.close_connection = True
            elif body:
                request.wfile.write(batch.text)
        except OSError:
            # The reader was killed: that is what trials are for.
            request.close_connection = True
