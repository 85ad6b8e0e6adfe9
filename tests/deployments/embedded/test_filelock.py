"""Locks: one holder, free when the last copy is closed, safe when the file is removed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployments.embedded import filelock
from deployments.errors import RetryableError


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    held = filelock.take(tmp_path / "lock")
    assert held is not None
    assert filelock.take(tmp_path / "lock") is None
    os.close(held)
    assert not filelock.is_held(tmp_path / "lock")


def test_a_child_keeps_the_lock_after_its_parent_closed_it(tmp_path: Path) -> None:
    held = filelock.take(tmp_path / "lock")
    assert held is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,))
    os.close(held)
    assert filelock.is_held(tmp_path / "lock")
    child.communicate(b"\n")
    assert filelock.wait_until_free(tmp_path / "lock", 60)


def test_looking_leaves_no_file(tmp_path: Path) -> None:
    assert not filelock.is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_turn_tells_that_it_waits_and_gives_up(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        filelock.turn(tmp_path / "lock", 1, lambda: told.append("first")),
        pytest.raises(RetryableError, match="another process"),
        filelock.turn(tmp_path / "lock", 0.1, lambda: told.append("waits")),
    ):
        pytest.fail("two had the turn")
    assert told == ["waits"]
    assert list(tmp_path.iterdir()) == []


def test_turns_never_overlap_though_each_removes_the_file(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(40):
            with filelock.turn(tmp_path / "lock", 30, lambda: None):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
