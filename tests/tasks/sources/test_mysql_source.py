"""A SELECT on a real MariaDB: window edges in the cursor's zone, one snapshot, and its failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import (
    DeclarationError,
    HeadgateError,
    SourceMissingError,
    SourceUnreachableError,
    UpstreamError,
)
from tasks.retrying import is_passing
from tasks.sources.mysql import MysqlReader
from tests.mariadb import Database, select, values

Read = Callable[..., bytes]
AT = {"name": "at", "type": "timestamp", "source_timezone": "Asia/Seoul"}


@pytest.mark.parametrize(("kind", "zone", "inside"), [
    # A day of Seoul is 15:00 to 15:00 UTC; a naive column is compared in the zone it is written in.
    ("DATETIME(6)", "Asia/Seoul", [2, 3]), ("DATETIME(6)", "UTC", [4, 5]), ("TIMESTAMP(6)", None, [4, 5]),
    ("DATE", None, [2, 3]),
])  # fmt: skip
def test_a_window_is_half_open_in_the_zone_of_its_cursor(
    read: Read, mysql: Database, kind: str, zone: str | None, inside: list[int]
) -> None:
    moments = ["2024-02-29 23:59:59.999999", "2024-03-01 00:00:00", "2024-03-01 23:59:59.999999", "2024-03-02 00:00:00"]
    utc = ["2024-02-29 14:59:59.999999", "2024-02-29 15:00:00", "2024-03-01 14:59:59.999999", "2024-03-01 15:00:00"]
    times = moments if zone == "Asia/Seoul" or kind == "DATE" else utc
    ids = [1, 2, 3, 6] if times is moments else [1, 4, 5, 6]
    rows = ", ".join(f"({n}, '{time[:10] if kind == 'DATE' else time}')" for n, time in zip(ids, times, strict=True))
    mysql.run(f"CREATE TABLE t (id INT, at {kind})", "SET time_zone = '+00:00'", f"INSERT INTO t VALUES {rows}")
    declared = {"DATE": "date", "TIMESTAMP(6)": "timestamptz"}.get(kind, "timestamp")
    column = {"name": "at", "type": declared} | ({"source_timezone": zone} if declared == "timestamp" else {})
    source = select("SELECT id, at FROM t", cursor={"column": "at", "kind": "immutable"})
    data = read(source, columns=({"name": "id", "type": "integer"}, column), day="2024-03-01", shop=mysql.url)
    assert sorted(int(row[0]) for row in values(data)) == inside


@pytest.mark.parametrize("kind", ["DATE", "DATETIME", "TIMESTAMP"])
def test_a_zero_date_lies_in_no_window(source: Any, mysql: Database, kind: str) -> None:
    mysql.run(
        "SET sql_mode = ''", f"CREATE TABLE t (id INT, at {kind} NOT NULL, n {kind} NULL)",
        "INSERT INTO t VALUES (1, '2024-03-01', NULL), (2, '0000-00-00', '2024-03-01'), (3, '2024-03-02', '0000-00-00')",
    )  # fmt: skip

    def reader(column: str, nulls: str = "warn") -> MysqlReader:
        cursor = {"column": column, "kind": "mutable", "nulls": nulls, "timezone": "UTC"}
        made = source(select("SELECT * FROM t", cursor=cursor), day="2024-03-01", zone="UTC", shop=mysql.url)
        assert isinstance(made, MysqlReader)
        return made

    def ids(made: MysqlReader) -> list[str]:
        return sorted(row[0] for row in values(b"".join(made.chunks())))

    assert (ids(reader("at")), reader("at").unplaced(), ids(reader("at", "load"))) == (["1"], 1, ["1", "2"])
    assert (ids(reader("n")), reader("n").unplaced(), ids(reader("n", "load"))) == (["2"], 2, ["1", "2", "3"])


def test_a_cursor_that_is_no_time_is_refused(read: Read, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (id INT)")
    for column, code in (("id", "CURSOR-TYPE"), ("absent", "SOURCE-QUERY")):
        with pytest.raises(DeclarationError) as caught:
            read(
                select("SELECT id FROM t", cursor={"column": column, "kind": "mutable"}),
                day="2024-03-01",
                shop=mysql.url,
            )
        assert caught.value.code == code


def test_an_empty_window_is_a_header_alone(read: Read, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (at DATETIME)")
    source = select("SELECT at FROM t;", cursor={"column": "at", "kind": "mutable"})
    assert read(source, columns=(AT,), day="2024-03-01", shop=mysql.url) == b"at\n"


def test_what_is_written_while_a_source_is_read_is_not_read(source: Any, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))",
              "INSERT INTO t SELECT seq, REPEAT('x', 200) FROM seq_1_to_20000")  # fmt: skip
    chunks = source(select("SELECT id, v FROM t"), shop=mysql.url).chunks()
    head = next(chunks)
    mysql.run("INSERT INTO t VALUES (30000, 'late')", "DELETE FROM t WHERE id > 19990 AND id < 30000")
    assert sorted(int(row[0]) for row in values(head + b"".join(chunks))) == list(range(1, 20_001))


def test_the_source_cannot_be_changed(read: Read, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (id INT)",
              "CREATE FUNCTION f() RETURNS INT BEGIN INSERT INTO t VALUES (1); RETURN 1; END")  # fmt: skip
    with pytest.raises(DeclarationError, match="READ ONLY transaction"):
        read(select("SELECT f() AS id"), shop=mysql.url)
    assert mysql.run("SELECT * FROM t") == []


@pytest.mark.parametrize("query", [
    "SELECT 1) hg_rows; INSERT INTO t VALUES (888); --  ", "SELECT 1 AS a) hg_rows INTO OUTFILE '{file}' -- ",
    "SELECT 1 INTO OUTFILE '{file}'", "SELECT 1; INSERT INTO t VALUES (888)", "SELECT 1 AS a INTO @x",
    "WITH d AS (SELECT 1) DELETE FROM t",
])  # fmt: skip
def test_a_query_stays_one_select(source: Any, mysql: Database, tmp_path: Any, query: str) -> None:
    mysql.run("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    file = tmp_path / "made"
    reader = source(
        select("SELECT 1 AS a"), shop=mysql.server.url(mysql.name, user="root").replace("s3cret%2Fp%40ss", "")
    )
    # As a declaration that was never checked would hand it on.
    object.__setattr__(reader, "source", reader.source.model_copy(update={"query": query.format(file=file)}))
    for look in (
        reader.fingerprint,
        lambda: b"".join(reader.chunks()),
        lambda: reader.says_yes(query.format(file=file)),
    ):
        with pytest.raises(HeadgateError) as caught:
            look()
        assert caught.value.code in ("SOURCE-QUERY", "WAIT-FOR")
    assert not file.exists()
    assert mysql.run("SELECT * FROM t") == [(1,)]


@pytest.mark.parametrize("query", [
    "SELECT id FROM t -- )", "/* first */ SELECT id FROM t", "# x ;\nSELECT id FROM t;\n-- y; z",
    "SELECT id /* ; */ FROM t ; ", "SELECT id FROM t WHERE 'it\\'s; \"' <> \"a\\\";\" OR `id` = 1",
    "SELECT id FROM t WHERE '%' <> '%s?'",
    "WITH w AS (SELECT id FROM t) SELECT id FROM w", "SELECT id FROM t UNION ALL SELECT id FROM t LIMIT 1",
])  # fmt: skip
def test_a_query_may_be_written_as_people_write_it(read: Read, mysql: Database, query: str) -> None:
    mysql.run("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    assert read(select(query), shop=mysql.url) == b"id\n1\n"


FAILURES: list[tuple[str, type[HeadgateError], str, bool]] = [
    ("SELECT id FROM absent", SourceMissingError, "SOURCE-MISSING", False),
    ("SELECT id FROM nowhere.t", HeadgateError, "SOURCE-MISSING", False),
    ("SELECT idd FROM t", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id FROM t WHERE", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id, id FROM t", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT nosuch(id) FROM t", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id, (SELECT 1 UNION SELECT 2) AS x FROM t", DeclarationError, "SOURCE-QUERY", False),
    ("SELECT id, SLEEP(5) FROM t", SourceUnreachableError, "SOURCE-TIMEOUT", True),
]


@pytest.mark.parametrize(("query", "kind", "code", "again"), FAILURES)
def test_failures_of_the_query(
    read: Read, mysql: Database, query: str, kind: type[HeadgateError], code: str, again: bool
) -> None:
    mysql.run("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    with pytest.raises(kind) as caught:
        read(select(query, statement_timeout="1s"), shop=mysql.url)
    assert (caught.value.code, is_passing(caught.value)) == (code, again)
    assert "hg_query" not in str(caught.value)


def test_a_table_that_may_not_be_read_is_told_with_the_right_that_is_missing(read: Read, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (id INT)", f"CREATE OR REPLACE USER other@'%' IDENTIFIED BY '{'s3cret/p@ss'}'")
    mysql.run("CREATE TABLE u (id INT)", f"GRANT SELECT ON {mysql.name}.u TO other@'%'")
    with pytest.raises(DeclarationError, match="SELECT command denied") as caught:
        read(select("SELECT id FROM t"), shop=mysql.server.url(mysql.name, user="other"))
    assert (caught.value.code, "grant SELECT" in str(caught.value)) == ("SOURCE-QUERY", True)


def test_failures_of_the_connection_do_not_show_the_password(read: Read, mysql: Database) -> None:
    port = mysql.server.port
    for address, kind, code in [
        (f"mysql://reader:wrongpass@127.0.0.1:{port}/{mysql.name}", DeclarationError, "SOURCE-LOGIN"),
        (f"mariadb://nobody:wrongpass@127.0.0.1:{port}/{mysql.name}", DeclarationError, "SOURCE-LOGIN"),
        (mysql.server.url("nosuchdb"), DeclarationError, "SOURCE-LOGIN"),
        ("mysql://me:wrongpass@127.0.0.1:1/x", SourceUnreachableError, "SOURCE-UNREACHABLE"),
        ("mysql://me:wrongpass@nowhere.invalid/x", SourceUnreachableError, "SOURCE-UNREACHABLE"),
        ("mysql://me:wrongpass@127.0.0.1:99999/x", DeclarationError, "SETTING"),
        (f"mysql://me:wrongpass@{'a' * 70}/x", DeclarationError, "SETTING"),
        ("mysql://me:wrongpass@127.0.0.1/x?sslmode=require", DeclarationError, "SETTING"),
        ("mysql://me:wrongpass@127.0.0.1/x?ssl-mode=wrongpass", DeclarationError, "SETTING"),
    ]:
        with pytest.raises(kind) as caught:
            read(select("SELECT 1 AS id"), shop=address)
        assert caught.value.code == code, address
        assert "wrongpass" not in str(caught.value) + repr(caught.value.facts)
        if code == "SOURCE-LOGIN":
            assert str(caught.value.next_command).startswith("mend HEADGATE_CONNECTION_SHOP; ")


def test_a_certificate_is_proven_as_the_address_says(read: Read, mysql: Database) -> None:
    ca, secured = (
        mysql.server.ca,
        "SELECT variable_value <> '' AS v FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'",
    )

    def spoken(options: str, host: str = "127.0.0.1") -> str:
        return values(read(select(secured), shop=f"{mysql.server.url(mysql.name, host=host)}?{options}"))[0][0]

    assert spoken("ssl-mode=disabled") == "0"
    for options in ("", "ssl-mode=REQUIRED", f"ssl-mode=VERIFY_CA&ssl-ca={ca}", f"ssl-ca={ca}",
                    f"ssl-mode=verify-identity&ssl-ca={ca}"):  # fmt: skip
        assert spoken(options) == "1", options
    assert spoken(f"ssl-mode=VERIFY_CA&ssl-ca={ca}", "localhost") == "1"
    for options, host, words in [
        ("ssl-mode=VERIFY_CA", "127.0.0.1", "isn't trusted"), (f"ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}", "localhost", "Hostname"),
    ]:  # fmt: skip
        with pytest.raises(UpstreamError, match=words) as caught:
            spoken(options, host)
        assert (caught.value.code, is_passing(caught.value)) == ("SOURCE-TLS", False)
    mysql.run(
        "CREATE OR REPLACE USER known@'%' IDENTIFIED BY 's3cret/p@ss' REQUIRE X509", "GRANT SELECT ON *.* TO known@'%'"
    )
    own = f"ssl-mode=REQUIRED&ssl-cert={ca.parent / 'cert.pem'}&ssl-key={ca.parent / 'key.pem'}"
    known = mysql.server.url(mysql.name, user="known")
    assert values(read(select(secured), shop=f"{known}?{own}")) == [["1"]]
    with pytest.raises(DeclarationError, match="Access denied"):
        read(select(secured), shop=known)
    for file in ("/no/such/file.pem", __file__):
        with pytest.raises(DeclarationError, match="certificates that can't be read") as refused:
            spoken(f"ssl-mode=VERIFY_CA&ssl-ca={file}")
        assert refused.value.code == "SOURCE-TLS"


@pytest.mark.parametrize("how", ["KILL", "KILL QUERY"])
def test_a_source_that_is_killed_half_way_is_a_failure_not_an_end(source: Any, mysql: Database, how: str) -> None:
    reader = source(select("SELECT seq AS id, REPEAT('x', 200) AS v FROM seq_1_to_3000000"), shop=mysql.url)
    chunks = reader.chunks()
    next(chunks)
    for (number,) in mysql.run("SELECT id FROM information_schema.processlist WHERE user = 'reader'"):
        mysql.run(f"{how} {number}")
    with pytest.raises(SourceUnreachableError) as caught:
        list(chunks)
    assert is_passing(caught.value)


def test_a_reader_that_goes_away_leaves_no_connection(source: Any, mysql: Database) -> None:
    for _ in range(3):
        chunks = source(
            select("SELECT seq AS id, REPEAT('x', 200) AS v FROM seq_1_to_9000000"), shop=mysql.url
        ).chunks()
        next(chunks)
        next(chunks)
        chunks.close()
    for _ in range(100):
        [(left, _)] = mysql.run(
            "SELECT COUNT(*), SLEEP(0.05) FROM information_schema.processlist WHERE user = 'reader'"
        )
        if left == 0:
            return
    pytest.fail("the source's connection is still open")


def test_no_value_of_a_row_stands_in_an_error(read: Read, mysql: Database) -> None:
    mysql.run("CREATE TABLE t (v TEXT)", "INSERT INTO t VALUES ('MARK@x.example')",
              "CREATE FUNCTION raised(v TEXT) RETURNS INT BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = v;"
              " RETURN 1; END")  # fmt: skip
    for query in ("SELECT raised(v) AS n FROM t", "SELECT EXTRACTVALUE('<a/>', CONCAT('/', v)) AS n FROM t"):
        with pytest.raises(HeadgateError) as caught:
            read(select(query), shop=mysql.url)
        assert "MARK" not in str(caught.value) + str(caught.value.facts)
        assert caught.value.code == "SOURCE-QUERY"


def test_the_fingerprint_changes_with_the_rows_and_not_with_their_order(source: Any, mysql: Database) -> None:
    seen = []
    mysql.run("CREATE TABLE t (id INT, v TEXT)")
    for statement in ("SELECT 1", "INSERT INTO t VALUES (1, 'a'), (2, NULL)", "UPDATE t SET v = '' WHERE id = 2",
                      "INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'b' WHERE id = 1",
                      "ALTER TABLE t ORDER BY id DESC"):  # fmt: skip
        mysql.run(statement)
        seen.append(source(select("SELECT id, v FROM t"), shop=mysql.url).fingerprint())
    assert (len(set(seen)), seen[-1]) == (5, seen[-2])


@pytest.mark.parametrize(("query", "yes"), [
    ("SELECT COUNT(*) > 0 FROM t", True), ("SELECT 0", False), ("SELECT NULL", False), ("SELECT id FROM t WHERE id = 9", False),
    ("SELECT '0'", False), ("SELECT 0.5", True), ("SELECT id FROM t;", True), ("SELECT TRUE -- ;", True),
])  # fmt: skip
def test_a_wait_for_query_is_true_as_the_server_takes_it(source: Any, mysql: Database, query: str, yes: bool) -> None:
    mysql.run("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    assert source(select("SELECT 1 AS id"), shop=mysql.url).says_yes(query.rstrip(";")) is yes


def test_a_wait_for_query_that_fails_is_told(source: Any, mysql: Database) -> None:
    reader = source(select("SELECT 1 AS id"), shop=mysql.url)
    for query in ("SELECT nonsense", "SELECT 1 FROM absent"):
        with pytest.raises(DeclarationError, match=r"wait_for.query: ") as caught:
            reader.says_yes(query)
        assert caught.value.code == "WAIT-FOR"
