"""Reads by ranges of a key against real servers: the rows of the unchunked read, whatever the key and the size of a range."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from deployments.errors import DeclarationError, SourceUnreachableError
from tasks.sources import ranges

SNAPSHOTS = ("batch", "chunk")


@dataclass
class Server:
    """An empty database of a kind."""

    kind: str
    url: str
    run: Callable[..., list[tuple[Any, ...]]]

    def declared(self, by: str, rows: int, snapshot: str = "batch", query: str = "SELECT * FROM t") -> dict[str, Any]:
        return {**self.whole(query), "chunks": {"by": by, "rows": rows, "snapshot": snapshot}}

    def whole(self, query: str = "SELECT * FROM t") -> dict[str, Any]:
        return {"kind": self.kind, "connection": "shop", "query": query}


@pytest.fixture
def postgres(new_database: Callable[[], str]) -> Server:
    url = new_database()

    def run(*statements: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return Server("postgres", url, run)


@pytest.fixture(params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "postgres":
        return request.getfixturevalue("postgres")  # type: ignore[no-any-return]
    database = request.getfixturevalue("mysql")
    return Server("mysql", database.url, database.run)


@pytest.fixture
def opened(source: Callable[..., Any], server: Server) -> Callable[[dict[str, Any]], Any]:
    return lambda declared: source(declared, shop=server.url)


def lines(data: bytes) -> list[bytes]:
    """Sorted, as a range may give its rows in any order. No value of these tests has a line end."""
    return sorted(data.splitlines())


BIG, TINY = 2**63 - 1, -(2**63)
WORDS = ["", " ", "a", "A", "á", "Á", "ä", "ae", "b", "B", "ß", "ss", "z", "Z",
         "'", "\\", "\\'", '"', "%", "_", "a b", "a\tb", "中", "😀",
         "NULL", "0", "-1", "10", "9", "aa", "aA", "Aa", "AA", "i", "I", "ı", "İ"]  # fmt: skip
SHORT, LATIN = [word for word in WORDS if len(word) < 5], [word for word in WORDS if word.isascii() or word in "áÁäß"]
MOMENTS = ["0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-03-31 01:59:59.999999",
           "2024-03-31 02:00:00", "2024-03-31 02:30:00.000001", "2024-10-27 02:30:00",
           "2038-01-19 03:14:06.000001", "9999-12-31 23:59:59.999999"]  # fmt: skip
UUIDS = [
    f"{n:08x}-{n % 7:04x}-{4096 + n % 5:04x}-{32768 + n % 3:04x}-{(n * 7919) % 2**48:012x}"
    for n in range(0, 2**32, 2**28 + 17)
]
INTEGERS = [str(n) for n in (TINY, TINY + 1, -(10**9), -2, -1, 0, 1, 2, 3, 5, 8, 13, 10**9, BIG - 1, BIG)]
DECIMALS = [
    "-99999999999999.123456",
    "-1.500000",
    "-1.499999",
    "0.000000",
    "0.000001",
    "1.000000",
    "99999999999999.999999",
]

KEYS: dict[str, list[tuple[str, str, list[str]]]] = {
    "postgres": [
        ("bigint", "bigint", INTEGERS), ("numeric", "numeric", [*DECIMALS, "NaN", "-1.5", "1e40", "1e-40"]),
        ("text", "text", WORDS), ("text by bytes", 'text COLLATE "C"', WORDS), ("char", "char(4)", SHORT),
        ("varchar", "varchar(40)", WORDS),
        ("uuid", "uuid", UUIDS), ("date", "date", ["-infinity", "0044-03-15 BC", "0001-01-01", "2024-02-29", "infinity"]),
        ("timestamp", "timestamp", [*MOMENTS, "infinity", "0044-03-15 12:00:00 BC"]), ("timestamptz", "timestamptz", MOMENTS),
        ("bytea", "bytea", ["\\x", "\\x00", "\\x5c", "\\x27", "\\xff", "\\xff00"]),
    ],
    "mysql": [
        ("bigint", "BIGINT", INTEGERS), ("unsigned", "BIGINT UNSIGNED", ["0", "1", str(BIG), str(BIG + 1), str(2**64 - 1)]),
        ("zerofill", "INT(9) ZEROFILL", ["0", "8", "42", "100", "4294967295"]), ("decimal", "DECIMAL(24,6)", DECIMALS),
        ("long decimal", "DECIMAL(65,0)", ["9" * 65, "-" + "9" * 65, "9" * 64, "0", str(2**64), str(2**64 + 1)]),
        ("text", "VARCHAR(40) COLLATE utf8mb4_bin", WORDS),
        ("text that folds case", "VARCHAR(40) COLLATE utf8mb4_general_ci", WORDS),
        ("text that folds more", "VARCHAR(40) COLLATE utf8mb4_unicode_520_ci", WORDS),
        ("text without padding", "VARCHAR(40) COLLATE utf8mb4_nopad_bin", WORDS),
        ("swedish latin1", "VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci", LATIN),
        ("utf16", "VARCHAR(40) CHARACTER SET utf16 COLLATE utf16_general_ci", WORDS), ("char", "CHAR(4)", SHORT),
        ("uuid", "UUID", UUIDS), ("date", "DATE", ["0000-00-00", "2024-02-00", "0001-01-01", "2024-02-29", "9999-12-31"]),
        ("date without NULL", "DATE NOT NULL", ["0000-00-00", "2024-02-29"]),
        ("datetime", "DATETIME(6)", [*MOMENTS, "0000-00-00 00:00:00"]),
        ("timestamp", "TIMESTAMP(6)", [*MOMENTS[2:7], "0000-00-00 00:00:00", "1970-01-01 00:00:01"]),
        ("bytes", "VARBINARY(20)", ["", "\\0", "'", "\\\\", "a", "A", "a ", "ÿ"]),
    ],
}  # fmt: skip
CASES = [pytest.param(kind, *key, id=f"{kind}-{key[0]}") for kind, keys in KEYS.items() for key in keys]


def fill(server: Server, sql_type: str, values: list[str], dice: random.Random) -> int:
    """A table whose key has each value some times and no value some times; how many rows it has."""
    quoted = [value.replace("'", "''") for value in values]
    if server.kind == "mysql" and "BINARY" not in sql_type:
        quoted = [value.replace("\\", "\\\\") for value in quoted]
    keys = [f"'{value}'" for value in quoted for _ in range(dice.choice((1, 1, 1, 2, 5)))] + ["NULL"] * (
        "NOT NULL" not in sql_type
    ) * dice.randrange(1, 4)
    dice.shuffle(keys)
    rows = ", ".join(f"({key}, {number}, 'note {number}')" for number, key in enumerate(keys))
    server.run(
        *(["SET sql_mode = '', time_zone = '+00:00'"] if server.kind == "mysql" else []),
        f"CREATE TABLE t (k {sql_type}{' NULL' if sql_type == 'TIMESTAMP(6)' else ''}, n int, note varchar(40))",
        "CREATE INDEX t_k ON t (k)", f"INSERT INTO t VALUES {rows}",
    )  # fmt: skip
    return len(keys)


@pytest.mark.parametrize(("kind", "name", "sql_type", "values"), CASES)
@pytest.mark.effect("Chunks.by", "Chunks.rows", "PostgresSource.chunks", "MysqlSource.chunks")
def test_ranges_of_any_size_have_the_rows_of_the_whole(
    kind: str, name: str, sql_type: str, values: list[str], request: pytest.FixtureRequest, source: Callable[..., Any]
) -> None:
    dice = random.Random(name)
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
    else:
        database = request.getfixturevalue("mysql")
        server = Server("mysql", database.url, database.run)
    count = fill(server, sql_type, values, dice)
    whole = source(server.whole(), shop=server.url)
    expected, fingerprint = lines(b"".join(whole.chunks())), whole.fingerprint()
    assert len(expected) == count + 1
    assert Counter(expected) == Counter(set(expected))
    for rows in sorted({1, 3, dice.randrange(2, count), count}):
        for snapshot in SNAPSHOTS if rows == 3 else ("batch",):
            reader = source(server.declared("k", rows, snapshot), shop=server.url)
            assert lines(b"".join(reader.chunks())) == expected, (rows, snapshot)
            assert reader.fingerprint() == fingerprint
            assert reader.walks[0].rows == count
            assert reader.walks[0].passed >= len(set(values)) / rows / 3


SIMPLE = "CREATE TABLE t (id bigint PRIMARY KEY, at bigint, note varchar(40))"


def seq(server: Server, rows: int) -> str:
    """SQL that fills `t` with so many rows."""
    if server.kind == "postgres":
        return f"INSERT INTO t SELECT n, n, 'note ' || n FROM generate_series(1, {rows}) n"
    return f"INSERT INTO t SELECT seq, seq, CONCAT('note ', seq) FROM seq_1_to_{rows}"


@pytest.mark.effect("Chunks.by")
def test_a_column_that_ranges_cant_be_cut_by_is_refused(
    server: Server, opened: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    mine = server.kind == "mysql"
    server.run(SIMPLE, "CREATE TABLE u (id bigint PRIMARY KEY, t_id bigint)", "CREATE INDEX u_t ON u (t_id)", seq(server, 300),
               "CREATE VIEW v AS SELECT id, note FROM t WHERE at > 5",
               "CREATE TABLE e (k ENUM('b', 'a'), f float, j text, KEY (k), KEY (f), KEY (j(9)))" if mine else
               "CREATE TABLE e (k float PRIMARY KEY, f float, j json)")  # fmt: skip
    for by, query, why in (
        ("absent", "SELECT * FROM t", "isn't a column of the query"),
        ("at", "SELECT * FROM t", "isn't found by an index"),
        ("id", "SELECT * FROM (SELECT * FROM t LIMIT 100) x", "isn't found by an index"),
        ("id", "SELECT * FROM t ORDER BY id LIMIT 100", "isn't found by an index"),
        ("n", "SELECT id + 1 AS n FROM t", "isn't found by an index"),
        ("at", "SELECT at, count(*) AS c FROM t GROUP BY at", "isn't found by an index"),
        ("k", "SELECT * FROM e", "is of a type without an order" if mine else "is double precision at the source"),
        ("f", "SELECT * FROM e", "is of a type without an order" if mine else "is double precision at the source"),
        ("j", "SELECT * FROM e", "is of a type without an order" if mine else "is json at the source"),
    ):
        reader = opened(server.declared(by, 10, query=query))
        for ask in (reader.prove_chunks, reader.fingerprint, lambda made=reader: b"".join(made.chunks())):
            with pytest.raises(DeclarationError, match=why) as caught:
                ask()
            assert caught.value.code == "CHUNK-KEY"
    if mine:
        with pytest.raises(DeclarationError, match="may not see whether an index finds it") as caught:
            opened(server.declared("id", 10, query="SELECT * FROM v")).prove_chunks()
        assert caught.value.code == "CHUNK-KEY"
        assert "SHOW VIEW" in (caught.value.next_command or "")
        name = server.url.rpartition("/")[2]
        server.run(f"GRANT SHOW VIEW ON {name}.* TO reader@'%'")
        request.addfinalizer(lambda: server.run(f"REVOKE SHOW VIEW ON {name}.* FROM reader@'%'") and None)
    for query in ("SELECT * FROM t", "SELECT * FROM v", "SELECT id, note FROM t WHERE at < 250",
                  "SELECT t.id, u.id AS u_id FROM t LEFT JOIN u ON u.t_id = t.id"):  # fmt: skip
        assert opened(server.declared("id", 10, query=query)).prove_chunks() != 0
        expected = lines(b"".join(opened(server.whole(query)).chunks()))
        assert lines(b"".join(opened(server.declared("id", 100, query=query)).chunks())) == expected
    # A table without rows has none.
    server.run("DELETE FROM t")
    for snapshot in SNAPSHOTS:
        reader = opened(server.declared("id", 10, snapshot))
        assert b"".join(reader.chunks()).strip() == b"id,at,note"
        assert reader.fingerprint() == opened(server.whole()).fingerprint()


def meanwhile(server: Server, data: Iterator[bytes], *statements: str) -> bytes:
    """All bytes, with something that happens at the source once the first ones are here."""
    first = next(data)
    server.run(*statements)
    return first + b"".join(data)


@pytest.mark.effect("Chunks.snapshot", "Chunks.snapshot=batch", "Chunks.snapshot=chunk")
def test_which_moment_the_rows_are_of(server: Server, opened: Callable[..., Any]) -> None:
    server.run(SIMPLE, seq(server, 5000))
    change = "UPDATE t SET note = 'changed' WHERE id = 4999"
    added = "INSERT INTO t VALUES (6000, 1, 'added')"
    before = lines(b"".join(opened(server.whole()).chunks()))
    assert lines(meanwhile(server, opened(server.declared("id", 1000)).chunks(), change, added)) == before
    server.run("UPDATE t SET note = 'note 4999' WHERE id = 4999", "DELETE FROM t WHERE id = 6000")
    after = lines(meanwhile(server, opened(server.declared("id", 1000, "chunk")).chunks(), change, added))
    assert set(after) - set(before) == {b"4999,4999,changed", b"6000,1,added"} or set(after) - set(before) == {
        b'4999,4999,"changed"', b'6000,1,"added"'
    }  # fmt: skip
    assert len(after) == len(before) + 1


def sessions(server: Server) -> int:
    held = {
        "postgres": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate' AND datname = current_database()",
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND user = 'reader'",
    }
    return int(server.run(held[server.kind])[0][0])


@pytest.mark.effect("Chunks.snapshot=chunk")
def test_a_slow_taker_holds_no_snapshot(server: Server, opened: Callable[..., Any], tmp_path: Path) -> None:
    server.run(SIMPLE, seq(server, 3000))
    (tmp_path / "connections.yaml").write_text("connections: {shop: {snapshot: 2s, max_connections: 1}}\n")
    data = opened(server.declared("id", 1000, "chunk")).chunks()
    first = next(data), next(data)
    time.sleep(2.5)
    assert sessions(server) == 0
    assert b"".join([*first, *data]).count(b"\n") == 3001
    # What was held is gone, and stood under no name.
    assert {item.name for item in tmp_path.iterdir()} == {"connections.yaml", "connections"}


@pytest.mark.effect("Chunks.snapshot=batch")
def test_a_snapshot_of_a_batch_is_held_as_long_as_any(
    server: Server, opened: Callable[..., Any], tmp_path: Path
) -> None:
    slow(server, 3000)
    (tmp_path / "connections.yaml").write_text("connections: {shop: {snapshot: 2s}}\n")
    # Each statement takes less.
    reader = opened(server.declared("id", 1000, "batch", SLOW))
    for read in (lambda: b"".join(reader.chunks()), reader.fingerprint):
        with pytest.raises(DeclarationError, match="held its snapshot for 2s") as caught:
            read()
        assert caught.value.code == "SNAPSHOT-AGE"
    # MariaDB calls the function several times for a row's hash.
    reader = opened(server.declared("id", 100, "chunk", SLOW))
    assert b"".join(reader.chunks()).count(b"\n") == 3001
    assert (reader.fingerprint() or "").startswith("rows:3000:")


SLOW = "SELECT t.*, slow(id) AS s FROM t"


def slow(server: Server, rows: int) -> None:
    """So many rows that take a millisecond each, and a function of which the server may take a call for another."""
    server.run(SIMPLE, seq(server, rows))
    if server.kind == "postgres":
        server.run("CREATE FUNCTION slow(n bigint) RETURNS bigint STABLE LANGUAGE plpgsql AS "
                   "'BEGIN PERFORM pg_sleep(0.001); RETURN n; END'")  # fmt: skip
    else:
        server.run("CREATE FUNCTION slow(n BIGINT) RETURNS BIGINT DETERMINISTIC READS SQL DATA RETURN n + SLEEP(0.001)")


def end_sessions(server: Server) -> int:
    """End every session that reads; how many there were."""
    if server.kind == "postgres":
        return len(server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headgate' AND "
                              "datname = current_database()"))  # fmt: skip
    found = server.run("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND user = 'reader'")
    for (number,) in found:
        try:
            server.run(f"KILL {number}")
        except Exception:  # noqa: BLE001 - it ended by itself
            continue
    return len(found)


@pytest.mark.effect("Chunks.snapshot=chunk")
def test_a_lost_connection_costs_one_chunk(
    server: Server, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.run(SIMPLE, seq(server, 4000))
    waited: list[float] = []
    monkeypatch.setattr(ranges, "pauses", SimpleNamespace(pause=waited.append))
    begin, calls = ranges.Walk.begin, [0]

    def begun(walk: ranges.Walk, bound: Any) -> ranges.Range:
        """The session is lost when it knows its range and has no row of it, or not all."""
        found = begin(walk, bound)
        calls[0] += 1
        if calls[0] in (1, 3, 4, 8):
            assert end_sessions(server) == 1
        return found

    monkeypatch.setattr(ranges.Walk, "begin", begun)
    data = lines(b"".join(opened(server.declared("id", 500, "chunk")).chunks()))
    assert [int(line.partition(b",")[0]) for line in data if line[:1].isdigit()] == sorted(range(1, 4001), key=str)
    # The second time in a row waits for longer.
    assert waited == [2, 2, 10, 2]
    fingerprint = opened(server.whole()).fingerprint()
    calls[0] = 0
    assert opened(server.declared("id", 500, "chunk")).fingerprint() == fingerprint
    # Read by one snapshot, the rows are lost with it; so are they when a chunk is lost again and again.
    calls[0] = 2
    with pytest.raises(SourceUnreachableError):
        b"".join(opened(server.declared("id", 500, "batch")).chunks())
    calls[0] = 2
    monkeypatch.setattr(ranges, "PAUSES", (0.0,))
    with pytest.raises(SourceUnreachableError):
        b"".join(opened(server.declared("id", 500, "chunk")).chunks())
