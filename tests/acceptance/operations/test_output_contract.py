"""A summary with `columns`: its table has them in their order and types, and a value that would change in one isn't published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.live_contract import compare_summaries
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16)}
  - {name: amount, type: "decimal(12,3)"}
  - {name: share, type: double precision}
  - {name: day, type: date}
load: {mode: full_refresh}
"""
HEADER = """/*
target: {schema}.by_city
description: Orders by city.
owner: a@example.com
inputs: [{table: {schema}.orders}]
KEYS
*/
"""
CONTRACT = """columns:
  - {name: city, type: varchar(16), nullable: false, description: Where it was sent.}
  - {name: orders, type: integer, nullable: false}
  - {name: amount, type: "decimal(12,3)", unit: USD, description: What was paid.}
key: [city]"""
SELECT = "SELECT city, COUNT(*) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city"
ROWS = "id,city,amount,share,day\n1,Oslo,10.5,0.25,2024-01-01\n2,Oslo,2,0.5,2024-01-02\n3,Rome,1.125,0.5,2024-01-03\n"


@pytest.fixture
def summary(house: Any) -> Callable[..., str]:
    """Declare the summary anew; its input is loaded once."""
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", ROWS)
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(select: str = SELECT, keys: str = CONTRACT) -> str:
        text = (HEADER.replace("KEYS", keys) + select + "\n").replace("{schema}", house.schema)
        (house.folder / "summaries" / "by_city.sql").write_text(text)
        house.open()
        return f"{house.schema}.by_city"

    return write


def column(house: Any, name: str) -> tuple[str, bool, str | None]:
    """(type, whether it may be empty, comment) of a column of the live table."""
    found = house.place.ask(
        "SELECT format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, d.description FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = a.attnum "
        "WHERE n.nspname = %s AND c.relname = 'by_city' AND a.attname = %s", (house.schema, name),
    )  # fmt: skip
    return tuple(found[0])  # type: ignore[return-value]


