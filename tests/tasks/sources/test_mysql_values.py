"""Values of a real MariaDB: each comes as it is, whatever its type, its character set and its length."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.errors import HeadgateError
from tests.mariadb import Database, select, values

EXAMPLES = int(os.environ.get("HEADGATE_TEST_EXAMPLES", "10"))
Read = Callable[..., bytes]


def test_null_and_empty_text_stay_two_things_and_text_stays_itself(read: Read, mysql: Database) -> None:
    texts = [None, "", "한글 😀", "a\nb\r", '"q",', "\\.", "NULL", "\\", "'", "a\\'b", "\x00\x1a"]
    mysql.run("CREATE TABLE t (id INT, v TEXT)")
    with mysql.server.connect(mysql.name) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", list(enumerate(texts)))
    data = read(select("SELECT id, v FROM t ORDER BY id"), shop=mysql.url)
    assert data.startswith(b'id,v\n0,\n1,""\n2,')
    assert [row[1] for row in values(data)[2:]] == texts[2:]


def test_values_are_spelled_alike_whatever_the_server_prefers(read: Read, mysql: Database) -> None:
    mysql.run(
        "CREATE TABLE t (`a``b` INT, c CHAR(5), v VARCHAR(9), z TIMESTAMP, d DATETIME)",
        "INSERT INTO t VALUES (1, 'x ', '', '2024-02-01 00:00:00', '2024-02-01 00:00:00')",
    )
    plain = b'a`b,c,v,z,d\n1,"x","",2024-02-01 00:00:00+00,2024-02-01 00:00:00\n'
    [(modes, zone, rows)] = mysql.run("SELECT @@sql_mode, @@time_zone, @@sql_select_limit")
    mysql.run("SET GLOBAL time_zone = '+09:00', GLOBAL sql_select_limit = 0")
    try:
        for mode in ("", "ANSI", "ORACLE", "MSSQL", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE",
                     "EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH", "TRADITIONAL", "HIGH_NOT_PRECEDENCE"):  # fmt: skip
            mysql.run(f"SET GLOBAL sql_mode = '{mode}'")
            assert read(select("SELECT * FROM t"), shop=mysql.url) == plain, mode
    finally:
        mysql.run(f"SET GLOBAL sql_mode = '{modes}', GLOBAL time_zone = '{zone}', GLOBAL sql_select_limit = {rows}")


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "utf8mb4", "euckr", "cp1251", "ucs2", "utf16"])
def test_texts_of_any_character_set_come_as_utf8(read: Read, mysql: Database, charset: str) -> None:
    text = {"latin1": "é€Ž", "cp1251": "жЯ", "euckr": "한글"}.get(charset, "é한")
    column = f"CHARACTER SET {charset}"
    mysql.run(f"CREATE TABLE t (a VARCHAR(9) {column}, b CHAR(9) CHARACTER SET utf8mb4, e ENUM('{text}') {column})",
              f"INSERT INTO t VALUES ('{text}\"', '😀', '{text}')")  # fmt: skip
    assert values(read(select("SELECT * FROM t"), shop=mysql.url)) == [[f'{text}"', "😀", text]]


def test_a_record_longer_than_the_server_hands_out_is_told(read: Read, mysql: Database) -> None:
    """Its fields would be NULL, which must not pass for no value."""
    [(size,)] = mysql.run("SELECT @@GLOBAL.max_allowed_packet")
    mysql.run("CREATE TABLE t (id INT, a VARCHAR(900), b VARCHAR(900), w LONGTEXT)",
              "INSERT INTO t VALUES (1, REPEAT('\"', 900), REPEAT('b', 900), REPEAT('w', 900000))",
              "SET GLOBAL max_allowed_packet = 1024")  # fmt: skip
    try:
        for query in ("SELECT a FROM t", "SELECT a, w FROM t", "SELECT id, b, b AS c FROM t"):
            with pytest.raises(HeadgateError, match="max_allowed_packet"):
                read(select(query), shop=mysql.url)
        assert len(read(select("SELECT w FROM t"), shop=mysql.url)) > 900_000
    finally:
        mysql.run(f"SET GLOBAL max_allowed_packet = {size}")


def test_a_long_text_full_of_quotes_comes_in_time(read: Read, mysql: Database) -> None:
    """To double its quotes takes MariaDB half a minute."""
    mysql.run("CREATE TABLE t (id INT, v LONGTEXT, w INT, x LONGTEXT, y BLOB)",
              "INSERT INTO t VALUES (1, REPEAT('\"', 700000), 2, '', 'a'), (2, NULL, NULL, NULL, NULL)")  # fmt: skip
    data = read(select("SELECT * FROM t"), shop=mysql.url)
    assert data == b'id,v,w,x,y\n1,"' + b'"' * 1_400_000 + b'",2,"","61"\n2,,,,\n'


def test_a_record_of_many_packets_comes_whole(read: Read, mysql: Database) -> None:
    size = 17_000_000
    mysql.run("CREATE TABLE t (v LONGBLOB)", "SET GLOBAL max_allowed_packet = 1073741824")
    try:
        mysql.run(
            "INSERT INTO t VALUES (REPEAT('a', 8000000))",
            f"UPDATE t SET v = REPEAT(v, 2), v = LEFT(CONCAT(v, v), {size})",
        )
        data = read(select("SELECT v FROM t"), shop=mysql.url)
    finally:
        mysql.run("SET GLOBAL max_allowed_packet = 1048576")
    assert data == b'v\n"' + b"61" * size + b'"\n'


@pytest.mark.parametrize(("kind", "before", "after"), [
    ("decimal(9,2)", "1.0", "1.01"), ("float", "0.1", "0.10000001"), ("text", "a", "a "), ("text", "a", "A"), ("text", "", None),
    ("varchar(5)", "é", "e"), ("blob", "a", "b"), ("date", "2024-01-01", "2024-01-02"), ("time(3)", "0:0:1.001", "0:0:1"),
    ("text", 'a","b', "a,b"), ("bigint", "0", None), ("json", '{"a":1}', '{"a": 1}'), ("bit(8)", "a", "b"),
])  # fmt: skip
def test_every_change_of_a_value_changes_the_fingerprint(
    source: Any, mysql: Database, kind: str, before: str | None, after: str | None
) -> None:
    seen = set()
    for value in (before, after):
        written = "NULL" if value is None else "'" + value + "'"
        mysql.run(f"CREATE OR REPLACE TABLE t (id INT, v {kind})", f"INSERT INTO t VALUES (1, {written}), (2, NULL)")
        seen.add(source(select("SELECT * FROM t"), shop=mysql.url).fingerprint())
    assert len(seen) == 2


TEXTS = st.lists(st.sampled_from(
    ['"', "'", ",", "\n", "\r", "\\", "\\N", " ", "`", "%s", "?", "--",
     "é", "한", "😀", "\u200b", "\ufeff", "\x00", "\x1a", "\x7f", "NULL"]
), max_size=6).map("".join)  # fmt: skip


VALUES = st.lists(st.tuples(
    st.none() | TEXTS, st.none() | TEXTS, st.none() | st.binary(max_size=9), st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4),
    st.none() | st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value == 0 or abs(value) > 1e-300),
    st.none() | st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)),
), min_size=1, max_size=40)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=VALUES)
def test_any_value_comes_as_it_is(read: Read, mysql: Database, rows: list[tuple[Any, ...]]) -> None:
    mysql.run(
        "CREATE OR REPLACE TABLE t (id INT, short VARCHAR(99), text LONGTEXT, bytes LONGBLOB, whole BIGINT, exact DECIMAL(14,4),"
        " ratio DOUBLE, at DATETIME(6))"
    )
    with mysql.server.connect(mysql.name) as connection, connection.cursor() as cursor:
        numbered = [(number, *row) for number, row in enumerate(rows)]
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", numbered)
    data = read(select("SELECT * FROM t ORDER BY id"), shop=mysql.url)
    back = [
        (short, text, None if digits is None else bytes.fromhex(digits), whole and int(whole), exact and Decimal(exact),
         None if double is None else float(double), at and datetime.fromisoformat(at))
        for _, short, text, digits, whole, exact, double, at in fields(data)
    ]  # fmt: skip
    assert back == rows


def fields(data: bytes) -> list[list[str | None]]:
    """Records of CSV behind the header; None for a field that is nothing at all."""
    found = re.findall(r'("(?:[^"]|"")*"|[^",\n]*)([,\n])', data.decode().partition("\n")[2])
    records: list[list[str | None]] = [[]]
    for text, end in found:
        records[-1].append(text[1:-1].replace('""', '"') if text.startswith('"') else text or None)
        if end == "\n":
            records.append([])
    return records[:-1]
