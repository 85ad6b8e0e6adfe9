"""A candidate that is proven while it is filled: the figures are those of all its rows, whatever their width."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql

from deployments.declarations.table import Table
from deployments.embedded.stack import StackState
from expectations.contract.checksum import Checksum
from tasks.filling import Filling
from tasks.warehouses.figures import figures_of
from tasks.warehouses.names import TableName
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress
from tasks.warehouses.postgres import places as module
from tasks.warehouses.postgres.places import last_row, rows_between
from tasks.warehouses.quoting import qualified
from tasks.warehouses.shapes import shape_of

NOTES = Table.model_validate(
    {"table": "public.notes", "description": "d", "owner": "o", "load": {"mode": "full_refresh"},
     "source": {"kind": "csv", "url": "http://example.com/t.csv"},
     "columns": [{"name": "id", "type": "integer"}, {"name": "note", "type": "varchar(8000)"}]}
)  # fmt: skip


@pytest.fixture
def filling(clients: StackState) -> Iterator[Filling]:
    assert clients.warehouse_url is not None
    begun = Filling.begin(
        PostgresAdapter(PostgresAddress(clients.warehouse_url)),
        TableName("public", f"filled_{uuid4().hex}"),
        shape_of(NOTES),
    )
    yield begun
    with closing(psycopg2.connect(clients.warehouse_url)) as connection, connection.cursor() as cursor:
        begun.connection.close()
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(qualified(begun.candidate)))
        connection.commit()


def fill(filling: Filling, chance: random.Random, rows: int, widths: tuple[int, ...]) -> int:
    """One COPY, frozen as those of parts are."""
    text = "".join(f"{chance.randrange(10**6)},{'é' * (chance.choice(widths) // 2)}\n" for _ in range(rows))
    with filling.connection.cursor() as cursor:
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, FREEZE)").format(qualified(filling.candidate))
        cursor.copy_expert(statement, io.StringIO(text))
        return int(cursor.rowcount)


def of_all(filling: Filling) -> Checksum:
    with filling.connection.cursor() as cursor:
        return figures_of(cursor, filling.adapter, qualified(filling.candidate), filling.columns)


# Rows of which one fills most of a page leave room in front of where the next ones go.
@pytest.mark.parametrize("widths", [(4,), (4, 7_000), (10, 300, 4_100), (7_900,)])
def test_what_was_proven_part_by_part_is_what_is_there(filling: Filling, widths: tuple[int, ...]) -> None:
    chance, rows = random.Random(len(widths)), 0
    for part in range(12):
        rows += fill(filling, chance, chance.choice([1, 2, 40, 900]), widths)
        if part % 3:
            filling.prove()
            assert filling.proven == of_all(filling)
    rows += fill(filling, chance, 70, widths)
    whole = of_all(filling)
    assert whole.rows == rows
    with filling.connection.cursor() as cursor:
        assert filling.figures(cursor, rows) == whole


def test_only_rows_that_are_new_are_read(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, read = random.Random(1), list[int]()

    def counted(*given: object) -> Checksum:
        found = figures_of(*given)  # type: ignore[arg-type]
        read.append(found.rows)
        return found

    monkeypatch.setattr("tasks.filling.figures_of", counted)
    for rows in (20_000, 3_000, 2_000):
        fill(filling, chance, rows, (30,))
        filling.prove()
    filling.prove()
    assert read == [20_000, 3_000, 2_000]
    fill(filling, chance, 60, (30,))
    with filling.connection.cursor() as cursor:
        assert filling.figures(cursor, 25_060).rows == 25_060
        assert read == [20_000, 3_000, 2_000, 60]
        plan = sql.SQL("EXPLAIN SELECT 1 FROM {}").format(rows_between(filling.candidate, "(180,3)", "(200,1)"))
        cursor.execute(plan)
        assert "Tid Range Scan" in str(cursor.fetchall())


@pytest.mark.parametrize("place", ["(0,1)", "(100000,1)"])
def test_rows_that_lie_elsewhere_are_all_read_anew(filling: Filling, place: str) -> None:
    """Were a place wrong, rows would be proven twice or not at all: what counts is how many were copied."""
    rows = fill(filling, random.Random(2), 2_000, (30,))
    filling.prove()
    whole, filling.last = filling.proven, place
    if place > "(1":
        rows += fill(filling, random.Random(3), 10, (30,))
        whole = of_all(filling)
    with filling.connection.cursor() as cursor:
        assert filling.figures(cursor, rows) == whole


def test_an_empty_table_has_no_last_row(filling: Filling) -> None:
    filling.prove()
    with filling.connection.cursor() as cursor:
        assert last_row(cursor, filling.candidate) is None
        assert filling.figures(cursor, 0) == Checksum.empty(2)


def test_pages_that_hold_nothing_yet_are_looked_behind(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(filling, random.Random(4), 3_000, (90,))
    with filling.connection.cursor() as cursor:
        found = last_row(cursor, filling.candidate)
        monkeypatch.setattr(module, "_PAGES_AHEAD", -50)
        assert last_row(cursor, filling.candidate) == found
        cursor.execute(sql.SQL("SELECT max(ctid)::text FROM {}").format(qualified(filling.candidate)))
        assert cursor.fetchone() == (found,)


def test_a_server_that_reads_no_ranges_proves_at_the_end(filling: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READS_RANGES", 10**9)
    rows = fill(filling, random.Random(5), 300, (30,))
    filling.prove()
    assert filling.last is None
    with filling.connection.cursor() as cursor:
        assert filling.figures(cursor, rows) == of_all(filling)
