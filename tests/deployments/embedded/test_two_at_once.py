"""Two processes that start, or start and stop, at the same moment."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from deployments.embedded.stack import EmbeddedStack

START = """
import json, sys
from pathlib import Path
from deployments.embedded.stack import EmbeddedStack
state = EmbeddedStack(Path(sys.argv[1])).up(("postgres", "s3"))
print(json.dumps([state.postgres.pid, state.warehouse_url, state.s3.pid, state.s3_endpoint]))
"""
Start = Callable[[str, str], "Popen[str]"]


def is_held(lock: Path) -> bool:
    """Whether a process has its turn: the file is there a moment before."""
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_all_get_the_same_servers(stack: EmbeddedStack, in_python: Start) -> None:
    children = [in_python(START, str(stack.folder.parent)) for _ in range(4)]
    answers = [child.communicate(timeout=240) for child in children]
    assert {child.returncode for child in children} == {0}, answers
    told = {out for out, _ in answers}
    assert len(told) == 1
    assert None not in json.loads(told.pop())


def test_down_waits_for_a_start_and_nothing_is_left(stack: EmbeddedStack, in_python: Start) -> None:
    child = in_python(START, str(stack.folder.parent))
    while not is_held(stack.folder / "s3" / "turn.lock"):
        assert child.poll() is None
    assert "s3" in stack.down()
    child.communicate(timeout=240)
    stack.down()
    assert not any(server.running for server in stack.status().servers)
    assert not list(stack.folder.glob("*/*.lock"))


def test_a_starter_killed_while_the_data_folder_is_made(stack: EmbeddedStack, in_python: Start) -> None:
    child = in_python(START, str(stack.folder.parent))
    while not (stack.folder / "postgres" / "data.new" / "base").exists():
        assert child.poll() is None
    child.kill()
    told: list[str] = []
    assert stack.up(("postgres",), told.append).postgres.running
    # The program that makes the folder went on without its caller and kept the turn.
    assert told[0].endswith("another process is starting or stopping it")


def test_a_killed_starter_leaves_a_usable_server(stack: EmbeddedStack, in_python: Start) -> None:
    child = in_python(START, str(stack.folder.parent))
    while not (stack.folder / "s3" / "server.json").exists():
        assert child.poll() is None
    child.kill()
    child.wait()
    left = json.loads((stack.folder / "s3" / "server.json").read_text())["pid"]
    state = stack.up(("postgres", "s3"))
    assert state.s3.pid == left
    assert state.postgres.running
