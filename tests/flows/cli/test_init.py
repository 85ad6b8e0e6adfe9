"""`headgate init`: a project that works at once, in a folder that was empty."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from deployments.errors import DeclarationError
from deployments.project import load_project, software
from deployments.scaffold import make_project
from flows.cli import cli

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    make_project(folder)
    return folder


@pytest.fixture
def headgate(project: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The command as a user types it in the project's folder; the local stack it starts is gone afterwards."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "AWS_", "PREFECT_"))}
    environment = kept | {"HEADGATE_STATE": str(tmp_path / "state"), "PYTHONPATH": str(REPOSITORY)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flows", *arguments]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    yield run
    run("down", "--purge")


def test_from_nothing_to_published_rows(headgate: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    checked = headgate("check")
    assert (checked.returncode, "1 table, 1 suite, 1 summary: no mistakes" in checked.stdout) == (0, True)
    first = headgate("run", "all", "--json")
    assert first.returncode == 0, first.stderr
    runs = json.loads(first.stdout)["runs"]
    assert [(run["table"], run["counts"]["published"]) for run in runs] == [
        ("raw_data.parcel", 6), ("raw_data.parcel", 5), ("raw_data.parcel", 6), ("analytics.parcels_by_city", 6),
    ]  # fmt: skip
    assert headgate("plan").stdout.splitlines()[0].endswith("3 loaded")
    again = json.loads(headgate("run", "all", "--json").stdout)["runs"]
    assert [run["status"] for run in again] == ["unchanged"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DeclarationError, match="isn't empty"):
        make_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(DeclarationError, match="is a file"):
        make_project(tmp_path / "mine.txt")


def test_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    told = CliRunner().invoke(cli, ["init", str(folder)])
    assert told.stdout.endswith(f"next: cd {folder} && headgate check && headgate plan && headgate run all\n")


def test_the_files(project: Path) -> None:
    declared = load_project(project)
    assert declared.provisioning is not None
    assert declared.oncall is not None
    for name in (".github/workflows/headgate.yml", "compose.yaml"):
        YAML(typ="safe").load(project / name)
    assert ".env\n" in (project / ".gitignore").read_text()
    assert (project / ".env").stat().st_mode & 0o077 == 0
    assert str(project) not in (project / ".env.example").read_text()
    assert "{data}" not in (project / ".env.example").read_text()
    assert (project / "requirements.txt").read_text().splitlines()[-1] == f"headgate=={software()}"
    workflow = (project / ".github/workflows/headgate.yml").read_text()
    for command in ("headgate check", "headgate plan", "headgate deploy", "gh pr comment"):
        assert command in workflow


def test_what_a_pull_request_runs_gets_no_secret_of_production(project: Path) -> None:
    workflow = YAML(typ="safe").load(project / ".github/workflows/headgate.yml")
    jobs = workflow["jobs"]
    assert "env" not in workflow
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in json.dumps(jobs["check"])
    assert "environment" not in jobs["check"]
    assert re.findall(r"secrets\.(\w+)", json.dumps(jobs["plan"])) == ["HEADGATE_READ_ONLY_WAREHOUSE_URL"]
    assert (jobs["plan"]["environment"], jobs["deploy"]["environment"]) == ("plan", "production")
    assert jobs["deploy"]["if"] == "github.event_name == 'push'"
    # Packages that somebody else may change run beside no login: those of the base are installed, by version.
    assert [step["run"] for step in jobs["plan"]["steps"] if "pip" in step.get("run", "")] == [
        "pip install -r .reviewed/requirements.txt"
    ]
    # Nor is anything set by files that it brings along, beside that login.
    (plan,) = [step for step in jobs["plan"]["steps"] if step.get("name") == "plan"]
    assert plan["run"].startswith("rm -rf .env prefect.toml pyproject.toml && ")


def test_actions_are_pinned_by_commit(project: Path) -> None:
    text = (project / ".github/workflows/headgate.yml").read_text()
    assert set(re.findall(r"uses: [\w/-]+@(\S+)", text)) == set(
        re.findall(r"uses: [\w/-]+@([0-9a-f]{40}) # v[\d.]+", text)
    )


def test_servers_of_the_compose_files_have_a_login(project: Path) -> None:
    for file in (project / "compose.yaml", REPOSITORY / "deployments" / "container" / "compose.yaml"):
        services = YAML(typ="safe").load(file)["services"]
        server = services["server"]
        assert server["environment"]["PREFECT_SERVER_API_AUTH_STRING"].startswith("${PREFECT_API_AUTH_STRING:?")
        assert "*" not in server["environment"]["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
        assert all(port.startswith("127.0.0.1:") for port in server["ports"])
        clients = [item for item in services.values() if "PREFECT_API_URL" in item.get("environment", {})]
        assert clients
        assert all("PREFECT_API_AUTH_STRING" in item["environment"] for item in clients)
