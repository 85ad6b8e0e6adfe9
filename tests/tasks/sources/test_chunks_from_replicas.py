"""Chunks of a connection that has a replica: exactly the primary's rows, or an error, whatever holds the replica up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.errors import RetryableError, SourceUnreachableError
from tasks.sources import places, ranges
from tests.standby import Pair
from tests.tasks.sources import test_read_from_replicas as replicas
from tests.tasks.sources.test_read_from_replicas import World, ids

pair, maria, world, opened, heard = replicas.pair, replicas.maria, replicas.world, replicas.opened, replicas.heard
SNAPSHOTS = ("batch", "chunk")
QUERY = "SELECT * FROM numbers"


@pytest.fixture
def numbers(world: World, opened: Callable[..., Any]) -> Callable[..., Any]:
    """A reader, by chunks of 100 rows, of a table of the numbers to 1,000."""
    fill = "generate_series(1, 1000) n" if world.kind == "postgres" else "seq_1_to_1000"
    column = "n" if world.kind == "postgres" else "seq"
    world.run("DROP TABLE IF EXISTS numbers", "CREATE TABLE numbers (id int PRIMARY KEY)",
              f"INSERT INTO numbers SELECT {column} FROM {fill}")  # fmt: skip

    def made(snapshot: str, told: str = "", **more: Any) -> Any:
        return opened(told, query=QUERY, chunks={"by": "id", "rows": 100, "snapshot": snapshot}, **more)

    return made


def all_ids(world: World) -> list[int]:
    return [int(number) for (number,) in world.run("SELECT id FROM numbers ORDER BY id")]


def read(data: Iterator[bytes]) -> list[int]:
    return sorted(int(line) for line in b"".join(data).split() if line.isdigit())


@pytest.mark.effect("Protection.replica", "Chunks.snapshot")
@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_chunks_of_a_replica_that_is_behind_at_first(world: World, numbers: Callable[..., Any], snapshot: str) -> None:
    whole = list(range(1, 1001))
    reader = numbers(snapshot)
    assert ids(reader) == whole
    assert reader.where.startswith("copy (127.0.0.1/")
    assert reader.fingerprint() == numbers(snapshot).at("shop").fingerprint()
    world.caught_up()
    go_on = world.stalls["replay"]()
    try:
        world.run("INSERT INTO numbers VALUES (2000)", "DELETE FROM numbers WHERE id = 1")
        for ask in (lambda: ids(numbers(snapshot, "catch_up: 0s")), numbers(snapshot, "catch_up: 0s").fingerprint):
            with pytest.raises(SourceUnreachableError) as caught:
                ask()
            assert caught.value.code == "REPLICA-BEHIND"
        timer = threading.Timer(0.5, go_on)
        timer.start()
        assert ids(numbers(snapshot, "catch_up: 60s")) == all_ids(world) == [*whole[1:], 2000]
        timer.join()
    finally:
        go_on()


@pytest.mark.effect("Protection.otherwise", "Chunks.snapshot=batch", "Chunks.snapshot=chunk")
@pytest.mark.parametrize("what", ["replay", "receiving"])
def test_a_replica_that_stops_between_chunks(
    world: World, numbers: Callable[..., Any], heard: list[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Nothing of it is read that is older than the chunk; one snapshot goes on with what it has."""
    end, held_up = ranges.Walk.end, []

    def end_and_hold_up(walk: ranges.Walk) -> None:
        end(walk)
        if walk.passed == 2 and not held_up:
            held_up.append(world.stalls[what]())
            world.run("INSERT INTO numbers VALUES (2000)", "DELETE FROM numbers WHERE id = 950")

    monkeypatch.setattr(ranges.Walk, "end", end_and_hold_up)
    for snapshot, otherwise in (("chunk", "fail"), ("chunk", "primary"), ("batch", "fail"), ("batch", "primary")):
        world.run("DELETE FROM numbers WHERE id IN (950, 2000)", "INSERT INTO numbers VALUES (950)")
        world.caught_up()
        before = all_ids(world)
        reader = numbers(snapshot, f"catch_up: 1s, otherwise: {otherwise}")
        try:
            if (snapshot, otherwise) == ("chunk", "fail"):
                with pytest.raises(SourceUnreachableError) as caught:
                    list(reader.chunks())
                assert caught.value.code == "REPLICA-BEHIND"
                continue
            found = read(reader.chunks())
            assert len(held_up) == 1
        finally:
            while held_up:
                held_up.pop()()
        if snapshot == "batch":
            assert found == before
            assert reader.where.startswith("copy (")
            assert "; then" not in reader.where
        else:
            # Both changes are behind the chunk that was read.
            assert found == all_ids(world) != before
            copied, _, instead = reader.where.partition("; then ")
            assert copied.startswith("copy (")
            assert "which had all of 'shop' (at " in copied
            assert instead.startswith("shop (")
            assert instead.endswith("since 'copy' was behind or away")
            # Once it was behind, it isn't waited for again.
            assert len([said for said in heard if "otherwise: primary" in said]) == 1
            # What is read anew says what that is read from.
            monkeypatch.setattr(ranges.Walk, "end", end)
            assert read(reader.chunks()) == all_ids(world)
            assert "; then" not in reader.where
            monkeypatch.setattr(ranges.Walk, "end", end_and_hold_up)


