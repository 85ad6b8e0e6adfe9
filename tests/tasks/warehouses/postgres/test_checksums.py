"""The figures of a table as PostgreSQL computes them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import psycopg2
import pytest
from psycopg2 import sql

from deployments.declarations.columns import Column
from deployments.embedded.stack import StackState
from tasks.warehouses.postgres.adapter import PostgresAdapter
from tasks.warehouses.session import Address

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
        figures = PostgresAdapter(Address(clients.warehouse_url)).checksum_list([column])
        cursor.execute(sql.SQL("SELECT t, {} FROM moments GROUP BY t").format(figures))
        told = {row[0].replace(tzinfo=None): int(row[3]) for row in cursor.fetchall()}
    assert told == {moment: (moment - EPOCH) // timedelta(microseconds=1) for moment in times}
