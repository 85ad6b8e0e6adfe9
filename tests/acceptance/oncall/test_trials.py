"""Everything that can go wrong with a load, done for real on a Prefect server with workers: who is told, how soon, how often.

Each trial prints the seconds from what happened to the message. Long: `make crash`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from deployments.embedded.stack import EmbeddedStack

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import Sink

pytestmark = pytest.mark.crash
LOOK_EVERY = 10

_file = Path(__file__).parents[1] / "prefect" / "conftest.py"
_spec = importlib.util.spec_from_file_location("prefect_site", _file)
assert _spec is not None
assert _spec.loader is not None
_site = importlib.util.module_from_spec(_spec)
sys.modules["prefect_site"] = _site
_spec.loader.exec_module(_site)
servers, site = _site.servers, _site.site


class Watched:
    """A site under the eyes of a watch outside of Prefect, with Slack's webhook on the other end."""

    def __init__(self, site: Any, sink: Sink) -> None:
        self.site, self.sink = site, sink
        site.more["HEADGATE_NOTIFY_OPS"] = f"slack+{sink.url}/services/T/B/x"
        site.more["PREFECT_LOGGING_LEVEL"] = "ERROR"
        self.watch: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        with (self.site.folder / "watch.log").open("ab") as log:
            self.watch = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows", "watch", "--every", str(LOOK_EVERY)], cwd=self.site.folder,
                env=self.site.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.site.wait(lambda: (self.site.folder / "watch.log").stat().st_size > 0)

    def end(self) -> None:
        if self.watch is not None:
            self.watch.kill()
            self.watch.wait()

    def told(self, text: str, since: float, seconds: float) -> float:
        """Seconds from `since` (time.time) until a message with this text arrived."""

        def found() -> float | None:
            return next((r["wall"] for r in self.sink.requests if text in json.dumps(r["body"])), None)

        arrived: float = self.site.wait(found, seconds)
        return arrived - since

    @property
    def titles(self) -> list[str]:
        return [str(body["text"]) for body in self.sink.bodies]

    def only(self, opened: str, over: str) -> None:
        """One message that opened, one that closed, nothing else but our own answer, and a warning."""
        told = [title for title in self.titles if "works on it" not in title and "will be late" not in title]
        assert len(told) == 2, self.titles
        assert opened in told[0]
        assert over in told[1]

    def answered(self) -> None:
        """Somebody works on it, and so hears of the end at once."""
        self.site.headgate("incident", "ack", "--all", "--by", "ana")


