"""Which hash a load is proven by: PostgreSQL's own where it is the one that we know, else MD5."""

from __future__ import annotations

from typing import NoReturn

import psycopg2
import pytest

from deployments.declarations.columns import Column
from deployments.embedded.stack import StackState
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress, native_hashes
from tasks.warehouses.redshift import RedshiftAdapter, RedshiftAddress

NUMBER, TEXT, TIME = (Column.model_validate({"name": "c", "type": kind}) for kind in ("bigint", "varchar(9)", "time"))


@pytest.fixture
def adapter(clients: StackState, monkeypatch: pytest.MonkeyPatch) -> PostgresAdapter:
    assert clients.warehouse_url is not None
    monkeypatch.setattr(native_hashes, "_known", {})
    return PostgresAdapter(PostgresAddress(clients.warehouse_url))


def test_a_server_that_hashes_as_we_do_proves_by_its_own_hash(adapter: PostgresAdapter) -> None:
    assert [adapter.hash_of([column]) for column in (NUMBER, TEXT, TIME)] == ["md5", "lookup3", "lookup3"]
    assert [adapter.hash_of([TEXT] * columns) for columns in (150, 151)] == ["lookup3", "md5"]


@pytest.mark.parametrize("one", ["_twice", "_once"])
def test_a_server_that_hashes_otherwise_proves_by_md5(
    adapter: PostgresAdapter, monkeypatch: pytest.MonkeyPatch, one: str
) -> None:
    """As a version would whose hash has changed, or one that takes the highest byte first."""
    monkeypatch.setattr(native_hashes, one, lambda _: 7)
    assert adapter.hash_of([TEXT]) == "md5"


def test_one_that_is_away_holds_nothing_up_and_all_parts_are_hashed_alike(
    adapter: PostgresAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> NoReturn:
        raise psycopg2.OperationalError("could not connect")

    with monkeypatch.context() as outage:
        outage.setattr(native_hashes, "_hashes_as_we_do", away)
        assert adapter.hash_of([TEXT]) == "md5"
    assert adapter.hash_of([TEXT]) == "md5"


def test_redshift_proves_by_md5() -> None:
    assert RedshiftAdapter(RedshiftAddress("redshift://u:p@127.0.0.1:1/d")).hash_of([TEXT, TIME]) == "md5"
