"""Which tests say that they see an effect, by the name of what has it (`pytest.mark.effect`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOUND = "HEADGATE_TEST_EFFECTS"
"""Where a process that only collects writes what it has found."""
KEPT: pytest.StashKey[dict[str, list[str]]] = pytest.StashKey()
_NOT_IN_CI = {"crash", "story", "skip", "skipif", "xfail"}

Observers = Mapping[str, list[str]]


def keep(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Remember them, before any test is deselected."""
    found: dict[str, list[str]] = {}
    for item in items:
        if not _NOT_IN_CI & {mark.name for mark in item.iter_markers()}:
            for mark in item.iter_markers("effect"):
                for name in mark.args:
                    found.setdefault(name, []).append(item.nodeid)
    config.stash[KEPT] = found
    if file := os.environ.get(FOUND):
        Path(file).write_text(json.dumps(found))


def of_all_tests(config: pytest.Config, folder: Path) -> Observers:
    """Those of the whole suite; where only a part was collected, another process collects the rest."""
    if [Path(item).resolve() for item in config.args] == [TESTS]:
        return config.stash[KEPT]
    file = folder / "observers.json"
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", str(TESTS)]
    subprocess.run(command, cwd=TESTS.parent, env=os.environ | {FOUND: str(file)}, check=True, capture_output=True)
    found: dict[str, list[str]] = json.loads(file.read_text())
    return found
