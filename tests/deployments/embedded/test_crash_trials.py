"""Long trials (`make crash`): starts and stops killed at any moment leave a stack that comes up with its rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from subprocess import Popen

import pytest

from deployments.embedded.process import ServerFiles
from deployments.embedded.stack import EmbeddedStack

pytestmark = pytest.mark.crash

START = "import sys; from pathlib import Path; from deployments.embedded.stack import EmbeddedStack as S; "
PROGRAMS = (START + "S(Path(sys.argv[1])).up(('postgres', 's3'))", START + "S(Path(sys.argv[1])).down()")


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(
    stack: EmbeddedStack,
    query: Callable[[str | None, str], object],
    in_python: Callable[[str, str], Popen[str]],
    kill_all: Callable[[ServerFiles], set[int]],
    seed: int,
) -> None:
    draw = random.Random(seed)
    query(stack.up(("postgres",)).warehouse_url, "CREATE TABLE trial (i int)")
    for i in range(10):
        child = in_python(draw.choice(PROGRAMS), str(stack.folder.parent))
        time.sleep(draw.uniform(0.0, 1.5))
        child.kill()
        child.wait()
        if draw.random() < 0.5:
            kill_all(ServerFiles(stack.folder / "postgres"))
        state = stack.up(("postgres", "s3"))
        assert state.s3.running
        query(state.warehouse_url, f"INSERT INTO trial VALUES ({i})")
        assert query(state.warehouse_url, "SELECT count(*) FROM trial") == i + 1


def test_a_start_from_nothing_killed_at_any_moment(
    stack: EmbeddedStack, in_python: Callable[[str, str], Popen[str]]
) -> None:
    draw = random.Random(7)
    for _ in range(25):
        child = in_python(PROGRAMS[0], str(stack.folder.parent))
        time.sleep(draw.uniform(0.1, 1.2))
        child.kill()
        child.wait()
        assert stack.up(("postgres",)).postgres.running
        stack.down(purge=True)
        assert not stack.folder.exists()
