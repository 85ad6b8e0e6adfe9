"""The parts of a large batch are checked and staged by the workers of a Dask cluster, one of which is killed meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed", reason="the extra 'dask' isn't installed")

TABLE = """\
table: {schema}.sales
description: Sales.
owner: sales@example.com
source: {{kind: csv, url: "file://{folder}/sales.csv"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: amount, type: "decimal(12,2)"}}
  - {{name: note, type: varchar(60)}}
key: [id]
load: {{mode: full_refresh, tolerance: 5%}}
"""
ROWS = 700_000
BAD = 100_000


@pytest.fixture
def sales(site: Any) -> str:
    """A table whose file is cut into three parts; the name of the table."""
    declared = site.folder / "project" / "tables" / "sales.yaml"
    declared.parent.mkdir(parents=True)
    declared.write_text(TABLE.format(schema=site.schema, folder=site.folder))
    with (site.folder / "sales.csv").open("w") as out:
        out.write("id,amount,note\n")
        for number in range(ROWS):
            amount = "much" if number % BAD == 7 else f"{number % 977}.{number % 90 + 10}"
            out.write(f"{number},{amount},some words about sale number {number * 7919:012d}\n")
        # The same key as in the first part.
        out.write("5,1.00,again\n")
    return str(site.table)


@pytest.fixture
def cluster(site: Any, sales: str, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A scheduler, then two workers, as an engineer starts them: in the project's environment."""
    named = ["--scheduler-file", str(tmp_path / "scheduler.json"), "--no-dashboard"]
    log = (tmp_path / "dask.log").open("wb")

    def start(module: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1", *named, *more]
        return subprocess.Popen(command, env=site.environment, cwd=tmp_path, stdout=log, stderr=log)

    made = [start("dask_scheduler", "--port", "0")]
    made += [start("dask_worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
    yield made
    for process in reversed(made):
        process.terminate()
    for process in made:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            # A worker that is losing its scheduler may wait for it for ever; nothing is asked of it any more.
            process.kill()
            process.wait()
    log.close()


def until(what: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_parts_on_dask_with_a_worker_killed(
    site: Any, sales: str, cluster: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    file, spool = tmp_path / "scheduler.json", tmp_path / "state" / "spool"
    until(file.exists)
    site.more["HEADGATE_DASK"] = json.loads(file.read_text())["address"]
    with distributed.Client(scheduler_file=str(file), set_as_default=False) as client, ThreadPoolExecutor() as beside:
        client.wait_for_workers(2, timeout=60)
        run = beside.submit(site.headgate, "run", sales, "--json", check=False)
        until(lambda: list(spool.glob("*/clean/*.raw.csv")) or run.done())
        cluster[2].send_signal(signal.SIGKILL)
        done = run.result(timeout=300)
        # A lambda travels as it is; a function would have to be importable there.
        told = client.run_on_scheduler(
            lambda dask_scheduler: [(str(t[0]), *t[1:3]) for t in dask_scheduler.transition_log]
        )
        counts = finished(told)
    assert done.returncode == 3, done.stdout + done.stderr
    assert counts["check_part"] >= 3
    assert counts["stage_elsewhere"] >= 3
    # Of two rows with one key nobody knows which is right: both are set aside.
    bad, twice = ROWS // BAD, 2
    assert site.ask(f"SELECT count(*), count(DISTINCT id), min(id), max(id) FROM {sales}") == [
        (ROWS - bad - 1, ROWS - bad - 1, 0, ROWS - 1)
    ]
    quarantine = f"quarantine.{sales.replace('.', '__')}"
    assert site.ask(f"SELECT code, count(*) FROM {quarantine} GROUP BY 1 ORDER BY 1") == [
        ("DUPLICATE-KEY", twice), ("NOT-DECIMAL", bad),
    ]  # fmt: skip
    assert not list(spool.glob("*/*"))


def test_a_scheduler_that_is_not_there(site: Any, sales: str) -> None:
    site.more["HEADGATE_DASK"] = "tcp://127.0.0.1:1"
    done = site.headgate("run", sales, check=False)
    assert done.returncode == 1
    assert "the Dask cluster of HEADGATE_DASK can't be reached" in done.stdout + done.stderr


def finished(transitions: list[tuple[str, str, str]]) -> Counter[str]:
    """Tasks that a worker finished, by the name of their function."""
    return Counter(key.partition("-")[0] for key, *way in transitions if way == ["processing", "memory"])


@pytest.mark.story
def test_a_scheduler_killed_meanwhile_and_the_load_again_without_dask(
    site: Any, sales: str, cluster: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    file, spool = tmp_path / "scheduler.json", tmp_path / "state" / "spool"
    until(file.exists)
    site.more["HEADGATE_DASK"] = json.loads(file.read_text())["address"]
    with ThreadPoolExecutor() as beside:
        run = beside.submit(site.headgate, "run", sales, check=False)
        until(lambda: list(spool.glob("*/clean/*.raw.csv")) or run.done())
        cluster[0].send_signal(signal.SIGKILL)
        done = run.result(timeout=300)
    assert done.returncode == 1
    assert "the Dask cluster of HEADGATE_DASK was lost; nothing was published" in done.stdout + done.stderr
    del site.more["HEADGATE_DASK"]
    assert site.headgate("run", sales).returncode == 3
    assert site.ask(f"SELECT count(*) FROM {sales}") == [(ROWS - ROWS // BAD - 1,)]
