"""The list for another harness: a project for each of its works, and commands that a shell can read."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peers import TABLES, config, write_projects

from deployments.project import load_project


@pytest.mark.parametrize("work", [*TABLES, "B2_init"])
def test_each_work_has_a_project_of_the_table_that_is_looked_at(tmp_path: Path, work: str) -> None:
    write_projects(tmp_path, "/tmp/sessions.csv", "http://127.0.0.1/small.csv")
    assert list(load_project(tmp_path / work).tables) == [f"raw_data.{'name_gender' if work == 'C' else 'sessions'}"]


def test_ours_is_added_to_the_list(tmp_path: Path) -> None:
    (tmp_path / "peers.toml").write_text("[peers.psql]\nA = 'true'\n")
    found = tomllib.loads(config(tmp_path, tmp_path / "projects", {"PREFECT_API_URL": "http://127.0.0.1:1/api"}))[
        "peers"
    ]
    assert found["psql"] == {"A": "true"}
    assert set(found["headgate"]) == {*TABLES, "B2_init"}
    for command in found["headgate"].values():
        subprocess.run(["bash", "-n", "-c", command], check=True)
        assert " PREFECT_API_URL=" in f" {command}"
