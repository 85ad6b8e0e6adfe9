"""Stopping reaches the server and its leftovers, and nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.embedded import filelock, launch, process
from deployments.embedded.process import OWN_ACCOUNT, Command, ServerFiles

DEAF = "import signal; [signal.signal(s, signal.SIG_IGN) for s in (2, 3, 15)]; open('ready', 'w'); signal.pause()"


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    return ServerFiles(tmp_path)


def start(files: ServerFiles, program: str) -> None:
    process.start(Command((sys.executable, "-c", program), dict(os.environ), files.folder, OWN_ACCOUNT), files)


def test_a_stranger_with_the_recorded_pid_is_not_signaled(files: ServerFiles) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start(files, "import time; time.sleep(600)")
    server = process.pid_of(files)
    files.record.write_text(json.dumps({"pid": stranger.pid, "started": "an earlier boot:5"}))
    process.stop(files, signal.SIGTERM, 5)
    assert stranger.poll() is None
    assert launch.start_identity(server or 0) is None or not filelock.is_held(files.alive)
    stranger.communicate(b"\n")


def test_a_server_that_ignores_signals_is_killed(files: ServerFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_HARD_STOP_SECONDS", 0.5)
    start(files, DEAF)
    while not (files.folder / "ready").exists():
        assert filelock.is_held(files.alive), process.log_tail(files)
    process.stop(files, signal.SIGTERM, 0.2)
    assert not filelock.is_held(files.alive)


def test_who_only_looks_is_no_holder(files: ServerFiles) -> None:
    looking = filelock.take(files.alive)
    assert looking is not None
    assert process.holders(files.alive) == set()
    os.close(looking)


def test_the_server_is_away_from_our_terminal_with_fresh_signals(files: ServerFiles) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start(files, "import os, signal; print(os.getsid(0) == os.getpid(), signal.getsignal(2)); os.read(0, 1)")
    finally:
        signal.signal(signal.SIGINT, before)
    assert filelock.wait_until_free(files.alive, 120)
    assert process.log_tail(files) == "True <built-in function default_int_handler>"


def test_what_it_prints_before_it_dies_is_in_the_log(files: ServerFiles) -> None:
    start(files, "raise SystemExit('no room')")
    assert filelock.wait_until_free(files.alive, 120)
    assert process.log_tail(files) == "no room"


def test_a_long_log_is_put_aside(files: ServerFiles) -> None:
    files.log.write_bytes(b"x" * 5_000_001)
    start(files, "print('fresh')")
    assert filelock.wait_until_free(files.alive, 120)
    assert process.log_tail(files) == "fresh"
    assert files.log.with_name("server.log.1").stat().st_size == 5_000_001
