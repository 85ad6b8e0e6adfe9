"""SQL that was written for Redshift on a real PostgreSQL: each construct gives the value Redshift documents, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deployments.declarations.redshift_sql import for_postgresql
from deployments.declarations.redshift_words import CONSTRUCTS, as_page
from deployments.declarations.select import read_select
from deployments.declarations.sql_scopes import Column, Known
from tests.flows.one_sql_cases import LINES, MORE_REFUSED, REFUSED, VALUES

ROOT = Path(__file__).parents[2]
TABLE = """
CREATE TABLE raw.t (id integer, day date, at timestamp, n integer, d decimal(12,2), f double precision, a varchar(40),
  j varchar(200));
INSERT INTO raw.t VALUES
 (1, '2024-01-31', '2024-01-31 23:59:59.5', 1, 1.50, 1.5, 'b', '{"k": {"l": "x"}, "e": ""}'),
 (2, '2024-02-29', '2024-02-29 12:00:00', 2, -2.25, 2.5, 'a', '{"k": {"l": 7}}'),
 (3, '2016-02-29', '2016-02-29 00:00:00', NULL, NULL, NULL, NULL, NULL),
 (4, '2024-03-01', '2024-03-01 00:00:00', 2, 0.00, 4.0, '', '{}');
"""
KNOWN = {
    "raw.t": Known({
        "id": Column("integer", False), "day": Column("moment", False), "at": Column("moment", False),
        "n": Column("integer", True), "d": Column("number", True), "f": Column("number", True, True),
        "a": Column("text", True), "j": Column("text", True),
    })
}  # fmt: skip


def whole(sql: str) -> str:
    return sql if sql.startswith(("SELECT", "WITH")) else f"SELECT {sql} AS x FROM raw.t WHERE id = 1"


@pytest.fixture(scope="module")
def server(new_database: Callable[[], str]) -> Any:
    with closing(psycopg2.connect(new_database())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET timezone TO 'UTC'; CREATE SCHEMA raw; " + TABLE)
            yield cursor


@pytest.mark.parametrize(("sql", "value"), [case for cases in VALUES.values() for case in cases])
def test_a_value_is_the_one_that_redshift_documents(server: Any, sql: str, value: Any) -> None:
    found = for_postgresql(whole(sql), KNOWN)
    assert found.faults == ()
    server.execute(found.text)
    rows = server.fetchall()
    wanted = value if isinstance(value, list) else [(value,)]
    assert rows == wanted, found.text
    assert [[type(item) for item in row] for row in rows] == [[type(item) for item in row] for row in wanted]
    assert read_select(found.text)[1] == (), "what is rewritten is still one SELECT of what may be called"


@pytest.mark.parametrize("sql", [sql for cases in REFUSED.values() for sql in cases] + MORE_REFUSED)
def test_what_is_not_proven_is_refused_with_what_to_write(sql: str) -> None:
    faults = [fault for fault in for_postgresql(whole(sql), KNOWN).faults if fault.kind == "postgresql"]
    assert len(faults) == 1, faults
    assert faults[0].allowed
    assert faults[0].message.endswith("not on PostgreSQL")
    assert 0 <= faults[0].start < len(whole(sql))


def test_what_is_to_be_written_instead_is_proven(server: Any) -> None:
    for sql in ("DATEDIFF(week, DATE_TRUNC('week', day), DATE_TRUNC('week', at))", "DATEADD(month, 3 * n, day)",
                "AVG(CAST(n AS double precision))", "CAST(d AS double precision) / 3", "COUNT(DISTINCT n)",
                "MEDIAN(CAST(d AS double precision))", "CAST(n AS double precision) / NULLIF(SUM(n) OVER (PARTITION BY a), 0)",
                "CAST(a AS varchar(10))", "CAST('2024-01-31' AS date)", "CAST(ROUND(d) AS integer)"):  # fmt: skip
        found = for_postgresql(whole(sql), KNOWN)
        assert found.faults == (), sql
        server.execute(found.text)


def test_redshift_itself_wants_a_frame() -> None:
    faults = for_postgresql("SELECT SUM(n) OVER (ORDER BY id) AS x FROM raw.t", KNOWN).faults
    assert [(fault.kind, "wants the frame" in fault.message) for fault in faults] == [("redshift", True)]


def test_a_name_that_may_be_a_column_is_refused() -> None:
    faults = for_postgresql("SELECT n AS m, m + 1 AS k FROM raw.unknown", KNOWN).faults
    assert [fault.message for fault in faults] == [
        "'m' may be a name that this SELECT gives, or a column of a table that nobody declared; not on PostgreSQL"
    ]


def test_text_that_is_the_same_is_left_as_it_is() -> None:
    sql = "SELECT  id, -- the key\n  COUNT( * )AS n FROM raw.t /* all */ GROUP BY id"
    assert for_postgresql(sql, KNOWN).text == sql


def test_every_line_of_the_list_is_proven() -> None:
    for item in CONSTRUCTS:
        assert item.written in (REFUSED if item.verdict == "refused" else VALUES), item.written
    assert (VALUES.keys() | REFUSED.keys()) == LINES.keys()


def test_the_page_has_the_list_of_the_code() -> None:
    assert as_page() in (ROOT / "docs" / "one-sql.md").read_text()
