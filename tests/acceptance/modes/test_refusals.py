"""What isn't published: rows set aside with a reason, batches that are stopped, and the live table untouched."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import AccountingError, CheckFailedError, CodeError, ToleranceError
from tasks.warehouses.names import TableName
from tasks.warehouses.session import transaction
from tasks.warehouses.shapes import shape_of
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(10)}
key: [id]
"""
REFRESH = TABLE + "load: {mode: full_refresh, tolerance: 90%}\n"
STRANGE = 'two\nlines, "quotes"\tand \\ é 😀\r\n'


def set_aside(house: Any, table: str) -> list[tuple[Any, ...]]:
    return house.rows(
        f"quarantine.{table.replace('.', '__')}", 'record, code, column_name, "raw", withheld, state', "record"
    )


def test_rows_set_aside_keep_their_bytes_and_are_superseded_by_the_next_load(house: Any) -> None:
    table = house.declare("orders", REFRESH)
    quoted = '"' + STRANGE.replace('"', '""') + '"'
    house.source("orders.csv", f"id,note\n1,a\nx,b\n3,{quoted}\n4,\n4,d\n")
    record = house.load(table)
    assert record.accounting == "extracted 5 = published 1 + quarantined 4 + superseded 0"
    assert set_aside(house, table) == [
        (1, "NOT-INTEGER", "id", "x,b", False, "open"),
        (2, "TOO-LONG", "note", f"3,{quoted}", False, "open"),
        (3, "DUPLICATE-KEY", "id", "4,", False, "open"),
        (4, "DUPLICATE-KEY", "id", "4,d", False, "open"),
    ]
    house.source("orders.csv", "id,note\n1,a\n2,b\nNaN,\n")
    house.load(table)
    assert set_aside(house, table) == [(2, "NOT-INTEGER", "id", "NaN,", False, "open")]


def test_bytes_that_are_no_text_are_set_aside(house: Any) -> None:
    table = house.declare("orders", REFRESH)
    house.source("orders.csv", b"id,note\n1,a\n2,\xff\xfe\n3,a\0b\n")
    house.load(table)
    assert [row[:4] for row in set_aside(house, table)] == [
        (1, "NOT-UTF8", None, "2,\\xff\\xfe"),
        (2, "NUL-BYTE", None, "3,a\\x00b"),
    ]
    assert house.rows(table) == [(1, "a")]


@pytest.mark.effect("CsvSource.kind")
def test_more_bad_rows_than_tolerated_stop_the_batch(house: Any) -> None:
    table = house.declare("orders", TABLE + "load: {mode: full_refresh, tolerance: 1%}\n")
    house.source("orders.csv", "id,note\n1,a\nx,b\ny,c\n")
    with pytest.raises(ToleranceError, match="2 of 3 rows"):
        house.load(table)
    assert house.proofs(table) == []


def test_a_refresh_may_not_shrink_the_table(house: Any) -> None:
    table = house.declare("orders", REFRESH)
    house.source("orders.csv", "id,note\n1,a\n2,b\n3,c\n")
    house.load(table)
    house.source("orders.csv", "id,note\n1,a\n")
    with pytest.raises(CheckFailedError, match="has 3 rows; this batch would leave 1"):
        house.load(table)
    assert len(house.rows(table)) == 3


def test_a_key_that_is_in_the_table_already_stops_an_append(house: Any) -> None:
    windowed = TABLE.replace("orders.csv", "orders-{window.start:%Y-%m-%d}.csv")
    table = house.declare(
        "orders", windowed + "window: {every: day, timezone: UTC, start: 2026-01-01}\nload: {mode: append}\n"
    )
    house.source("orders-2026-01-01.csv", "id,note\n1,a\n")
    house.source("orders-2026-01-02.csv", "id,note\n1,a\n2,b\n")
    house.load(table, "2026-01-01")
    with pytest.raises(CheckFailedError, match=r"the table has 1 key .* already"):
        house.load(table, "2026-01-02")
    assert house.rows(table) == [(1, "a")]


def narrow_candidates(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the adapter make candidates narrower than what was checked: the warehouse and the checker then disagree."""
    adapter = type(workbench().warehouse)
    made = adapter.create_candidate

    def narrower(self: Any, cursor: Any, table: TableName, shape: Any) -> None:
        made(self, cursor, table, shape)
        cursor.execute(f'DROP TABLE "{table.schema}"."{table.name}"')
        cursor.execute(f'CREATE TABLE "{table.schema}"."{table.name}" (id integer, note {kind})')

    monkeypatch.setattr(adapter, "create_candidate", narrower)


def test_a_refused_copy_is_told_as_file_line_column_and_reason(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", REFRESH)
    house.source("orders.csv", "id,note\n1,a\n2,secret\n")
    narrow_candidates(monkeypatch, "varchar(3)")
    with pytest.raises(CodeError) as caught:
        house.load(table)
    error = caught.value
    assert (error.code, error.facts["line"], error.facts["column"]) == ("COPY-REFUSED", 2, "note")
    assert str(error.facts["file"]).startswith("s3://")
    assert "part-00001.csv.zst" in str(error.facts["file"])
    assert "secret" not in str(error)
    if house.place.is_redshift:
        assert (error.facts["type"], error.facts["length"]) == ("varchar", "3")
        assert error.facts["reason"] == "String length exceeds DDL length"
    assert house.proofs(table) == []


def test_what_was_loaded_must_be_what_was_checked(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", REFRESH.replace("varchar(10)", "'decimal(8,2)'"))
    house.source("orders.csv", "id,note\n1,1.25\n2,2\n")
    narrow_candidates(monkeypatch, "decimal(8,1)")
    with pytest.raises(AccountingError, match=r"note: the sum of values checked 3\.25, loaded 3\.[23]"):
        house.load(table)
    assert house.proofs(table) == []


def test_candidates_are_closed_to_everybody(house: Any) -> None:
    table = house.declare("orders", REFRESH)
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    place, schema = house.place, house.schema
    place.ask(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO PUBLIC")
    adapter, shape = workbench().warehouse, shape_of(workbench().project.table(table))
    with transaction(adapter.address) as cursor:
        adapter.create_candidate(cursor, TableName(schema, "orders__hg_cabc"), shape)
    found = place.ask(
        "SELECT array_to_string(c.relacl, ' ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = 'orders__hg_cabc'",
        (schema,),
    )
    assert not any(item.startswith("=") for item in str(found[0][0]).split())
