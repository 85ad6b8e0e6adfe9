"""A folder that is no project: commands that need one say so, start nothing, and import nothing of Prefect before that.

Prefect reads its address and login when it is imported: imported before the workbench is there, it would use another server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.errors import DeclarationError, RetryableError
from flows.cli import _explained

REPOSITORY = Path(__file__).parents[3]
NEED_ONE = [
    "check", "check --connect", "check --live", "plan", "plan x", "run x", "run all", "backfill x", "clean", "deploy",
    "deploy --plan", "deploy --write x.yaml", "worker", "provision", "provision --plan", "summary try x", "lineage",
    "new x --source x.csv", "report build", "drift explain x", "drift accept x --reason x", "quarantine list",
    "quarantine show x", "quarantine replay x", "quarantine discard x --code X --reason x", "review", "show", "show x",
    "retry x", "rollback x", "publish x --override X --reason x --expires 1d", "pause x --until 1d --reason x",
    "pause --all --until 1d --reason x", "resume x", "incident list", "incident ack x",
    "incident silence x --until 1h --reason x",
    "incident resolve x --reason x", "oncall now", "watch", "listen x",
]  # fmt: skip
PROGRAM = """\
import json, sys
from flows.cli import main
told = {}
for command in json.loads(sys.argv[1]):
    try:
        main(command.split())
    except SystemExit as end:
        told[command] = [end.code, "prefect" in sys.modules]
print(json.dumps(told))
"""


def test_a_folder_that_is_no_project_is_told_before_anything_is_started(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HEADGATE_", "PREFECT_"))}
    environment |= {"PYTHONPATH": str(REPOSITORY), "HEADGATE_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    done = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(NEED_ONE)], cwd=tmp_path, env=environment,
                          capture_output=True, text=True)  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    assert {command: found for command, found in told.items() if found != [2, False]} == {}, done.stderr
    assert done.stderr.count("isn't a headgate project") == len(NEED_ONE)
    assert list(tmp_path.iterdir()) == []


def test_what_was_just_typed_is_not_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    error = DeclarationError("it isn't so", code="SETTING", next_command="headgate plan x")
    assert _explained(error, ["plan", "x"]) == 2
    assert "next: the same again, once that is mended" in capsys.readouterr().err
    assert _explained(RetryableError("away", code="AWAY", next_command="headgate up"), ["run", "x"]) == 1
    told = capsys.readouterr().err
    assert "next: headgate up" in told
    assert "it will be retried" not in told, "a command isn't"
