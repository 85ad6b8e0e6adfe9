"""Why a host can't be reached: its name, its port, or something in between that swallows packets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tasks.reachable import reach


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue is full: nothing answers, as behind a firewall that drops packets."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


def test_a_time_out_says_what_it_most_likely_is(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_CONNECT_TIMEOUT_SECONDS", "1")
    *_, line = reach("warehouse", f"redshift://u:secret@127.0.0.1:{silent_port}/db")
    assert not line.ok
    assert "within 1 s: a security group or an IP allow-list" in line.said
    assert "secret" not in repr(line)


def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    *_, line = reach("warehouse", f"postgresql://127.0.0.1:{port}/db")
    assert (line.ok, line.said) == (False, f"127.0.0.1:{port}: connection refused")


def test_a_name_that_nobody_knows() -> None:
    (line,) = reach("warehouse", "postgresql://no-such-host.invalid/db")
    assert (line.what, line.ok) == ("warehouse: name", False)
    assert line.next_command
