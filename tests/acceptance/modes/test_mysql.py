"""Orders of a shop on MariaDB, loaded whole and by windows: counted, killed in the middle, run again, deletes and all."""

from __future__ import annotations

import datetime as dt
import os
import signal
import traceback
from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import HeadgateError, SourceMissingError
from tasks import readiness, unplaced
from tests.mariadb import Database

effect = pytest.mark.effect
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
ORDERS = """
description: Orders of the shop.
owner: a@example.com
source:
  kind: mysql
  connection: shop
  query: SELECT id, day, note FROM orders
  %s
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: note, type: varchar(40)}
key: [day, id]
load: {%s}
"""
DAYS = "window: {every: day, timezone: UTC, start: 2024-03-01, end: 2024-03-05}"
CURSOR = "cursor: {column: day, kind: %s}"
WHOLE = ORDERS % ("on_missing: fail", "", "mode: full_refresh")
BY_DAY = ORDERS % (CURSOR % "immutable", DAYS, "mode: replace_window, window_column: day")
CHANGING = ORDERS % (CURSOR % "mutable", DAYS, "mode: merge, deletes: compare_keys, shrink_guard: 40%")
ROWS = 40


@pytest.fixture
def shop(house: Any, mysql: Database) -> Any:
    """The house with a MariaDB source; `house.do` changes it."""
    house.place = replace(house.place, settings=replace(house.place.settings, connections={"shop": mysql.url}))
    house.do = mysql.run
    unplaced._counted.clear()
    mysql.run("CREATE TABLE orders (id INT, day DATE, note VARCHAR(40), PRIMARY KEY (day, id))",
              "INSERT INTO orders SELECT seq, '2024-03-01' + INTERVAL seq % 4 DAY, CONCAT('no. ', seq)"
              f" FROM seq_1_to_{ROWS}")  # fmt: skip
    return house


def ids(house: Any, table: str) -> list[int]:
    return [number for (number,) in house.rows(table, "id")]


@effect("MysqlSource.kind", "MysqlSource.connection", "MysqlSource.query")
def test_a_whole_table_and_nothing_to_do_until_it_changes(shop: Any) -> None:
    table = shop.declare("orders", WHOLE)
    assert shop.load(table).accounting == f"extracted {ROWS} = published {ROWS} + quarantined 0 + superseded 0"
    assert shop.rows(table)[:2] == [(1, dt.date(2024, 3, 2), "no. 1"), (2, dt.date(2024, 3, 3), "no. 2")]
    assert shop.load(table).status == "unchanged"
    shop.do("UPDATE orders SET note = '' WHERE id = 3", "UPDATE orders SET note = NULL WHERE id = 4")
    assert shop.load(table).status == "published"
    assert [row[2] for row in shop.rows(table)[2:4]] == ["", None]


@effect("MysqlSource.cursor")
def test_days_of_a_table_any_number_of_times(shop: Any) -> None:
    table = shop.declare("orders", BY_DAY)
    for again in (False, True):
        for day in range(1, 5):
            assert shop.load(table, f"2024-03-0{day}", reprocess=again).counts["published"] == 10
    assert ids(shop, table) == list(range(1, ROWS + 1))
    assert sum(rows for (rows,) in shop.do("SELECT COUNT(*) FROM orders")) == ROWS


def test_rows_gone_from_the_source_go_and_changed_ones_stay(shop: Any) -> None:
    table = shop.declare("orders", CHANGING)
    for day in range(1, 5):
        shop.load(table, f"2024-03-0{day}")
    shop.do("DELETE FROM orders WHERE id IN (3, 7)", "UPDATE orders SET note = 'b' WHERE id = 4")
    record = shop.load(table, "2024-03-01", reprocess=True)
    assert (record.counts["deleted"], record.counts["updated"]) == (2, 1)
    assert ids(shop, table) == sorted(set(range(1, ROWS + 1)) - {3, 7})


@effect("MysqlSource.on_missing", "MysqlSource.on_missing=fail", "MysqlSource.on_missing=empty")
def test_a_window_without_rows(shop: Any) -> None:
    def load(how: str) -> Any:
        table = shop.declare("orders", BY_DAY.replace("connection: shop", f"connection: shop\n  {how}"))
        return shop.load(table, "2024-03-01", reprocess=True)

    load("")
    shop.do("DELETE FROM orders WHERE day = '2024-03-01'")
    for how in ("on_missing: fail", "on_missing: wait"):
        with pytest.raises(SourceMissingError, match="no row lies in the window"):
            load(how)
    assert len(ids(shop, f"{shop.schema}.orders")) == 10, "nothing was taken away"
    assert load("on_missing: empty").counts["deleted"] == 10


