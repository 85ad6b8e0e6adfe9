"""A SELECT on a real PostgreSQL: values as the server writes them, window edges in the cursor's zone, and its failures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from deployments.errors import DeclarationError, HeadgateError, SourceMissingError, SourceUnreachableError
from tasks.retrying import is_passing
from tasks.sources.postgres import PostgresReader, _without_moment

Read = Callable[..., bytes]
AT = {"name": "at", "type": "timestamp", "source_timezone": "Asia/Seoul"}


@pytest.fixture(scope="module")
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def run(url: str) -> Iterator[Callable[..., None]]:
    """Run statements on the source; its tables are gone after the test."""

    def execute(*statements: str) -> None:
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    yield execute
    execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def select(query: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "postgres", "connection": "shop", "query": query, **keys}


def test_null_and_empty_text_stay_two_things_and_text_stays_itself(read: Read, run: Any, url: str) -> None:
    run("CREATE TABLE t (id int, v text)",
        "INSERT INTO t VALUES (1, NULL), (2, ''), (3, '한글 😀'), (4, E'a\\nb'), (5, '\"q\",'), (6, '\\.'), "
        "(7, 'NULL')")  # fmt: skip
    data = read(select("SELECT id, v FROM t ORDER BY id"), shop=url)
    assert data.startswith(b'id,v\n1,\n2,""\n3,')
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert [row[1] for row in rows[3:]] == ["한글 😀", "a\nb", '"q",', "\\.", "NULL"]


def test_values_are_spelled_alike_whatever_the_server_prefers(read: Read, run: Any, url: str) -> None:
    run("CREATE TABLE t AS SELECT 1.50::numeric(9,2) AS n, 0.1::float8 AS f, true AS b, date '2024-02-01' AS d, "
        "timestamp '2024-02-01 03:04:05.5' AS t, timestamptz '2024-02-01 00:00:00+09' AS z, '\\xff'::bytea AS x",
        "ALTER ROLE CURRENT_USER SET datestyle = 'German'", "ALTER ROLE CURRENT_USER SET timezone = 'Asia/Seoul'")  # fmt: skip
    try:
        data = read(select("SELECT * FROM t"), shop=url)
    finally:
        run("ALTER ROLE CURRENT_USER RESET ALL")
    assert data == b"n,f,b,d,t,z,x\n1.50,0.1,t,2024-02-01,2024-02-01 03:04:05.5,2024-01-31 15:00:00+00,\\xff\n"


@pytest.mark.parametrize(("kind", "zone", "inside"), [
    # A day of Seoul is 15:00 to 15:00 UTC; a naive column is compared in the zone it is written in.
    ("timestamp", "Asia/Seoul", [2, 3]), ("timestamp", "UTC", [4, 5]), ("timestamptz", None, [4, 5]), ("date", None, [2, 3]),
])  # fmt: skip
def test_a_window_is_half_open_in_the_zone_of_its_cursor(
    read: Read, run: Any, url: str, kind: str, zone: str | None, inside: list[int]
) -> None:
    moments = ["2024-02-29 23:59:59.999999", "2024-03-01 00:00:00", "2024-03-01 23:59:59.999999", "2024-03-02 00:00:00"]
    utc = ["2024-02-29 14:59:59.999999", "2024-02-29 15:00:00", "2024-03-01 14:59:59.999999", "2024-03-01 15:00:00"]
    times = moments if zone == "Asia/Seoul" or kind == "date" else utc
    ids = [1, 2, 3, 6] if times is moments else [1, 4, 5, 6]
    values = ", ".join(
        f"({n}, '{time}{'+00' if kind == 'timestamptz' else ''}')" for n, time in zip(ids, times, strict=True)
    )
    run(f"CREATE TABLE t (id int, at {kind})", f"INSERT INTO t VALUES {values}")
    column = {"name": "at", "type": kind} | ({"source_timezone": zone} if kind == "timestamp" else {})
    source = select("SELECT id, at FROM t ORDER BY id", cursor={"column": "at", "kind": "immutable"})
    data = read(source, columns=({"name": "id", "type": "integer"}, column), day="2024-03-01", shop=url)
    assert [int(line.split(b",")[0]) for line in data.splitlines()[1:]] == inside


@pytest.mark.parametrize("session", ["UTC", "Asia/Seoul", "America/New_York"])
def test_a_cursor_column_with_a_zone_is_compared_as_an_instant(read: Read, run: Any, url: str, session: str) -> None:
    """Even where the contract stores it as a local time: the SELECT below hands out Seoul's."""
    run("CREATE TABLE t (id int, z timestamptz)",
        "INSERT INTO t VALUES (1, '2024-02-29 23:59:59+09'), (2, '2024-03-01 00:00+09'), (3, '2024-03-02 00:00+09')",
        f"ALTER ROLE CURRENT_USER SET timezone = '{session}'")  # fmt: skip
    query = "SELECT id, z AT TIME ZONE 'Asia/Seoul' AS at FROM t"
    try:
        data = read(
            select(query, cursor={"column": "at", "kind": "immutable"}), columns=(AT,), day="2024-03-01", shop=url
        )
    finally:
        run("ALTER ROLE CURRENT_USER RESET ALL")
    assert data == b"id,at\n2,2024-03-01 00:00:00\n"


