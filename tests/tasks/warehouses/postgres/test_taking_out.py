"""Live rows that a batch replaces are taken out in one statement, and kept; where that can't be, nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic, sleep
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress
from tasks.warehouses.protocol import Match, Replaced
from tasks.warehouses.quoting import identifier

LIVE, BATCH, KEPT = (TableName("public", name) for name in ("live", "batch", "kept"))
PLAIN = "CREATE TABLE live (id int, at int, note text)"
PARTS = (
    "CREATE TABLE live (id int, at int, note text) PARTITION BY RANGE (id); "
    "CREATE TABLE low PARTITION OF live FOR VALUES FROM (0) TO (50); "
    "CREATE TABLE high PARTITION OF live FOR VALUES FROM (50) TO (200)"
)


def match() -> Match:
    def of(form: str) -> sql.Composed:
        return sql.SQL(form).format(l=identifier(names.LIVE), n=identifier(names.NEW))

    return Match(of("{l}.id = {n}.id"), of("({n}.at >= {l}.at OR {l}.at IS NULL)"), of("({n}.note <> {l}.note)"))


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def cursor(url: str, made: str) -> Iterator[Any]:
    """In a table of ids 1 to 100, of which 1 to 40 come again: 10 with an older note, 10 unchanged, 20 changed (5 undated)."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(made)
        cursor.execute("INSERT INTO live SELECT n, CASE WHEN n > 35 AND n <= 40 THEN NULL ELSE 10 END, 'note ' || n "
                       "FROM generate_series(1, 100) n")  # fmt: skip
        cursor.execute("CREATE TABLE batch AS SELECT n AS id, CASE WHEN n <= 10 THEN 9 ELSE 10 END AS at, "
                       "CASE WHEN n > 10 AND n <= 20 THEN 'note ' || n ELSE 'new ' || n END AS note "
                       "FROM generate_series(1, 40) n UNION ALL SELECT 150, 1, 'new key'")  # fmt: skip
        connection.commit()
        yield cursor


def ids(cursor: Any, table: str) -> set[int]:
    cursor.execute(f"SELECT id FROM {table}")
    return {number for (number,) in cursor.fetchall()}


@pytest.mark.parametrize("made", [PLAIN, PARTS])
@pytest.mark.parametrize("kept", [KEPT, None])
@pytest.mark.parametrize("order", [(), ("id", "note")])
def test_replaced_rows_are_taken_out_and_kept(
    url: str, cursor: Any, kept: TableName | None, order: tuple[str, ...]
) -> None:
    found = PostgresAdapter(PostgresAddress(url)).take_out_replaced(cursor, LIVE, BATCH, match(), kept, order)
    assert found == Replaced(taken_out=20, stay=20, superseded=10)
    assert ids(cursor, "live") == set(range(1, 101)) - set(range(21, 41))
    if kept is not None:
        assert ids(cursor, "kept") == set(range(21, 41))


@pytest.mark.parametrize("made", [PLAIN + "; CREATE RULE none AS ON DELETE TO live DO INSTEAD NOTHING"])
def test_a_table_with_rules_returns_nothing(url: str, cursor: Any) -> None:
    assert PostgresAdapter(PostgresAddress(url)).take_out_replaced(cursor, LIVE, BATCH, match(), KEPT, ()) is None
    assert len(ids(cursor, "live")) == 100


def waits(url: str) -> None:
    """Until some session waits for another's row."""
    until = monotonic() + 60
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        while monotonic() < until:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone() != (0,):
                return
            connection.rollback()
            sleep(0.02)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("made", [PLAIN, PARTS])
def test_a_row_that_others_change_meanwhile_is_left_to_its_key(url: str, cursor: Any) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE live SET note = 'theirs' WHERE id = 30")
        taking = pool.submit(
            PostgresAdapter(PostgresAddress(url)).take_out_replaced, cursor, LIVE, BATCH, match(), KEPT, ()
        )
        waits(url)
        connection.commit()
        assert taking.result(60) is None
    assert len(ids(cursor, "live")) == 100
    cursor.execute("SELECT to_regclass('kept')")
    assert cursor.fetchone() == (None,)