@effect("MysqlSource.statement_timeout")
def test_the_source_cancels_a_longer_statement(shop: Any) -> None:
    text = BY_DAY.replace("connection: shop", "connection: shop\n  statement_timeout: 1s")
    table = shop.declare("orders", text.replace("note FROM orders", "IF(SLEEP(4), note, NULL) AS note FROM orders"))
    with pytest.raises(HeadgateError, match="statement_timeout is 1s"):
        shop.load(table, "2024-03-01")


def test_zero_dates_lie_in_no_window_and_are_told(shop: Any) -> None:
    shop.do("SET sql_mode = ''", "INSERT INTO orders VALUES (99, '0000-00-00', 'x')")
    table = shop.declare("orders", BY_DAY)
    record = shop.load(table, "2024-03-01")
    assert record.counts["extracted"] == 10
    assert [text for text in record.warnings if "1 row of the source has no day, so that no window has it" in text]


def test_zero_dates_are_no_value_where_that_is_declared(shop: Any) -> None:
    shop.do("SET sql_mode = ''", "CREATE TABLE v (id INT, d DATE, t DATETIME, s TIMESTAMP)",
            "INSERT INTO v VALUES (1, 0, 0, 0), (2, '2024-01-01', '2024-01-01', '2024-01-01')")  # fmt: skip
    table = shop.declare("v", """
description: Values.
owner: a@example.com
source: {kind: mysql, connection: shop, query: SELECT * FROM v}
columns:
  - {name: id, type: integer}
  - {name: d, type: date, null: ["0000-00-00"]}
  - {name: t, type: timestamp, source_timezone: UTC, null: ["0000-00-00 00:00:00"]}
  - {name: s, type: timestamptz, null: ["0000-00-00 00:00:00+00"]}
load: {mode: full_refresh}
""")  # fmt: skip
    assert shop.load(table).counts["quarantined"] == 0
    assert shop.rows(table)[0] == (1, None, None, None)
    assert None not in shop.rows(table)[1]


def test_a_query_is_waited_for(shop: Any) -> None:
    shop.declare("orders", BY_DAY)
    from tasks.workbench import workbench

    bench = workbench()
    table = bench.project.table(f"{shop.schema}.orders")
    shop.do("CREATE TABLE ready (at DATE)")
    query = "SELECT COUNT(*) > 0 FROM ready"
    assert readiness._answers_true(bench, table, query) is False
    shop.do("INSERT INTO ready VALUES ('2024-03-01')")
    assert readiness._answers_true(bench, table, query) is True


def die_after(records: int) -> None:
    """Kill this process while a source hands out its rows."""
    from tasks.sources import mysql

    written = mysql.records

    def dying(rows: Any, pieces: Any) -> Any:
        for number, record in enumerate(written(rows, pieces)):
            if number == records:
                os.kill(os.getpid(), signal.SIGKILL)
            yield record

    mysql.records = dying


@pytest.mark.parametrize("text", [WHOLE, BY_DAY])
def test_killed_half_way_and_run_again(shop: Any, text: str) -> None:
    table, window = shop.declare("orders", text), "source" if text is WHOLE else "2024-03-01"
    child = os.fork()
    if child == 0:
        try:
            die_after(5)
            shop.open()
            shop.load(table, window)
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    expected = ROWS if text is WHOLE else 10
    assert shop.load(table, window).counts["published"] == expected
    assert len(ids(shop, table)) == expected


class Aside(str):
    """The reason why a value is set aside."""


