"""The known faults of loaders written by hand, one test each. Lost grants, dropped views: see test_readers.py."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from deployments.errors import HeadgateError
from tasks.warehouses import session as sessions

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(60)}
key: [id]
load: {mode: %s, tolerance: 90%%}
"""
PASTED = "'); DROP TABLE orders; -- %s \\' {} \"x\""


@pytest.fixture
def statements(house: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of headgate's own sessions, as it was sent."""
    sent: list[str] = []

    class Recording(psycopg2.extensions.cursor):
        def execute(self, query: Any, variables: Any = None) -> None:
            sent.append(self.mogrify(query, variables).decode())
            super().execute(query, variables)

        def copy_expert(self, query: Any, *rest: Any, **more: Any) -> None:
            sent.append(query if isinstance(query, str) else query.as_string(self))
            super().copy_expert(query, *rest, **more)

    connect = sessions.connect

    def recorded(address: Any) -> Any:
        connection = connect(address)
        connection.cursor_factory = Recording
        return connection

    monkeypatch.setattr(sessions, "connect", recorded)
    monkeypatch.setattr(sessions, "_take", lambda address: None)
    return sent


@pytest.mark.parametrize("mode", ["full_refresh", "merge", "append"])
def test_no_truncate_no_cascade_no_pasted_value(house: Any, statements: list[str], mode: str) -> None:
    table = house.declare("orders", TABLE % mode)
    quoted = '"' + PASTED.replace('"', '""') + '"'
    house.source("orders.csv", f"id,note\n1,{quoted}\nx,{quoted}\n")
    house.load(table)
    house.source("orders.csv", f"id,note\n2,{quoted}\n3,b\n")
    house.load(table)
    assert (PASTED,) in house.rows(table, "note")
    assert any(item.startswith("COPY") for item in statements)
    assert not [item for item in statements if item.upper().startswith("TRUNCATE")]
    assert not [item for item in statements if item.upper().rstrip().endswith("CASCADE")]
    # Figures about values stand in the ops schema, as bound literals; rows stand in no statement at all.
    assert not [item for item in statements if "DROP TABLE orders" in item and not item.startswith('INSERT INTO "ops"')]
    inserted = {item.split()[2] for item in statements if item.startswith("INSERT INTO") and " VALUES" in item}
    assert all(target.replace('"', "").startswith("ops.") for target in inserted)


def test_null_and_empty_text_stay_two_things(house: Any) -> None:
    table = house.declare("orders", TABLE % "full_refresh")
    house.source("orders.csv", 'id,note\n1,\n2,""\n3,NULL\n4,\\N\n5," "\n')
    house.load(table)
    assert house.rows(table) == [(1, None), (2, ""), (3, "NULL"), (4, "\\N"), (5, " ")]


def test_a_header_that_comes_again_is_no_row(house: Any) -> None:
    table = house.declare("orders", TABLE.replace("integer", "varchar(5)") % "full_refresh")
    house.source("orders.csv", "id,note\n1,a\nid,note\n2,b\n")
    house.load(table)
    assert house.rows(table) == [("1", "a"), ("2", "b")]
    assert house.rows(f"quarantine.{house.schema}__orders", "record, code") == [(1, "HEADER-ROW")]


def open_transactions(house: Any) -> list[tuple[Any, ...]]:
    """Transactions that somebody other than the asking session holds open on the house's schema."""
    if house.place.is_redshift:
        return house.place.ask(  # type: ignore[no-any-return]
            "SELECT pid FROM svv_transactions WHERE pid <> pg_backend_pid() AND relation IN (SELECT c.oid FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s)",
            (house.schema,),
        )
    return house.place.ask(  # type: ignore[no-any-return]
        "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' AND application_name = 'headgate' "
        "AND datname = current_database() AND %s = %s",
        ("", ""),
    )


def test_no_transaction_is_left_open_by_a_load_or_by_its_failure(house: Any) -> None:
    table = house.declare("orders", TABLE % "full_refresh")
    house.source("orders.csv", "id,note\n1,a\n2,b\n3,c\n")
    house.load(table)
    assert open_transactions(house) == []
    house.source("orders.csv", "id,note\n1,a\n")
    with pytest.raises(HeadgateError, match="this batch would leave 1"):
        house.load(table)
    assert open_transactions(house) == []


def test_a_file_that_another_one_s_name_begins_with_is_not_loaded_with_it(house: Any) -> None:
    """COPY FROM a prefix loads every object below it; a manifest names exactly what was staged."""
    table = house.declare("orders", TABLE % "full_refresh")
    house.source("orders.csv", "id,note\n1,a\n")
    record = house.load(table)
    from tasks.workbench import workbench

    stage = workbench().stage
    prefix = record.stage_uri.removeprefix(stage.base).strip("/")
    stage.put(f"{prefix}/part-00001.csv.zst.old", b"not ours")
    house.load(table, reprocess=True)
    assert house.rows(table) == [(1, "a")]