@pytest.fixture
def watched(site: Any, sink: Sink) -> Iterator[Watched]:
    """A site with a warehouse of its own: what another trial left open is nobody's business here."""
    base = site.state.warehouse_url
    with closing(psycopg2.connect(base)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {site.schema}")
    site.state = replace(site.state, warehouse_url=urlsplit(base)._replace(path=f"/{site.schema}").geturl())
    made = Watched(site, sink)
    yield made
    made.end()


def moment(state: dict[str, Any]) -> float:
    return datetime.fromisoformat(state["timestamp"].replace("Z", "+00:00")).timestamp()


def report(what: str, seconds: float) -> None:
    print(f"TRIAL {what}: told after {seconds:.0f} s")


def good_run(site: Any) -> None:
    assert ended(site, site.start(f"load/{site.table}"))["type"] == "COMPLETED"


def ended(site: Any, run: str) -> dict[str, Any]:
    """The final state of a run; a server that is too busy to answer is asked again."""
    import httpx

    for _ in range(20):
        try:
            state: dict[str, Any] = site.ended(run, 400)
        except httpx.HTTPError:
            time.sleep(2)
        else:
            return state
    raise AssertionError("the Prefect server didn't answer")


def test_a_failed_run(watched: Watched) -> None:
    site = watched.site
    site.write(days=2, files=1)
    broken = site.folder / "files" / "2020-08-11.csv"
    broken.write_text("id,day,price\n1,2020-08-11,3\n")
    site.headgate("deploy")
    site.worker("first")
    watched.begin()
    state = ended(site, site.start(f"load/{site.table}"))
    assert state["type"] == "FAILED"
    report("failed run", watched.told("failed", moment(state), 120))
    site.deliver(1)
    good_run(site)
    watched.told("Over:", time.time(), 120)
    watched.only(f"{site.table} 2020-08-11 failed", "Over:")


def test_a_killed_flow(watched: Watched) -> None:
    site = watched.site
    site.write(days=2)
    site.headgate("deploy")
    site.more["HEADGATE_KILL_AT"] = "stage-part"
    worker = site.worker("first")
    del site.more["HEADGATE_KILL_AT"]
    watched.begin()
    state = ended(site, site.start(f"load/{site.table}"))
    assert state["type"] == "CRASHED"
    report("killed flow", watched.told("the run was killed", moment(state), 300))
    watched.answered()
    _site.kill_group(worker)
    site.worker("second")
    good_run(site)
    watched.told("Over:", time.time(), 120)
    watched.only("the run was killed", "Over:")


def test_flow_and_worker_killed(watched: Watched) -> None:
    site = watched.site
    site.write(days=30)
    site.headgate("deploy")
    worker = site.worker("first")
    watched.begin()
    site.start(f"load/{site.table}")
    site.wait(lambda: site.ask("SELECT to_regclass('ops.ledger') IS NOT NULL")[0][0])
    site.wait(lambda: site.ask(f"SELECT count(*) FROM ops.ledger WHERE target = '{site.table}'")[0][0] >= 2, 400)
    os.killpg(worker.pid, signal.SIGKILL)
    report("flow and worker killed", watched.told("the run was killed", time.time(), 300))
    watched.answered()
    site.worker("second")
    good_run(site)
    watched.told("Over:", time.time(), 120)
    watched.only("the run was killed", "Over:")


def test_a_run_that_never_begins(watched: Watched) -> None:
    site = watched.site
    site.write(days=1)
    site.headgate("deploy")
    watched.begin()
    begun = time.time()
    run = site.start(f"load/{site.table}")
    report("never began (no worker)", watched.told("no worker takes the runs", begun, 600))
    watched.answered()
    site.worker("first")
    assert ended(site, run)["type"] == "COMPLETED"
    watched.told("Over:", time.time(), 120)
    watched.only("no worker takes the runs", "Over:")


def test_a_schedule_somebody_switched_off(watched: Watched) -> None:
    import httpx

    site = watched.site
    site.write(days=1)
    site.headgate("deploy")
    watched.begin()
    with httpx.Client(base_url=str(site.state.prefect_api_url), trust_env=False, auth=site.login) as client:
        found = client.get(f"deployments/name/load/{site.table}").json()
        client.post(f"deployments/{found['id']}/pause_deployment").raise_for_status()
        report("schedule switched off", watched.told("schedule is switched off", time.time(), 120))
    assert f"schedules switched on in Prefect: {site.table}" in site.headgate("resume", "sales").stdout
    watched.told("Over:", time.time(), 120)
    watched.only("its schedule is switched off", "Over:")


def test_the_warehouse_is_stopped_and_started(watched: Watched) -> None:
    site = watched.site
    stack = EmbeddedStack(site.folder / "warehouse")
    try:
        site.more["HEADGATE_WAREHOUSE_URL"] = str(stack.up(("postgres",)).warehouse_url)
        site.write(days=1)
        site.headgate("run", "sales")
        watched.begin()
        stack.down()
        report("warehouse stopped", watched.told("the warehouse can't be reached", time.time(), 120))
        stack.up(("postgres",))
        watched.told("Over:", time.time(), 120)
        watched.only("the warehouse can't be reached", "Over:")
    finally:
        stack.down(purge=True)


def test_a_source_that_is_down_and_a_table_that_is_late(watched: Watched, free_port: Callable[[], int]) -> None:
    site = watched.site
    site.write(days=1)
    table = site.folder / "project" / "tables" / "sales.yaml"
    there = table.read_text()
    table.write_text(there.replace(f"file://{site.folder}/files", f"http://127.0.0.1:{free_port()}"))
    site.headgate("deploy")
    site.worker("first")
    watched.begin()
    state = ended(site, site.start(f"load/{site.table}"))
    report("source down", watched.told("SOURCE-UNREACHABLE", moment(state), 120))
    watched.answered()
    table.write_text(there)
    site.headgate("run", "sales")
    watched.told("Over:", time.time(), 120)
    watched.only("SOURCE-UNREACHABLE", "Over:")


def test_a_late_table(watched: Watched) -> None:
    site = watched.site
    site.write(days=1)
    (site.folder / "project" / "tables" / "all.yaml").write_text(
        f"table: {site.schema}.everything\ndescription: Rows.\nowner: sales@example.com\ntier: core\n"
        f"source: {{kind: csv, url: 'file://{site.folder}/files/2020-08-10.csv'}}\n"
        "columns: [{name: id, type: integer}, {name: day, type: date}, {name: amount, type: integer}]\n"
        "load: {mode: full_refresh}\nsla: [{for: finance, max_age: 60s}]\n"
    )
    site.headgate("run", "everything")
    (looked,) = site.ask(f"SELECT max(finished_at) FROM ops.run WHERE target = '{site.schema}.everything'")[0]
    watched.begin()
    broken = looked.replace(tzinfo=UTC).timestamp() + 60
    report("late table", watched.told("is late", broken, 300))
    watched.answered()
    site.headgate("run", "everything")
    watched.told("Over:", time.time(), 60)
    watched.only("everything is late", "Over:")
