"""`headgate new --tables`: every table of a database that a pattern names is drafted, and can be loaded at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLES = (
    "CREATE TABLE {s}_a.orders (id int PRIMARY KEY, at timestamp NOT NULL, note text)",
    "INSERT INTO {s}_a.orders SELECT n, timestamp '2024-03-01' + n * interval '1 hour', 'x' FROM generate_series(1, 50) n",
    'CREATE TABLE {s}_a."Line Items" (order_id int, "Item" text)',
    """INSERT INTO {s}_a."Line Items" VALUES (1, 'a'), (1, 'b')""",
    "CREATE TABLE {s}_a.empty (id int PRIMARY KEY, name text)",
    "CREATE TABLE {s}_a.parts (id int, day date) PARTITION BY RANGE (day)",
    "CREATE TABLE {s}_a.parts_2024 PARTITION OF {s}_a.parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    "INSERT INTO {s}_a.parts VALUES (1, '2024-02-01')",
    "CREATE VIEW {s}_a.seen AS SELECT * FROM {s}_a.orders",
    "CREATE TABLE {s}_b.orders (id int)", "INSERT INTO {s}_b.orders VALUES (1)",
)  # fmt: skip


@pytest.fixture
def shop(house: Any, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A source database of its own with two schemas, as connection 'shop'."""
    url = new_database()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA s_a; CREATE SCHEMA s_b")
        for statement in TABLES:
            cursor.execute(statement.replace("{s}", "s"))
        connection.commit()
    house.place.settings = replace(house.place.settings, connections={"shop": url})
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    monkeypatch.setenv("HEADGATE_STATE", str(house.folder / "state"))
    monkeypatch.setenv("HEADGATE_CONNECTION_SHOP", url)
    return url


def names(told: Any, what: str) -> list[str]:
    return [item["source"] if isinstance(item, dict) else item for item in told.json[what]]


@pytest.mark.effect("headgate new --tables")
def test_all_tables_of_a_schema_and_again_only_what_is_new(house: Any, command: Callable[..., Any], shop: str) -> None:
    done = command("new", "--source", "connection:shop", "--tables", "s_a.*", "--cursor", "at", "--json")
    assert (done.code, names(done, "drafted")) == (1, ["s_a.Line Items", "s_a.orders", "s_a.parts"])
    # A draft is made from records.
    assert [(item["source"], item["error"]["code"]) for item in done.json["failed"]] == [("s_a.empty", "EMPTY-SOURCE")]
    assert command("check").code == 0
    files = {file.name for file in (house.folder / "tables").glob("*.yaml")}
    assert files == {"line_items.yaml", "orders.yaml", "parts.yaml"}
    # The cursor cuts the tables that have it.
    text = {file.name: file.read_text() for file in (house.folder / "tables").glob("*.yaml")}
    assert [name for name in sorted(text) if "cursor:" in text[name]] == ["orders.yaml"]
    (house.folder / "tables" / "parts.yaml").write_text("# mine\n" + text["parts.yaml"])
    again = command("new", "--source", "connection:shop", "--tables", "s_*.*")
    assert "s_a.parts                            is there already" in again.out
    assert (house.folder / "tables" / "parts.yaml").read_text().startswith("# mine\n")
    # Two tables of one name are told apart by their schemas.
    assert {"s_a_orders.yaml", "s_b_orders.yaml"} <= {file.name for file in (house.folder / "tables").glob("*.yaml")}
    assert command("run", "raw_data.line_items").code in (0, 3)


def test_one_that_cant_be_drafted_is_told_and_stops_nothing(house: Any, command: Callable[..., Any], shop: str) -> None:
    with closing(psycopg2.connect(shop)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE s_b.nothing (id int)")
        connection.commit()
    told = command("new", "--source", "connection:shop", "--tables", "s_b.*")
    assert told.code == 1
    for part in ("failed s_b.nothing: ", "1 table drafted, 1 couldn't be drafted", "next: look for DECIDE"):
        assert part in told.out
    assert command("check").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tables", "nowhere.*"), "no table of connection 'shop' is called 'nowhere.*'; there are: s_a.Line Items"),
        (("orders", "--tables", "s_a.*"), "either TABLE, or --tables"),
        ((), "either TABLE, or --tables"),
        (("--tables", "s_a.*", "--query", "SELECT 1"), "without --query"),
    ],
)
def test_what_makes_no_sense_is_refused(
    command: Callable[..., Any], shop: str, arguments: tuple[str, ...], said: str
) -> None:
    done = command("new", "--source", "connection:shop", *arguments)
    assert said in (done.error.message if done.error else done.out)


def test_files_have_no_tables(command: Callable[..., Any], shop: str) -> None:
    assert command("new", "--source", "orders.csv", "--tables", "*").error.code == "SOURCE"
