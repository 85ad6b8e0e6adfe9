"""Reading from a real replica of PostgreSQL, and what it does to reads that are in its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployments.errors import HeadgateError, SourceUnreachableError
from tasks.retrying import is_passing
from tests.standby import Pair, streaming

ROWS = {"kind": "postgres", "connection": "shop", "query": "SELECT id, note FROM sales"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with streaming(tmp_path_factory.mktemp("pair")) as made:
        made.run("CREATE TABLE sales AS SELECT n AS id, repeat('x', 400) AS note FROM generate_series(1, 60000) n")
        made.caught_up()
        yield made


def test_a_read_in_the_way_of_the_replay_is_told_as_such(pair: Pair, source: Callable[..., Any]) -> None:
    """By the server itself: rows that the read's snapshot still needs are cleaned away on the primary."""
    chunks = source(ROWS, shop=pair.replica).chunks()
    next(chunks)
    pair.run("UPDATE sales SET note = note WHERE id <= 1000", "VACUUM sales")
    with pytest.raises(SourceUnreachableError) as caught:
        b"".join(chunks)
    assert caught.value.code == "REPLICA-CONFLICT"
    assert "127.0.0.1" in caught.value.message
    assert "hot_standby_feedback" in str(caught.value.next_command)
    assert is_passing(caught.value)
    pair.caught_up()
    assert b"".join(source(ROWS, shop=pair.replica).chunks()).count(b"\n") == 60_001


def test_a_query_that_locks_is_ended_as_such(pair: Pair, source: Callable[..., Any]) -> None:
    """A lock that the replay needs, of a session that computes."""
    waiting = {
        **ROWS,
        "query": "SELECT count(*) AS id, min(a.note) AS note FROM sales a, sales b WHERE a.id + b.id < 0",
    }
    failed: list[HeadgateError] = []

    def read() -> None:
        try:
            b"".join(source(waiting, shop=pair.replica).chunks())
        except HeadgateError as error:
            failed.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%'"
    while not failed and pair.run(active, on=pair.replica) == [(0,)]:
        threading.Event().wait(0.05)
    pair.run("ALTER TABLE sales ADD COLUMN more int")
    reading.join(60)
    assert [error.code for error in failed] == ["REPLICA-CONFLICT"]
