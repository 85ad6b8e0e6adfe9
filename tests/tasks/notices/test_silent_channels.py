"""A channel that takes the connection and says nothing is given up in time: a run isn't held up by it."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from tasks.notices.channels import channels
from tasks.notices.delivery import NotDeliveredError, deliver


@pytest.mark.effect("HEADGATE_NOTIFY_TIMEOUT_SECONDS")
@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/hook", "smtp://127.0.0.1:{port}/?from=a@b.c&to=d@e.f"])
def test_it_is_given_up(url: str, notice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_NOTIFY_TIMEOUT_SECONDS", "1")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        (channel,) = channels({"ops": url.format(port=nobody.getsockname()[1])}).values()
        begun = time.monotonic()
        with pytest.raises(NotDeliveredError):
            deliver(channel, notice())
    # By default ten seconds.
    assert time.monotonic() - begun < 8
