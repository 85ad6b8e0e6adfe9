"""Which tables of a MySQL database a pattern names: those that people made, and nothing of the server's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError, HeadgateError
from deployments.settings import Settings
from flows.drafting import draft
from flows.drafting_many import matching_tables
from flows.looking import Wanted, look
from tasks.sources.spoken import Spoken

if TYPE_CHECKING:
    from tests.mariadb import Database


def test_tables_of_mysql(mysql: Database, tmp_path: Path) -> None:
    mysql.run(
        "CREATE TABLE `Line Items` (id int)", "CREATE TABLE orders (id int)", "CREATE VIEW seen AS SELECT 1 AS id"
    )
    settings = Settings(tmp_path, tmp_path, connections={"shop": mysql.url})
    assert matching_tables(settings, "connection:shop", f"{mysql.name}.*") == [
        (mysql.name, "Line Items"),
        (mysql.name, "orders"),
    ]
    assert (mysql.name, "orders") in matching_tables(settings, "connection:shop", "ord*")
    assert all(schema not in ("mysql", "sys") for schema, _ in matching_tables(settings, "connection:shop", "*"))
    with pytest.raises(DeclarationError) as refused:
        matching_tables(settings, "connection:shop", "nobody*")
    assert refused.value.next_command.startswith("headgate new --source connection:shop --tables '")
    assert "public" not in refused.value.next_command


def test_a_table_that_is_not_there_leads_to_those_that_are(mysql: Database, tmp_path: Path) -> None:
    mysql.run("CREATE TABLE orders (id int)", "CREATE TABLE stores (id int)")
    settings = Settings(tmp_path, tmp_path / "state", connections={"shop": mysql.url})

    def next_of(**said: str) -> str:
        with (
            pytest.raises(HeadgateError) as refused,
            look(settings, Wanted(Spoken("connection:shop", **said), 10), "x.x"),
        ):
            pass
        assert refused.value.family == "declaration"
        return str(refused.value.next_command)

    assert next_of(table=f"{mysql.name}.order") == f"headgate peek connection:shop --table {mysql.name}.orders"
    listed = next_of()
    assert listed.startswith("headgate peek connection:shop --table NAME   (there are: ")
    assert f"{mysql.name}.orders" in next_of(table="nothing_like_it") or "..." in listed
    assert next_of(query="SELECT * FROM nobody") == (
        "is it what you mean? headgate peek connection:shop --query 'SELECT * FROM nobody'"
    )
    assert next_of(query="SELECT FROM") == "mend --query"


def test_tables_are_called_what_sql_calls_something_else(mysql: Database, tmp_path: Path) -> None:
    mysql.run(
        "CREATE TABLE `order` (id bigint unsigned primary key, rate float)",
        "INSERT INTO `order` VALUES (18446744073709551615, 0.1)",
    )
    settings = Settings(tmp_path, tmp_path / "state", connections={"shop": mysql.url})
    wanted = Wanted(Spoken("connection:shop", table="order"), 10)
    with look(settings, wanted, "raw.orders") as looked:
        text = draft(looked, wanted, "raw.orders", None, None).table_text
    assert "query: SELECT * FROM `order`" in text
    assert '{name: id, type: "decimal(20,0)", nullable: false}' in text
    assert "{name: rate, type: double precision}" in text
