"""Some crash trials in every test run, more of them in `make trials`; `make crash` plays a thousand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.switches import POINTS, killer
from tests.crash.redshift_like import absent

HARNESS = Path(__file__).with_name("harness.py")
REPOSITORY = Path(__file__).parents[2]
WORDS = ("the proof not looked at", "the proof table not locked", "data and proof in two transactions",
         "earlier quarantined rows left standing")  # fmt: skip


def play(*arguments: str) -> tuple[int, int, str]:
    """(trials, wrong ones, everything the harness said)."""
    command = [sys.executable, str(HARNESS), *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900)
    said = done.stdout + done.stderr
    closing = re.search(r"^(\d+) trials, (\d+) wrong$", said, re.M)
    assert closing is not None, said
    return int(closing[1]), int(closing[2]), said


def test_killed_anywhere_and_run_again_gives_the_right_rows() -> None:
    trials, wrong, said = play("--trials", "10", "--cold", "0")
    assert (trials, wrong) == (10, 0), said


@pytest.mark.trial
def test_more_of_them_some_as_whole_processes_and_without_each_safeguard() -> None:
    trials, wrong, said = play("--trials", "27", "--cold", "2", "--undermine")
    assert (trials, wrong) == (27, 0), said
    # A harness that can't fail proves nothing: without a safeguard its trials go wrong.
    noticed = dict(re.findall(r"^with (.+): \d+ trials, (\d+) wrong$", said, re.M))
    assert set(noticed) == set(WORDS), said
    assert "0" not in noticed.values(), said
    # Two writers meet with the proof in hand: without the lock they do so every time.
    assert noticed["the proof table not locked"] == "4", said


@pytest.mark.trial
def test_the_same_on_a_server_that_keeps_redshifts_rules() -> None:
    why = absent()
    if why is not None:
        pytest.skip(why)
    trials, wrong, said = play("--trials", "14", "--cold", "0", "--warehouse", "redshift-like", "--undermine")
    assert (trials, wrong) == (14, 0), said
    noticed = dict(re.findall(r"^with (.+): \d+ trials, (\d+) wrong$", said, re.M))
    assert set(noticed) == set(WORDS), said
    assert "0" not in noticed.values(), said


def test_every_point_stands_in_the_code() -> None:
    code = "\n".join(file.read_text() for file in (REPOSITORY / "tasks").rglob("*.py"))
    assert set(re.findall(r'(?:reached|point)\("([a-z-]+)"\)', code)) == set(POINTS)


def test_an_unknown_point_is_told() -> None:
    with pytest.raises(ValueError, match="no such point"):
        killer("befor-commit")