@pytest.mark.effect("Protection.max_connections", "Chunks.snapshot=chunk")
def test_a_place_is_held_for_as_long_as_a_connection_is(world: World, numbers: Callable[..., Any]) -> None:
    limits: dict[str, Any] = {"more": "  copy: {max_connections: 1, wait: 0s}\n"}
    one = numbers("chunk", "max_connections: 1, wait: 0s", **limits).chunks()
    first = [next(one), next(one)]
    # Between two chunks none is in use.
    assert ids(numbers("chunk", "max_connections: 1, wait: 0s", **limits)) == list(range(1, 1001))
    assert read(iter([*first, *one])) == list(range(1, 1001))


@pytest.mark.effect("Protection.allowed", "Chunks.snapshot=chunk")
def test_chunks_go_on_after_the_hours_in_which_they_began(
    world: World, numbers: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime.now(UTC)

    class Clock(datetime):
        now_is = begun

        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return cls.now_is

    monkeypatch.setattr(places, "datetime", Clock)
    first, last = (f"{begun + timedelta(hours=number):%H:%M}" for number in (-1, 1))
    hours = f"  copy: {{allowed: {{from: '{first}', to: '{last}', timezone: UTC}}}}\n"
    data = numbers("chunk", more=hours).chunks()
    some = [next(data), next(data)]
    Clock.now_is = begun + timedelta(hours=2)
    assert read(iter([*some, *data])) == list(range(1, 1001))
    for ask in (lambda: ids(numbers("chunk", more=hours)), numbers("chunk", more=hours).fingerprint):
        with pytest.raises(RetryableError) as caught:
            ask()
        assert caught.value.code == "OUTSIDE-HOURS"


@pytest.mark.effect("Chunks.snapshot=batch", "Chunks.snapshot=chunk")
def test_a_replica_that_ends_a_chunk_for_its_replay_is_asked_for_that_one_again(
    pair: Pair, source: Callable[..., Any], heard: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connections.yaml").write_text("connections: {shop: {replica: copy}}\n")
    pair.run("DROP TABLE IF EXISTS cleaned", "CREATE TABLE cleaned (id int PRIMARY KEY, note text)",
             "INSERT INTO cleaned SELECT n, repeat('x', 400) FROM generate_series(1, 2000) n",
             "CREATE OR REPLACE FUNCTION slow(n int) RETURNS int STABLE LANGUAGE plpgsql AS "
             "'BEGIN PERFORM pg_sleep(0.002); RETURN n; END'")  # fmt: skip
    waited: list[float] = []
    monkeypatch.setattr(ranges, "pauses", SimpleNamespace(pause=waited.append))
    begin, begun = ranges.Walk.begin, []

    def begin_and_clean(walk: ranges.Walk, bound: Any) -> ranges.Range:
        """While the second chunk is read, rows that its snapshot still needs are cleaned away on the primary."""
        found = begin(walk, bound)
        begun.append(found.after)
        if len(begun) == 2:
            cleaning = ("UPDATE cleaned SET note = note || 'y' WHERE id > 1500", "VACUUM cleaned")
            threading.Timer(0.2, lambda: pair.run(*cleaning)).start()
        return found

    monkeypatch.setattr(ranges.Walk, "begin", begin_and_clean)

    def reader(snapshot: str) -> Any:
        declared = {"kind": "postgres", "connection": "shop", "query": "SELECT id, note, slow(id) AS s FROM cleaned",
                    "chunks": {"by": "id", "rows": 500, "snapshot": snapshot}}  # fmt: skip
        return source(declared, shop=pair.primary, copy=pair.replica)

    found = reader("chunk")
    data = b"".join(found.chunks())
    expected = pair.run("SELECT id || ',' || note || ',' || id FROM cleaned")
    assert sorted(data.decode().split()[1:]) == sorted(line for (line,) in expected)
    assert waited == [2]
    assert [said for said in heard if "[REPLICA-CONFLICT]" in said]
    # That chunk and no other.
    assert begun[1] == begun[2]
    assert len(set(begun[1:])) == len(begun) - 2
    assert found.walks[0].passed == len(begun) - 1
    begun.clear()
    assert reader("chunk").fingerprint() == reader("chunk").at("shop").fingerprint()
    assert waited == [2, 2]
    begun.clear()
    with pytest.raises(SourceUnreachableError) as caught:
        b"".join(reader("batch").chunks())
    assert caught.value.code == "REPLICA-CONFLICT"
    assert waited == [2, 2]
    pair.run("DROP TABLE cleaned")
