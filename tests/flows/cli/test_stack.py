"""The commands up, down and status on a real stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner, Result

from deployments.embedded.stack import EmbeddedStack
from flows.cli.stack import down, status, up


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HEADGATE_STATE", str(tmp_path / "state"))
    yield tmp_path / "state"
    EmbeddedStack(tmp_path / "state").down(purge=True)


def call(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)  # type: ignore[arg-type]


@pytest.mark.effect("headgate up --only=postgres")
def test_up_tells_its_progress_and_the_addresses_without_the_password(state: Path) -> None:
    result = call(up, "--only", "postgres")
    password = (state / "stack" / "postgres" / "password").read_text().strip()
    assert result.exit_code == 0
    assert "PostgreSQL 18: started on 127.0.0.1:" in result.output
    assert "postgresql://headgate@127.0.0.1:" in result.output
    assert "Prefect server  not running" in result.output
    assert password not in result.output + call(status, "--json").output


@pytest.mark.effect("headgate up --only", "headgate up --only=s3", "headgate up --json", "headgate status --json")
def test_json_says_what_runs_and_where(state: Path) -> None:
    told = json.loads(call(up, "--only", "s3", "--json").output)
    assert told == json.loads(call(status, "--json").output)
    assert [told["servers"][name]["running"] for name in ("postgres", "s3", "prefect")] == [False, True, False]
    assert told["servers"]["s3"]["url"].startswith("http://127.0.0.1:")
    assert told["servers"]["prefect"]["url"] is None


@pytest.mark.parametrize("part", [
    pytest.param(part, marks=pytest.mark.effect(f"headgate up --only={part}")) for part in ("postgres", "s3", "prefect")
])  # fmt: skip
def test_only_the_servers_that_were_named(state: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    real = EmbeddedStack.status
    monkeypatch.setattr(EmbeddedStack, "up", lambda self, parts, progress: started.append(parts) or real(self))
    call(up, "--only", part)
    assert started == [(part,)]


@pytest.mark.effect("headgate status --show-password")
def test_the_shown_address_connects(state: Path) -> None:
    call(up, "--only", "postgres")
    shown = json.loads(call(status, "--json", "--show-password").output)["servers"]["postgres"]["url"]
    psycopg2.connect(shown).close()


@pytest.mark.effect("headgate down --purge", "headgate down --json")
def test_down_says_what_it_stopped_and_purge_removes_everything(state: Path) -> None:
    call(up, "--only", "s3")
    assert "S3 (moto): stopped" in call(down).output
    assert call(down).output == "Nothing was running.\n"
    first = json.loads(call(down, "--purge", "--json").output)
    assert (first["stopped"], first["purged"]) == ([], True)
    assert not (state / "stack").exists()
    assert json.loads(call(down, "--purge", "--json").output)["purged"] is False
    assert call(down, "--purge").output == f"Nothing was running. There is no {state / 'stack'} to remove.\n"


def test_status_of_nothing_names_the_next_command_and_makes_no_folder(state: Path) -> None:
    assert call(status).output.splitlines()[-1] == "next: headgate up"
    assert not state.exists()
