"""SQL of somebody who means harm: `check`, `summary try`, a build and an input's check refuse each, and nothing has changed.

Each text is tried twice: as it is written, where its text is refused before a server is asked; and past that, where the
server's own understanding of it has to be enough.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.declarations.sql_text import SqlTextError, tokens
from deployments.declarations.summary import Input, InputCheck, Summary
from deployments.errors import CheckFailedError, DeclarationError, HeadgateError
from tasks.summarize import Job, build, check_inputs
from tasks.workbench import use

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: city, type: varchar(16)}
load: {mode: full_refresh, tolerance: 90%}
"""
SUMMARY = """\
/*
target: {s}.by_city
description: Orders by city.
owner: a@example.com
inputs: [{table: {s}.orders}]
*/
%s
"""
WITH_CHECK = """\
/*
target: {s}.by_city
description: Orders by city.
owner: a@example.com
inputs:
  - table: {s}.orders
    checks:
      - {code: HOSTILE, at_least: 0, sql: %s}
*/
SELECT city, COUNT(*) AS orders FROM {s}.orders GROUP BY city
"""
# {s}: the schema of the project. gold: a table that is nobody's input; planted: an analyst's function that writes into it.
HOSTILE = {
    "writes inside WITH": "WITH d AS (DELETE FROM {s}.gold RETURNING id) SELECT id FROM d",
    "writes inside a nested WITH": "SELECT id FROM (WITH d AS (UPDATE {s}.gold SET id = 9 RETURNING id) SELECT id FROM d) q",
    "inserts inside WITH": "WITH d AS (INSERT INTO {s}.gold VALUES (9) RETURNING id) SELECT id FROM d",
    "a second statement": "SELECT id FROM {s}.orders; DELETE FROM {s}.gold; COMMIT",
    "hidden by an escaped quote": r"SELECT E'a\'' AS a; DELETE FROM {s}.gold WHERE id = 1; COMMIT; --'",
    "hidden by dollars": "SELECT $$'$$ AS a; DELETE FROM {s}.gold; COMMIT; --'",
    "hidden by named dollars": "SELECT $q$ ' $q$ AS a; DELETE FROM {s}.gold; COMMIT; --'",
    "hidden by a nested comment": "SELECT 1 AS a /* /* */ ' */; DELETE FROM {s}.gold; COMMIT; --'",
    "hidden by a Unicode escape": r"SELECT U&'\0027' AS a; DELETE FROM {s}.gold; COMMIT; --'",
    "leaves its parentheses": "SELECT 1 AS a) q; DELETE FROM {s}.gold; COMMIT; SELECT (1",
    "INTO": "SELECT id INTO {s}.stolen FROM {s}.orders",
    "INTO of a CTE": "WITH a AS (SELECT id FROM {s}.orders) SELECT id INTO {s}.stolen FROM a",
    "locks rows": "SELECT id FROM {s}.orders FOR UPDATE",
    "COPY to a program": "COPY {s}.gold TO PROGRAM 'cat > {f}/stolen'",
    "COPY to a file": "COPY {s}.gold TO '{f}/stolen'",
    "no SELECT": "DELETE FROM {s}.gold",
    "EXPLAIN ANALYZE": "EXPLAIN ANALYZE DELETE FROM {s}.gold",
    "DO": "DO 'BEGIN DELETE FROM {s}.gold; END'",
    "another table": "SELECT id FROM {s}.gold",
    "another table by TABLE": "SELECT id FROM (TABLE {s}.gold) q",
    "another table in a subquery": "SELECT id FROM {s}.orders WHERE id IN (SELECT id FROM {s}.gold)",
    "another table in a check of a CASE": "SELECT CASE WHEN EXISTS (SELECT 1 FROM {s}.gold) THEN 1 ELSE 0 END AS a",
    "another table behind a CTE of its name": "WITH gold AS (SELECT 1 AS id) SELECT g.id FROM {s}.gold AS g JOIN gold ON true",
    "another table in LATERAL": "SELECT q.id FROM {s}.orders o, LATERAL (SELECT id FROM {s}.gold) q",
    "quarantine": "SELECT raw FROM quarantine.{s}__orders",
    "quarantine in quotes": 'SELECT raw FROM "quarantine"."{s}__orders"',
    "ops": "SELECT attempt_id FROM ops.proof__{s}__orders",
    "the login's passwords": "SELECT rolpassword FROM pg_authid",
    "the catalog, by its schema": "SELECT usename FROM pg_catalog.pg_user",
    "the catalog, behind a CTE": "WITH pg_authid AS (SELECT 1 AS a) SELECT a FROM pg_authid UNION SELECT oid FROM pg_roles",
    "the catalog, for a CTE of another place": "SELECT a FROM (WITH pg_authid AS (SELECT 1 AS a) SELECT a FROM pg_authid) q "
        "UNION SELECT 1 FROM pg_authid",
    "information_schema": "SELECT table_name FROM information_schema.tables",
    "what headgate keeps": "SELECT id FROM {s}.orders__hg_g1",
    "reads a file": "SELECT pg_read_file('{f}/secret') AS a",
    "reads a file by a quoted name": "SELECT \"pg_read_file\"('{f}/secret') AS a",
    "reads a file by its schema": "SELECT pg_catalog.pg_read_file('{f}/secret') AS a",
    "reads a file behind a CTE of its name": "WITH pg_read_file(a) AS (SELECT 1) SELECT pg_read_file('{f}/secret') AS a",
    "lists a folder": "SELECT a FROM pg_ls_dir('{f}') AS t(a)",
    "lists a folder by ROWS FROM": "SELECT a FROM ROWS FROM (pg_ls_dir('{f}')) AS t(a)",
    "imports a large object": "SELECT lo_import('{f}/secret') AS a",
    "writes a large object": "SELECT lo_from_bytea(0, 'x') AS a",
    "runs a text as SQL": "SELECT query_to_xml('SELECT id FROM {s}.gold', true, true, '') AS a",
    "reads a table by its name": "SELECT table_to_xml('{s}.gold', true, true, '') AS a",
    "a function that writes": "SELECT {s}.planted() AS a",
    "an operator of somebody": "SELECT 1 OPERATOR({s}.+%) 2 AS a",
    "a type of somebody": "SELECT CAST(1 AS {s}.trap) AS a",
    "waits": "SELECT pg_sleep(1) AS a",
    "takes other rights": "SELECT set_config('role', 'none', false) AS a",
    "changes the session": "SELECT set_config('search_path', '{s}', false) AS a",
    "reads a setting": "SELECT current_setting('data_directory') AS a",
    "takes a number": "SELECT nextval('{s}.numbers') AS a",
    "ends a session": "SELECT pg_terminate_backend(pid) AS a FROM pg_stat_activity",
    "locks": "SELECT pg_advisory_lock(1) AS a",
    "notifies": "SELECT pg_notify('a', 'b') AS a",
    "other rows each time": "SELECT random() AS a FROM {s}.orders",
}  # fmt: skip


