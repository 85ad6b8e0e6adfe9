"""A run that waits for something outside says so before it waits: on standard error, in the log, why and for how long."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest

from deployments.embedded.stack import EmbeddedStack
from deployments.errors import HeadgateError
from flows.cli.everywhere import with_everywhere
from tasks.objects.store import open_store
from tasks.progress import hear_waits, report_wait
from tasks.warehouses import session
from tests import throwaway

POSTGRES = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Rows of a trial.
owner: faults@example.com
source: {kind: csv, url: "http://127.0.0.1:PORT/rows.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
load: {mode: full_refresh}
"""


@contextmanager
def web(asked: threading.Event, go_on: threading.Event) -> Iterator[int]:
    """A source that tells when it is asked, and answers when it may."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            go_on.wait(60)
            body = b"id,note\n1,one\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def heard() -> Iterator[list[str]]:
    said: list[str] = []
    stop = hear_waits(said.append)
    yield said
    stop()


@POSTGRES
def test_of_a_warehouse_that_is_away_for_a_while(
    house: Any, wire: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    settings = house.place.settings
    its_own = EmbeddedStack(tmp_path / "state")
    throwaway.lay_tables(its_own, request.config)
    with web(asked, go_on) as port:
        table = house.declare("rows", TABLE.replace("PORT", str(port)))
        environment = {
            **os.environ, "HEADGATE_PROJECT": str(house.folder), "HEADGATE_STATE": str(tmp_path / "state"),
            "HEADGATE_WAREHOUSE_URL": str(settings.warehouse_url), "HEADGATE_STAGE_URL": str(settings.stage_url),
        }  # fmt: skip
        environment.pop("PREFECT_API_URL", None)
        with (tmp_path / "said.txt").open("wb") as said:
            running = subprocess.Popen([sys.executable, "-P", "-m", "flows", "run", table],
                                       env=environment, stdout=subprocess.PIPE, stderr=said)  # fmt: skip
            try:
                assert asked.wait(120)
                wire.down = True
                wire.cut_all()
                go_on.set()
                # It is let in again once a step has found it away and waits for its next try.
                while " waits: " not in (tmp_path / "said.txt").read_text() and running.poll() is None:
                    time.sleep(0.1)
                wire.down = False
                out, _ = running.communicate(timeout=300)
            finally:
                # Its own Prefect server outlives a run.
                its_own.down(purge=True)
    told = (tmp_path / "said.txt").read_text()
    assert running.returncode == 0, (out, told)
    assert house.rows(table) == [(1, "one")]
    (line,) = [line for line in told.splitlines() if " waits: " in line]
    assert line.startswith("  copy waits: [")
    assert line.endswith("; tried again in 5 s, then in 30 s, then the run fails")


@pytest.mark.parametrize(("options", "times"), [([], 1), (["--quiet"], 0)])
def test_of_a_warehouse_that_is_away_while_it_is_planned_once(tmp_path: Path, options: list[str], times: int) -> None:
    (tmp_path / "tables").mkdir()
    text = "table: raw.rows" + TABLE.replace("PORT", "9")
    (tmp_path / "tables" / "rows.yaml").write_text(text)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        environment = {
            **os.environ, "HEADGATE_PROJECT": str(tmp_path), "HEADGATE_STATE": str(tmp_path / "state"),
            "HEADGATE_WAREHOUSE_URL": f"postgresql://a:b@127.0.0.1:{taken.getsockname()[1]}/db",
            "HEADGATE_STAGE_URL": f"file://{tmp_path}/stage",
        }  # fmt: skip
        done = subprocess.run([sys.executable, "-P", "-m", "flows", "plan", "rows", *options],
                              env=environment, capture_output=True, text=True)  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if " waits: " in line]
    assert [line.partition(" [")[0] for line in lines] == ["planning raw.rows waits:"] * times, done.stderr
    assert "[WAREHOUSE-UNREACHABLE]" in done.stderr


@pytest.mark.parametrize(("options", "times"), [([], 1), (["--quiet"], 0)])
def test_where_only_errors_are_wanted_it_is_kept_for_the_log(
    heard: list[str], caplog: pytest.LogCaptureFixture, options: list[str], times: int
) -> None:
    command = click.Command("load", callback=lambda: report_wait("copy", "it is away", "again in 5 s"))
    with_everywhere(command).main(options, standalone_mode=False)
    assert len(heard) == times
    assert "copy waits: it is away" in caplog.text


def test_of_statements_that_are_run_again(heard: list[str], caplog: pytest.LogCaptureFixture) -> None:
    from tasks.warehouses.postgres.adapter import PostgresAddress

    with caplog.at_level(logging.WARNING), pytest.raises(HeadgateError):
        session.retried(
            PostgresAddress("postgresql://x:y@127.0.0.1:9/db"), "writing ops.run", lambda _: None, attempts=3
        )
    assert len(heard) == 1
    assert heard[0].startswith(
        "writing ops.run waits: [WAREHOUSE-UNREACHABLE] can't connect to the warehouse at 127.0.0.1:9/db"
    )
    assert heard[0].endswith("; tried 2 times more, then it fails")
    assert heard[0] in caplog.text


def test_of_a_store_that_is_away(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody-waits")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with pytest.raises(HeadgateError):
        open_store("s3://absent-bucket/x").keys("")
    assert heard == ["the object store waits: EndpointConnectionError; tried 4 times more, then it fails"]


def test_the_newest_hearer_alone_hears(heard: list[str]) -> None:
    inner: list[str] = []
    stop = hear_waits(inner.append)
    report_wait("copy", "it is away", "again in 5 s")
    stop()
    report_wait("copy", "it is away", "again in 5 s")
    assert inner == heard == ["copy waits: it is away; again in 5 s"]
