"""Which tables of a MySQL database a pattern names: those that people made, and nothing of the server's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError
from deployments.settings import Settings
from flows.drafting_many import matching_tables

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
