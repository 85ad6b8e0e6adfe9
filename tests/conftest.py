"""For all tests: in CI a skip must be true.

With `HEADGATE_CI=1` a skipped test fails, unless what its reason says is really absent from this machine and can't be
installed by `.ci/run`. The reasons that may be true are listed here, each with the way to look.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def _namespaces_are_forbidden() -> bool:
    probe = "from deployments.embedded import launch; launch.enter_user_namespace(1, 1)"
    return subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True).returncode != 0


MAY_BE_TRUE: dict[str, Callable[[], bool]] = {
    "../shared/": lambda: not (REPOSITORY.parent / "shared").is_dir(),
    "not root": lambda: os.geteuid() != 0,
    "user namespaces are forbidden": _namespaces_are_forbidden,
    # Root's interpreter in a closed home: nothing that could be installed.
    "readable for another user": lambda: (
        not all(folder.stat().st_mode & 0o001 for folder in Path(sys.executable).resolve().parents)
    ),
}


def skip_is_true(reason: str) -> bool:
    """Whether the reason of a skip is one that can be true, and is."""
    return any(text in reason and is_absent() for text, is_absent in MAY_BE_TRUE.items())


def refuse_untrue_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, turn a skip that isn't true into a failure that says so. Expected failures stay what they are."""
    if not os.environ.get("HEADGATE_CI") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not skip_is_true(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where this must run: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_untrue_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_untrue_skip(report)
    return report
