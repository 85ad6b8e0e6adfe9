"""The figures of a table as PostgreSQL computes them."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql

from deployments.declarations.columns import Column
from deployments.declarations.table import Table
from deployments.embedded.stack import StackState
from expectations.contract.checksum import Hash
from tasks import copy
from tasks.warehouses import figures
from tasks.warehouses.names import TableName
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress

HASHES: tuple[Hash, ...] = ("md5", "lookup3")
EPOCH = datetime(1970, 1, 1)
EDGES = [datetime(year, 1, 1) + timedelta(microseconds=add) for year in (1900, 1970, 2040) for add in range(-3, 4)]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_points_in_time_count_to_the_microsecond(clients: StackState, kind: str) -> None:
    chance = random.Random(11)
    times = {EPOCH + timedelta(microseconds=chance.randrange(-(10**16), 10**16)) for _ in range(20_000)}
    times |= {*EDGES, datetime.min, datetime.max}
    zone = {"source_timezone": "UTC"} if kind == "timestamp" else {}
    column = Column.model_validate({"name": "t", "type": kind, **zone})
    assert clients.warehouse_url is not None
    with psycopg2.connect(clients.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(sql.SQL("CREATE TEMP TABLE moments (t {})").format(sql.SQL(kind)))
        cursor.execute("INSERT INTO moments SELECT unnest(%s::timestamp[])", (list(times),))
        figures = PostgresAdapter(PostgresAddress(clients.warehouse_url)).checksum_list([column], [column])
        cursor.execute(sql.SQL("SELECT t, {} FROM moments GROUP BY t").format(figures))
        told = {row[0].replace(tzinfo=None): int(row[3]) for row in cursor.fetchall()}
    assert told == {moment: (moment - EPOCH) // timedelta(microseconds=1) for moment in times}


@pytest.mark.parametrize("hashed_by", HASHES)
def test_a_wide_table_is_summed_some_columns_at_a_time(
    clients: StackState, monkeypatch: pytest.MonkeyPatch, hashed_by: Hash
) -> None:
    kinds = ["integer", "varchar(9)", "double precision", "varchar(65535)", "date", "boolean", "varchar(9)"]
    columns = [{"name": f"c{i}", "type": kind} for i, kind in enumerate(kinds)]
    declared = Table.model_validate(
        {"table": "raw.t", "description": "d", "owner": "o", "columns": columns,
         "source": {"kind": "csv", "url": "http://example.com/t.csv"}, "load": {"mode": "full_refresh"}}
    )  # fmt: skip
    assert clients.warehouse_url is not None
    name = TableName("public", f"wide_{uuid4().hex}")
    with closing(psycopg2.connect(clients.warehouse_url)) as connection, connection.cursor() as cursor:
        listing = sql.SQL(", ").join(sql.SQL(f"c{i} {kind}") for i, kind in enumerate(kinds))
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name.schema, name.name), listing))
        cursor.execute(
            sql.SQL("INSERT INTO {} SELECT n, 'v' || n, n / 3.0, 'note ' || n, date '2024-01-01' + n, n > 5, NULL "
                    "FROM generate_series(1, 50) n").format(sql.Identifier(name.schema, name.name))
        )  # fmt: skip
        connection.commit()
        try:
            found = []
            for at_once in (400, 3, 1):
                monkeypatch.setattr(figures, "SUMMED_AT_ONCE", at_once)
                adapter = PostgresAdapter(PostgresAddress(clients.warehouse_url))
                found.append(copy.checksum_of(adapter, name, declared, hashed_by))
        finally:
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name.schema, name.name)))
            connection.commit()
    assert found[0] == found[1] == found[2]
    assert found[0].values == (50,) * 6 + (0,)
    assert found[0].sums[0] == 1275
    assert found[0].text_hash != 0
