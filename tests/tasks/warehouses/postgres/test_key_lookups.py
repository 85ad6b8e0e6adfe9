"""A small batch is joined with a large live table by its index; a large batch, or a table without index, as the planner likes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest

from tasks.warehouses.names import TableName
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress

LIVE = TableName("public", "live")
ROWS = 40_000


@pytest.mark.parametrize(
    ("index", "key", "batch", "lookups"),
    [
        ("(a, b)", ("a", "b"), 500, True),
        ("(b, a)", ("a", "b"), 500, True),
        ("(b, a) INCLUDE (note)", ("a", "b"), 500, True),
        ("(a, b)", ("a", "b"), ROWS // 2, False),
        ("(a)", ("a", "b"), 500, False),
        ("(a, b) WHERE a > 7", ("a", "b"), 500, False),
        (None, ("a", "b"), 500, False),
    ],
)
def test_when_keys_are_looked_up(
    new_database: Callable[[], str], index: str | None, key: tuple[str, ...], batch: int, lookups: bool
) -> None:
    url = new_database()
    join = "EXPLAIN SELECT count(*) FROM live JOIN batch ON live.a = batch.a AND live.b = batch.b"
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE live AS SELECT n AS a, n %% 7 AS b, repeat('x', 200) AS note "
                       "FROM generate_series(1, %s) n", (ROWS,))  # fmt: skip
        cursor.execute("CREATE TABLE batch AS SELECT a, b FROM live LIMIT %s", (batch,))
        if index is not None:
            cursor.execute(f"CREATE INDEX ON live {index}")
        cursor.execute("ANALYZE live, batch")
        with PostgresAdapter(PostgresAddress(url)).looking_up_keys(cursor, LIVE, key, batch) as looked_up:
            cursor.execute(join)
            inside = " ".join(str(line) for (line,) in cursor.fetchall())
            cursor.execute("SHOW enable_hashjoin")
            assert cursor.fetchone() == ("off" if lookups else "on",)
            assert looked_up == lookups
        cursor.execute("SHOW enable_hashjoin")
        assert cursor.fetchone() == ("on",)
    assert not lookups or ("Nested Loop" in inside and "Seq Scan on live" not in inside)