def test_an_empty_window_is_a_header_alone(read: Read, run: Any, url: str) -> None:
    run("CREATE TABLE t (at timestamp)")
    source = select("SELECT at FROM t;", cursor={"column": "at", "kind": "mutable"})
    assert read(source, columns=(AT,), day="2024-03-01", shop=url) == b"at\n"


def test_the_source_cannot_be_changed(read: Read, run: Any, url: str) -> None:
    run(
        "CREATE TABLE t (id int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING id'",
    )
    with pytest.raises(HeadgateError, match="read-only transaction"):
        read(select("SELECT f() AS id"), shop=url)


FAILURES: list[tuple[str, type[HeadgateError], str, bool]] = [
    ("SELECT id FROM absent", SourceMissingError, "SOURCE-MISSING", False),
    ("SELECT idd FROM t", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id FROM t WHERE", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id, 1/0 AS x FROM t", HeadgateError, "SOURCE-QUERY", False),
    ("SELECT id, pg_sleep(5) FROM t", SourceUnreachableError, "SOURCE-TIMEOUT", True),
]


@pytest.mark.parametrize(("query", "kind", "code", "again"), FAILURES)
def test_failures_of_the_query(
    read: Read, run: Any, url: str, query: str, kind: type[HeadgateError], code: str, again: bool
) -> None:
    run("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    with pytest.raises(kind) as caught:
        read(select(query, statement_timeout="1s"), shop=url)
    assert (caught.value.code, is_passing(caught.value)) == (code, again)
    assert "headgate:" not in str(caught.value)


def test_failures_of_the_connection_do_not_show_the_password(read: Read, url: str) -> None:
    head, _, host = url.rpartition("@")
    scheme, user = head.split("://")[0], head.split("://")[1].split(":")[0]
    for address, kind, code in [
        (f"{scheme}://{user}:wrongpass@{host}", DeclarationError, "SOURCE-LOGIN"),
        (f"{scheme}://nobody:wrongpass@{host}", DeclarationError, "SOURCE-LOGIN"),
        (url.rpartition("/")[0] + "/nosuchdb", DeclarationError, "SOURCE-LOGIN"),
        (f"{scheme}://me:wrongpass@127.0.0.1:1/x", SourceUnreachableError, "SOURCE-UNREACHABLE"),
    ]:
        with pytest.raises(kind) as caught:
            read(select("SELECT 1 AS id"), shop=address)
        assert caught.value.code == code
        assert "wrongpass" not in str(caught.value) + repr(caught.value.facts)
        assert "shop (127.0.0.1" in str(caught.value)
        if code == "SOURCE-LOGIN":
            assert str(caught.value.next_command).startswith("mend HEADGATE_CONNECTION_SHOP; ")


def test_a_source_that_dies_half_way_is_a_failure_not_an_end(source: Any, run: Any, url: str) -> None:
    reader = source(select("SELECT i AS id, repeat('x', 100) AS v FROM generate_series(1, 3000000) i"), shop=url)
    chunks = reader.chunks()
    next(chunks)
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headgate'")
    with pytest.raises(SourceUnreachableError) as caught:
        list(chunks)
    assert is_passing(caught.value)


def test_a_reader_that_goes_away_leaves_no_connection(source: Any, run: Any, url: str) -> None:
    """And doesn't close it under the thread that reads from it: about one time in twenty that ended the process."""
    for _ in range(25):
        chunks = source(
            select("SELECT i AS id, repeat('x', 100) AS v FROM generate_series(1, 3000000) i"), shop=url
        ).chunks()
        next(chunks)
        chunks.close()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for _ in range(400):
            # Other tests have connections to the same server.
            cursor.execute("SELECT pg_sleep(0.05), count(*) FROM pg_stat_activity "
                           "WHERE application_name = 'headgate' AND datname = current_database()")  # fmt: skip
            if cursor.fetchone()[1] == 0:
                return
            connection.rollback()
    pytest.fail("the source's connection is still open")


def test_the_fingerprint_changes_with_the_rows_and_not_with_their_order(source: Any, run: Any, url: str) -> None:
    def fingerprint() -> str | None:
        reader = source(select("SELECT id, v FROM t"), shop=url)
        assert isinstance(reader, PostgresReader)
        return reader.fingerprint()

    seen = []
    run("CREATE TABLE t (id int, v text)")
    for statement in ("SELECT 1", "INSERT INTO t VALUES (1, 'a'), (2, NULL)", "UPDATE t SET v = '' WHERE id = 2",
                      "INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'b' WHERE id = 1"):  # fmt: skip
        run(statement)
        seen.append(fingerprint())
    assert len(set(seen)) == 5
    run("CREATE TABLE u AS SELECT * FROM t ORDER BY id DESC, v", "DROP TABLE t", "ALTER TABLE u RENAME TO t")
    assert fingerprint() == seen[-1]


def fingerprint(url: str, query: str) -> str | None:
    from deployments.declarations.sources import PostgresSource
    from tasks.sources.opening import Span

    source = PostgresSource(kind="postgres", connection="shop", query=query)
    return PostgresReader(source, Span(None, None), url).fingerprint()


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("numeric", "1.0", "1.00"), ("float8", "0", "-0"), ("float4", "0.1", "0.10000001"), ("text", "a", "a "),
        ("text", "", None), ("varchar(5)", "é", "e"), ("char(3)", "a", "b"), ("boolean", "t", "f"), ("bytea", "a", "b"),
        ("date", "2024-01-01", "2024-01-02"), ("timestamptz", "2024-01-01 00:00+00", "2024-01-01 00:00+09"),
        ("interval", "1 day", "24 hours"), ("uuid", None, "0" * 32), ("json", '{"a":1}', '{"a": 1}'),
        ("int[]", "{1,2}", "{2,1}"), ("text", 'a","b', "a,b"), ("bigint", "0", None), ("time", "24:00", "0:00"),
        ("date", "infinity", "-infinity"), ("date", "2000-01-01", None), ("timestamp", "infinity", None), ("smallint", "0", None),
        ("boolean", "f", None), ("integer", "2", None), ("timestamptz", "-infinity", "infinity"),
    ],
)  # fmt: skip
def test_every_change_of_a_value_changes_the_fingerprint(
    run: Any, url: str, kind: str, before: str | None, after: str | None
) -> None:
    seen = set()
    for value in (before, after):
        written = "NULL" if value is None else "'" + value + "'"
        run(f"CREATE TABLE t (id int, v {kind})", f"INSERT INTO t VALUES (1, {written}), (2, NULL)")
        seen.add(fingerprint(url, "SELECT * FROM t"))
        run("DROP TABLE t")
    assert len(seen) == 2


