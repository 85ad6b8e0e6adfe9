"""A newcomer follows docs/add-a-summary.md from an empty folder, with its files and commands as they are printed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import ROOT, blocks

PAGE = ROOT / "docs" / "add-a-summary.md"
BIN = Path(sys.executable).parent


class Newcomer:
    """Types commands into a shell of their own, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        known = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_"))}
        self.environment = known | {"HEADGATE_STATE": str(folder / "state")}

    def types(self, line: str) -> str:
        said = ""
        for command in line.partition("  #")[0].split("&&"):
            words = shlex.split(command)
            if words[0] == "cd":
                self.folder /= words[1]
                continue
            assert words[0] == "headgate"
            done = subprocess.run(
                [BIN / "headgate", *words[1:]], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600
            )  # fmt: skip
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            said += done.stdout
        return said

    def saves(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Any]:
    person = Newcomer(tmp_path)
    yield person
    person.types("headgate down")


@pytest.mark.trial
def test_from_an_empty_folder_to_a_summary_that_is_built_and_tested(newcomer: Any) -> None:
    first, second = ([line for line in block.splitlines() if line] for block in blocks(PAGE, "sh")[:2])
    newcomer.types(first[0])
    newcomer.saves("data/orders.csv", blocks(PAGE, "csv")[0])
    for line in first[1:]:
        newcomer.types(line)
    newcomer.saves("summaries/revenue_by_month.sql", blocks(PAGE, "sql")[0])
    tried, checked, ran = [newcomer.types(line) for line in second]
    assert "nothing was published and nothing is left" in tried
    assert "no mistakes" in checked
    assert "built from its inputs as they are" in newcomer.types("headgate plan revenue_by_month"), ran
    cases = next(block for block in blocks(PAGE, "yaml") if block.startswith("tests:"))
    newcomer.saves("summaries/revenue_by_month.test.yaml", cases)
    assert "1 passed" in newcomer.types("headgate summary test revenue_by_month")
    kept = newcomer.types("headgate summary try summaries/revenue_by_month.sql --into adhoc --days 3")
    assert "SELECT * FROM adhoc.revenue_by_month__hg_a" in kept
    assert "raw_data.orders.amount" in newcomer.types("headgate lineage revenue_by_month.revenue")
    newcomer.types("headgate deploy --plan")
