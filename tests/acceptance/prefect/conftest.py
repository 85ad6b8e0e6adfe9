"""Fixtures: a project with daily files and a summary, a local stack for it, and workers that end with the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.embedded import serve
from deployments.embedded.environment import server_environment
from deployments.embedded.stack import EmbeddedStack, StackState
from tests.standby import SYSTEM_POSTGRES, system_postgres

FIRST = date(2020, 8, 10)
LOGIN = "headgate:of-these-stories"
ROWS_A_DAY = 20

TABLE = """\
table: {schema}.sales
description: One row per sale.
owner: sales@example.com
tier: core
source:
  kind: csv
  url: file://{folder}/files/{{window.start:%Y-%m-%d}}.csv
{source}
window: {{every: day, timezone: Asia/Seoul, start: 2020-08-10, end: {end}}}
schedule: {{cron: "0 2 1 1 *", timezone: Asia/Seoul, catchup: true, parallel: 2}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: day, type: date, nullable: false}}
  - {{name: amount, type: integer}}
key: [id]
load: {{mode: replace_window, window_column: day}}
retries: {{count: 1, delay: 1s}}
"""

SUMMARY = """\
/*
target: {schema}_sums.by_day
description: Sales by day.
owner: sales@example.com
inputs:
  - table: {schema}.sales
key: [day]
*/
SELECT day, COUNT(*) AS sales, SUM(amount) AS amount FROM {schema}.sales GROUP BY day
"""


@dataclass
class Site:
    """A project in a folder, with the settings its processes get from their environment."""

    folder: Path
    schema: str
    state: StackState
    more: dict[str, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def table(self) -> str:
        return f"{self.schema}.sales"

    @property
    def summary(self) -> str:
        return f"{self.schema}_sums.by_day"

    @property
    def login(self) -> tuple[str, str]:
        """Name and password of the Prefect server, for requests."""
        name, _, password = str(self.state.prefect_login).partition(":")
        return name, password

    @property
    def environment(self) -> dict[str, str]:
        assert self.state.warehouse_url is not None
        # Nor the address of a server that another test's fixture has put there.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEADGATE_", "PREFECT_", "AWS_"))}
        return kept | self.state.environment() | {
            "HEADGATE_PROJECT": str(self.folder / "project"),
            "HEADGATE_STATE": str(self.folder / "state"),
            "HEADGATE_WAREHOUSE_URL": self.state.warehouse_url,
            "HEADGATE_STAGE_URL": f"file://{self.folder}/stage",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        } | self.more  # fmt: skip

    def write(self, days: int, *, end: date | None = None, source: str = "", files: int | None = None) -> None:
        """Declare the table for so many days from the first one, with a file for each (or for the first `files`)."""
        project = self.folder / "project"
        for name, text in (
            ("tables/sales.yaml", TABLE.format(
                schema=self.schema, folder=self.folder, end=(end or FIRST + timedelta(days=days)).isoformat(),
                source="\n".join("  " + line for line in source.splitlines()),
            )),
            ("summaries/by_day.sql", SUMMARY.format(schema=self.schema)),
        ):  # fmt: skip
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        for number in range(days if files is None else files):
            self.deliver(number)

    def deliver(self, number: int) -> None:
        """Put the file of the n-th day where the source reads it."""
        day = FIRST + timedelta(days=number)
        file = self.folder / "files" / f"{day}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        ids = range(number * ROWS_A_DAY, (number + 1) * ROWS_A_DAY)
        file.write_text("id,day,amount\n" + "".join(f"{i},{day},{i % 7}\n" for i in ids))

    def headgate(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line; its output must be good unless `check` is off."""
        if arguments[0] == "deploy":
            # Every story has a project of its own, all in one pool.
            arguments = (*arguments, "--take-over")
        done = subprocess.run([sys.executable, "-P", "-m", "flows", *arguments], env=self.environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=300)  # fmt: skip
        assert not check or done.returncode in (0, 3), done.stdout + done.stderr
        return done

    def worker(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process worker of the pool in a process group of its own, so that it can be killed with all it started."""
        log = (self.folder / f"worker-{name}.log").open("ab")
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows", "worker", "--name", name, "--limit", "2"], cwd=self.folder,
            env=self.environment | {"PREFECT_WORKER_QUERY_SECONDS": "2"} | environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        self.workers.append(started)
        return started

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.state.warehouse_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def do(self, statement: str) -> None:
        with (
            closing(psycopg2.connect(self.state.warehouse_url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def api(self, path: str, body: object) -> Any:
        """POST to the Prefect server."""
        import httpx

        answer = httpx.post(
            f"{self.state.prefect_api_url}/{path}", json=body, trust_env=False, timeout=60, auth=self.login
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def runs(self, *tags: str) -> list[dict[str, Any]]:
        """Flow runs that carry all the tags, newest first."""
        found: list[dict[str, Any]] = self.api(
            "flow_runs/filter", {"flow_runs": {"tags": {"all_": list(tags)}}, "sort": "START_TIME_DESC", "limit": 200}
        )
        return found

    def start(self, deployment: str, **parameters: object) -> str:
        """Ask for a run of a deployment; its id."""
        import httpx

        url = f"{self.state.prefect_api_url}/deployments/name/{deployment}"
        found = httpx.get(url, trust_env=False, timeout=60, auth=self.login).raise_for_status().json()
        run = self.api(f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def wait(self, what: Callable[[], Any], seconds: float = 900.0) -> Any:
        """The first true value of `what`; fails with the workers' logs when there is none in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := what():
                return value
            time.sleep(1.0)
        logs = "\n".join(file.read_text()[-4000:] for file in self.folder.glob("worker-*.log"))
        raise AssertionError(f"nothing within {seconds} s; the workers' logs:\n{logs}")

    def state_of(self, run: str) -> dict[str, Any]:
        import httpx

        url = f"{self.state.prefect_api_url}/flow_runs/{run}"
        found = httpx.get(url, trust_env=False, timeout=60, auth=self.login)
        state: dict[str, Any] = found.raise_for_status().json()["state"]
        return state

    def ended(self, run: str, seconds: float = 900.0) -> dict[str, Any]:
        """The final state of a run, once it has one."""

        def final() -> dict[str, Any] | None:
            state = self.state_of(run)
            return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        found: dict[str, Any] = self.wait(final, seconds)
        return found

    def right(self, days: int) -> None:
        """Every row of so many days is there, once, and the summary agrees."""
        assert self.ask(f"SELECT count(*), count(DISTINCT id), sum(amount) FROM {self.table}") == [
            (days * ROWS_A_DAY, days * ROWS_A_DAY, sum(i % 7 for i in range(days * ROWS_A_DAY)))
        ]
        published = self.ask(
            f"SELECT batch_key, count(*) FROM ops.ledger WHERE target = '{self.table}' GROUP BY 1 HAVING count(*) > 1"
        )
        assert published == []

    def close(self) -> None:
        for worker in self.workers:
            kill_group(worker)


def kill_group(worker: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
    """Signal a worker together with every run it started."""
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, number)
    worker.wait(timeout=60)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """PostgreSQL and a Prefect server for all stories; each story has its own project and schema.

    Prefect keeps its data in a PostgreSQL of the system: it needs the extension pg_trgm, which the embedded one lacks.
    Without one it is sqlite, which is enough for the short stories only.
    """
    folder = tmp_path_factory.mktemp("prefect")
    stack = EmbeddedStack(folder / ".headgate")
    try:
        state = stack.up(("postgres",))
        with ExitStack() as running:
            database = running.enter_context(system_postgres(folder / "pg")) if SYSTEM_POSTGRES.is_dir() else None
            api = running.enter_context(prefect_on(database, folder))
            yield replace(state, prefect_api_url=api, prefect_login=LOGIN)
    finally:
        stack.down(purge=True)


@contextmanager
def prefect_on(database: str | None, folder: Path) -> Iterator[str]:
    """A Prefect server that keeps its data in that database: with two workers sqlite has a writer too many."""
    port_file = folder / "port"
    kept = {} if database is None else {
        "PREFECT_API_DATABASE_CONNECTION_URL": database.replace("postgresql://", "postgresql+asyncpg://", 1)
    }  # fmt: skip
    environment = server_environment(
        PREFECT_HOME=str(folder / "home"),
        PREFECT_SERVER_UI_STATIC_DIRECTORY=str(folder / "ui"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_LOGGING_SERVER_LEVEL="WARNING",
        PREFECT_SERVER_API_AUTH_STRING=LOGIN,
        **kept,
    )
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-P", serve.__file__, "prefect", str(port_file), "0"],
                                  cwd=folder, env=environment, stdout=log, stderr=log)  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while not _healthy(port_file):
            assert server.poll() is None, (folder / "server.log").read_text()[-4000:]
            assert time.monotonic() < deadline, (folder / "server.log").read_text()[-4000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port_file.read_text().strip()}/api"
    finally:
        server.kill()
        server.wait()


def _healthy(port_file: Path) -> bool:
    import httpx

    if not port_file.exists():
        return False
    try:
        url = f"http://127.0.0.1:{port_file.read_text().strip()}/api/health"
        return httpx.get(url, trust_env=False, timeout=10).text == "true"
    except httpx.HTTPError:
        return False


@pytest.fixture
def site(servers: StackState, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(tmp_path, f"s{abs(hash(request.node.name)) % 10**8}", servers)
    try:
        yield made
    finally:
        made.close()


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON a command printed."""
    return json.loads(done.stdout)


def labels(days: Sequence[int]) -> list[str]:
    """The labels of windows by their number."""
    return [(FIRST + timedelta(days=number)).isoformat() for number in days]