def test_rows_that_exchange_their_values_change_the_fingerprint(run: Any, url: str) -> None:
    run("CREATE TABLE t (id int, v int, w text)", "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b')")
    seen = {fingerprint(url, "SELECT * FROM t")}
    for change in ("v = 3 - v", "w = CASE w WHEN 'a' THEN 'b' ELSE 'a' END", "id = v, v = id"):
        run(f"UPDATE t SET {change}")
        seen.add(fingerprint(url, "SELECT * FROM t"))
    # The last exchange makes the rows that the first had made.
    assert len(seen) == 3


@pytest.mark.parametrize("query", ["SELECT * FROM t", "SELECT v, v FROM t"])
def test_functions_that_somebody_made_in_the_source_do_not_make_the_fingerprint(run: Any, url: str, query: str) -> None:
    """A source's session keeps its own search path, since people's queries need it: a function with the very types of a call
    would run in place of the server's, and could say that nothing has changed."""
    planted = (
        "hashint8extended(bigint, integer)",
        "hashint4extended(integer, integer)",
        "hashtextextended(text, integer)",
    )
    run("CREATE TABLE t (id int, v int)", "INSERT INTO t VALUES (1, 1)")
    for function in planted:
        run(f"CREATE FUNCTION public.{function} RETURNS bigint LANGUAGE sql AS 'SELECT 7::bigint'")
    try:
        first = fingerprint(url, query)
        run("UPDATE t SET v = 2")
        assert fingerprint(url, query) != first
    finally:
        for function in planted:
            run(f"DROP FUNCTION public.{function}")


def test_a_query_with_a_name_twice_has_a_fingerprint(run: Any, url: str) -> None:
    run("CREATE TABLE t (id int, v int)", "INSERT INTO t VALUES (1, 1)")
    first = fingerprint(url, "SELECT v, v FROM t")
    run("UPDATE t SET v = 2")
    assert fingerprint(url, "SELECT v, v FROM t") != first


@pytest.mark.parametrize("name", ["q", "Q", "hg$rows", "row", "opened", "count", "select", 'a"b', "sum", "tableoid_"])
def test_a_column_of_any_name_takes_part_in_the_fingerprint_and_hides_no_other(run: Any, url: str, name: str) -> None:
    column = '"' + name.replace('"', '""') + '"'
    run(f"CREATE TABLE t (id int, {column} int, v int)", "INSERT INTO t VALUES (1, 1, 1)")
    seen = {fingerprint(url, "SELECT * FROM t")}
    for change in ("v", column):
        run(f"UPDATE t SET {change} = 2")
        seen.add(fingerprint(url, "SELECT * FROM t"))
    assert len(seen) == 3


