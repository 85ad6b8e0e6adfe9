"""In CI a test must not hide behind a skip: the hook of conftest.py, run by a real pytest on small files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

FILES = {
    "inside": "import pytest\ndef test_it():\n    pytest.skip('{reason}')\n",
    "marked": "import pytest\n@pytest.mark.skip(reason='{reason}')\ndef test_it():\n    pass\n",
    "whole_file": "import pytest\npytest.skip('{reason}', allow_module_level=True)\n",
}


def run(folder: Path, text: str, ci: str) -> str:
    tests = folder / "project" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(CONFTEST, tests)
    (tests / "test_one.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(tests)]
    environment = os.environ | {"HEADGATE_CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", FILES)
def test_an_untrue_skip_fails_in_ci_and_only_there(tmp_path: Path, kind: str) -> None:
    text = FILES[kind].format(reason="Chromium is absent")
    assert "skipped in CI, where this must run: Skipped: Chromium is absent" in run(tmp_path / "ci", text, "1")
    assert "1 skipped" in run(tmp_path / "elsewhere", text, "")


@pytest.mark.parametrize("kind", FILES)
def test_a_true_skip_stays_a_skip(tmp_path: Path, kind: str) -> None:
    text = FILES[kind].format(reason="../shared/data is absent")
    assert "1 skipped" in run(tmp_path / "without", text, "1")
    (tmp_path / "with" / "shared").mkdir(parents=True)
    assert "must run" in run(tmp_path / "with", text, "1")


def test_expected_failures_are_no_skips(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail(reason='a bug of theirs')\ndef test_it():\n    assert 0\n"
    assert "1 xfailed" in run(tmp_path, text, "1")
