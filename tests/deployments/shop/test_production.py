"""The production database is filled once, replaced when the rows change, and never taken from somebody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from deployments.errors import DeclarationError
from deployments.shop.world.production import load_production
from deployments.shop.world.sources import production_rows


def query(dsn: str, text: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cur:
        cur.execute(text)
        return cur.fetchall() if cur.description else []


@pytest.fixture(scope="module")
def loaded(fresh_database: Callable[[], str]) -> str:
    dsn = fresh_database()
    assert load_production(dsn) is True
    return dsn


# By name: every worker collects, and the rows take a second to make.
TABLES = ("channel", "customer_features", "customer_interactions", "customer_variants", "item_features", "session_timestamp",
          "session_transaction", "user_session_channel")  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_every_row_arrives_unchanged(loaded: str, name: str) -> None:
    assert sorted(production_rows()) == [*TABLES]
    rows = production_rows()[name]
    assert set(query(loaded, f"SELECT {', '.join(rows.header)} FROM public.{name}")) == set(rows.rows)


def test_second_load_writes_nothing(loaded: str) -> None:
    before = query(loaded, "SELECT xmin::text FROM public.shop_world")
    assert load_production(loaded) is False
    assert query(loaded, "SELECT xmin::text FROM public.shop_world") == before


def test_rows_of_an_older_generator_are_replaced(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    load_production(dsn)
    query(dsn, "UPDATE public.shop_world SET fingerprint = 'older'")
    query(dsn, "DELETE FROM public.channel")
    assert load_production(dsn) is True
    assert query(dsn, "SELECT count(*) FROM public.channel") == [(7,)]


def test_two_loaders_at_once_load_once(fresh_database: Callable[[], str]) -> None:
    dsn, results = fresh_database(), []
    threads = [threading.Thread(target=lambda: results.append(load_production(dsn))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]


def test_a_database_of_somebody_else_is_left_alone(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    query(dsn, "CREATE TABLE public.channel (channelname text)")
    query(dsn, "INSERT INTO public.channel VALUES ('theirs')")
    with pytest.raises(DeclarationError, match="aren't the shop's: channel"):
        load_production(dsn)
    assert query(dsn, "SELECT channelname FROM public.channel") == [("theirs",)]
