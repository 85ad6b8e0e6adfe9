"""The table of docs/faults.md, row by row: each fault is made to happen, and the command ends as the table says.

Faults last here: what passes by itself is tried again and is no failure (the other files of this folder).
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from flows.cli import main
from tasks.warehouses import exactly_once
from tasks.workbench import workbench
from tests.acceptance.operations.conftest import flows_as_functions  # noqa: F401 - a fixture

POSTGRES = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
APPEND = pytest.mark.parametrize("loaded", ["append"], indirect=True)
PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
ALWAYS = 100_000
CLONE_NEWNS = 0x00020000
FULL = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"


@dataclass
class Scene:
    """A loaded table behind its proxies, and how to make a fault happen at a point of a load."""

    loaded: Any
    wire: Any
    bucket: Any
    at_point: Callable[[str, Callable[[], None]], None]
    patch: pytest.MonkeyPatch

    def away(self) -> None:
        """Nobody is let in any more, and who was in is cut off."""
        self.wire.down = True
        self.wire.cut_all()

    def locked(self, mode: str) -> None:
        """Somebody else holds the proof table for good."""
        self.patch.setenv("HEADGATE_LOCK_TIMEOUT_SECONDS", "1")
        url = str(self.loaded.house.place.settings.warehouse_url)
        other = psycopg2.connect(url)
        proof = f"ops.proof__{self.loaded.table.replace('.', '__')}"
        with other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {proof} IN {mode} MODE")
        self.held = other

    def as_role(self, name: str, more: str, then: str) -> None:
        """The warehouse is signed in to as another role from now on."""
        house = self.loaded.house
        house.place.ask(f"DO $$ BEGIN CREATE ROLE {name} LOGIN {more} PASSWORD 'r'; "
                        "EXCEPTION WHEN duplicate_object THEN NULL; END $$")  # fmt: skip
        if then:
            house.place.ask(then)
        place = str(house.place.settings.warehouse_url).partition("@")[2]
        house.place.settings = replace(house.place.settings, warehouse_url=f"postgresql://{name}:r@{place}")


@dataclass(frozen=True)
class Fault:
    """One row: `happen` makes it happen, or its beginning at a point. `command` without the table."""

    command: str
    happen: Callable[[Scene], object]


def at(point: str, do: Callable[[Scene], object]) -> Callable[[Scene], object]:
    return lambda scene: scene.at_point(point, lambda: do(scene))  # type: ignore[func-returns-value]


def cut(statement: str) -> Callable[[Scene], object]:
    return lambda scene: scene.wire.cut(statement, "before", ALWAYS)


READ_ONLY = "ALTER ROLE fault_replica SET default_transaction_read_only = on"
SERIALIZED = (
    "DO $$ BEGIN RAISE EXCEPTION '1023' USING ERRCODE = 'XX000', DETAIL = 'Serializable isolation violation'; END $$"
)


def refused(how: str) -> Callable[[Scene], object]:
    return lambda scene: scene.bucket.fail("PUT", "part-0", how, ALWAYS)


def as_role(name: str, more: str = "", then: str = "") -> Callable[[Scene], object]:
    return lambda scene: scene.as_role(name, more, then)


FAULTS = {
    ("the warehouse doesn't answer", "plan"): Fault("plan", Scene.away),
    ("the warehouse doesn't answer", "a run begins"): Fault("run", Scene.away),
    ("the connection is cut, each time", "plan"): Fault("plan", cut("ops")),
    ("the connection is cut, each time", "a run begins"): Fault("run", cut("ops.version")),
    ("the connection is cut, each time", "copy"): Fault("run", at("candidate-made", cut("COPY "))),
    ("the connection is cut, each time", "audit"): Fault("run", at("copied", cut("SELECT"))),
    ("the connection is cut, each time", "history"): Fault("run", cut("ops.profile")),
    ("the connection is cut, each time", "publish"): Fault("run", at("publish-begun", cut("LOCK"))),
    ("the connection is cut at COMMIT, and nobody is let in", "publish"): Fault(
        "run", at("before-commit", lambda scene: scene.wire.cut("COMMIT", "after", then=scene.away))
    ),
    ("somebody holds a lock", "plan"): Fault("plan", lambda scene: scene.locked("ACCESS EXCLUSIVE")),
    ("somebody holds a lock", "publish"): Fault("run", at("publish-begun", lambda scene: scene.locked("EXCLUSIVE"))),
    ("the warehouse's disk is full", "copy"): Fault("run", lambda scene: scene.wire.swap("COPY ", FULL, ALWAYS)),
    ("the warehouse's disk is full", "publish"): Fault(
        "run", lambda scene: scene.wire.swap('INSERT INTO "ops"."proof', FULL, ALWAYS)
    ),
    ("the store answers 503, each time", "stage"): Fault("run", lambda scene: scene.bucket.fail("PUT", "part-0", "503", ALWAYS)),
    ("the store's token has expired", "stage"): Fault(
        "run", lambda scene: scene.bucket.fail("PUT", "part-0", "expired", ALWAYS)
    ),
    ("the store's token has expired", "copy"): Fault(
        "run", lambda scene: scene.bucket.fail("GET", "part-0", "expired", ALWAYS)
    ),
    ("the store's bucket isn't there", "stage"): Fault("run", refused("no bucket")),
    ("the store denies access", "stage"): Fault("run", refused("denied")),
    ("the warehouse's role lacks a right", "a run begins"): Fault("run", as_role("fault_stranger")),
    ("the warehouse may only be read", "copy"): Fault("run", as_role("fault_replica", "SUPERUSER", READ_ONLY)),
    ("other transactions get in the way, each time", "publish"): Fault(
        "run", lambda scene: scene.wire.swap('INSERT INTO "ops"."proof', SERIALIZED, ALWAYS)
    ),
}  # fmt: skip


def table() -> dict[tuple[str, str], tuple[int, str, str, str]]:
    """The rows of the page: (what, when) to exit code, code, family, next command."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().partition("\n## ")[0].splitlines()
            if line.startswith("|") and not re.match(r"\| (what|---)|\|-", line)]  # fmt: skip
    return {(row[0], row[1]): (int(row[2]), row[3].strip("`"), row[4], row[5].strip("`")) for row in rows}


