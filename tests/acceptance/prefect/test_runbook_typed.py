"""What `headgate deploy` says to type next, what a load says while Prefect is in the way, and the commands of the runbook
about Prefect: typed as they are printed, on a real server with real workers, in the state that prints them.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployments.next_commands import is_typable, written
from tests.acceptance.faults.test_runbooks_lead_on import commands
from tests.acceptance.prefect.conftest import kill_group

pytestmark = pytest.mark.trial
PATIENCE_SECONDS = 300


@dataclass
class Shell:
    """A terminal in the project's folder; what was said last is there to go on from."""

    site: Any
    said: str = ""
    typed: list[str] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return self.site.environment | {"PATH": path, "PREFECT_WORKER_QUERY_SECONDS": "2"} | self.more

    def types(self, text: str, *, code: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-c", text], cwd=self.site.folder, env=self._environment, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        self.said = done.stdout + done.stderr
        assert done.returncode == code, (text, done.returncode, self.said)
        assert not re.search(r"Traceback|Usage:|\[UNFORESEEN\]", self.said), (text, self.said)
        self.typed.append(text)
        return self.said

    def begins(self, text: str) -> subprocess.Popen[bytes]:
        """Type a command that stays: it is ended with the test."""
        with (self.site.folder / f"worker-{len(self.site.workers)}.log").open("ab") as log:
            started = subprocess.Popen(
                shlex.split(text), cwd=self.site.folder, env=self._environment, stdout=log, stderr=log,
                start_new_session=True, executable=str(Path(sys.executable).parent / "headgate"),
            )  # fmt: skip
        self.site.workers.append(started)
        self.typed.append(text)
        return started

    @property
    def told(self) -> list[str]:
        """The commands that were said to come next."""
        lines = re.findall(r"[Nn]ext: (.*)", self.said)
        return [step for line in lines for step, _ in written(line) if is_typable(step)]


@pytest.fixture
def shell(site: Any) -> Shell:
    return Shell(site)


@pytest.fixture
def nobody() -> str:
    """The address of a Prefect server that isn't there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/api"


def published(site: Any) -> int:
    return int(site.ask(f"SELECT count(*) FROM {site.table}")[0][0])


def test_next_steps_of_deploy(site: Any, shell: Shell, nobody: str) -> None:
    site.write(days=2)
    pool = f"pool-{site.schema}"
    shell.types(f"headgate deploy --pool {pool} --plan")
    (deploy,) = shell.told
    shell.types(deploy)
    (worker,) = shell.told
    file = site.folder / "prefect.yaml"
    shell.types(f"headgate deploy --pool {pool} --write {shlex.quote(str(file))}")
    (by_prefect,) = re.findall(r"Next: (prefect deploy .*)", shell.said)
    assert by_prefect == f"prefect deploy --all --prefect-file {file}"
    # The worker that is told takes what was deployed.
    shell.begins(worker)
    assert site.ended(site.start(f"load/{site.table}"), PATIENCE_SECONDS)["message"] == "2 batches published, 40 rows"
    # The server is away.
    shell.more["PREFECT_API_URL"] = nobody
    shell.types(f"headgate deploy --pool {pool}", code=1)
    assert "[PREFECT-UNREACHABLE]" in shell.said
    (check, *_) = shell.told
    assert "Prefect: port" in shell.types(check, code=1)
    shell.more.clear()
    shell.types(check)
    shell.types(f"headgate deploy --pool {pool}")


def test_a_pool_of_another_project(site: Any, shell: Shell) -> None:
    """The next step names a pool that is the reader's to choose."""
    site.write(days=1)
    pool = f"pool-{site.schema}"
    shell.types(f"headgate deploy --pool {pool}")
    tables = site.folder / "project" / "tables"
    file = tables / "sales.yaml"
    file.write_text(file.read_text().replace(f"table: {site.schema}.sales", f"table: {site.schema}.other"))
    (site.folder / "project" / "summaries" / "by_day.sql").unlink()
    file.rename(tables / "other.yaml")
    shell.types(f"headgate deploy --pool {pool}", code=2)
    assert "[POOL-TAKEN]" in shell.said
    (deploy,) = re.findall(r"next: (headgate deploy --pool NAME)", shell.said)
    shell.types(deploy.replace("NAME", f"{pool}-2"))
    (worker,) = shell.told
    assert worker == f"headgate worker --pool {pool}-2"


def test_a_schedule_that_is_none(site: Any, shell: Shell) -> None:
    site.write(days=1)
    file = site.folder / "project" / "tables" / "sales.yaml"
    good = file.read_text()
    pool = f"pool-{site.schema}"
    file.write_text(good.replace('cron: "0 2 1 1 *"', 'cron: "0 2 31 2 *"'))
    shell.types(f"headgate deploy --pool {pool}", code=2)
    (check,) = shell.told
    assert "never comes" in shell.types(check, code=2)
    file.write_text(good)
    shell.types(check)
    shell.types(f"headgate deploy --pool {pool}")


def test_a_load_while_prefect_is_away(site: Any, shell: Shell, nobody: str) -> None:
    site.write(days=2)
    shell.more["PREFECT_API_URL"] = nobody
    shell.types("headgate run sales", code=1)
    assert "[PREFECT-UNREACHABLE]" in shell.said
    told = shell.told
    assert told, shell.said
    for command in told:
        shell.types(command, code=1)
    # By hand, as the runbook has it: a local server is started, which ends with its last user.
    by_hand = "PREFECT_API_URL= headgate run TABLE"
    runbook = (Path(__file__).parents[3] / "docs" / "runbooks" / "prefect.md").read_text()
    assert f"`{by_hand}`" in runbook
    try:
        shell.types(by_hand.replace("TABLE", site.table))
    finally:
        shell.types("headgate down")
    assert published(site) == 40
    shell.more.clear()
    for command in told:
        shell.types(command)
    site.right(2)


def test_a_login_that_prefect_refuses(site: Any, shell: Shell) -> None:
    site.write(days=1)
    shell.more["PREFECT_API_AUTH_STRING"] = "nobody:wrong"
    shell.types("headgate run sales", code=1)
    assert "[PREFECT-LOGIN]" in shell.said
    (check,) = shell.told
    assert re.search(r"Prefect: .*(401|refuse)", shell.types(check, code=1)), shell.said
    shell.more.clear()
    assert "everything works" in shell.types(check)


def test_commands_of_the_runbook(site: Any, shell: Shell, nobody: str) -> None:
    """Nobody has taken a run, a worker that dies, a schedule that somebody has switched off, a Dask scheduler that is away."""
    import httpx

    names = {
        text
        for code in ("RUN-NOT-STARTED", "RUN-CRASHED", "SCHEDULE-PAUSED", "DASK")
        for text in commands("prefect", code)
    }
    assert names == {
        "headgate worker", "headgate run TABLE", "headgate resume TABLE", "headgate deploy",
        "headgate pause TABLE --until ... --reason ...", "headgate retry RUN",
    }  # fmt: skip
    site.write(days=2)
    site.headgate("deploy")
    # RUN-CRASHED.
    first = site.start(f"load/{site.table}")
    killing = site.worker("killing", HEADGATE_KILL_AT="candidate-made")
    assert site.ended(first, PATIENCE_SECONDS)["type"] == "CRASHED"
    kill_group(killing)
    shell.types(f"headgate run {site.table}")
    assert published(site) == 40
    # RUN-NOT-STARTED: there is no worker any more.
    second = site.start(f"load/{site.table}")
    shell.begins("headgate worker")
    assert site.ended(second, PATIENCE_SECONDS)["type"] == "COMPLETED"
    # SCHEDULE-PAUSED: deploying again leaves it as people left it.
    with httpx.Client(base_url=str(site.state.prefect_api_url), trust_env=False, auth=site.login) as client:

        def paused() -> bool:
            return bool(client.get(f"deployments/name/load/{site.table}").json()["paused"])

        found = client.get(f"deployments/name/load/{site.table}").json()
        client.post(f"deployments/{found['id']}/pause_deployment").raise_for_status()
        shell.types("headgate deploy --take-over")
        assert paused()
        assert f"switched on in Prefect: {site.table}" in shell.types(f"headgate resume {site.table}")
        assert not paused()
    # DASK: slower, but right.
    pytest.importorskip("distributed", reason="the extra 'dask' isn't installed")
    site.write(days=3)
    shell.more["HEADGATE_DASK"] = f"tcp://{nobody.removeprefix('http://').removesuffix('/api')}"
    shell.types(f"headgate run {site.table}", code=1)
    assert "[DASK]" in shell.said
    (run,) = set(re.findall(r"sales-2020-08-12-[0-9a-f]{6}", shell.said))
    shell.more.clear()
    shell.types(f"headgate retry {run}")
    site.right(3)
    shell.types(f"headgate pause {site.table} --until 1d --reason works")
    assert "paused" in shell.types(f"headgate plan {site.table}")
    assert "resumed" in shell.types(f"headgate resume {site.table}")
