"""A source database beside a warehouse, with days of orders in it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from deployments.embedded.stack import StackState
from tasks import unplaced
from tests.acceptance.operations.reconcile.orders import COLUMNS, DAYS, FIRST, PER_DAY, Orders, made


@pytest.fixture
def pii_key() -> str:
    return "k" * 40


@pytest.fixture
def orders(house: Any, stack: StackState) -> Iterator[Orders]:
    schema, url = f"{house.schema}_src", str(stack.warehouse_url)
    unplaced._counted.clear()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        connection.commit()
    address = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
    house.place.settings = replace(house.place.settings, connections={"shop": address})
    house.reads_warehouse("shop")
    made_orders = Orders(house, address)
    made_orders.source(f"CREATE TABLE orders ({', '.join(f'{name} {of}' for name, _, of in COLUMNS)})")
    dice = random.Random(7)
    numbers = itertools.count(1)
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        for day in range(DAYS):
            for _ in range(PER_DAY):
                at = FIRST + timedelta(days=day, seconds=dice.randrange(86_400), microseconds=dice.randrange(10**6))
                row = made(next(numbers), at, dice)
                cursor.execute(f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(COLUMNS))})", row)
        connection.commit()
    yield made_orders
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.commit()
