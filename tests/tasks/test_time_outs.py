"""Each wait for something outside ends by its setting: a server that takes a connection and says nothing, a network that
swallows. The rows of the table in docs/faults.md."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.declared_settings import SETTINGS, waiting_time
from deployments.errors import HeadgateError
from tasks.objects.queue import Queue
from tasks.objects.store import open_store
from tasks.sources import mysql_session
from tasks.sources import postgres as postgres_source
from tasks.warehouses import session
from tasks.warehouses.postgres.adapter import PostgresAddress

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", 18)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose server takes every connection and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=take, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()
    for connection in taken:
        connection.close()


def given_up(work: Callable[[], object], *errors: type[BaseException]) -> tuple[float, str]:
    """Seconds until it is given up, and what is said then."""
    begun = time.monotonic()
    with pytest.raises(errors) as caught:
        work()
    return time.monotonic() - begun, str(caught.value)


@pytest.mark.parametrize("who", ["warehouse", "postgres source", "mysql source"])
def test_of_being_let_in(silent: int, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_CONNECT_TIMEOUT_SECONDS", "2")
    place = f"x:y@127.0.0.1:{silent}/db"
    work: dict[str, Callable[[], object]] = {
        "warehouse": lambda: session.connect(PostgresAddress(f"postgresql://{place}")),
        "postgres source": lambda: postgres_source.connect(f"postgresql://{place}", "shop", "headgate"),
        # The address says itself how it is: nothing is encrypted that would be waited for.
        "mysql source": lambda: mysql_session.connect(f"mysql://{place}?ssl-mode=DISABLED", "shop", "headgate", 5),
    }
    took, said = given_up(work[who], HeadgateError, psycopg2.Error, mysql_session.pymysql.Error)
    # The default is 15; a busy machine takes its time.
    assert took < 12, said


def test_what_an_address_says_itself_comes_before(silent: int) -> None:
    address = PostgresAddress(f"postgresql://x:y@127.0.0.1:{silent}/db?connect_timeout=2&application_name=mine")
    took, said = given_up(lambda: session.connect(address), HeadgateError)
    assert took < 12, said


@pytest.mark.effect("HEADGATE_NETWORK_TIMEOUT_SECONDS")
def test_of_a_network_that_swallows(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(connection: Any) -> tuple[int, int]:
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as of:
            idle = of.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            lost = of.getsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT)
        connection.close()
        return lost // 1000, idle

    url = new_database()
    assert asked(session.connect(PostgresAddress(url))) == (180, 60)
    monkeypatch.setenv("HEADGATE_NETWORK_TIMEOUT_SECONDS", "30")
    assert asked(session.connect(PostgresAddress(url))) == (30, 10)
    assert asked(postgres_source.connect(url, "shop", "headgate")) == (30, 10)


@pytest.mark.effect("HEADGATE_STAGE_TIMEOUT_SECONDS")
def test_of_a_store_and_a_queue_that_say_nothing(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent}"), ("AWS_ACCESS_KEY_ID", "nobody-answers"),
                        ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-central-1")):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HEADGATE_STAGE_TIMEOUT_SECONDS", "1")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setattr("tasks.objects.queue.POLLED_SECONDS", 1)
    asked = (
        lambda: open_store("s3://absent-bucket/x").keys(""),
        lambda: Queue(f"http://127.0.0.1:{silent}/1/q").receive(1),
    )
    with ThreadPoolExecutor(len(asked)) as pool:
        for took, said in pool.map(lambda one: given_up(one, HeadgateError), asked):
            # Five tries of a second each; one of the default alone takes a minute.
            assert 5 <= took < 55, said


def test_every_wait_of_the_page_is_a_setting_with_that_default() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## How long each wait may take")[2]
    told = dict(re.findall(r"`(HEADGATE_\w+)` \| (\d+)", text))
    ours = {item.variable: item.default for item in SETTINGS if item.kind == "seconds"}
    assert told == ours
    assert all(waiting_time(name.removeprefix("HEADGATE_")) == int(default or 0) for name, default in ours.items())
