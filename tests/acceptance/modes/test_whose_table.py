"""What somebody else made in the warehouse never runs as the loader, isn't taken for ours, and doesn't stop a load it needn't."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import psycopg2
import pytest

from deployments.errors import DeclarationError
from tests.acceptance.conftest import House, Place, _house, _place

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders%s.csv"}
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
key: [id]
load: {mode: %s, tolerance: 90%%}
"""
REFRESH = TABLE % ("", "", "full_refresh")
MERGE = TABLE % ("-{window.start:%Y%j}", "window: {every: day, timezone: UTC, start: 2026-01-01}", "merge")
FIRST, SECOND = "id,note\n1,a\n2,b\nx,MARK\n", "id,note\n1,a\n2,c\nx,MARK\n"
SUITE = """
table: {schema}.orders
expectations:
  - {code: LENGTH, type: expect_column_value_lengths_to_be_between, kwargs: {column: note, max_value: 10}}
  - {code: LIKE, type: expect_column_values_to_match_regex, kwargs: {column: note, regex: "^[a-z]"}}
"""


def _url(parts: SplitResult, database: str, user: str, password: str) -> str:
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{user}:{password}@{host}", f"/{database}", parts.query, ""))


@pytest.fixture
def home(request: Any, stack: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A database of its own, a loader who isn't a superuser, and an analyst."""
    mark = secrets.token_hex(3)
    loader, analyst, database, word = f"loader_{mark}", f"ana_{mark}", f"db_{mark}", secrets.token_hex(8)
    for admin in _place(request, "postgresql", stack, tmp_path, None):
        for name in (loader, analyst):
            admin.ask(f"CREATE ROLE {name} LOGIN PASSWORD '{word}'")
        admin.ask(f"CREATE DATABASE {database} OWNER {loader}")
        parts = urlsplit(str(admin.settings.warehouse_url))

        url = partial(_url, parts, database)
        place = Place("postgresql", replace(admin.settings, warehouse_url=url(loader, word)))
        house = _house(place, tmp_path, monkeypatch)
        house.analyst = Place("postgresql", replace(admin.settings, warehouse_url=url(analyst, word)))  # type: ignore[attr-defined]
        house.admin = Place(  # type: ignore[attr-defined]
            "postgresql", replace(admin.settings, warehouse_url=url(str(parts.username), str(parts.password)))
        )
        house.who = analyst  # type: ignore[attr-defined]
        monkeypatch.setattr("tasks.warehouses.session._idle", {})
        yield house
        from tasks.warehouses import session

        for kept in session._idle.values():
            for connection, _ in kept:
                connection.close()
        admin.ask(f"DROP DATABASE {database} WITH (FORCE)")
        for name in (loader, analyst):
            admin.ask(f"DROP OWNED BY {name}")
            admin.ask(f"DROP ROLE {name}")


def declared(house: Any, text: str = REFRESH, suite: str = "") -> str:
    table = str(house.declare("orders", text, suite))
    house.source("orders.csv", FIRST)
    return table


def opened_to_analysts(house: Any) -> None:
    house.place.ask(f"CREATE SCHEMA IF NOT EXISTS {house.schema}")
    house.place.ask(f"GRANT USAGE, CREATE ON SCHEMA {house.schema} TO {house.who}")


TRIGGER = "CREATE FUNCTION {s}.steal() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE ''GRANT USAGE ON SCHEMA quarantine TO PUBLIC''; RETURN NEW; END'"  # noqa: E501
PLANTED = {
    "a table": ["CREATE TABLE {t} (id integer, note varchar(20))"],
    "a table with a trigger": ["CREATE TABLE {t} (id integer, note varchar(20))", TRIGGER,
                               "CREATE TRIGGER t BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {s}.steal()"],
    "a table with a rule": ["CREATE TABLE {t} (id integer, note varchar(20))",
                            "CREATE RULE r AS ON INSERT TO {t} DO ALSO SELECT 1"],
    "a view": ["CREATE TABLE {s}.base (id integer, note varchar(20))", "CREATE VIEW {t} AS SELECT * FROM {s}.base"],
    "a materialized view": ["CREATE MATERIALIZED VIEW {t} AS SELECT 1 AS id, 'a'::varchar(20) AS note"],
    "a table with a policy": ["CREATE TABLE {t} (id integer, note varchar(20))", "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
                              "CREATE POLICY p ON {t} USING (id > 0)"],
    "a table whose default calls a function": [
        "CREATE FUNCTION {s}.taken() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE {t} (id integer DEFAULT {s}.taken(), note varchar(20) CHECK ({s}.taken() = 1))"],
    "a type of that name": ["CREATE TYPE {t} AS (id integer)"],
    "a type with other columns": ["CREATE TYPE {t} AS (other text)"],
    "a domain of that name": ["CREATE DOMAIN {t} AS integer"],
    "an enumeration of that name": ["CREATE TYPE {t} AS ENUM ('a')"],
    "a sequence": ["CREATE SEQUENCE {t}"],
    "an index of that name": ["CREATE TABLE {s}.base (id integer)", "CREATE INDEX orders ON {s}.base (id)"],
    "a partitioned table": ["CREATE TABLE {t} (id integer, note varchar(20)) PARTITION BY LIST (id)",
                            "CREATE TABLE {s}.part PARTITION OF {t} DEFAULT"],
}  # fmt: skip


@pytest.mark.parametrize("superuser", [False, True])
@pytest.mark.parametrize("what", PLANTED)
def test_what_somebody_planted_is_refused(home: Any, what: str, superuser: bool) -> None:
    opened_to_analysts(home)
    table = f"{home.schema}.orders"
    for statement in PLANTED[what]:
        home.analyst.ask(statement.replace("{t}", table).replace("{s}", home.schema))
    if superuser:
        home.place.settings = home.admin.settings
    declared(home, REFRESH + "  # policy\n")
    with pytest.raises(DeclarationError) as caught:
        home.load(table)
    assert caught.value.code == "NOT-OURS"
    assert home.admin.ask("SELECT has_schema_privilege(%s, 'quarantine', 'USAGE')", (home.who,)) == [(False,)]


def test_a_foreign_trigger_on_our_own_table_is_refused(home: Any) -> None:
    table = declared(home)
    home.load(table)
    opened_to_analysts(home)
    home.place.ask(f"GRANT TRIGGER ON {table} TO {home.who}")
    home.analyst.ask(TRIGGER.replace("{s}", home.schema))
    home.analyst.ask(f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {home.schema}.steal()")
    home.source("orders.csv", SECOND)
    with pytest.raises(DeclarationError, match="has a trigger, t, that runs a function of ana_"):
        home.load(table)


@pytest.mark.parametrize("schema", ["ops", "quarantine"])
def test_a_schema_that_somebody_made_for_us_is_refused(home: Any, schema: str) -> None:
    home.admin.ask(f"CREATE SCHEMA {schema} AUTHORIZATION {home.who}")
    home.analyst.ask(f"GRANT ALL ON SCHEMA {schema} TO PUBLIC")
    table = declared(home)
    with pytest.raises(DeclarationError, match=f"schema {schema} belongs to ana_"):
        home.load(table)


def test_a_table_in_a_schema_of_ours_that_somebody_made_is_refused(home: Any) -> None:
    home.place.ask("CREATE SCHEMA quarantine")
    home.place.ask(f"GRANT USAGE, CREATE ON SCHEMA quarantine TO {home.who}")
    home.analyst.ask(f"CREATE TABLE quarantine.{home.schema}__orders (id integer)")
    table = declared(home)
    with pytest.raises(DeclarationError, match=r"schema quarantine holds .*__orders of ana_"):
        home.load(table)


def test_a_generation_that_somebody_made_is_none(home: Any) -> None:
    from tasks.workbench import workbench

    table = declared(home)
    home.load(table)
    opened_to_analysts(home)
    home.analyst.ask(f"CREATE TABLE {table}__hg_g9 (id integer, note varchar(20))")
    bench = workbench()
    with psycopg2.connect(home.place.settings.warehouse_url) as connection:
        from tasks.warehouses.names import TableName

        assert bench.warehouse.side_tables(connection.cursor(), TableName.parse(table)) == []


def test_functions_that_somebody_made_never_run_as_the_loader(home: Any) -> None:
    home.admin.ask("GRANT CREATE ON SCHEMA public TO PUBLIC")
    for function in (
        "octet_length",
        "md5",
        "length",
        "char_length",
        "lower",
        "upper",
        "btrim",
        "coalesced",
        "left",
        "chr",
    ):
        home.analyst.ask(
            f'CREATE FUNCTION public."{function}"(varchar) RETURNS integer LANGUAGE plpgsql AS '
            f"'BEGIN RAISE EXCEPTION ''{function} ran''; END'"
        )
    table = declared(home, MERGE, SUITE)
    for content in (FIRST, SECOND):
        home.source("orders-2026001.csv", content)
        home.load(table, "2026-01-01", reprocess=True)
    assert home.rows(table) == [(1, "a"), (2, "c")]


def test_the_library_that_judges_in_the_warehouse_calls_none_of_them_either(home: Any) -> None:
    from deployments.declarations.suite import Suite
    from expectations.suites.run import run_suite
    from expectations.suites.targets import WarehouseTable

    home.admin.ask("GRANT CREATE ON SCHEMA public TO PUBLIC")
    for function in ("length", "char_length"):
        home.analyst.ask(
            f"CREATE FUNCTION public.{function}(varchar) RETURNS integer LANGUAGE plpgsql AS "
            f"'BEGIN RAISE EXCEPTION ''{function} ran''; END'"
        )
    table = declared(home)
    home.load(table)
    rule = {
        "code": "LENGTH",
        "type": "expect_column_value_lengths_to_be_between",
        "kwargs": {"column": "note", "max_value": 5},
    }
    suite = Suite.model_validate({"table": table, "expectations": [rule]})
    target = WarehouseTable(str(home.place.settings.warehouse_url), home.schema, "orders", "postgresql")
    (judged,) = run_suite(suite, target).rules
    assert judged.outcome == "pass"


def test_an_analysts_view_in_a_schema_we_cant_enter_doesnt_stop_the_load(home: Any) -> None:
    table = declared(home)
    home.load(table)
    home.place.ask(f"GRANT USAGE ON SCHEMA {home.schema} TO {home.who}")
    home.place.ask(f"GRANT SELECT ON {table} TO {home.who}")
    home.admin.ask(f"CREATE SCHEMA bi AUTHORIZATION {home.who}")
    home.analyst.ask(f"CREATE VIEW bi.mine AS SELECT * FROM {table} WHERE id > 1")
    home.source("orders.csv", SECOND)
    home.load(table)
    assert home.rows(table) == [(1, "a"), (2, "c")]
    assert home.analyst.ask("SELECT note FROM bi.mine") == [("c",)]


def test_what_is_set_aside_is_closed_whatever_default_privileges_say(home: Any) -> None:
    home.place.ask(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {home.who}")
    table = declared(home)
    home.load(table)
    for kept in (f"quarantine.{table.replace('.', '__')}", f"ops.proof__{table.replace('.', '__')}"):
        assert home.place.ask("SELECT has_table_privilege(%s, %s, 'SELECT')", (home.who, kept)) == [(False,)]


def test_who_else_may_make_tables_is_told(home: Any) -> None:
    from tasks.connect import try_everything
    from tasks.workbench import workbench

    opened_to_analysts(home)
    declared(home)
    told = {line.what: line.said for line in try_everything(workbench())}
    assert told[f"warehouse: schema {home.schema}: others"].startswith(f"{home.who} may make tables here too")