# MySQL's type, the column's; written values with what stands in the warehouse then (Aside: nothing, and why)
ROUND_TRIPS: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("TINYINT(1)", "boolean", [
        ("1", True), ("0", False), ("2", Aside("NOT-BOOLEAN")), ("-1", Aside("NOT-BOOLEAN")), ("NULL", None)]),
    ("TINYINT(1)", "smallint", [("127", 127), ("-128", -128)]),
    ("TINYINT UNSIGNED", "smallint", [("255", 255)]),
    ("SMALLINT UNSIGNED", "integer", [("65535", 65535)]), ("MEDIUMINT", "integer", [("-8388608", -8388608)]),
    ("INT UNSIGNED", "bigint", [("4294967295", 4294967295)]), ("INT(8) ZEROFILL", "integer", [("42", 42)]),
    ("BIGINT", "bigint", [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)]),
    ("BIGINT UNSIGNED", "bigint", [("18446744073709551615", Aside("OUT-OF-RANGE")), ("9223372036854775807", 2**63 - 1)]),
    ("BIGINT UNSIGNED", "decimal(20,0)", [("18446744073709551615", 2**64 - 1)]),
    ("BIT(1)", "boolean", [("b'1'", True), ("b'0'", False), ("NULL", None)]), ("BIT(8)", "smallint", [("b'11111111'", 255)]),
    ("BIT(64)", "decimal(20,0)", [("18446744073709551615", 2**64 - 1)]),
    ("DECIMAL(38,10)", "decimal(38,10)", [(f"'-{'9' * 28}.{'9' * 10}'", f"-{'9' * 28}.{'9' * 10}"), ("1.5", "1.5000000000")]),
    ("DECIMAL(65,30)", "decimal(38,10)", [("'1.5'", Aside("TOO-MANY-PLACES")), ("NULL", None)]),
    ("DECIMAL(65,30)", "varchar(80)", [(f"'{'9' * 35}.{'9' * 30}'", f"{'9' * 35}.{'9' * 30}")]),
    ("FLOAT", "double precision", [("16777217", 16777216.0), ("123456.789", 123456.7890625),
               ("3.4028235e38", 3.4028234663852886e38)]),
    ("DOUBLE", "double precision", [("1.7976931348623157e308", 1.7976931348623157e308), ("0.1", 0.1),
                                    ("2.2250738585072014e-308", 2.2250738585072014e-308), ("1e-310", Aside("OUT-OF-RANGE"))]),
    ("DOUBLE(30,2)", "double precision", [("1e22", 1e22), ("1.25", 1.25)]),
    ("YEAR", "smallint", [("2155", 2155), ("1901", 1901), ("0", 0)]),
    ("DATE", "date", [("'9999-12-31'", dt.date(9999, 12, 31)), ("'0000-00-00'", Aside("NOT-DATE")),
                      ("'2024-00-10'", Aside("NOT-DATE")),
                      ("'2023-02-31'", Aside("NOT-DATE")), ("'0001-01-01'", dt.date(1, 1, 1))]),
    ("DATETIME(6)", "timestamp", [("'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
                                  ("'0000-00-00'", Aside("NOT-TIMESTAMP")), ("'1000-01-01'", dt.datetime(1000, 1, 1))]),
    ("TIMESTAMP(6) NULL", "timestamptz", [
        ("'2038-01-19 03:14:07.999999'", dt.datetime(2038, 1, 19, 3, 14, 7, 999999, dt.UTC)),
        ("'0000-00-00'", Aside("NOT-TIMESTAMP")),
        ("'1970-01-01 00:00:01'", dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)), ("NULL", None),
    ]),
    ("TIME(6)", "time", [
        ("'23:59:59.999999'", dt.time(23, 59, 59, 999999)), ("'0:0:0'", dt.time(0)), ("'24:00:00'", Aside("OUT-OF-RANGE")),
        ("'838:59:59'", Aside("OUT-OF-RANGE")), ("'-1:00:00'", Aside("OUT-OF-RANGE")), ("NULL", None)]),
    ("TIME(6)", "varchar(20)", [
        ("\'838:59:59\'", "838:59:59.000000"), ("'-838:59:59'", "-838:59:59.000000"), ("'0:0:0'", "00:00:00.000000")]),
    ("CHAR(5) CHARACTER SET latin1", "varchar(20)", [("'é€  '", "é€"), ("''", ""), ("NULL", None)]),
    ("VARCHAR(9)", "varchar(40)", [("'😀\"  '", '😀"  '), ("' '", " ")]),
    ("TEXT", "varchar(40)", [("'a,\"b'", 'a,"b'), ("''", "")]),
    ("VARCHAR(9)", "varchar(8)", [("'한글글'", Aside("TOO-LONG")), ("'한글'", "한글")]),
    ("ENUM('a','b\"c','')", "varchar(9)", [("'b\"c'", 'b"c'), ("''", ""), ("NULL", None)]),
    ("SET('x','y')", "varchar(9)", [("'y,x'", "x,y"), ("''", "")]),
    ("JSON", "varchar(99)", [("'{\"a\": [1, null]}'", '{"a": [1, null]}'), ("NULL", None)]),
    ("JSON", "json", [("'{\"b\": 1, \"a\": [1, null]}'", {"a": [1, None], "b": 1}), ("'7'", 7),
                      ("'null'", None), ("NULL", None)]),
    ("LONGTEXT", "json", [("'{\"a\": 1, \"a\": 2}'", Aside("NOT-JSON")), ("'x'", Aside("NOT-JSON")), ("'[]'", [])]),
    ("BINARY(3)", "binary", [("x'00ff'", b"\0\xff\0")]), ("BLOB", "binary", [("''", b""), ("x'0a22'", b'\n"'), ("NULL", None)]),
    ("BINARY(3)", "varchar(9)", [("x'00ff'", "00ff00")]), ("VARBINARY(9)", "varchar(9)", [("''", ""), ("x'0a22'", "0a22")]),
    ("LONGBLOB", "varchar(9)", [("x'deadbeef'", "deadbeef"), ("NULL", None)]),
    ("UUID", "varchar(36)", [(f"'{'0' * 32}'", "00000000-0000-0000-0000-000000000000")]),
    ("INET6", "varchar(40)", [("'::1'", "::1")]),
]  # fmt: skip


def test_values_at_the_ends_of_every_type_arrive_or_are_set_aside(shop: Any) -> None:
    """A column for each type. The first rows hold what arrives; each row after them one value that doesn't."""
    theirs = ", ".join(f"v{place} {kind.removesuffix(' NULL')} NULL" for place, (kind, _, _) in enumerate(ROUND_TRIPS))
    ours = [kind + (", source_timezone: UTC" if kind == "timestamp" else "") for _, kind, _ in ROUND_TRIPS]
    good = [[pair for pair in pairs if not isinstance(pair[1], Aside)] for _, _, pairs in ROUND_TRIPS]
    bad = [
        (place, pair) for place, (_, _, pairs) in enumerate(ROUND_TRIPS) for pair in pairs if isinstance(pair[1], Aside)
    ]
    most = max(len(found) for found in good)
    rows = [
        {place: found[number][0] for place, found in enumerate(good) if number < len(found)} for number in range(most)
    ]
    rows += [{place: written} for place, (written, _) in bad]
    shop.do("SET sql_mode = 'ALLOW_INVALID_DATES'", "SET time_zone = '+00:00'", f"CREATE TABLE v (id INT, {theirs})", *(
        f"INSERT INTO v (id, {', '.join(f'v{place}' for place in row)}) VALUES ({number}, {', '.join(row.values())})"
        for number, row in enumerate(rows)
    ))  # fmt: skip
    columns = "".join(
        f"  - {{name: v{place}, type: {kind if ', s' in kind else repr(kind)}}}\n" for place, kind in enumerate(ours)
    )
    table = shop.declare("v", f"""
description: Values.
owner: a@example.com
source: {{kind: mysql, connection: shop, query: "SELECT * FROM v"}}
columns:
  - {{name: id, type: integer, nullable: false}}
{columns}load: {{mode: full_refresh, tolerance: 100%}}
""")  # fmt: skip
    record = shop.load(table)
    live = shop.rows(table, ", ".join(f"v{place}" for place in range(len(ours))), "id")
    assert len(live) == most
    for place, (found, kind) in enumerate(zip(good, ours, strict=True)):
        seen = [bytes(row[place]) if kind == "binary" and row[place] is not None else row[place] for row in live]
        expected = [value for _, value in found] + [None] * (most - len(found))
        if kind.startswith("decimal"):
            seen, expected = (
                [None if value is None else str(value) for value in values] for values in (seen, expected)
            )
        assert seen == expected, ROUND_TRIPS[place][0]
    aside = [(reason.column, reason.code) for reason in record.quarantine for _ in range(reason.rows)]
    assert sorted(aside) == sorted((f"v{place}", str(code)) for place, (_, code) in bad)
