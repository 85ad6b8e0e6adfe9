"""A deploy whose server is lost between two changes says what it made, and typed again makes the rest."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from deployments.errors import RetryableError
from deployments.project import Project, load_project
from flows.deploy.apply import apply, compare
from flows.deploy.wanted import wanted

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState

TABLE = """\
table: raw.NAME
description: Rows.
owner: a@example.com
source: {kind: csv, url: "https://files.example.com/NAME.csv"}
schedule: {cron: "0 2 * * *"}
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
"""
SUMMARY = """\
/*
target: sums.lost
description: All.
owner: a@example.com
inputs: [{table: raw.lost_a}]
*/
SELECT id FROM raw.lost_a
"""
POOL = "lost-half-way"


class Between:
    """Stands between client and server, and hangs up instead of passing the nth request on that changes something."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self.changes, self.hangs_up_at = 0, 0
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self._web.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._web.server_address[1]}{self._server.path}"

    def close(self) -> None:
        self._web.shutdown()
        self._web.server_close()

    def _handler(between: Between) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command != "GET" and not self.path.endswith(("/filter", "/count")):
                    between.changes += 1
                if between.hangs_up_at and between.changes >= between.hangs_up_at:
                    self.close_connection = True
                    return
                own = http.client.HTTPConnection(between._server.hostname or "", between._server.port)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                own.request(self.command, self.path, body, headers)
                answer = own.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                own.close()

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = pass_on

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def between(clients: StackState) -> Iterator[Between]:
    made = Between(str(clients.prefect_api_url))
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "tables").mkdir()
    (tmp_path / "summaries").mkdir()
    for name in ("lost_a", "lost_b"):
        (tmp_path / "tables" / f"{name}.yaml").write_text(TABLE.replace("NAME", name))
    (tmp_path / "summaries" / "lost.sql").write_text(SUMMARY)
    return load_project(tmp_path)


def test_wherever_it_is_lost_the_next_one_does_what_is_left(
    clients: StackState, between: Between, project: Project
) -> None:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    whole = wanted(project)
    login = clients.prefect_login
    with (
        SyncPrefectClient(api=between.url, auth_string=login) as through,
        SyncPrefectClient(api=str(clients.prefect_api_url), auth_string=login) as client,
    ):
        try:
            lost = 0
            # After the first few requests, which make the pool and the first deployment, further on each time.
            for between.hangs_up_at in (4, 3, 5, 6, 9, 14):
                between.changes = 0
                left = [change for change in compare(client, POOL, whole) if change.kind != "same"]
                # The client itself asks five times, for a minute.
                with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), pytest.raises(RetryableError) as caught:
                    apply(through, POOL, whole)
                lost += 1
                error, done = caught.value, caught.value.facts["done"]
                assert error.code == "PREFECT-UNREACHABLE"
                assert f"{len(done)} of {len(left)} changes are made and stay" in error.message
                assert error.next_command == f"headgate deploy --pool {POOL}   (does what is left; --plan shows it)"
                standing = {change.key: change.kind for change in compare(client, POOL, whole)}
                assert {standing[key] for key in done} <= {"same"}
            between.hangs_up_at = 0
            apply(through, POOL, whole)
            assert {change.kind for change in compare(client, POOL, whole)} == {"same"}
            assert lost == 6
        finally:
            apply(client, POOL, [], take_over=True)
            with suppress(ObjectNotFound):
                client.delete_work_pool(POOL)
