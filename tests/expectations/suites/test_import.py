"""The library is imported by running a suite and by nothing else, once, quietly, and leaves no file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
LIGHT = [
    "deployments.declarations.suite", "deployments.declarations.signatures", "expectations.suites.run",
    "expectations.suites.sentences", "expectations.suites.frames", "expectations.rows.compile",
]  # fmt: skip
RUN = """
import sys, pandas
from expectations.suites.library import import_in_background
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch
from deployments.declarations.suite import Suite
thread = import_in_background()
rule = {"code": "R", "type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}}
suite = Suite.model_validate({"table": "a.b", "expectations": [rule]})
outcome = run_suite(suite, InMemoryBatch(pandas.DataFrame({"a": [1, 1]})), key=["a"])
assert outcome.gate == "stop" and outcome.import_seconds > 0
assert not thread.is_alive()
"""


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "HOME": str(folder), "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("module", LIGHT)
def test_importing_ours_does_not_import_the_library(module: str, tmp_path: Path) -> None:
    code = f"import sys, {module}; print([n for n in ('great_expectations', 'pandas', 'prefect') if n in sys.modules])"
    assert python(code, tmp_path).stdout == "[]\n"


def test_a_run_is_quiet_and_leaves_nothing(tmp_path: Path) -> None:
    result = python(RUN, tmp_path)
    assert (result.stdout, result.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []
