"""Servers that were replicas, or are those of a primary that isn't one any more: none of them is read for its primary.

Each test spoils its pair.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import DeclarationError, HeadgateError
from tests import mariadb
from tests.mariadb_pair import followed
from tests.standby import streaming

pytestmark = pytest.mark.trial


@pytest.fixture
def read(source: Callable[..., Any], tmp_path: Path) -> Callable[..., list[int]]:
    """The rows of `sales`, read from `copy` in place of `shop`."""

    def made(kind: str, shop: str, copy: str) -> list[int]:
        (tmp_path / "connections.yaml").write_text("connections: {shop: {replica: copy, catch_up: 2s}}\n")
        declared = {"kind": kind, "connection": "shop", "query": "SELECT id FROM sales"}
        return sorted(map(int, b"".join(source(declared, shop=shop, copy=copy).chunks()).split()[1:]))

    return made


def test_a_failover_of_postgresql(tmp_path: Path, read: Callable[..., list[int]]) -> None:
    """A replica is promoted; its primary goes on beside it, with a replica that still follows that one."""
    (tmp_path / "pair").mkdir()
    with streaming(tmp_path / "pair") as pair:
        third = pair.another()
        pair.run("CREATE TABLE sales (id int)", "INSERT INTO sales VALUES (1)")
        assert read("postgres", pair.primary, third) == [1]
        pair.caught_up()
        pair.run("SELECT pg_promote()", on=pair.replica)
        with pytest.raises(DeclarationError, match="replays nothing: it was promoted") as caught:
            read("postgres", pair.primary, pair.replica)
        assert caught.value.code == "NOT-A-REPLICA"
        # The new primary has a row that the old one and its replica lack; theirs is the longer log.
        pair.run("INSERT INTO sales VALUES (2)", on=pair.replica)
        pair.run("INSERT INTO sales SELECT n FROM generate_series(10, 20000) n")
        assert len(read("postgres", pair.primary, third)) == 19_992
        with pytest.raises(HeadgateError, match="on timeline 1, its primary on 2") as told:
            read("postgres", pair.replica, third)
        assert told.value.code == "REPLICA-BEHIND"


def test_a_replica_that_follows_the_new_primary(tmp_path: Path, read: Callable[..., list[int]]) -> None:
    """At once for a login that may see the state of the replication, else once the replica has noted the new timeline."""
    (tmp_path / "pair").mkdir()
    with streaming(tmp_path / "pair") as pair:
        third = pair.another()
        pair.run("CREATE TABLE sales (id int)", "CREATE ROLE reader LOGIN", "GRANT SELECT ON sales TO reader")
        pair.caught_up()
        assert read("postgres", pair.primary, third) == []
        pair.run("SELECT pg_promote()", on=pair.replica)
        port = pair.replica.rpartition(":")[2].partition("/")[0]
        told = f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={port} user=headgate'"
        pair.run(told, "SELECT pg_reload_conf()", on=third)
        pair.run("INSERT INTO sales VALUES (1)", on=pair.replica)
        assert read("postgres", pair.replica, third) == [1]
        as_reader = [address.replace("//headgate@", "//reader@") for address in (pair.replica, third)]
        with pytest.raises(HeadgateError, match="on timeline 1, its primary on 2"):
            read("postgres", *as_reader)
        pair.run("CHECKPOINT", on=pair.replica)
        pair.run("INSERT INTO sales VALUES (2)", on=pair.replica)
        assert read("postgres", pair.replica, third) == [1, 2]
        pair.run("CHECKPOINT", on=third)
        assert read("postgres", *as_reader) == [1, 2]


def test_a_failover_of_mariadb(read: Callable[..., list[int]]) -> None:
    if not mariadb.is_installed():
        pytest.skip("mariadb-server isn't installed")
    with followed() as pair:
        shop, copy = pair.primary.url("shop"), pair.replica.url("shop")
        pair.primary.run(
            "CREATE DATABASE shop", "CREATE TABLE shop.sales (id int)", "INSERT INTO shop.sales VALUES (1)"
        )
        assert read("mysql", shop, copy) == [1]
        # A part is left out: what isn't sent is never late.
        for filtered in ("replicate_ignore_table = 'shop.sales'", "replicate_do_db = 'other'"):
            pair.replica.run("STOP SLAVE", f"SET GLOBAL {filtered}", "START SLAVE")
            pair.primary.run("INSERT INTO shop.sales VALUES (2)")
            with pytest.raises(DeclarationError, match="leaves a part of its primary out") as caught:
                read("mysql", shop, copy)
            name = filtered.partition(" ")[0]
            pair.replica.run("STOP SLAVE", f"SET GLOBAL {name} = ''", "START SLAVE")
        pair.replica.run("STOP SLAVE", "SET GLOBAL replicate_ignore_table = 'mysql.innodb_index_stats'", "START SLAVE")
        pair.primary.run("INSERT INTO shop.sales VALUES (3)")
        assert 3 in read("mysql", shop, copy)
        # Who may see the state of the replication is told it.
        for server in (pair.primary, pair.replica):
            server.run("SET sql_log_bin = 0", "GRANT SLAVE MONITOR ON *.* TO reader@'%'")
        pair.replica.run("STOP SLAVE SQL_THREAD")
        pair.primary.run("INSERT INTO shop.sales VALUES (4)")
        with pytest.raises(HeadgateError, match=r"1 transaction behind.*its SQL thread: No") as behind:
            read("mysql", shop, copy)
        assert behind.value.code == "REPLICA-BEHIND"
        pair.going_on()
        # Promoted: it follows nobody, and then has rows of its own. The numbers of both go on alike.
        pair.replica.run("STOP SLAVE", "RESET SLAVE ALL")
        with pytest.raises(DeclarationError, match="replicates from nobody") as caught:
            read("mysql", shop, copy)
        for server in (pair.primary, pair.replica):
            server.run("SET sql_log_bin = 0", "REVOKE SLAVE MONITOR ON *.* FROM reader@'%'")
        pair.replica.run("INSERT INTO shop.sales VALUES (5)")
        with pytest.raises(DeclarationError, match="has changes of its own") as caught:
            read("mysql", shop, copy)
        assert caught.value.code == "NOT-A-REPLICA"
        # A replica of another history: further on by the number, and without the row of this primary.
        pair.primary.run("INSERT INTO shop.sales VALUES (6)")
        pair.replica.run("RESET MASTER", "SET GLOBAL gtid_slave_pos = '0-1-100000'")
        with pytest.raises(DeclarationError, match="it is at 0-1-100000, and the primary only at") as caught:
            read("mysql", shop, copy)
        assert caught.value.code == "NOT-A-REPLICA"


def test_what_a_server_without_replication_has_is_read_for_nobody(read: Callable[..., list[int]]) -> None:
    if not mariadb.is_installed():
        pytest.skip("mariadb-server isn't installed")
    with followed() as pair:
        pair.primary.run("CREATE DATABASE shop", "CREATE TABLE shop.sales (id int)")
        pair.caught_up()
        # The same number, written by another server: a history that parted from this one.
        pair.replica.run("STOP SLAVE")
        pair.primary.run("INSERT INTO shop.sales VALUES (1)")
        ((at,),) = pair.primary.run("SELECT @@GLOBAL.gtid_binlog_pos")
        domain, _, number = at.split("-")
        pair.replica.run("RESET MASTER", f"SET GLOBAL gtid_slave_pos = '{domain}-7-{number}'")
        with pytest.raises(HeadgateError, match="written by server 7") as caught:
            read("mysql", pair.primary.url("shop"), pair.replica.url("shop"))
        assert caught.value.code == "REPLICA-BEHIND"
