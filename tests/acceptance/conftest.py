"""Fixtures: warehouses to tell the same stories on, and a small project whose verbs are called as the flow calls them.

Places: the embedded PostgreSQL; Debian's PostgreSQL 15; a server that keeps Redshift's rules, where `../shared/redshift_double`
is at hand; a real Redshift when HEADGATE_TEST_REDSHIFT_URL, HEADGATE_TEST_STAGE_URL and HEADGATE_TEST_COPY_IAM_ROLE are set.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.embedded.stack import EmbeddedStack, StackState
from deployments.settings import Settings
from expectations.record import RunRecord
from flows.batches import held, nothing_new, opened
from flows.life import finished, to_its_end
from tasks import ahead
from tasks.audit import audit, nothing_to_load
from tasks.copy import copy
from tasks.extract import extract
from tasks.judge import judge
from tasks.publish import publish
from tasks.retrying import is_passing
from tasks.stage import stage
from tasks.validate import validate
from tasks.workbench import use
from tests import throwaway
from tests.crash.redshift_like import below_has_bytes
from tests.standby import SYSTEM_POSTGRES, system_postgres

REPOSITORY = Path(__file__).parents[2]
DOUBLE = REPOSITORY.parent / "shared" / "redshift_double"
ROLE = "arn:aws:iam::123456789012:role/headgate-load"
REAL = "HEADGATE_TEST_REDSHIFT_URL"
ALL_PLACES = ["postgresql", "postgresql-15", "redshift-like", *(["redshift"] if os.environ.get(REAL) else [])]
TRIES = 4


@dataclass
class Double:
    """The Redshift-like server and its control port."""

    url: str
    control_port: int
    explained: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control_port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.loads(opener.open(request, timeout=120).read())

    def fault(self, match: str, action: str, **more: object) -> None:
        """From now on: what happens to the next statement (or `times` of them) that matches."""
        self.call("POST", "/faults", {"match": match, "action": action, **more})

    @property
    def fired(self) -> list[str]:
        return [str(item["action"]) for item in self.call("GET", "/faults")["fired"]]

    def log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.call("GET", "/log")
        return entries


@dataclass
class Place:
    """A warehouse under test."""

    name: str
    settings: Settings
    double: Double | None = None

    @property
    def is_redshift(self) -> bool:
        return self.name.startswith("redshift")

    def ask(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement as the owner of the warehouse would, in a session of its own."""
        url = str(self.settings.warehouse_url).replace("redshift://", "postgresql://")
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return list(cursor.fetchall()) if cursor.description else []

    def forget_runs(self) -> None:
        """Incidents and runs of earlier tests on the same warehouse are none of a test that looks at all of them."""
        there = self.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'ops'")
        for name in {"incident", "fact", "run", "run_record"} & {str(name) for (name,) in there}:
            self.ask(f"DELETE FROM ops.{name}")


