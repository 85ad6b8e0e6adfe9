"""The cheap question of a column, "is it written plainly?", never overlooks a fault that its patterns would find."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from deployments.declarations.columns import Column
from expectations.contract.canonical_json import teach
from expectations.contract.clocks import set_clocks
from expectations.contract.lexical import lexical_column

NUMBERS = ["0", "-0", "7", "007", "-1", "32767", "32768", "2147483648", "9223372036854775808", "1_000", "1.0", "+1", " 1", "1e3",
           "1.", ".5", "-.5", "0.50", "12.34", "12.345", "999.99", "1000.00", "1e309", "inf", "nan", "NaN", "-inf", "1e-310",
           "5e-324", "0.0", "1e+20", "1e-05"]  # fmt: skip
DATES = ["2024-02-29", "2023-02-29", "0000-01-01", "0001-01-01", "0001-01-01 (BC)", "9999-12-31", "10000-01-01", "-0044-03-15",
         "infinity", "-infinity", "epoch", "today", "\x01", "\x012024", "29.02.2024", "30.02.2024"]  # fmt: skip
TIMES = ["2024-01-01 00:00:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00.5", "2024-01-01 00:00:00.1234567",
         "2024-01-01 24:00:00", "0044-03-15 (BC) 00:00:00", "10000-01-01 00:00:00", "2024-01-01 00:00:00+00",
         "2024-01-01 00:00:00Z", "2024-03-31 02:30:00"]  # fmt: skip
CLOCKS = [
    "00:00:00",
    "24:00:00",
    "12:30:00.5",
    "12:30",
    "838:59:59",
    "-01:00:00",
    "23:59:60",
    "12:30:00.1234567",
    "1:02:03",
]
JSON = [
    '{"a":1}',
    '{"a": 1}',
    '{"a": 1, "a": 2}',
    "[1,2]",
    "[1, 2]",
    '"x"',
    "nul",
    "00ff",
    "\\x00FF",
    "0xff",
    "DEADBEEF",
]
TEXTS = [*NUMBERS, *DATES, *TIMES, *CLOCKS, *JSON, "true", "FALSE", "t", "on", "yes", "", "null"]
TYPES = ["smallint", "integer", "bigint", "decimal(5,2)", "decimal(38,10)", "decimal(3,3)", "double precision", "boolean", "date",
         "timestamp", "timestamptz", "time", "varchar(6)", "binary", "json"]  # fmt: skip


def mutations() -> list[str]:
    chance = random.Random(5)
    found = set(TEXTS)
    while len(found) < 20_000:
        letters = list(chance.choice(TEXTS))
        for _ in range(chance.randint(1, 3)):
            at, letter = chance.randint(0, len(letters)), chance.choice("0123456789.-+eE :TZ_(BC)nift\n\t")
            letters[at : at + chance.randint(0, 1)] = [letter]
        found.add("".join(letters))
    return sorted(found)


@pytest.fixture(scope="module")
def texts() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    set_clocks(connection, ["Europe/Berlin"])
    teach(connection)
    connection.execute("CREATE TABLE texts AS SELECT unnest(?) AS f", [mutations()])
    connection.execute("INSERT INTO texts VALUES (NULL)")
    return connection


DECLARED = [{"type": kind} for kind in TYPES if kind != "timestamp"]
DECLARED += [{"type": "timestamp", "source_timezone": zone} for zone in ("UTC", "Europe/Berlin")]
DECLARED += [{"type": "date", "format": "%d.%m.%Y"}]


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: "-".join(map(str, declared.values())))
def test_what_is_plain_has_no_fault(
    texts: duckdb.DuckDBPyConnection, declared: dict[str, object], nullable: bool
) -> None:
    column = Column.model_validate({"name": "v", "nullable": nullable, **declared})
    sql = lexical_column(column, "f", "x", "t", masked=False)
    faulty = " OR ".join(f"coalesce({fault.condition}, false)" for fault in sql.faults) or "false"
    nested = (
        f"SELECT *, {sql.value} AS v FROM (SELECT *, {sql.staged} AS t FROM (SELECT f, {sql.text} AS x FROM texts))"
    )
    rows = texts.execute(f"SELECT f, {sql.plain}, {faulty} FROM ({nested})").fetchall()
    assert [row for row in rows if row[1] == row[2] or row[1] is None] == []
    assert {row[2] for row in rows} == {True, False}


BEYOND_ALL_CLOCKS = ["294247-01-10 03:30:00", "294247-01-10 04:00:54", "290309-12-22 (BC) 00:00:00", "infinity",
                     "290309-12-22 (BC) 00:00:00+00", "294247-01-10 03:00:54-05"]  # fmt: skip


@pytest.mark.parametrize("ambiguous", ["quarantine", "first", "second"])
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata", "Australia/Lord_Howe"]
)
def test_a_time_beyond_all_clocks_is_set_aside(
    make_table: Callable[..., Any], check: Callable[..., Any], zone: str, ambiguous: str
) -> None:
    when = {"name": "v", "type": "timestamp", "source_timezone": zone, "ambiguous": ambiguous}
    table = make_table({"name": "id", "type": "integer"}, when)
    lines = [f"{row},{text}" for row, text in enumerate(["2024-05-01 00:00:00", *BEYOND_ALL_CLOCKS])]
    [part], _ = check(table, "\n".join(["id,v", *lines, ""]).encode())
    assert [(row.record, row.code) for row in part.quarantined] == [
        (row, "NOT-TIMESTAMP") for row in range(1, len(lines))
    ]


@pytest.mark.parametrize(
    ("zone", "text"), [("Europe/Berlin", "0001-01-01 00:30:00"), ("America/New_York", "9999-12-31 20:00:00")]
)
def test_a_local_time_that_is_in_no_year_of_the_warehouse_is_set_aside(
    make_table: Callable[..., Any], check: Callable[..., Any], zone: str, text: str
) -> None:
    table = make_table({"name": "id", "type": "integer"}, {"name": "v", "type": "timestamp", "source_timezone": zone})
    [part], _ = check(table, f"id,v\n1,{text}\n2,2024-05-01 00:00:00\n".encode())
    assert [(row.record, row.code) for row in part.quarantined] == [(0, "OUT-OF-RANGE")]
