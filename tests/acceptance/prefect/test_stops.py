"""Stopped on the way: whole windows, no incident, a clear word and exit code; what is left is loaded by the next run.

By Ctrl-C and SIGTERM in a terminal, by cancelling a run or draining its worker in Prefect, and by Prefect's server dying.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.acceptance.faults.test_table_of_faults import must_be_told, table
from tests.acceptance.prefect.conftest import FIRST, prefect_on

DAYS = 12
PATIENCE_SECONDS = 240
"""For a stop to be obeyed on a busy machine; nothing here waits for as long on an idle one."""


def published(site: Any) -> int:
    if not site.ask("SELECT to_regclass('ops.ledger') IS NOT NULL")[0][0]:
        return 0
    return int(site.ask(f"SELECT count(DISTINCT batch_key) FROM ops.ledger WHERE target = '{site.table}'")[0][0])


@contextmanager
def only_the_first_two(site: Any) -> Iterator[None]:
    """Two windows stand, and no further one can be published within: a stop on the way comes before the last by no luck."""
    site.write(days=DAYS, end=FIRST + timedelta(days=2))
    site.headgate("run", "sales")
    site.write(days=DAYS)
    site.more["HEADGATE_LOCK_TIMEOUT_SECONDS"] = "2"
    with closing(psycopg2.connect(site.state.warehouse_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {site.table} IN SHARE MODE")
        yield


def a_window_waits(site: Any) -> bool:
    waiting = site.ask(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{site.table}'::regclass")
    return bool(waiting[0][0])


def whole_windows(site: Any) -> int:
    """How many windows stand; every one is whole, proven once and known to the books."""
    proof = f"ops.proof__{site.table.replace('.', '__')}"
    found = site.ask(f"SELECT day, count(*), count(DISTINCT id) FROM {site.table} GROUP BY day")
    assert {row[1:] for row in found} == {(20, 20)}
    assert site.ask(f"SELECT count(*), count(DISTINCT batch_key) FROM {proof}") == [(len(found), len(found))]
    return len(found)


def is_nobodys_incident(site: Any) -> None:
    """Others share the warehouse, and may have left incidents of their own tables there."""
    known = json.loads(site.headgate("incident", "list", "--json").stdout)
    assert [item for item in known if site.schema in json.dumps(item)] == []


def loads_what_is_left(site: Any, days: int) -> None:
    site.headgate("run", "sales", "--json")
    site.right(days)
    site.headgate("repair", "sales")
    assert json.loads(site.headgate("repair", "sales", "--plan", "--json").stdout)["gaps"] == []


def started(site: Any, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flows", *words], env=site.environment, cwd=site.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_by_a_signal_in_a_terminal(site: Any, number: int, code: int) -> None:
    with only_the_first_two(site):
        running = started(site, "run", "sales")
        site.wait(lambda: a_window_waits(site))
        running.send_signal(number)
        _, said = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == code, said
    assert "windows that were published are whole" in said
    assert "Traceback" not in said
    assert 2 <= whole_windows(site) < DAYS
    is_nobodys_incident(site)
    loads_what_is_left(site, DAYS)


def test_what_a_stopped_command_waits_for_is_told_while_it_waits(site: Any) -> None:
    """Its main thread hears no signal while the driver waits for the lock: nothing was said for as long as that took."""
    with only_the_first_two(site):
        site.more["HEADGATE_LOCK_TIMEOUT_SECONDS"] = "20"
        running = started(site, "run", "sales")
        site.wait(lambda: a_window_waits(site))
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = next(line for line in running.stderr if "stopping" in line)
        # The lock is there still, and so is who waits for it.
        assert running.poll() is None
        assert "ends first (a lock is waited for 20 s at most: HEADGATE_LOCK_TIMEOUT_SECONDS)" in said
    _, rest = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 130, rest
    assert "stopping" not in rest
    assert whole_windows(site) < DAYS


def test_by_cancelling_its_run(site: Any) -> None:
    with only_the_first_two(site):
        site.headgate("deploy")
        site.worker("first")
        run = site.start(f"load/{site.table}")
        site.wait(lambda: a_window_waits(site))
        site.api(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
        assert site.ended(run, PATIENCE_SECONDS)["type"] == "CANCELLED"
    assert 2 <= whole_windows(site) < DAYS
    is_nobodys_incident(site)
    loads_what_is_left(site, DAYS)


def test_by_draining_its_worker(site: Any) -> None:
    """SIGTERM, as a machine or a container that is taken down sends it to the worker: it ends, and so does what it had begun."""
    site.write(days=DAYS)
    site.headgate("deploy")
    worker = site.worker("first")
    run = site.start(f"load/{site.table}")
    site.wait(lambda: published(site) >= 2)
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=PATIENCE_SECONDS)
    state = site.ended(run, PATIENCE_SECONDS)
    assert state["type"] in ("COMPLETED", "CANCELLED", "CRASHED"), state
    assert state["type"] == "COMPLETED" or whole_windows(site) < DAYS
    is_nobodys_incident(site)
    loads_what_is_left(site, DAYS)


def test_by_prefects_server_dying_on_the_way(site: Any, tmp_path: Path) -> None:
    """The command ends in bounded time; what was published stays, is told, and isn't loaded again."""
    home = tmp_path / "its-own"
    home.mkdir()
    with prefect_on(None, home) as api:
        own = replace(site, state=replace(site.state, prefect_api_url=api), more={"HEADGATE_EXIT_TIMEOUT_SECONDS": "5"})
        own.write(days=DAYS)
        running = started(own, "run", "sales")
        own.wait(lambda: published(own) >= 2)
    # By SIGKILL.
    said, told = running.communicate(timeout=PATIENCE_SECONDS)
    must_be_told(table()["Prefect's server dies", "between two windows"], running.returncode, said + told)
    stand = whole_windows(site)
    assert stand >= 2
    assert f"{stand:,} batches published" in said
    is_nobodys_incident(site)
    loads_what_is_left(site, DAYS)
