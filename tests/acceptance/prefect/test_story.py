"""The long story: two workers, a backfill spread over both, one of them killed half-way with everything it had begun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.standby import SYSTEM_POSTGRES

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(not SYSTEM_POSTGRES.is_dir(), reason="postgresql-15 isn't installed"),
]
DAYS = 60


def published(site: Any) -> int:
    if not site.ask("SELECT to_regclass('ops.ledger') IS NOT NULL")[0][0]:
        return 0
    return int(site.ask(f"SELECT count(DISTINCT batch_key) FROM ops.ledger WHERE target = '{site.table}'")[0][0])


def test_a_worker_killed_half_way_through_a_backfill(site: Any) -> None:
    site.write(days=DAYS)
    site.headgate("deploy")
    first, _ = site.worker("first"), site.worker("second")
    command = [sys.executable, "-P", "-m", "flows", "backfill", "sales", "--spread", "--parallel", "4", "--json"]
    with (site.folder / "backfill.log").open("wb") as log:
        running = subprocess.Popen(command, env=site.environment, cwd=site.folder, stdout=subprocess.PIPE, stderr=log)
    site.wait(lambda: published(site) >= DAYS // 2, seconds=1200)
    os.killpg(first.pid, signal.SIGKILL)
    out, _ = running.communicate(timeout=1800)
    assert running.returncode == 0, (site.folder / "backfill.log").read_text() + out.decode()
    site.right(DAYS)
    assert site.ask(f"SELECT count(*), sum(sales) FROM {site.summary}") == [(DAYS, DAYS * 20)]
    # Once, at the end: the summary wasn't built window by window.
    built = [item for item in json.loads(out)["published"] if item["table"] == site.summary]
    assert len(built) == 1
    # What had begun on the killed worker is told as crashed, not left Running.
    left = [run for run in site.runs(f"table:{site.table}") if run["state"]["type"] in ("RUNNING", "PENDING")]
    assert left == []


def test_what_a_killed_worker_was_loading_itself_is_told_as_crashed_and_loaded_by_the_next_run(site: Any) -> None:
    site.write(days=30)
    site.headgate("deploy")
    worker = site.worker("first")
    run = site.start(f"load/{site.table}")
    site.wait(lambda: published(site) >= 5)
    os.killpg(worker.pid, signal.SIGKILL)
    assert site.state_of(run)["type"] == "RUNNING"
    # Nobody is left to say so: what is left of the worker's own supervision does, or the heartbeat that doesn't come.
    crashed = site.ended(run, seconds=400)
    assert crashed["type"] == "CRASHED", crashed["message"]
    before = published(site)
    site.worker("second")
    assert site.ended(site.start(f"load/{site.table}"), seconds=400)["message"].startswith(f"{30 - before} batches")
    site.right(30)
    assert site.ended(site.start("watch/loads and promises"))["type"] == "COMPLETED"
    facts = [json.loads(file.read_text()) for file in (site.folder / "state/facts").glob("*.json")]
    assert {(fact["kind"], fact["flow"]) for fact in facts} >= {("crashed", "load")}