@pytest.mark.parametrize("query", ["SELECT id FROM t -- )", "/* first */ SELECT id FROM t", "-- x\nSELECT id FROM t;\n-- y; z",
                                   "SELECT id /* ; */ FROM t ; "])  # fmt: skip
def test_a_query_may_hold_comments_anywhere(read: Read, run: Any, url: str, query: str) -> None:
    run("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    assert read(select(query), shop=url) == b"id\n1\n"
    assert fingerprint(url, query) is not None


ESCAPES = [
    "SELECT 1) TO STDOUT; COMMIT; BEGIN READ WRITE; INSERT INTO t VALUES (888); COMMIT; --",
    "SELECT 1 AS a) TO PROGRAM 'touch {file}' --",
    # The same, with what is put behind a query belonging to a statement of its own.
    "SELECT 1 AS a) TO STDOUT; COMMIT; BEGIN READ WRITE; INSERT INTO t VALUES (888); COMMIT; COPY (SELECT 1 AS a",
    "SELECT 1 AS a) hg_rows; COMMIT; BEGIN READ WRITE; INSERT INTO t VALUES (888); COMMIT; SELECT 1 FROM (SELECT 1 AS a",
    "SELECT 1 AS a) q; COMMIT; BEGIN READ WRITE; INSERT INTO t VALUES (888); COMMIT; SELECT count(*) FROM (SELECT 1 AS a",
    "SELECT $$'$$ AS a; COMMIT; INSERT INTO t VALUES (888); --'",
    "WITH d AS (INSERT INTO t VALUES (888) RETURNING id) SELECT id FROM d",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT 1; COPY (SELECT 1) TO PROGRAM 'touch {file}'",
]


@pytest.mark.parametrize("query", ESCAPES)
def test_a_query_stays_one_select_in_a_read_only_transaction(
    read: Read, run: Any, url: str, query: str, tmp_path: Any
) -> None:
    from deployments.declarations.sources import PostgresSource

    run("CREATE TABLE t (id int)")
    file = tmp_path / "made"
    # As a declaration that was never checked would hand it on.
    source = PostgresSource(kind="postgres", connection="shop", query="SELECT 1").model_copy(
        update={"query": query.format(file=file)}
    )
    from tasks.sources.opening import Span

    reader = PostgresReader(source, Span(None, None), url)
    for look in (reader.fingerprint, lambda: b"".join(reader.chunks())):
        with pytest.raises(HeadgateError) as caught:
            look()
        assert caught.value.code == "SOURCE-QUERY"
    assert not file.exists()
    run("DO $$ BEGIN IF (SELECT count(*) FROM t) > 0 THEN RAISE EXCEPTION 'written'; END IF; END $$")


@pytest.mark.parametrize("query", ["SELECT CAST(v AS integer) AS n FROM t", "SELECT raised(v) AS n FROM t",
                                   "SELECT CAST(v AS date) AS n FROM t"])  # fmt: skip
def test_no_value_of_a_row_stands_in_an_error(read: Read, run: Any, url: str, query: str) -> None:
    run("CREATE TABLE t (v text)", "INSERT INTO t VALUES ('MARK@x.example')",
        "CREATE FUNCTION raised(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', $1; END $$")  # fmt: skip
    with pytest.raises(HeadgateError) as caught:
        read(select(query), shop=url)
    assert "MARK" not in str(caught.value)
    assert "MARK" not in str(caught.value.facts)
    assert "(22" in caught.value.message or "(P0001)" in caught.value.message


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_rows_in_no_window_are_found_by_an_index(run: Any, url: str, kind: str) -> None:
    run(f"CREATE TABLE t AS SELECT n AS id, ('2024-01-01'::date + n % 300)::{kind} AS at, repeat('x', 200) AS v "
        "FROM generate_series(1, 20000) n",
        "INSERT INTO t VALUES (1, NULL, ''), (2, 'infinity', ''), (3, '-infinity', '')",
        "CREATE INDEX ON t (at)", "ANALYZE t")  # fmt: skip
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        asked = sql.SQL("SELECT id FROM (SELECT id, at FROM t) q WHERE {}").format(
            _without_moment(sql.Identifier("at"))
        )
        cursor.execute(asked)
        assert sorted(cursor.fetchall()) == [(1,), (2,), (3,)]
        cursor.execute(sql.SQL("EXPLAIN ") + asked)
        assert "Seq Scan" not in " ".join(line for (line,) in cursor.fetchall())