@pytest.mark.effect(
    "Summary.columns", "OutputColumn.name", "OutputColumn.type", "OutputColumn.nullable", "OutputColumn.unit",
    "OutputColumn.description",
)  # fmt: skip
def test_the_table_is_as_declared(house: Any, command: Callable[..., Any], summary: Callable[..., str]) -> None:
    told = command("run", summary())
    assert told.code == 0, (told.out, told.error)
    assert sorted(house.rows(f"{house.schema}.by_city")) == [("Oslo", 2, 12.5), ("Rome", 1, 1.125)]
    assert column(house, "city") == ("character varying(16)", False, "Where it was sent.")
    assert column(house, "orders") == ("integer", False, None)
    assert column(house, "amount") == ("numeric(12,3)", True, "What was paid. (USD)")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_it_is_filled_with_the_rights_of_a_group_as_well(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    (house.folder / "warehouse.yaml").write_text("summaries_as: contract_builders\ngroups: {contract_builders: {}}\n")
    name = summary()
    house.place.ask("CREATE ROLE contract_builders")
    house.place.ask(f"GRANT USAGE ON SCHEMA {house.schema} TO contract_builders")
    house.place.ask(f"GRANT SELECT ON {house.schema}.orders TO contract_builders")
    try:
        assert command("run", name).code == 0
        assert column(house, "orders")[:2] == ("integer", False)
        summary(keys=CONTRACT.replace("varchar(16)", "varchar(3)"))
        assert "its longest text has 4 bytes" in str(command("summary", "try", name).error)
    finally:
        house.place.ask("DROP OWNED BY contract_builders")
        house.place.ask("DROP ROLE contract_builders")


VALUES = [
    ("SELECT city, COUNT(*) AS orders, AVG(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT.replace("decimal(12,3)", "decimal(12,2)"), "amount: rows with more than 2 digits behind the point: 1"),
    ("SELECT city || '-a-long-name' AS city, COUNT(*) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "city: its longest text has 16 bytes, and it is varchar(10)"),
    ("SELECT city || '   ' AS city, COUNT(*) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "city: its longest text has 7 bytes, and it is varchar(4)"),
    ("SELECT 'Å' || city AS city, COUNT(*) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "city: its longest text has 6 bytes, and it is varchar(5)"),
    ("SELECT city, COUNT(*) + 100000 AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT.replace("type: integer", "type: smallint"), "orders: its largest number, 100,002, is beyond smallint"),
    ("SELECT city, COUNT(*) AS orders, 1000000000 * SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "is beyond decimal(12,3)"),
    ("SELECT city, SUM(amount) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "orders: rows with more than none behind the point: 2"),
    ("SELECT city, COUNT(*) AS orders, SUM(share) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT.replace("decimal(12,3)", "decimal(12,1)"), "amount: rows with more than 1 digits behind the point: 1"),
    ("SELECT city, MAX(id) + 9007199254740992 AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT.replace("type: integer", "type: double precision"), "is beyond double precision"),
    ("SELECT NULLIF(city, 'Rome') AS city, COUNT(*) AS orders, SUM(amount) AS amount FROM {schema}.orders GROUP BY city",
     CONTRACT, "city: it is nullable: false; rows without a value: 1"),
]  # fmt: skip


@pytest.mark.parametrize(("select", "keys", "words"), VALUES)
def test_a_value_that_would_change_is_not_published(
    house: Any, command: Callable[..., Any], summary: Callable[..., str], select: str, keys: str, words: str
) -> None:
    assert command("run", summary()).code == 0
    before = house.rows(f"{house.schema}.by_city")
    for length in ("varchar(10)", "varchar(4)", "varchar(5)"):
        keys = keys.replace("varchar(16)", length) if length in words else keys
    told = command("run", summary(select, keys + "\non_schema_change: {narrowed: allow, retyped: evolve}"))
    assert told.code == 1, told.out
    assert words in told.out, told.out
    assert house.rows(f"{house.schema}.by_city") == before


def test_what_the_warehouse_makes_of_it_is_proven_before_it_runs(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    """What no text tells: a function whose kind of value only the server knows."""
    select = "SELECT city, COUNT(*) AS orders, TO_CHAR(MAX(day), 'YYYY') AS amount FROM {schema}.orders GROUP BY city"
    name = summary(select)
    (line,) = compare_summaries(workbench())
    assert (line.ok, "there, decimal(12,3) in the contract" in line.said) == (False, True), line
    told = command("run", name)
    assert told.code == 1
    assert "doesn't make the columns that its contract says; nothing was run" in told.out
    assert "CAST(... AS decimal(12,3))" in told.out


@pytest.mark.effect("Summary.on_schema_change")
def test_changes_go_through_the_policies_of_a_table(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    assert command("run", summary()).code == 0
    narrow = CONTRACT.replace("decimal(12,3)", "decimal(10,3)")
    told = command("run", summary(keys=narrow))
    assert (told.code, "on_schema_change: {narrowed: warn}" in told.out) == (1, True), told.out
    assert column(house, "amount")[0] == "numeric(12,3)"
    told = command("run", summary(keys=narrow + "\non_schema_change: {narrowed: warn}"))
    assert (told.code, "amount: narrowed" in told.out) == (3, True), told.out
    assert column(house, "amount")[0] == "numeric(10,3)"


@pytest.mark.effect("Summary.pii")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_hidden_values_are_not_shown(house: Any, command: Callable[..., Any], summary: Callable[..., str]) -> None:
    rule = "\nexpectations:\n  - {code: NOT-OSLO, type: expect_column_values_to_not_be_in_set, " \
        "kwargs: {column: city, value_set: [Oslo]}, severity: warning}"  # fmt: skip
    summary(keys=CONTRACT + rule)
    open_ = command("summary", "try", "by_city").out
    summary(keys=CONTRACT + rule + "\npii: {city: hide}")
    told = command("summary", "try", "by_city")
    assert told.code == 0
    assert "Rome" in open_
    assert ("Rome" in told.out, "(hidden)" in told.out) == (False, True)
    command("run", "by_city")
    assert "Oslo" not in command("show", "--table", "by_city", "--json").out


@pytest.mark.effect("OutputColumn.encode")
@pytest.mark.parametrize("place", ["redshift-like"], indirect=True)
def test_encodings_stand_in_the_table(house: Any, command: Callable[..., Any], summary: Callable[..., str]) -> None:
    keys = CONTRACT.replace("type: integer, nullable: false", "type: integer, nullable: false, encode: az64")
    assert command("run", summary(keys=keys)).code == 0
    assert any('"orders" integer ENCODE AZ64 NOT NULL' in str(item) for item in house.place.double.log())
