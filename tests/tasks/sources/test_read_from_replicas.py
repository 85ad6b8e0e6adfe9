"""A connection that is read from its replica: what was committed before a read is read, or nothing is.

On real pairs of servers that replicate: PostgreSQL by streaming, MariaDB by global transaction ids.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.connections import Protection
from deployments.errors import DeclarationError, HeadgateError, SourceUnreachableError
from tasks.progress import hear_waits
from tasks.retrying import is_passing
from tests import mariadb
from tests.mariadb_pair import Followed, followed
from tests.standby import Pair, streaming

KINDS = ["postgres", "mysql"]


@dataclass
class World:
    """A pair with a table `sales` of one column `id`, and how its replication is held up and goes on."""

    kind: str
    primary: str
    replica: str
    run: Callable[..., Any]
    on_replica: Callable[..., Any]
    stalls: dict[str, Callable[[], Callable[[], None]]]
    caught_up: Callable[[], None]
    last: int = 0

    def commit(self) -> int:
        """One more row on the primary."""
        self.last += 1
        self.run(f"INSERT INTO sales VALUES ({self.last})")
        return self.last


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with streaming(tmp_path_factory.mktemp("pair")) as made:
        made.run("CREATE TABLE sales (id int)")
        yield made


@pytest.fixture(scope="module")
def maria() -> Iterator[Followed]:
    if not mariadb.is_installed():
        pytest.skip("mariadb-server isn't installed")
    with followed() as made:
        made.primary.run("CREATE DATABASE shop", "CREATE TABLE shop.sales (id int)")
        yield made


def of_postgres(pair: Pair) -> World:
    def paused() -> Callable[[], None]:
        pair.run("SELECT pg_wal_replay_pause()", on=pair.replica)
        return lambda: pair.run("SELECT pg_wal_replay_resume()", on=pair.replica) and None  # type: ignore[return-value]

    def cut() -> Callable[[], None]:
        known = pair.cut()
        return lambda: pair.join(known)

    return World(
        "postgres", pair.primary, pair.replica, pair.run, lambda *told: pair.run(*told, on=pair.replica),
        {"replay": paused, "receiving": cut}, pair.caught_up,
    )  # fmt: skip


def of_mariadb(maria: Followed) -> World:
    def stopped(thread: str) -> Callable[[], Callable[[], None]]:
        def stop() -> Callable[[], None]:
            maria.replica.run(f"STOP SLAVE {thread}")
            return maria.going_on

        return stop

    return World(
        "mysql", maria.primary.url("shop"), maria.replica.url("shop"),
        lambda *told: maria.primary.run(*told, database="shop"), lambda *told: maria.replica.run(*told, database="shop"),
        {"replay": stopped("SQL_THREAD"), "receiving": stopped("IO_THREAD")}, maria.caught_up,
    )  # fmt: skip


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> World:
    of = (
        of_postgres(request.getfixturevalue("pair"))
        if request.param == "postgres"
        else of_mariadb(request.getfixturevalue("maria"))
    )
    ((of.last,),) = of.run("SELECT coalesce(max(id), 0) FROM sales")
    return of


@pytest.fixture
def opened(world: World, source: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """A reader of `sales` over the connection `shop`, whose replica is `copy`."""

    def made(
        told: str = "", *, more: str = "", query: str = "SELECT id FROM sales", chunks: dict[str, Any] | None = None,
        **changed: str,
    ) -> Any:  # fmt: skip
        told = f", {told}" if told else ""
        (tmp_path / "connections.yaml").write_text(f"connections:\n  shop: {{replica: copy{told}}}\n{more}")
        declared = {"kind": world.kind, "connection": "shop", "query": query, "chunks": chunks}
        return source(
            {key: value for key, value in declared.items() if value},
            **({"shop": world.primary, "copy": world.replica} | changed),
        )

    return made


@pytest.fixture
def heard() -> Iterator[list[str]]:
    sentences: list[str] = []
    stop = hear_waits(sentences.append)
    yield sentences
    stop()


def ids(reader: Any) -> list[int]:
    return sorted(int(line) for line in b"".join(reader.chunks()).split()[1:])


@pytest.mark.effect("Protection.replica")
def test_a_row_that_was_committed_is_read_from_the_replica(world: World, opened: Callable[..., Any]) -> None:
    """Each read follows a commit at once: none of them may be too early."""
    for _ in range(8):
        last = world.commit()
        reader = opened()
        assert ids(reader)[-1] == last
        assert reader.where.startswith("copy (127.0.0.1/")
        assert "which had all of 'shop' (at " in reader.where
    reader = opened()
    assert reader.fingerprint() == opened().at("shop").fingerprint()
    assert reader.says_yes(f"SELECT max(id) = {last} AS yes FROM sales")
    assert list(reader.describe().columns) == ["id"]
    assert "s after it was asked" in reader.compared()


def test_the_rows_come_from_the_replica_and_from_nowhere_else(world: World, opened: Callable[..., Any]) -> None:
    """Who reads is told by the server that answers; nothing but a position is asked of the primary."""
    if world.kind == "postgres":
        reader = opened(query="SELECT pg_is_in_recovery()::int AS id")
    else:
        reader = opened(query="SELECT @@server_id - 1 AS id")
    assert ids(reader) == [1]
    assert ids(reader.at("shop")) == [0]


@pytest.mark.effect("Protection.catch_up", "Protection.otherwise=fail")
@pytest.mark.parametrize("what", ["replay", "receiving"])
def test_a_replica_that_is_behind_is_waited_for_and_never_read(
    world: World, opened: Callable[..., Any], heard: list[str], what: str
) -> None:
    world.caught_up()
    go_on = world.stalls[what]()
    try:
        last = world.commit()
        began = time.monotonic()
        with pytest.raises(SourceUnreachableError) as caught:
            ids(opened("catch_up: 2s"))
        assert time.monotonic() - began >= 2
        assert caught.value.code == "REPLICA-BEHIND"
        assert is_passing(caught.value)
        assert "hasn't got in 2s what 'shop' had" in caught.value.message
        if world.kind == "postgres":
            assert ("replay is paused" if what == "replay" else "no WAL receiver runs") in caught.value.message
        assert [said for said in heard if "the replica 'copy' is behind" in said and "for 2s at most" in said]
        # Whatever is asked of the source is asked of what it has now.
        reader = opened("catch_up: 0s")
        asked: list[Callable[[], Any]] = [
            lambda: ids(reader), reader.fingerprint, reader.describe, lambda: reader.first_day("id"), reader.compared,
            lambda: reader.says_yes("SELECT 1 = 1 AS yes"),
        ]  # fmt: skip
        for ask in asked:
            with pytest.raises(SourceUnreachableError, match="hasn't got in 0s"):
                ask()
        # What goes on meanwhile is read, whole.
        timer = threading.Timer(0.5, go_on)
        timer.start()
        assert ids(opened("catch_up: 60s"))[-1] == last
        timer.join()
    finally:
        go_on()
    assert ids(opened())[-1] == last


@pytest.mark.effect("Protection.otherwise", "Protection.otherwise=primary")
def test_where_it_is_declared_the_primary_is_read_instead(
    world: World, opened: Callable[..., Any], heard: list[str]
) -> None:
    world.caught_up()
    go_on = world.stalls["replay"]()
    try:
        last = world.commit()
        reader = opened("catch_up: 0s, otherwise: primary")
        assert ids(reader)[-1] == last
        assert reader.where.startswith("shop (127.0.0.1/")
        assert reader.where.endswith("since 'copy' was behind or away")
        assert heard[-1].endswith("the rows are read from 'shop' instead (otherwise: primary)")
    finally:
        go_on()
    nobody = world.replica.replace(world.replica.rpartition(":")[2].partition("/")[0], "1")
    assert ids(opened("otherwise: primary", copy=nobody))[-1] == last
    with pytest.raises(SourceUnreachableError) as caught:
        ids(opened(copy=nobody))
    assert caught.value.code == "SOURCE-UNREACHABLE"
    # Rows of a server that may not be read now are read from no other one either.
    first, last = (f"{datetime.now(UTC) + timedelta(hours=number):%H:%M}" for number in (2, 3))
    with pytest.raises(HeadgateError, match="rows of 'copy' may be read"):
        ids(
            opened(
                "otherwise: primary", more=f"  copy: {{allowed: {{from: '{first}', to: '{last}', timezone: UTC}}}}\n"
            )
        )


def test_what_is_no_replica_of_it_is_refused(
    world: World, opened: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    """The primary itself, another database, another server, and a primary that is a replica."""
    world.commit()
    if world.kind == "postgres":
        other = request.getfixturevalue("new_database")()
        elsewhere = world.replica.replace("/postgres?", "/template1?")
    else:
        other, elsewhere = request.getfixturevalue("mysql").url, world.replica.replace("/shop", "/mysql")
    wrong = {
        "replays nothing|has replicated nothing": {"copy": world.primary},
        "leads to the database": {"copy": elsewhere},
        "another system identifier|has replicated nothing": {"copy": other},
        "is a replica itself|has replicated nothing|is at": {"shop": world.replica, "copy": world.primary},
    }
    for told, changed in wrong.items():
        for declared in ("catch_up: 1s", "catch_up: 1s, otherwise: primary"):
            with pytest.raises(DeclarationError, match=told) as caught:
                ids(opened(declared, **changed))
            assert caught.value.code == "NOT-A-REPLICA"
            assert not is_passing(caught.value)
            assert "s3cret" not in str(caught.value)


def test_each_server_counts_its_own_connections(world: World, opened: Callable[..., Any]) -> None:
    world.commit()
    limits = "  copy: {max_connections: 1, wait: 0s}\n"
    many = "SELECT a.id FROM sales a, sales b, sales c, sales d LIMIT 100000"
    first = opened("max_connections: 1, wait: 0s", more=limits, query=many).chunks()
    next(first)
    # The replica's only place is taken, the primary's is free.
    with pytest.raises(SourceUnreachableError, match="max_connections: 1 of 'copy'"):
        ids(opened("max_connections: 1, wait: 0s", more=limits))
    assert opened("max_connections: 1, wait: 0s", more=limits).at("shop").ping()
    first.close()
    assert ids(opened("max_connections: 1, wait: 0s", more=limits))


def test_an_idle_primary_is_waited_for_by_nobody(pair: Pair, source: Callable[..., Any], tmp_path: Path) -> None:
    """Behind the end of a file of the log its next record has a place that no replica reaches before it is written."""
    (tmp_path / "connections.yaml").write_text("connections: {shop: {replica: copy, catch_up: 30s}}\n")
    declared = {"kind": "postgres", "connection": "shop", "query": "SELECT id FROM sales"}
    for change in ("SELECT pg_switch_wal()", "SELECT pg_switch_wal()", "SET synchronous_commit = off"):
        pair.run(change, "INSERT INTO sales VALUES (1000)", *(["SELECT pg_switch_wal()"] if "wal" in change else []))
        began = time.monotonic()
        found = ids(source(declared, shop=pair.primary, copy=pair.replica))
        assert time.monotonic() - began < 20
        assert found.count(1000) == pair.run("SELECT count(*) FROM sales WHERE id = 1000")[0][0]
    pair.run("DELETE FROM sales WHERE id = 1000")


def test_positions_of_the_log_end_before_the_header_of_a_page() -> None:
    from tasks.sources.postgres_replica import end_of_records, place_of, spelled

    page, file = 8192, 16 * 1024**2
    for place, end in (("0/3000028", "0/3000000"), ("0/3002018", "0/3002000"), ("0/3002028", "0/3002028"),
                       ("0/3000148", "0/3000148"), ("A/FF000028", "A/FF000000"), ("0/3000018", "0/3000018")):  # fmt: skip
        assert spelled(end_of_records(place_of(place), page, file)) == end


def test_a_replica_that_is_restarted_is_read_again(pair: Pair, source: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "connections.yaml").write_text("connections: {shop: {replica: copy}}\n")
    declared = {"kind": "postgres", "connection": "shop", "query": "SELECT id FROM sales"}
    for _ in range(2):
        pair.run("INSERT INTO sales VALUES (2000)")
        pair.restart()
        found = ids(source(declared, shop=pair.primary, copy=pair.replica))
        assert found.count(2000) == pair.run("SELECT count(*) FROM sales WHERE id = 2000")[0][0]
    pair.run("DELETE FROM sales WHERE id = 2000")


@pytest.mark.parametrize(("declared", "told"), [
    ({"catch_up": "5m"}, "catch_up says how a replica is read"), ({"otherwise": "primary"}, "otherwise says how"),
])  # fmt: skip
def test_what_says_how_a_replica_is_read_needs_one(declared: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Protection.model_validate(declared)
