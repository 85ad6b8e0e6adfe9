"""A warehouse that restarts, hangs up, is full or locked at a chosen moment of a load."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg2
import pytest

from deployments.errors import HeadgateError
from tasks.warehouses import exactly_once

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
FULL = """DO $$ BEGIN RAISE EXCEPTION 'could not extend file "base/5/16384": No space left on device'
USING ERRCODE = '53100'; END $$"""


@pytest.mark.parametrize("point", ["copy-bytes", "copy-part", "before-commit"])
def test_restarted_on_the_way(loaded: Any, at_point: Any, restart: Any, idle: Any, point: str) -> None:
    at_point(point, restart)
    loaded.load()
    loaded.must_be_right()
    assert idle() == []


def test_restarted_between_commit_and_its_answer(loaded: Any, wire: Any, at_point: Any, restart: Any) -> None:
    """The COMMIT is done, nobody hears of it, and the server is gone for a while."""
    at_point("before-commit", lambda: wire.cut("COMMIT", "after", then=restart))
    loaded.load()
    assert wire.fired == 1
    loaded.must_be_right()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("times", [1, 3])
def test_the_connection_is_lost_at_commit(loaded: Any, wire: Any, at_point: Any, when: Any, times: int) -> None:
    at_point("before-commit", lambda: wire.cut("COMMIT", when, times))
    loaded.load()
    loaded.must_be_right()


def test_nobody_is_let_in_for_a_while_after_commit(loaded: Any, wire: Any, at_point: Any) -> None:
    def gone_for_a_while() -> None:
        wire.down = True
        threading.Timer(1.0, lambda: setattr(wire, "down", False)).start()

    at_point("before-commit", lambda: wire.cut("COMMIT", "after", then=gone_for_a_while))
    loaded.load()
    loaded.must_be_right()


def test_a_commit_in_doubt_is_told_and_settled_by_the_next_run(
    loaded: Any, wire: Any, at_point: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warehouse stays away: whether it was published can't be known now, and is not guessed."""
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    loaded.give_up_at_once(monkeypatch)
    at_point("before-commit", lambda: wire.cut("COMMIT", "after", then=lambda: setattr(wire, "down", True)))
    with pytest.raises(HeadgateError) as caught:
        loaded.load()
    assert (caught.value.code, caught.value.family) == ("IN-DOUBT", "retryable")
    wire.down = False
    assert loaded.load().status in ("unchanged", "already_published")
    loaded.must_be_right()


@pytest.mark.parametrize("statement", ["CREATE TABLE", "COPY ", 'INSERT INTO "ops"."proof'])
def test_the_disk_is_full(loaded: Any, wire: Any, idle: Any, statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own error, raised in place of the statement that needs the room."""
    loaded.give_up_at_once(monkeypatch)
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    wire.swap(statement, FULL, times=1000)
    error = loaded.fails_with("WAREHOUSE-FULL", "retryable")
    assert "free space" in str(error.next_command)
    assert idle() == []
    wire.forget()
    loaded.load()
    loaded.must_be_right()


def test_a_reader_holds_the_table_for_a_while(loaded: Any) -> None:
    """The swap gives way to a long query and comes back; a new reader waits no longer than one try of the swap."""
    reader = psycopg2.connect(str(loaded.house.place.settings.warehouse_url))
    with reader.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {loaded.table}")
    threading.Timer(3.5, reader.close).start()
    load = threading.Thread(target=loaded.load)
    load.start()
    waits = []
    while load.is_alive():
        began = time.monotonic()
        assert len(loaded.rows) in (len(loaded.before), len(loaded.after))
        waits.append(time.monotonic() - began)
        time.sleep(0.05)
    load.join()
    loaded.must_be_right()


@pytest.mark.parametrize("loaded", ["full_refresh"], indirect=True)
def test_a_reader_never_lets_go(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    reader = psycopg2.connect(str(loaded.house.place.settings.warehouse_url))
    with reader.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {loaded.table}")
    loaded.give_up_at_once(monkeypatch)
    loaded.fails_with("LOCKED", "retryable")
    reader.close()
    loaded.load()
    loaded.must_be_right()