@dataclass
class House:
    """A project in a folder of its own, whose tables live in a schema of its own."""

    place: Place
    folder: Path
    schema: str

    def declare(self, name: str, text: str, suite: str = "") -> str:
        """Write a table's declaration ({schema} and {folder} filled in); returns its full name."""
        for kind, content in (("tables", f"table: {{schema}}.{name}\n{textwrap.dedent(text)}"), ("suites", suite)):
            if content:
                file = self.folder / kind / f"{name}.yaml"
                file.parent.mkdir(exist_ok=True)
                file.write_text(
                    textwrap.dedent(content).replace("{schema}", self.schema).replace("{folder}", str(self.folder))
                )
        self.open()
        return f"{self.schema}.{name}"

    def open(self) -> None:
        """Read the declarations anew, as a new process does."""
        use(self.place.settings)

    def source(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def load(self, table: str, window: str = "source", *, reprocess: bool = False) -> RunRecord:
        """The life of a batch; a step that fails for a passing reason is tried again, as Prefect does."""
        batch, story = opened(table, window, reprocess)

        def run(verb: Any, *inputs: Any) -> Any:
            result = again(verb.fn, *inputs)
            story.note(result)
            return result

        with to_its_end(story, batch.spool), ahead.until_its_end(batch):
            source = run(extract, batch)
            if nothing_new(batch, source, reprocess):
                return finished(story, "unchanged")
            if held(batch, source):
                return finished(story, "held")
            checked = run(validate, batch, source)
            staged = run(stage, batch, checked)
            if staged.manifest.rows == 0:
                audited = nothing_to_load(checked)
            else:
                audited = run(audit, batch, run(copy, batch, staged, checked), checked)
            judged = run(judge, batch, story.record, checked, audited)
            return finished(story, "published", run(publish, batch, source, staged, audited, judged))

    def reads_warehouse(self, name: str) -> None:
        """The connection `name` may lead to the warehouse's own database."""
        (self.folder / "connections.yaml").write_text(f"connections: {{{name}: {{is_warehouse: true}}}}\n")

    def rows(self, table: str, columns: str = "*", order: str = "1") -> list[tuple[Any, ...]]:
        return self.place.ask(f"SELECT {columns} FROM {table} ORDER BY {order}")

    def proofs(self, table: str) -> list[tuple[Any, ...]]:
        """(sequence, kind, extracted, inserted, updated, unchanged, deleted, quarantined, superseded)."""
        return self.place.ask(
            "SELECT sequence, kind, extracted, inserted, updated, unchanged, deleted, quarantined, superseded "
            f"FROM ops.proof__{table.replace('.', '__')} ORDER BY sequence"
        )

    def side_tables(self, table: str) -> list[str]:
        schema, name = table.split(".")
        found = self.place.ask(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind = 'r' AND strpos(c.relname, %s) = 1",
            (schema, f"{name}__hg_"),
        )
        return sorted(str(item) for (item,) in found)


def again(verb: Callable[..., Any], *inputs: Any) -> Any:
    """Call a verb, and again while its failure may pass by itself."""
    for attempt in range(TRIES):
        try:
            return verb(*inputs)
        except Exception as error:  # whatever it is, it is raised again unless it may pass
            if not is_passing(error) or attempt == TRIES - 1:
                raise
    raise AssertionError


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[StackState]:
    made = EmbeddedStack(tmp_path_factory.mktemp("stack") / "state")
    yield throwaway.up(made, request.config, ("postgres", "s3"))
    made.down(purge=True)


@pytest.fixture(autouse=True)
def clients_of_stack(request: pytest.FixtureRequest, own_environment: None) -> None:
    """boto3 here, and in the processes of a test, is pointed at the stack by the tests that use it and by no other:
    another's bucket of the same name would be looked for there."""
    if "stack" in request.fixturenames:
        os.environ.update(request.getfixturevalue("stack").environment())


@pytest.fixture(scope="session")
def double(stack: StackState) -> Iterator[Double]:
    if not DOUBLE.is_dir():
        pytest.skip("../shared/redshift_double is not here")
    if not SYSTEM_POSTGRES.is_dir():
        pytest.skip("../shared/redshift_double needs /usr/lib/postgresql/15/bin, which is not installed")
    environment = {key: value for key, value in os.environ.items() if key != "AWS_ENDPOINT_URL_S3"}
    command = [sys.executable, "-m", "redshift_double", "--port", "0", "--control-port", "0",
               "--s3-endpoint", str(stack.s3_endpoint), "--allowed-role", ROLE]  # fmt: skip
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment | {"PYTHONPATH": str(DOUBLE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if line.startswith("ready"):
            break
    else:
        pytest.fail("the Redshift-like server didn't start: " + "".join(said))
    ports = dict(re.findall(r"(port|control)=(\d+)", said[-1]))
    below_has_bytes(server.pid)
    yield Double(f"redshift://awsuser:Passw0rd@127.0.0.1:{ports['port']}/dev?sslmode=disable", int(ports["control"]))
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=240)


@pytest.fixture(scope="session")
def system_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of the machine's distribution."""
    if not SYSTEM_POSTGRES.is_dir():
        pytest.skip("postgresql-15 isn't installed")
    with system_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def pii_key() -> str | None:
    """The key of hashed columns; none, as with most projects. A test that hashes is parametrized with one."""
    return None


@pytest.fixture(params=ALL_PLACES)
def place(request: pytest.FixtureRequest, stack: StackState, tmp_path: Path, pii_key: str | None) -> Iterator[Place]:
    """Each warehouse in turn. On the Redshift-like one, what it refused and how data arrived is judged afterwards."""
    yield from _place(request, str(request.param), stack, tmp_path, pii_key)


@pytest.fixture
def redshift(request: pytest.FixtureRequest, stack: StackState, tmp_path: Path, pii_key: str | None) -> Iterator[Place]:
    """The Redshift-like server only, for what needs its faults."""
    yield from _place(request, "redshift-like", stack, tmp_path, pii_key)


@pytest.fixture
def house(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return _house(place, tmp_path, monkeypatch)


@pytest.fixture
def redshift_house(redshift: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return _house(redshift, tmp_path, monkeypatch)


def _house(place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    # Pages for people have tests of their own; these are about rows.
    monkeypatch.setattr("tasks.report.publish_report", lambda *_: None)
    return House(place, folder, f"t_{secrets.token_hex(4)}")


def _place(
    request: pytest.FixtureRequest, name: str, stack: StackState, folder: Path, pii_key: str | None
) -> Iterator[Place]:
    (folder / "tables").mkdir()
    stage, role, url, double = f"s3://{stack.s3_bucket}/{secrets.token_hex(4)}", ROLE, stack.warehouse_url, None
    if name == "redshift-like":
        double = request.getfixturevalue("double")
        double.call("POST", "/reset")
        url = double.url
    elif name == "postgresql-15":
        url = request.getfixturevalue("system_server")
    elif name == "redshift":
        url, stage, role = (
            os.environ[REAL],
            os.environ["HEADGATE_TEST_STAGE_URL"],
            os.environ["HEADGATE_TEST_COPY_IAM_ROLE"],
        )
    settings = Settings(
        project=folder, state=folder / "state", warehouse_url=url, stage_url=stage, copy_iam_role=role, pii_key=pii_key
    )
    yield Place(name, settings, double)
    # A command in a process of its own, told of no Prefect, has started a server, which outlives it.
    EmbeddedStack(settings.state).down(purge=True)
    if double is not None:
        double.call("DELETE", "/faults")
        explained, double.explained = double.explained, []
        _judge_log(double.log(), explained)


def _judge_log(entries: Sequence[dict[str, Any]], explained: Sequence[str]) -> None:
    """Nothing of ours was refused, and rows arrived by COPY: INSERT VALUES carries facts about runs, and rows of cases, only."""
    refused = [
        f"{entry['verdict']}: {entry['sql'][:300]} -> {entry.get('message')}"
        for entry in entries
        if entry["verdict"] in ("rejected", "not_covered") and not any(re.search(e, entry["sql"]) for e in explained)
    ]
    assert not refused, "\n".join(refused)
    pasted = [
        entry["sql"][:300]
        for entry in entries
        if entry["class"] == "INSERT_VALUES" and not re.match(r'INSERT INTO ("?ops"?\.|"hg_)', entry["sql"])
    ]
    assert not pasted, "\n".join(pasted)
