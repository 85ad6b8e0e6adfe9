"""Rows of a database by windows: every row in the window of its own clock, none in two, none in silence in no window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from deployments.embedded.stack import StackState
from deployments.errors import CheckFailedError, DeclarationError, HeadgateError, UpstreamError
from tasks import unplaced

Tell = Callable[..., None]


@pytest.fixture
def tell(house: Any, stack: StackState) -> Iterator[Tell]:
    """Statements for the source database, a schema of its own that is the connection's search path."""
    schema, url = f"{house.schema}_src", str(stack.warehouse_url)
    unplaced._counted.clear()

    def told(*statements: str) -> None:
        with closing(psycopg2.connect(url, options=f"-c search_path={schema}")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        unplaced._counted.clear()

    told(f"CREATE SCHEMA {schema}")
    separator = "&" if "?" in url else "?"
    connections = {"shop": f"{url}{separator}options=-csearch_path%3D{schema}"}
    house.place.settings = replace(house.place.settings, connections=connections)
    house.reads_warehouse("shop")
    yield told
    told(f"DROP SCHEMA {schema} CASCADE")


def by_day(zone: str, load: str, cursor: str = "column: day", at: str = "type: date") -> str:
    return f"""
        description: Sales.
        owner: a@example.com
        source: {{kind: postgres, connection: shop, query: "SELECT id, day FROM sales", cursor: {{{cursor}, kind: immutable}}}}
        window: {{every: day, timezone: {zone}, start: 2024-01-01, end: 2024-01-04}}
        columns:
          - {{name: id, type: integer, nullable: false}}
          - {{name: day, {at}}}
        key: [id]
        load: {load}
        """


DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")


@pytest.mark.parametrize("load", ["{mode: replace_window, window_column: day}", "{mode: merge}"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Seoul", "Pacific/Kiritimati"])
def test_a_date_lies_in_its_own_day_wherever_the_days_are_counted(house: Any, tell: Tell, zone: str, load: str) -> None:
    tell("CREATE TABLE sales AS SELECT n AS id, date '2024-01-01' + n / 5 AS day FROM generate_series(0, 14) n")
    table = house.declare("sales", by_day(zone, load))
    for again in (False, True):
        assert [house.load(table, day, reprocess=again).counts["published"] for day in DAYS] == [5, 5, 5]
        found = house.place.ask(f"SELECT day, count(*) FROM {table} GROUP BY day ORDER BY day")
        assert [(str(day), rows) for day, rows in found] == [(day, 5) for day in DAYS]


def test_dates_from_files_west_of_greenwich(house: Any) -> None:
    table = house.declare("sales", """
        description: Sales.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/s-{window.start:%Y-%m-%d}.csv"}
        window: {every: day, timezone: America/New_York, start: 2024-01-01, end: 2024-01-04}
        columns: [{name: id, type: integer}, {name: day, type: date}]
        load: {mode: replace_window, window_column: day, tolerance: 50%}
        """)  # fmt: skip
    for day in DAYS:
        house.source(f"s-{day}.csv", f"id,day\n1,{day}\n2,{day}\n3,2024-02-01\n")
        record = house.load(table, day)
        assert record.accounting == "extracted 3 = published 2 + quarantined 1 + superseded 0"
        assert [reason.code for reason in record.quarantine] == ["OUT-OF-WINDOW"]
    house.source("s-2024-01-02.csv", "id,day\n9,2024-01-02\n")
    house.load(table, "2024-01-02", reprocess=True)
    found = house.place.ask(f"SELECT id, day FROM {table} ORDER BY day, id")
    assert [(id, str(day)) for id, day in found] == [
        (1, DAYS[0]),
        (2, DAYS[0]),
        (9, DAYS[1]),
        (1, DAYS[2]),
        (2, DAYS[2]),
    ]


HOURS = """
    description: Clicks.
    owner: a@example.com
    source: {kind: postgres, connection: shop, query: "SELECT id, at FROM clicks", cursor: {column: at, kind: immutable}}
    window: {every: hour, timezone: ZONE, start: START}
    columns:
      - {name: id, type: integer, nullable: false}
      - {name: at, type: timestamp, source_timezone: ZONE, ambiguous: POLICY}
    load: {mode: replace_window, window_column: at, tolerance: 100%}
    """
NIGHT = "2024-11-03"
WINDOWS = ("00:00-04:00", "01:00-04:00", "01:00-05:00", "02:00-05:00")


@pytest.mark.parametrize(("policy", "rows"), [("first", 1), ("second", 2), ("quarantine", 1)])
def test_the_hour_that_happens_twice(house: Any, tell: Tell, policy: str, rows: int) -> None:
    zone, day, windows = "America/New_York", NIGHT, WINDOWS
    tell(
        f"CREATE TABLE clicks AS SELECT n AS id, timestamp '{day}' + n * interval '15 min' AS at FROM generate_series(0, 11) n"
    )
    table = house.declare("clicks", HOURS.replace("ZONE", zone).replace("START", day).replace("POLICY", policy))
    records = [house.load(table, f"{day}T{window}") for window in windows]
    extracted = [4, 4 if rows == 1 else 0, 4 if rows == 2 else 0, 4]
    assert [record.counts["extracted"] for record in records] == extracted
    aside = {reason.code: reason.rows for record in records for reason in record.quarantine}
    assert aside == ({"AMBIGUOUS-LOCAL-TIME": 4} if policy == "quarantine" else {})
    assert len(house.rows(table)) == (8 if policy == "quarantine" else 12)
    # Read again a window replaces its own rows, and no others.
    for window in windows:
        house.load(table, f"{day}T{window}", reprocess=True)
    assert len(house.rows(table)) == (8 if policy == "quarantine" else 12)


@pytest.mark.effect("Cursor.nulls", "Cursor.nulls=fail", "Cursor.nulls=load")
def test_rows_without_a_cursor_are_told(house: Any, tell: Tell) -> None:
    tell("CREATE TABLE sales AS SELECT n AS id, CASE WHEN n < 12 THEN date '2024-01-01' + n / 5 END AS day "
         "FROM generate_series(0, 14) n")  # fmt: skip
    table = house.declare("sales", by_day("UTC", "{mode: merge}"))
    record = house.load(table, "2024-01-01")
    assert (record.status, record.counts["published"]) == ("warned", 5)
    assert record.warnings == ("3 rows of the source have no day, so that no window has them",)
    refused = house.declare("sales", by_day("UTC", "{mode: merge}", "column: day, nulls: fail"))
    with pytest.raises(UpstreamError, match="3 rows of the source have no day") as caught:
        house.load(refused, "2024-01-02")
    assert caught.value.code == "CURSOR-NULL"
    loaded = house.declare("sales", by_day("UTC", "{mode: merge}", "column: day, nulls: load"))
    assert [house.load(loaded, day, reprocess=True).counts["extracted"] for day in DAYS] == [8, 8, 5]
    assert [row[0] for row in house.rows(loaded, "id", "id")] == list(range(15))


@pytest.mark.parametrize(("kind", "at"), [
    ("date", "type: date"), ("timestamp", "type: timestamp, source_timezone: UTC"), ("timestamptz", "type: timestamptz"),
])  # fmt: skip
def test_a_cursor_at_infinity_is_in_no_window_either(house: Any, tell: Tell, kind: str, at: str) -> None:
    tell(f"CREATE TABLE sales AS SELECT n AS id, (CASE n WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 4 THEN "
         f"'2024-01-01 12:00' END)::{kind} AS day FROM generate_series(1, 4) n")  # fmt: skip
    record = house.load(house.declare("sales", by_day("UTC", "{mode: merge}", at=at)), "2024-01-01")
    assert (record.status, record.counts["published"]) == ("warned", 1)
    assert record.warnings == ("3 rows of the source have no day, so that no window has them",)
    loaded = house.declare("sales", by_day("UTC", "{mode: merge}", "column: day, nulls: load", at))
    with pytest.raises(HeadgateError) as caught:
        house.load(loaded, "2024-01-02")
    assert caught.value.code == "TOLERANCE"


CURSORS = [
    ("SELECT id, day FROM sales", "column: id", "CURSOR-TYPE"),
    ("SELECT id, day, at FROM sales", "column: at", "CURSOR-ZONE"),
]


@pytest.mark.parametrize(("query", "cursor", "code"), CURSORS)
def test_a_cursor_that_tells_no_time_is_refused(house: Any, tell: Tell, query: str, cursor: str, code: str) -> None:
    tell("CREATE TABLE sales (id int, day date, at timestamp)")
    table = house.declare("sales", by_day("UTC", "{mode: merge}", cursor).replace("SELECT id, day FROM sales", query))
    with pytest.raises(DeclarationError) as caught:
        house.load(table, "2024-01-01")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "column", ["timestamp '2024-01-01 23:30'", "timestamptz '2024-01-02 04:30+00'", "date '2024-01-01'"]
)
def test_a_cursor_outside_the_contract_is_read_as_the_source_has_it(house: Any, tell: Tell, column: str) -> None:
    tell(f"CREATE TABLE sales AS SELECT 1 AS id, date '2024-01-01' AS day, {column} AS at")
    text = by_day("America/New_York", "{mode: merge}", "column: at, timezone: America/New_York")
    table = house.declare("sales", text.replace("SELECT id, day FROM", "SELECT id, day, at FROM"))
    assert [house.load(table, day).counts["extracted"] for day in DAYS] == [1, 0, 0]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.effect(
    "Load.mode=replace_window",
    "Load.window_column",
    "Table.window",
    "WindowSpec.every",
    "WindowSpec.start",
    "WindowSpec.timezone",
)
def test_rows_of_another_window_are_not_loaded_in_place(house: Any) -> None:
    table = house.declare("sales", """
        description: Sales.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/s-{window.start:%Y-%m-%d}.csv"}
        window: {every: day, timezone: America/New_York, start: 2024-01-01, end: 2024-01-04}
        columns: [{name: id, type: integer}, {name: day, type: date}]
        load: {mode: replace_window, window_column: day, stage: in_place}
        """)  # fmt: skip
    house.source("s-2024-01-01.csv", "id,day\n1,2024-01-01\n2,2024-01-02\n")
    with pytest.raises(CheckFailedError, match="1 row outside the window") as caught:
        house.load(table, "2024-01-01")
    assert caught.value.code == "OUT-OF-WINDOW"
    house.source("s-2024-01-01.csv", "id,day\n1,2024-01-01\n")
    assert house.load(table, "2024-01-01").counts["published"] == 1


KEYED = """
    description: Customers.
    owner: a@example.com
    source: {kind: postgres, connection: shop, query: "SELECT mail, part, spent, day FROM customers",
             cursor: {column: day, kind: mutable}}
    window: {every: day, timezone: UTC, start: 2024-01-01}
    columns:
      - {name: mail, type: varchar(64), nullable: false}
      - {name: part, type: "decimal(6,2)", nullable: false}
      - {name: spent, type: integer}
      - {name: day, type: date}
    key: [mail, part]
    load: {mode: merge, deletes: compare_keys}
    pii: {mail: hash}
    """


@pytest.mark.parametrize("pii_key", ["a long random text of more than 32 characters"])
def test_hashed_keys_are_compared_hashed(house: Any, tell: Tell) -> None:
    tell("CREATE TABLE customers AS SELECT 'a' || n || '@example.com' AS mail, n::numeric AS part, n AS spent, "
         "date '2024-01-01' AS day FROM generate_series(1, 10) n")  # fmt: skip
    table = house.declare("customers", KEYED)
    house.load(table, "2024-01-01")
    assert house.load(table, "2024-01-02").counts["deleted"] == 0
    assert len(house.rows(table)) == 10
    tell("DELETE FROM customers WHERE spent IN (3, 7)")
    assert house.load(table, "2024-01-02", reprocess=True).counts["deleted"] == 2
    assert [row[0] for row in house.rows(table, "spent", "spent")] == [1, 2, 4, 5, 6, 8, 9, 10]
    tell("UPDATE customers SET mail = 'other-' || mail")
    with pytest.raises(CheckFailedError, match="aren't the same keys") as strange:
        house.load(table, "2024-01-02", reprocess=True)
    assert strange.value.code == "KEYS-STRANGE"
    # With another key no hash is the same: nothing is read or compared, and nothing goes.
    house.place.settings = replace(house.place.settings, pii_key="another text, as long as the first one was")
    house.open()
    for day in ("2024-01-01", "2024-01-02"):
        with pytest.raises(DeclarationError, match="is hashed with another key than HEADGATE_PII_KEY") as caught:
            house.load(table, day, reprocess=True)
        assert caught.value.code == "PII-KEY-CHANGED"
    assert len(house.rows(table)) == 8
