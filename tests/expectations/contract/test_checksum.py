"""Checksums: DuckDB and PostgreSQL compute the same figures of the same rows, and other figures of other rows."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import psycopg2
import pytest
from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import Checksum, Hash, differences, duckdb_checksum_sql, read_checksum, text_groups
from expectations.contract.native_hash import LONGEST_TEXT, HandedOver, handed_over, with_hashes
from tasks.warehouses.postgres import PostgresAdapter, PostgresAddress

COLUMNS = tuple(
    Column.model_validate({"name": name, "type": kind} | ({"source_timezone": "UTC"} if kind == "timestamp" else {}))
    for name, kind in [
        ("small", "smallint"), ("n", "integer"), ("big", "bigint"), ("money", "decimal(12,2)"), ("wide", "decimal(38,10)"),
        ("f", "double precision"), ("b", "boolean"), ("d", "date"), ("t", "timestamp"), ("z", "timestamptz"),
        ("s", "varchar(40)"), ("order", "varchar(40)"), ("notes", "varchar(65535)"), ("clock", "time"), ("document", "json"),
        ("raw", "binary"),
    ]
)  # fmt: skip
HASHES: tuple[Hash, ...] = ("md5", "lookup3")
LONG = ["x" * (LONGEST_TEXT - 1) + end for end in ("y", "yz", "é", "")]
TEXTS = ["", "a", "b", "한글", "😀", "a\nb", 'q"', "\x01", "\x1f", "a\x1fb", "\\N", "NULL", " ", "é"]
DOCUMENTS = ["{}", '{"a": [1, 2]}', "[]", '"한글"', "1", "true", '{"a": "' + "x" * 200 + '"}']
Row = tuple[Any, ...]


def random_rows(seed: int, count: int) -> list[Row]:
    dice = random.Random(seed)

    def row() -> Row:
        moment = datetime(1, 1, 2) + timedelta(microseconds=dice.randrange(0, 9998 * 365 * 86_400_000_000))
        values: list[Any] = [
            dice.randint(-(2**15), 2**15 - 1), dice.randint(-(2**31), 2**31 - 1), dice.randint(-(2**63), 2**63 - 1),
            Decimal(dice.randint(-(10**12) + 1, 10**12 - 1)).scaleb(-2),
            Decimal(dice.randint(-(10**38) + 1, 10**38 - 1)).scaleb(-10), dice.uniform(-1, 1) * 10 ** dice.randint(-9, 9),
            dice.random() < 0.5, moment.date(), moment, f"{moment}+00", dice.choice(TEXTS), dice.choice(TEXTS),
            dice.choice(TEXTS + LONG), f"{moment.time()}", dice.choice(DOCUMENTS),
            "\\x" + dice.randbytes(dice.randint(0, 70)).hex(),
        ]  # fmt: skip
        return tuple(None if dice.random() < 0.15 else value for value in values)

    return [row() for _ in range(count)]


def text_of(rows: Sequence[Row]) -> str:
    def field(value: object) -> str:
        if value is None:
            return ""
        return '"' + (repr(value) if isinstance(value, float) else str(value)).replace('"', '""') + '"'

    return "".join(",".join(map(field, row)) + "\n" for row in rows)


def in_duckdb(rows: Sequence[Row], hashed_by: Hash = "md5") -> Checksum:
    types = {"double precision": "DOUBLE"}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        listing = ", ".join(
            f'"{c.name}" {types.get(c.type, "VARCHAR" if c.column_type.text_length else c.type)}' for c in COLUMNS
        )
        connection.execute(f"CREATE TABLE t ({listing})")
        # Bytes are held by their digits.
        held = [tuple(v.removeprefix("\\x") if isinstance(v, str) else v for v in row) for row in rows]
        connection.executemany(
            f"INSERT INTO t VALUES ({', '.join('?' * len(COLUMNS))})", held or [(None,) * len(COLUMNS)]
        )
        if not rows:
            connection.execute("DELETE FROM t")
        found = connection.execute(f"SELECT {duckdb_checksum_sql(COLUMNS, hashed_by=hashed_by)} FROM t").fetchone()
        assert found is not None
        figures = read_checksum(found, len(COLUMNS), hashed_by)
        if hashed_by == "md5":
            return figures
        given = handed_over(COLUMNS)
        connection.execute(f"CREATE TABLE kept AS SELECT {', '.join(f'{v} AS {k}' for k, v in given.items())} FROM t")

        def fetch(name: str) -> Any:
            return connection.execute(f"SELECT {name} AS v FROM kept").fetchnumpy()["v"][0]

        return with_hashes(figures, COLUMNS, HandedOver(fetch))


@pytest.fixture(scope="module")
def in_postgres(new_database: Callable[[], str]) -> Callable[[Sequence[Row], Hash], Checksum]:
    url = new_database()
    adapter = PostgresAdapter(PostgresAddress(url))

    def run(rows: Sequence[Row], hashed_by: Hash) -> Checksum:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            columns = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(c.name), adapter.type_of(c)) for c in COLUMNS
            )
            cursor.execute(sql.SQL("SET TIME ZONE 'UTC'; CREATE TEMP TABLE t ({})").format(columns))
            cursor.copy_expert("COPY t FROM STDIN (FORMAT csv)", io.StringIO(text_of(rows)))
            cursor.execute(sql.SQL("SELECT {} FROM t").format(adapter.checksum_list(COLUMNS, COLUMNS, hashed_by)))
            return read_checksum(cursor.fetchone(), len(COLUMNS), hashed_by)

    return run


@pytest.mark.parametrize("hashed_by", HASHES)
@pytest.mark.parametrize(("seed", "count"), [(1, 0), (2, 1), (3, 600), (4, 300)])
def test_both_compute_the_same(
    in_postgres: Callable[[Sequence[Row], Hash], Checksum], seed: int, count: int, hashed_by: Hash
) -> None:
    rows = random_rows(seed, count)
    checked, loaded = in_duckdb(rows, hashed_by), in_postgres(rows, hashed_by)
    assert differences(COLUMNS, checked, loaded) == []
    assert (checked.rows, checked.values, checked.sums[:5], checked.sums[6:], checked.text_hash, checked.json_hash) == (
        loaded.rows, loaded.values, loaded.sums[:5], loaded.sums[6:], loaded.text_hash, loaded.json_hash,
    )  # fmt: skip


@pytest.mark.parametrize("hashed_by", HASHES)
def test_sums_of_parts_add_up_and_survive_json(hashed_by: Hash) -> None:
    rows = random_rows(7, 500)
    whole = in_duckdb(rows, hashed_by)
    added = Checksum.empty(len(COLUMNS)) + in_duckdb(rows[:100], hashed_by) + in_duckdb(rows[100:], hashed_by)
    assert differences(COLUMNS, whole, added) == []
    assert added.hashed_by == hashed_by
    assert Checksum.from_json(whole.to_json()) == whole


def test_figures_that_were_kept_before_there_were_two_hashes_are_read() -> None:
    kept = in_duckdb(random_rows(7, 5)).to_json()
    del kept["hashed_by"]
    assert Checksum.from_json(kept).hashed_by == "md5"


def test_figures_by_two_hashes_are_not_added_up() -> None:
    rows = random_rows(7, 5)
    with pytest.raises(ValueError, match="figures by md5 and by lookup3"):
        in_duckdb(rows) + in_duckdb(rows, "lookup3")


def test_columns_that_together_are_too_long_for_a_text_are_hashed_apart() -> None:
    """The text columns of a row may hold more than the 65,535 bytes that one text of Redshift can."""
    assert [[column.name for column in group] for group in text_groups(COLUMNS)] == [
        ["s", "order"], ["notes"], ["raw"],
    ]  # fmt: skip


def changed(rows: list[Row], name: str, value: object) -> list[Row]:
    place = [column.name for column in COLUMNS].index(name)
    return [(*rows[0][:place], value, *rows[0][place + 1 :]), *rows[1:]]


BASE: Row = (1, 2, 3, Decimal("4.00"), Decimal("5.5"), 6.5, True, date(2024, 1, 1), datetime(2024, 1, 1),
             "2024-01-01 00:00:00+00", "ab", "cd", "ef", "12:00:00", "[1]", "\\x00ff")  # fmt: skip
CHANGES: list[tuple[str, object, str]] = [
    ("small", 2, "small: the sum of values"), ("n", None, "n: checked 3 values that aren't null, loaded 2"),
    ("big", 4, "big: the sum"), ("money", Decimal("4.01"), "money: the sum"), ("wide", Decimal("5.5000000001"), "wide: the sum"),
    ("f", 6.500001, "f: the sum"), ("b", False, "b: the sum"), ("d", date(2024, 1, 2), "d: the sum"),
    ("t", datetime(2024, 1, 1, 0, 0, 0, 1), "t: the sum"), ("z", "2024-01-01 00:00:00+09", "z: the sum"),
    ("s", None, "s: checked 3 values"), ("s", "a", "s: bytes of text"),
    ("s", "ba", "the hash of all text columns differs"),
    ("s", "aB", "the hash of all text columns differs"), ("notes", "fe", "the hash of all text columns differs"),
    ("raw", "\\x01ff", "the hash of all text columns differs"), ("clock", "12:00:00.000001", "clock: the sum"),
    ("document", "[2]", "the hash of all json columns differs"), ("document", "{}", "document: the sum"),
]  # fmt: skip


@pytest.mark.parametrize("hashed_by", HASHES)
@pytest.mark.parametrize(("name", "value", "words"), CHANGES)
def test_a_changed_value_is_found(name: str, value: object, words: str, hashed_by: Hash) -> None:
    rows = [BASE] * 3
    [told] = differences(COLUMNS, in_duckdb(rows, hashed_by), in_duckdb(changed(rows, name, value), hashed_by))[:1]
    assert told.startswith(words)


@pytest.mark.parametrize(("before", "after"), [
    ([("", None)], [(None, "")]), ([("ab", "cd")], [("cd", "ab")]), ([("a", "bc")], [("ab", "c")]),
    ([("a", "b"), ("c", "d")], [("a", "d"), ("c", "b")]), ([("", "x")], [(None, "x")]),
])  # fmt: skip
@pytest.mark.parametrize("hashed_by", HASHES)
@pytest.mark.parametrize("apart", [False, True], ids=["hashed together", "hashed apart"])
def test_texts_that_moved_are_found(
    before: list[tuple[Any, Any]], after: list[tuple[Any, Any]], apart: bool, hashed_by: Hash
) -> None:
    one, other = (
        [
            (*BASE[:10], first, "x", second, *BASE[13:]) if apart else (*BASE[:10], first, second, "x", *BASE[13:])
            for first, second in pairs
        ]
        for pairs in (before, after)
    )
    assert differences(COLUMNS, in_duckdb(one, hashed_by), in_duckdb(other, hashed_by)) != []


def test_a_lost_or_doubled_row_is_found() -> None:
    rows = random_rows(8, 20)
    assert differences(COLUMNS, in_duckdb(rows), in_duckdb(rows[1:]))[0] == "rows: checked 20, loaded 19"
    assert differences(COLUMNS, in_duckdb(rows), in_duckdb([*rows, rows[0]]))[0] == "rows: checked 20, loaded 21"


def test_sums_of_doubles_may_differ_by_the_order_of_addition() -> None:
    rows = [(*BASE[:5], value, *BASE[6:]) for value in (1e16, 1.0, -1e16, 0.1, 3.3)]
    assert differences(COLUMNS, in_duckdb(rows), in_duckdb(rows[::-1])) == []
