"""`check --connect` tries what a run needs, each thing on its own, and leaves nothing behind."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, connection: files, url: /orders.csv}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(8)}
load: {mode: full_refresh}
"""


@pytest.fixture
def checked(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The lines of a check by what they are about, with settings changed."""

    def run(*options: str, **changes: Any) -> dict[str, Any]:
        from deployments import settings

        house.place.settings = replace(house.place.settings, **changes)
        monkeypatch.setattr(settings, "read_settings", lambda: house.place.settings)
        told = command("check", *options, "--json").json
        return {line["what"]: line for line in told["lines"]}

    return run


def test_everything_works(house: Any, checked: Callable[..., dict[str, Any]]) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id,note\n1,a\n")
    house.place.settings = replace(house.place.settings, connections={"files": f"file://{house.folder}"})
    house.open()
    house.load(table)
    lines = checked("--connect")
    assert [line for line in lines.values() if not line["ok"]] == []
    assert {"warehouse: name", "warehouse: port", "warehouse: login", f"warehouse: schema {house.schema}",
            "warehouse: load of one row", "stage: write", "stage: read", "stage: delete", "source files"} == {
        what for what in lines if what not in ("warehouse: schema ops", "warehouse: schema quarantine")
        and not what.startswith("Prefect")}  # fmt: skip
    left = house.place.ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'headgate_check%'")
    assert left == [(0,)]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.effect("CsvSource.connection", "headgate check --connect")
def test_what_fails_is_told_by_itself(house: Any, checked: Callable[..., dict[str, Any]]) -> None:
    house.declare("orders", TABLE)
    url = house.place.settings.warehouse_url
    user, _, place = url.partition("@")
    wrong = f"{user.rpartition(':')[0]}:wrong-password@{place}"
    lines = checked("--connect", warehouse_url=wrong, stage_url="s3://no-such-bucket/x")
    assert {what for what, line in lines.items() if not line["ok"]} == {
        "warehouse: login",
        "stage: write",
        "source files",
    }
    assert "authentication failed" in lines["warehouse: login"]["said"]
    assert "wrong-password" not in repr(lines)
    assert "NoSuchBucket" in lines["stage: write"]["said"]
    assert "HEADGATE_CONNECTION_FILES" in lines["source files"]["next_command"]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_stage_that_cant_be_opened_is_one_line_among_what_works(
    house: Any, checked: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    house.declare("orders", TABLE)
    (tmp_path / "file").write_text("in the way")
    lines = checked("--connect", stage_url=(tmp_path / "file" / "stage").as_uri())
    assert {what for what, line in lines.items() if not line["ok"]} == {"stage: open", "source files"}
    assert "(HEADGATE_STAGE_URL) can't be used: File exists" in lines["stage: open"]["said"]
    assert lines["stage: open"]["next_command"].startswith("export HEADGATE_STAGE_URL=")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_run_without_a_stage_is_refused_to_whoever_types_it_alone(
    house: Any, command: Callable[..., Any], tmp_path: Path
) -> None:
    """Nothing was tried, and somebody is there who knows: no run, no incident, no message."""
    table = house.declare("orders", TABLE.replace("connection: files, url: ", f"url: file://{tmp_path}"))
    house.source("orders.csv", "id,note\n1,a\n")
    (tmp_path / "file").write_text("in the way")
    good = house.place.settings
    hook = {"ops": "https://127.0.0.1:1/hook"}
    house.place.settings = replace(good, stage_url=(tmp_path / "file" / "stage").as_uri(), notify=hook)
    refused = command("run", table)
    assert (refused.code, refused.error.code) == (1, "FOLDER-NOT-OURS")
    assert not any((good.state / name).exists() for name in ("outbox", "incidents.json"))
    house.place.settings = replace(good, notify=hook)
    assert command("run", table).code == 0, "and nothing of it is left"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_prefect_is_asked_where_runs_are_told_to_one(
    house: Any, checked: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Prefect(BaseHTTPRequestHandler):
        """Its version for those who have the login."""

        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == f"Basic {b64encode(b'ana:secret-word').decode()}"
            self.send_response(200 if known else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'"3.9.9"' if known else b'{"exception_message": "Unauthorized"}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Prefect)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            refused = checked("--connect")["Prefect: login"]
            with temporary_settings({PREFECT_API_AUTH_STRING: "ana:secret-word"}):
                known = checked("--connect")["Prefect: login"]
    finally:
        server.shutdown()
        server.server_close()
    assert (refused["ok"], "HTTP 401" in refused["said"], "PREFECT_API_AUTH_STRING" in refused["next_command"]) == (
        False, True, True
    )  # fmt: skip
    assert (known["ok"], known["said"]) == (True, "Prefect 3.9.9")
    away = checked("--connect")
    assert (away["Prefect: port"]["ok"], "Prefect: login" in away) == (False, False)
    assert "is the server up" in away["Prefect: port"]["next_command"]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_schema_that_is_not_ours(house: Any, checked: Callable[..., dict[str, Any]]) -> None:
    house.declare("orders", TABLE)
    place = house.place
    place.ask(f"CREATE SCHEMA {house.schema}")
    place.ask("DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'r'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    address = place.settings.warehouse_url.partition("@")[2]
    lines = checked("--connect", warehouse_url=f"postgresql://reader:r@{address}")
    line = lines[f"warehouse: schema {house.schema}"]
    assert (line["ok"], line["said"]) == (False, "no right to make tables")
    assert "headgate provision --plan" in line["next_command"]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.effect("headgate check --live")
def test_contracts_against_the_catalog(house: Any, checked: Callable[..., dict[str, Any]]) -> None:
    table = house.declare("orders", TABLE)
    assert checked("--live")[table]["said"] == "isn't there yet; the first publish makes it"
    house.place.ask(f"CREATE SCHEMA {house.schema}")
    house.place.ask(f"CREATE TABLE {table} (id integer NOT NULL, note varchar(4))")
    assert "widened, varchar(4) in the live table" in checked("--live")[table]["said"]
    house.place.ask(f"ALTER TABLE {table} ALTER note TYPE integer USING 1")
    line = checked("--live")[table]
    assert (line["ok"], line["next_command"]) == (False, f"headgate plan {table}")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_channels_are_reached_and_sent_nothing(house: Any, checked: Callable[..., dict[str, Any]]) -> None:
    house.open()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as closed:
        there, away = listening.getsockname()[1], closed.getsockname()[1]
        closed.close()
        notify = {"ops": f"slack://TOKEN@C0?api=http://127.0.0.1:{there}/api", "hook": f"http://127.0.0.1:{away}/x",
                  "mail": f"smtp://127.0.0.1:{away}/?from=a@example.com", "team": "workflows://a/b/c"}  # fmt: skip
        lines = checked("--connect", notify=notify)
        listening.setblocking(False)
        caller, _ = listening.accept()
        with caller:
            assert caller.recv(1) == b""
    told = {what: line["ok"] for what, line in lines.items() if what.startswith("notices") and what.endswith("port")}
    assert told == {"notices to ops: port": True, "notices to hook: port": False, "notices to mail: port": False}
    assert f"127.0.0.1:{away}" in lines["notices to mail: port"]["said"]
    assert "TOKEN" not in str(lines)