@pytest.fixture
def target(house: Any) -> Iterator[Any]:
    """A project with an input, quarantined rows, a table that isn't an input, and what an analyst planted for the loader."""
    s = house.schema
    house.source("orders.csv", "id,city\n1,Oslo\n2,Rome\nx,MARK\n")
    house.declare("orders", TABLE)
    house.load(f"{s}.orders")
    (house.folder / "secret").write_text("MARK")
    (house.folder / "summaries").mkdir()
    if not house.place.is_redshift:
        for statement in (
            "CREATE TABLE {s}.gold (id integer)", "INSERT INTO {s}.gold VALUES (1), (2)", "CREATE SEQUENCE {s}.numbers",
            "CREATE FUNCTION {s}.planted(integer DEFAULT 1, integer DEFAULT 2) RETURNS integer LANGUAGE sql "
            "AS 'DELETE FROM {s}.gold; SELECT 1'",
            "CREATE FUNCTION {s}.bad(integer) RETURNS boolean LANGUAGE plpgsql AS "
            "'BEGIN DELETE FROM {s}.gold; RETURN true; END'",
            "CREATE OPERATOR {s}.+% (LEFTARG = integer, RIGHTARG = integer, FUNCTION = {s}.planted)",
            "CREATE DOMAIN {s}.trap AS integer CHECK ({s}.bad(VALUE))",
        ):  # fmt: skip
            house.place.ask(statement.replace("{s}", s))
    yield house
    if not house.place.is_redshift:
        house.place.ask(f"DROP SCHEMA {s} CASCADE")


