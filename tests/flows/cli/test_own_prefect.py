"""With a warehouse and no PREFECT_API_URL a run is told to our own local server, with its login; .env decides alike."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from deployments.embedded.stack import EmbeddedStack
from tests import throwaway

REPOSITORY = Path(__file__).parents[3]


def test_a_run_uses_our_own_server_and_never_an_ephemeral_one(
    new_database: Callable[[], str], folder: Path, request: pytest.FixtureRequest
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "AWS_", "PREFECT_"))}
    environment = kept | {"PYTHONPATH": str(REPOSITORY), "PREFECT_HOME": str(folder / "prefect")}
    (folder / ".env").write_text(f"HEADGATE_WAREHOUSE_URL='{new_database()}' # the only setting\n")

    def headgate(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "flows", *arguments], cwd=folder, env=environment | more,
                              capture_output=True, text=True)  # fmt: skip

    stack = EmbeddedStack(folder / ".headgate")
    try:
        # A mistyped name starts nothing, a command that only asks the warehouse no Prefect.
        assert (headgate("run", "itms").returncode, (folder / ".headgate").exists()) == (2, False)
        assert (headgate("plan").returncode, (folder / ".headgate" / "stack").exists()) == (0, False)
        throwaway.lay_tables(stack, request.config)
        done = headgate("run", "items")
        assert done.returncode == 0, done.stdout + done.stderr
        state = stack.status()
        assert [server.running for server in state.servers] == [False, False, True]
        name, _, password = str(state.prefect_login).partition(":")
        answer = httpx.post(
            f"{state.prefect_api_url}/flow_runs/filter", json={}, auth=(name, password), trust_env=False
        )
        assert [run["name"] for run in answer.raise_for_status().json()].count("raw.items source") == 1
        assert not (folder / "prefect" / "prefect.db").exists()
        # An address in .env is used, and not our own: here nobody answers there.
        with (folder / ".env").open("a") as file:
            file.write("PREFECT_API_URL=http://127.0.0.1:9/api   # away\n")
        away = headgate("deploy")
        assert (away.returncode, "PREFECT-UNREACHABLE" in away.stderr) == (1, True), away.stderr
    finally:
        stack.down(purge=True)
