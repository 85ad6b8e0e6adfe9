"""What single keys do to a load: with them, and without them. What a mode does as a whole has tests of its own."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tasks.workbench import use, workbench

effect = pytest.mark.effect
pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
KEY = "a long random text of more than 32 characters"
COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(64), description: COLUMN-SAYS, unit: kg}
"""
ORDERS = """
description: TABLE-SAYS
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
""" + COLUMNS  # fmt: skip
DAYS = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"SOURCE}
window: {every: day, timezone: UTC, start: 2026-01-01}
""" + COLUMNS  # fmt: skip


def ids(house: Any, table: str) -> list[int]:
    return [row[0] for row in house.rows(table, "id")]


@effect("Load.mode=full_refresh", "Table.load", "Load.mode", "CsvSource.url", "Table.source", "Table.table")
def test_a_full_refresh_replaces_what_was_there(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh}\n")
    house.source("orders.csv", "id,note\n1,a\n2,b\n")
    house.load(table)
    house.source("orders.csv", "id,note\n2,b\n3,c\n")
    house.load(table)
    assert ids(house, table) == [2, 3]


@pytest.mark.parametrize(("mode", "second", "left"), [
    pytest.param("append", "3,c\n", [1, 2, 3], marks=effect("Load.mode=append")),
    pytest.param("merge", "2,changed\n", [1, 2], marks=effect("Load.mode=merge")),
])  # fmt: skip
def test_modes_of_windows(house: Any, mode: str, second: str, left: list[int]) -> None:
    table = house.declare("orders", DAYS.replace("SOURCE", "") + f"key: [id]\nload: {{mode: {mode}}}\n")
    house.source("orders-01.csv", "id,note\n1,a\n2,b\n")
    house.source("orders-02.csv", "id,note\n" + second)
    house.load(table, "2026-01-01")
    house.load(table, "2026-01-02")
    assert ids(house, table) == left


@effect("Table.key")
def test_a_key_stands_once(house: Any) -> None:
    table = house.declare("orders", ORDERS + "key: [id]\nload: {mode: full_refresh, tolerance: 100%}\n")
    house.source("orders.csv", "id,note\n1,a\n1,b\n2,c\n")
    assert house.load(table).counts["quarantined"] == 2


@effect("Load.tolerance", "Load.shrink_guard", "Table.description", "Column.description", "Column.unit")
def test_guards_and_comments(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, tolerance: 70%, shrink_guard: 80%}\n")
    house.source("orders.csv", "id,note\n1,a\nx,b\nx,b\n")
    house.load(table)
    house.source("orders.csv", "id,note\n1,a\n2,b\n3,c\n4,d\n")
    house.load(table)
    house.source("orders.csv", "id,note\n1,a\n")
    assert house.load(table).status == "published", "three of four rows are gone"
    comments = house.place.ask(f"SELECT obj_description('{table}'::regclass), col_description('{table}'::regclass, 2)")
    assert comments == [("TABLE-SAYS", "COLUMN-SAYS (kg)")]


@effect("Table.grants")
def test_who_may_read(house: Any) -> None:
    group = f"readers_{house.schema}"
    house.place.ask(f"CREATE ROLE {group}")
    table = house.declare("orders", ORDERS + f"load: {{mode: full_refresh}}\ngrants: [{group}]\n")
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    assert house.place.ask(f"SELECT has_table_privilege('{group}', '{table}', 'SELECT')") == [(True,)]


@effect("Table.physical", "Physical.sortkey")
def test_a_sort_key_is_an_index(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh}\nphysical: {sortkey: [note]}\n")
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    assert house.place.ask(
        f"SELECT pg_get_indexdef(indexrelid) ~ 'note' FROM pg_index WHERE indrelid = '{table}'::regclass"
    ) == [(True,)]


@effect("Load.generations")
def test_how_many_publishes_can_be_undone(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, generations: 0}\n")
    for rows in ("1,a\n", "1,a\n2,b\n"):
        house.source("orders.csv", "id,note\n" + rows)
        house.load(table)
    assert house.side_tables(table) == []


@pytest.mark.parametrize("pii_key", [KEY])
@effect("Table.pii", "Table.pii=hash")
def test_a_hashed_column(house: Any, pii_key: str) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh}\npii: {note: hash}\n")
    house.source("orders.csv", "id,note\n1,secret\n")
    house.load(table)
    ((note,),) = house.rows(table, "note")
    assert len(note) == 64


@effect("Table.pii=hide")
def test_a_hidden_column_is_stored_and_never_shown(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh}\npii: {note: hide}\n")
    house.source("orders.csv", "id,note\n1,secret\n")
    record = house.load(table)
    assert house.rows(table, "note") == [("secret",)]
    assert [column["name"] for column in record.schema_columns if column.get("masked")] == ["note"]


@effect("CsvSource.delimiter")
def test_the_delimiter(house: Any) -> None:
    table = house.declare("orders", ORDERS.replace('.csv"}', '.csv", delimiter: ";"}') + "load: {mode: full_refresh}\n")
    house.source("orders.csv", "id;note\n1;a,b\n")
    house.load(table)
    assert house.rows(table, "note") == [("a,b",)]


@pytest.mark.parametrize(("kind", "empty"), [
    pytest.param(kind, empty, marks=effect(f"{kind}Source.on_missing", f"{kind}Source.on_missing={empty}"))
    if empty == "empty" else pytest.param(kind, empty, marks=effect(f"{kind}Source.on_missing={empty}"))
    for kind in ("Csv", "Json") for empty in ("empty", "fail")
])  # fmt: skip
def test_a_window_without_a_file(house: Any, kind: str, empty: str) -> None:
    declared = DAYS.replace("SOURCE", f", on_missing: {empty}").replace("kind: csv", f"kind: {kind.lower()}")
    table = house.declare("orders", declared + "load: {mode: append}\n")
    if empty == "empty":
        assert house.load(table, "2026-01-01").status == "published"
    else:
        with pytest.raises(HeadgateError, match=r"orders-01") as missing:
            house.load(table, "2026-01-01")
        assert missing.value.code == "SOURCE-MISSING"


@effect("Load.stage", "Load.stage=in_place")
def test_objects_are_taken_as_they_lie(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, stage: in_place}\n")
    house.source("orders.csv", "id,note\n1,a\n")
    assert house.load(table).status == "published"
    assert not [key for key in workbench().stage.keys(f"{table}/") if "part" in key], "nothing was staged"


@effect("Load.stage=parts")
def test_parts_are_staged(house: Any) -> None:
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, stage: parts}\n")
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    assert [key for key in workbench().stage.keys(f"{table}/") if "part" in key]


@effect("HEADGATE_LOCK_TIMEOUT_SECONDS")
def test_how_long_a_statement_waits_for_a_lock(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.warehouses.session import session

    monkeypatch.setenv("HEADGATE_LOCK_TIMEOUT_SECONDS", "3")
    house.declare("orders", ORDERS + "load: {mode: full_refresh}\n")
    # An address of its own: sessions are kept open.
    other = replace(workbench().warehouse.address, statement_timeout_seconds=100 + secrets.randbelow(10**6))
    with session(other) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("3s",)


@effect("HEADGATE_KEEP_DAYS", "HEADGATE_QUARANTINE_DAYS")
def test_how_long_things_are_kept(house: Any) -> None:
    from datetime import UTC, datetime, timedelta

    from tasks.leftovers import find_leftovers

    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, tolerance: 90%}\n", """
        table: {schema}.orders
        expectations:
          - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 2}, on: candidate}
        """)  # fmt: skip
    house.source("orders.csv", "id,note\n1,a\nx,b\n")
    house.load(table)
    house.source("orders.csv", "id,note\n1,a\n2,b\n3,c\n")
    with pytest.raises(HeadgateError):
        house.load(table)
    days_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=5)
    house.place.ask("UPDATE ops.run SET finished_at = %s WHERE target = %s", (days_ago, table))
    house.place.ask(f"UPDATE quarantine.{table.replace('.', '__')} SET quarantined_at = %s", (days_ago,))

    def kinds(**days: int) -> set[str]:
        bench = use(replace(house.place.settings, **days))
        return {item.kind for item in find_leftovers(bench, [table], datetime.now(UTC))}

    assert kinds() == set()
    assert {"candidate", "stage"} <= kinds(keep_days=4)
    assert kinds(quarantine_days=4) == {"quarantine"}


@effect("HEADGATE_HISTORY_DAYS")
def test_how_long_details_of_runs_are_kept(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of runs stay, and the details of the newest publishes, however old they are."""
    from datetime import UTC, datetime, timedelta

    from flows.overriding import known
    from tasks.leftovers import find_leftovers, remove
    from tasks.warehouses import old_runs, ops

    monkeypatch.setattr(old_runs, "ALWAYS", 2)
    monkeypatch.setattr(old_runs, "AT_ONCE", 2)
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh}\n")
    runs = []
    for number in range(6):
        house.source("orders.csv", f"id,note\n1,{number}\n")
        runs.append(house.load(table).run_id)
    long_ago, now = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=40), datetime.now(UTC)
    for number, run in enumerate(runs):
        house.place.ask(
            "UPDATE ops.run SET started_at = %s WHERE run_id = %s", (long_ago + timedelta(hours=number), run)
        )

    def found(days: int) -> tuple[Any, list[Any]]:
        bench = use(replace(house.place.settings, history_days=days))
        return bench, list(find_leftovers(bench, [table], now))

    assert found(0)[1] == found(41)[1] == []
    bench, (old,) = found(30)
    assert (old.kind, old.name, old.why) == ("details", table, "4 runs older than 30 days; their lines stay")
    remove(bench, old, now)
    assert found(30)[1] == []
    assert [ops.record(bench.warehouse, run) is not None for run in runs] == [False] * 4 + [True] * 2
    kept = {name: house.place.ask(f"SELECT count(DISTINCT run_id) FROM ops.{name} WHERE target = %s", (table,))[0][0]
            for name in ("run", "run_record", "profile")}  # fmt: skip
    assert kept == {"run": 6, "run_record": 2, "profile": 2}
    with pytest.raises(
        HeadgateError, match=r"only its line is kept: its details were older than HEADGATE_HISTORY_DAYS \(30\)"
    ):
        # On another machine: the one that ran it has its own copy of the record.
        known(use(replace(bench.settings, state=tmp_path / "other")), runs[0])
    house.open()
    # The next batch is loaded and held against what was kept.
    house.source("orders.csv", "id,note\n1,new\n")
    assert house.load(table).status == "published"


@effect("Load.copy_options")
def test_options_of_copy_reach_it(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.warehouses.postgres import PostgresAdapter

    given: list[dict[str, Any]] = []
    real = PostgresAdapter.copy
    monkeypatch.setattr(PostgresAdapter, "copy", lambda self, *rest: given.append(rest[4]) or real(self, *rest))
    table = house.declare("orders", ORDERS + "load: {mode: full_refresh, copy_options: {statupdate: true}}\n")
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    assert given[0]["statupdate"] is True