def state(house: Any) -> dict[str, Any]:
    """Everything that a hostile text may have changed."""
    ask, s = house.place.ask, house.schema
    return {
        "relations": ask(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname LIKE %s OR n.nspname IN ('ops', 'quarantine', 'public') ORDER BY 1, 2", (f"{s}%",)),
        "gold": ask(f"SELECT id FROM {s}.gold ORDER BY 1"), "orders": house.rows(f"{s}.orders"),
        "quarantine": ask(f"SELECT count(*) FROM quarantine.{s}__orders"),
        "sequence": ask(f"SELECT last_value, is_called FROM {s}.numbers"),
        "large objects": ask("SELECT count(*) FROM pg_largeobject_metadata"),
        "files": sorted(file.name for file in house.folder.iterdir() if file.name not in ("state", "summaries")),
    }  # fmt: skip


def filled(house: Any, text: str) -> str:
    return text.replace("{s}", house.schema).replace("{f}", str(house.folder))


def past_the_text(house: Any, sql: str, check: str | None = None) -> Any:
    """The job of a summary whose SQL nobody has looked at, and everything it is done with."""
    checks = (InputCheck(code="HOSTILE", sql=check, at_least=0),) if check is not None else ()
    summary = Summary(
        target=f"{house.schema}.by_city", description="x", owner="a@example.com", sql=sql,
        inputs=(Input(table=f"{house.schema}.orders", checks=checks),),
    )  # fmt: skip
    house.open()
    from tasks.workbench import workbench

    project = replace(workbench().project, summaries={summary.target: summary})
    use(house.place.settings, project)
    return Job(summary.target, "run1", secrets.token_hex(4), 0, "", None, house.folder / "state" / "spool" / "run1")


def forms(house: Any, sql: str) -> tuple[str, str]:
    """A file with the text as its SELECT, and one with it as the check of an input."""
    in_yaml = '"' + sql.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return filled(house, SUMMARY % sql), filled(house, WITH_CHECK % in_yaml)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_text_of_each_is_refused_before_a_server_is_asked(
    target: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(target.folder))
    before = state(target)
    declared, elsewhere = target.folder / "summaries" / "by_city.sql", target.folder / "state" / "mine.sql"
    passed = []
    for name, text in HOSTILE.items():
        for form in forms(target, filled(target, text)):
            declared.write_text(form)
            told = command("check", "--json")
            declared.unlink()
            elsewhere.write_text(form)
            tried = command("summary", "try", str(elsewhere))
            places = {(Path(problem["file"]).name, problem["line"] > 4) for problem in told.json["problems"]}
            if told.code != 2 or places != {("by_city.sql", True)} or getattr(tried.error, "code", "") != "DECLARATION":
                passed.append((name, told.json["problems"], tried.error))
    assert passed == []
    assert state(target) == before


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_each_is_refused_by_what_the_server_understands(target: Any) -> None:
    assert len(HOSTILE) >= 50
    before = state(target)
    passed: list[tuple[str, object]] = []
    for name, text in HOSTILE.items():
        sql = filled(target, text)
        for verb, texts in ((build, (sql, None)), (check_inputs, ("SELECT 1 AS a", sql))):
            job = past_the_text(target, *texts)
            try:
                passed.append((name, verb.fn(job)))
            except CheckFailedError as error:
                # It was judged, so it has run.
                passed.append((name, error))
            except HeadgateError:
                pass
        if state(target) != before:
            passed.append((name, state(target)))
            before = state(target)
    assert passed == [], passed


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_only_the_server_can_know_is_told_by_its_code(target: Any) -> None:
    told = {
        "another table": "SUMMARY-READS", "quarantine": "SUMMARY-READS", "the catalog, by its schema": "SUMMARY-READS",
        "reads a table by its name": "SUMMARY-CALLS", "a function that writes": "SUMMARY-CALLS",
        "a type of somebody": "SUMMARY-CALLS", "an operator of somebody": "SUMMARY-CALLS",
        "other rows each time": "SUMMARY-CALLS",
        "a second statement": "SUMMARY-SELECT", "writes inside WITH": "SUMMARY-SELECT", "hidden by dollars": "SUMMARY-SELECT",
    }  # fmt: skip
    for name, code in told.items():
        with pytest.raises(DeclarationError) as caught:
            build.fn(past_the_text(target, filled(target, HOSTILE[name])))
        assert (name, caught.value.code) == (name, code), caught.value


def test_a_table_that_is_no_input_is_refused_by_either_warehouse(target: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        build.fn(past_the_text(target, f"SELECT attempt_id FROM ops.proof__{target.schema}__orders"))
    assert caught.value.code == "SUMMARY-READS"
    job = past_the_text(target, f"SELECT city, COUNT(*) AS orders FROM {target.schema}.orders GROUP BY city")
    assert build.fn(job).rows == 2


def test_check_live_lets_the_warehouse_read_what_nobody_has_run(
    target: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(target.folder))
    declared = target.folder / "summaries" / "by_city.sql"

    def live(sql: str) -> list[tuple[bool, str]]:
        declared.write_text(filled(target, SUMMARY % sql))
        told = command("check", "--live", "--json")
        found = [
            (line["ok"], line["said"]) for line in told.json["lines"] if line["what"] == f"{target.schema}.by_city"
        ]
        assert told.code == int(not found[0][0])
        return found

    before = target.rows(f"{target.schema}.orders")
    if target.place.double:
        target.place.double.explained.append("DATE_TRUNC")
    assert live("SELECT city, COUNT(*) AS orders FROM {s}.orders GROUP BY city") == [
        (True, "the warehouse reads its SQL as declared")
    ]
    ((ok, said),) = live("SELECT city,\n  DATE_TRUNC(id, city, id, id) AS orders FROM {s}.orders")
    assert (ok, "date_trunc" in said) == (False, True), said
    assert target.place.is_redshift or "(its line 2, column 3)" in said, said
    assert target.rows(f"{target.schema}.orders") == before


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_an_input_that_somebody_planted_is_not_read(target: Any) -> None:
    s = target.schema
    target.place.ask(f"DROP TABLE {s}.orders CASCADE")
    target.place.ask(f"CREATE VIEW {s}.orders AS SELECT {s}.planted() AS id, 'x'::varchar(16) AS city")
    with pytest.raises(DeclarationError, match="is a view: it isn't ours"):
        check_inputs.fn(past_the_text(target, f"SELECT city FROM {s}.orders"))
    assert target.rows(f"{s}.gold") == [(1,), (2,)]


def test_checks_run_in_a_transaction_that_changes_nothing(target: Any) -> None:
    """Should a text ever come so far, the server has been told that it may write nothing."""
    from psycopg2 import Error

    from tasks.warehouses.session import reading, session
    from tasks.workbench import workbench

    address = workbench().warehouse.address
    for _ in range(2):
        with pytest.raises(Error, match="read-only transaction"), reading(address) as cursor:
            cursor.execute(f"DELETE FROM {target.schema}.orders")
    with reading(address) as cursor:
        cursor.execute("SELECT 1")
    with session(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {target.schema}.orders")
        connection.rollback()


FRAGMENTS = (
    "'", "''", "\\", '"', "$$", "$a$", "--", "/*", "*/", "E", "U&", "x", "/", "*", ",", "1", "\n", "\r", " ",
)  # fmt: skip


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("backslashes", ["on", "off"])
def test_a_text_that_passes_is_one_statement_to_a_server(target: Any, backslashes: str) -> None:
    """Whatever is made of quotes, comments and dollars: what isn't refused hides no second statement, wherever backslashes
    are read as PostgreSQL does and wherever as Redshift does."""
    dice, canary = random.Random(20), f"; INSERT INTO {target.schema}.gold VALUES (777); --"
    tried = 0
    with closing(psycopg2.connect(str(target.place.settings.warehouse_url))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET standard_conforming_strings = %s", (backslashes,))
            cursor.execute("SET escape_string_warning = off")
            for _ in range(20_000):
                # Few kinds of parts in each, so that those meet that belong together.
                parts = dice.choices(FRAGMENTS, k=3)
                before, behind = (
                    "".join(dice.choice(parts) for _ in range(dice.randint(least, 5))) for least in (1, 0)
                )
                text = f"SELECT {before}{canary}{behind}"
                try:
                    tokens(text)
                except SqlTextError:
                    continue
                tried += 1
                with suppress(psycopg2.Error):
                    cursor.execute(text)
            cursor.execute(f"SELECT id FROM {target.schema}.gold ORDER BY id")
            assert cursor.fetchall() == [(1,), (2,)]
    assert tried > 500