@pytest.fixture
def scene(
    loaded: Any, wire: Any, bucket: Any, at_point: Any, monkeypatch: pytest.MonkeyPatch, flows_as_functions: None  # noqa: F811
) -> Iterator[Scene]:  # fmt: skip
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    monkeypatch.setattr("tasks.pauses.pause", lambda _: None)

    def opened(**_: object) -> Any:
        loaded.house.open()
        return workbench()

    monkeypatch.setattr("flows.cli.settings.workbench", opened)
    made = Scene(loaded, wire, bucket, at_point, monkeypatch)
    yield made
    wire.down = False
    wire.forget()
    bucket.forget()
    if getattr(made, "held", None) is not None:
        made.held.close()


def ended(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of a command and what it said, standard output first."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out + said.err


def must_be_told(row: tuple[int, str, str, str], code: int, said: str) -> None:
    """As the table says it: exit code, error code, who must act, and a next command that begins so."""
    exits, name, family, follows = row
    assert code == exits, said
    assert f"[{name}]" in said, said
    assert family in said, said
    # In the place of RUN stands the run's own id.
    assert re.search("next: " + re.escape(follows).replace("RUN", r"[\w-]+"), said), said
    assert "a fault of the software" not in said


@POSTGRES
@APPEND
@pytest.mark.parametrize("fault", FAULTS, ids=lambda row: f"{row[0]}, {row[1]}")
def test_ends_as_the_table_says(scene: Scene, fault: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    played = FAULTS[fault]
    played.happen(scene)
    code, said = ended(capsys, played.command, scene.loaded.table)
    must_be_told(table()[fault], code, said)


@contextmanager
def own_mounts(folder: Path, *mount: str) -> Iterator[None]:
    """In a forked process: what is mounted on `folder` is there for it alone, and gone with it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", *mount, str(folder)], check=True)
    yield


def in_a_fork(work: Callable[[], object], log: Path) -> tuple[int, str]:
    """The exit code of a command in a process of its own, and what it said."""
    child = os.fork()
    if not child:
        code = 99
        try:
            with log.open("wb") as file:
                for number in (1, 2):
                    os.dup2(file.fileno(), number)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            work()
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text()


ON_THIS_MACHINE = {
    ("this machine's disk is full", "extract"): ("-t", "tmpfs", "-o", "size=400k", "none"),
    ("this machine's disk is full", "validate"): ("-t", "tmpfs", "-o", "size=1500k", "none"),
    ("the state folder can't be written", "a run begins"): ("-t", "tmpfs", "-o", "ro", "none"),
}  # fmt: skip


@POSTGRES
@APPEND
@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
@pytest.mark.parametrize("fault", ON_THIS_MACHINE, ids=lambda row: f"{row[0]}, {row[1]}")
def test_of_this_machine(scene: Scene, fault: tuple[str, str], tmp_path: Path) -> None:
    rows = "".join(f"{number},text {number % 1000:010}\n" for number in range(50_000))
    scene.loaded.house.source("rows.csv", f"id,note\n{rows}bad,row\n")
    state = Path(scene.loaded.house.place.settings.state)

    def work() -> None:
        with own_mounts(state, *ON_THIS_MACHINE[fault]):
            main(["run", scene.loaded.table])

    code, said = in_a_fork(work, tmp_path / "said.txt")
    must_be_told(table()[fault], code, said)


QUERIES = "SELECT id, note FROM public.fault_rows"
OF_A_DATABASE = {
    ("the source's database refuses the login", "extract"): {"password": "wrong"},
    ("the source's table is gone", "extract"): {"query": "SELECT id, note FROM public.fault_gone"},
    ("the source's column is gone", "extract"): {"query": "SELECT id, remark AS note FROM public.fault_rows"},
    ("the source's statement takes too long", "extract"): {
        "query": "SELECT id, note FROM public.fault_rows, pg_sleep(60)", "more": ", statement_timeout: 1s",
    },
    ("the source's database has no connection left", "extract"): {"user": "fault_limited", "password": "r"},
    ("the source's name isn't known", "extract"): {"host": "db.fault.invalid"},
    ("the source's database doesn't answer", "extract"): {"host": "127.0.0.1", "port": 9},
    ("the source's database has no TLS", "extract"): {"options": "?sslmode=require"},
}  # fmt: skip
OF_ROWS = """
description: Rows of a fault trial.
owner: faults@example.com
source: {{kind: postgres, connection: shop, query: "{query}"{more}}}
columns:
  - {{name: id, type: integer, nullable: false, description: Number}}
  - {{name: note, type: varchar(20), description: Text}}
load: {{mode: full_refresh}}
"""


@POSTGRES
@APPEND
@pytest.mark.parametrize("fault", OF_A_DATABASE, ids=lambda row: f"{row[0]}, {row[1]}")
def test_of_a_source_s_database(scene: Scene, fault: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    house, how = scene.loaded.house, OF_A_DATABASE[fault]
    house.place.ask("CREATE TABLE IF NOT EXISTS public.fault_rows AS SELECT 1 AS id, 'one' AS note")
    house.place.ask("DO $$ BEGIN CREATE ROLE fault_limited LOGIN PASSWORD 'r' CONNECTION LIMIT 0; "
                    "EXCEPTION WHEN duplicate_object THEN NULL; END $$")  # fmt: skip
    url = urlsplit(str(house.place.settings.warehouse_url))
    login = f"{how.get('user', url.username)}:{how.get('password', url.password)}"
    address = f"{how.get('host', url.hostname)}:{how.get('port', url.port)}"
    shop = f"postgresql://{login}@{address}{url.path}{how.get('options', '')}"
    house.place.settings = replace(house.place.settings, connections={"shop": shop})
    house.reads_warehouse("shop")
    declared = house.declare("rows", OF_ROWS.format(query=how.get("query", QUERIES), more=how.get("more", "")))
    code, said = ended(capsys, "run", declared)
    must_be_told(table()[fault], code, said)


class Dripping(BaseHTTPRequestHandler):
    """A byte now and then, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with suppress(OSError):
            while not self.server.over.wait(0.2):  # type: ignore[attr-defined]
                self.wfile.write(b"1")
                self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@POSTGRES
@APPEND
def test_of_a_source_that_drips(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    server.over = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HEADGATE_SOURCE_READ_SECONDS", "2")
    declared = scene.loaded.house.declare("rows", DRIPS.replace("PORT", str(server.server_address[1])))
    try:
        code, said = ended(capsys, "run", declared)
    finally:
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
    must_be_told(table()["the source sends a byte now and then", "extract"], code, said)


DRIPS = """
description: Rows of a fault trial.
owner: faults@example.com
source: {kind: csv, url: "http://127.0.0.1:PORT/rows.csv"}
columns:
  - {name: id, type: integer, nullable: false, description: Number}
  - {name: note, type: varchar(20), description: Text}
load: {mode: full_refresh}
"""


@POSTGRES
@APPEND
def test_of_prefect(scene: Scene) -> None:
    """A whole process: Prefect reads the address of its server when it is imported."""
    settings = scene.loaded.house.place.settings
    environment = {
        **os.environ, "HEADGATE_PROJECT": str(scene.loaded.house.folder), "HEADGATE_STATE": str(settings.state),
        "HEADGATE_WAREHOUSE_URL": str(settings.warehouse_url), "HEADGATE_STAGE_URL": str(settings.stage_url),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-P", "-m", "flows", "run", scene.loaded.table], env=environment, text=True,
                          capture_output=True, timeout=300)  # fmt: skip
    must_be_told(table()["Prefect's server doesn't answer", "a run begins"], done.returncode, done.stdout + done.stderr)


def test_every_row_is_tried() -> None:
    """The server that dies: tests/acceptance/prefect/test_stops.py."""
    tried = {*FAULTS, *ON_THIS_MACHINE, *OF_A_DATABASE, ("the source sends a byte now and then", "extract"),
             ("Prefect's server doesn't answer", "a run begins"), ("Prefect's server dies", "between two windows")}  # fmt: skip
    assert set(table()) == tried
