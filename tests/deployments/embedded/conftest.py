"""Fixtures: a stack in its own folder that is stopped and removed after the test, whatever happened in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest

from deployments.embedded import process
from deployments.embedded.process import ServerFiles
from deployments.embedded.stack import EmbeddedStack

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[EmbeddedStack]:
    made = EmbeddedStack(tmp_path / "a project with spaces" / ".headgate")
    yield made
    made.down(purge=True)


@pytest.fixture
def query() -> Callable[[str | None, str], object]:
    """Run one statement on an address; the first field of the first row, if there is any."""

    def run(url: str | None, statement: str) -> object:
        assert url is not None
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchone()[0] if cursor.description else None

    return run


@pytest.fixture
def kill_all() -> Callable[[ServerFiles], set[int]]:
    """kill -9 of every process of a server, as a crash of the machine would do it."""

    def kill(files: ServerFiles) -> set[int]:
        pids = process.holders(files.alive)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    return kill


@pytest.fixture
def in_python() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Start a Python program with one argument in a process of its own, with this checkout importable."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str, argument: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-c", program, argument]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()
