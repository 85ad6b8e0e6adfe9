"""Safeguards taken out one by one: each story ends well with its safeguard, and is noticed without it.

A story that can't fail proves nothing. The crash trials do the same for the proof, its lock, its transaction and quarantine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import HeadgateError
from flows.books import balance
from tasks import switches
from tasks.rollback import batch_key_of, choose, take_back, target_of
from tasks.workbench import workbench

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
HEADER = "id,note,at\n"
COMMON = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/%s", on_missing: empty}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(3)}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [id]
"""
DAILY = COMMON % "orders-{window.start:%d}.csv" + "window: {every: day, timezone: UTC, start: 2026-01-01}\n"
WHOLE = COMMON % "orders.csv" + "load: {mode: full_refresh}\n"
WINDOWS = DAILY + "load: {mode: replace_window, window_column: at, tolerance: 60%}\n"


def whole(house: Any, *contents: str) -> str:
    table = str(house.declare("orders", WHOLE))
    for content in contents:
        house.source("orders.csv", HEADER + content)
        house.load(table)
    return table


def day(house: Any, table: str, number: int, content: str) -> None:
    house.source(f"orders-{number:02}.csv", HEADER + content)
    house.load(table, f"2026-01-{number:02}", reprocess=True)


def undo(table: str, window: str | None = None) -> None:
    bench = workbench()
    target = target_of(bench, table)
    chosen = choose(bench, target, batch_key_of(bench, table, window), None)
    if chosen:
        take_back(bench, target, chosen, f"rollback-{window}", "somebody", "a test")


def code_of(work: Callable[[], object]) -> str | None:
    try:
        work()
    except HeadgateError as error:
        return error.code
    return None


def what_was_rolled_back(house: Any) -> None:
    table = whole(house, "1,a,\n", "2,b,\n", "1,a,\n")
    undo(table)
    house.load(table)
    assert house.rows(table, "id") == [(2,)]


def a_key_that_moved(house: Any) -> None:
    table = house.declare("orders", WINDOWS)
    day(house, table, 1, "1,a,2026-01-01 01:00:00\n2,b,2026-01-01 01:00:00\n")
    day(house, table, 1, "2,b,2026-01-01 01:00:00\n")
    day(house, table, 2, "1,a,2026-01-02 01:00:00\n")
    assert code_of(lambda: undo(table, "2026-01-01")) == "ROLLBACK-KEYS"


def others_rows_in_a_full_refresh(house: Any) -> None:
    table = whole(house, "1,a,\n", "2,b,\n")
    house.place.ask(f"INSERT INTO {table} (id) VALUES (7)")
    assert code_of(lambda: undo(table)) == "LIVE-CHANGED"


def a_table_that_is_gone(house: Any) -> None:
    table = house.declare("orders", WINDOWS)
    day(house, table, 1, "1,a,2026-01-01 01:00:00\n")
    house.place.ask(f"DROP TABLE {table}")
    assert code_of(lambda: day(house, table, 2, "2,b,2026-01-02 01:00:00\n")) == "LIVE-MISSING"


def a_full_refresh_that_was_emptied(house: Any) -> None:
    table = whole(house, "1,a,\n")
    house.place.ask(f"DELETE FROM {table}")
    house.load(table)
    assert house.rows(table, "id") == [(1,)]


def a_column_that_appears_on_the_way(house: Any) -> None:
    table = whole(house, "1,a,\n")
    house.source("orders.csv", HEADER + "2,b,\n")
    left = [f"ALTER TABLE {table} ADD COLUMN theirs integer"]
    with pytest.MonkeyPatch.context() as patch:
        act = lambda passed: house.place.ask(left.pop()) if passed == "publish-begun" and left else None  # noqa: E731
        patch.setattr(switches, "_actions", [act])
        assert code_of(lambda: house.load(table)) == "LIVE-CHANGED"


def a_key_in_two_windows(house: Any) -> None:
    table = house.declare("orders", WINDOWS)
    day(house, table, 1, "1,a,2026-01-01 01:00:00\n")
    assert code_of(lambda: day(house, table, 2, "1,a,2026-01-02 01:00:00\n")) == "KEY-EXISTS"


def a_source_that_shrinks(house: Any) -> None:
    table = whole(house, "1,a,\n2,b,\n3,c,\n")
    assert code_of(lambda: whole(house, "1,a,\n")) == "SHRINK-GUARD"
    assert len(house.rows(table)) == 3


def rows_set_aside_by_an_undone_load(house: Any) -> None:
    table = house.declare("orders", WINDOWS)
    day(house, table, 1, "1,a,2026-01-01 01:00:00\n2,too long,2026-01-01 01:00:00\n")
    undo(table)
    quarantine = f"quarantine.{table.replace('.', '__')}"
    assert house.place.ask(f"SELECT state FROM {quarantine}") == [("undone",)]


def more_bad_rows_than_tolerated(house: Any) -> None:
    table = house.declare("orders", WINDOWS)
    content = "".join(f"{n},too long,2026-01-01 01:00:00\n" for n in range(9)) + "9,a,2026-01-01 01:00:00\n"
    assert code_of(lambda: day(house, table, 1, content)) == "TOLERANCE"


def an_undo_that_is_typed_twice(house: Any) -> None:
    table = whole(house, "1,a,\n", "2,b,\n", "3,c,\n")
    for _ in range(2):
        undo(table)
    assert house.rows(table, "id") == [(2,)]


def generations_that_are_kept(house: Any) -> None:
    table = whole(house, *(f"{n},a,\n" for n in range(5)))
    assert len(house.side_tables(table)) == 2


def books_of_a_killed_load(house: Any) -> None:
    table = whole(house, "1,a,\n")
    house.place.ask("DELETE FROM ops.ledger WHERE target = %s", (table,))
    balance(workbench(), table)
    assert house.place.ask("SELECT sequence FROM ops.ledger WHERE target = %s", (table,)) == [(1,)]


def a_name_that_begins_with_another(house: Any) -> None:
    names = ["o" * 40, "o" * 48]
    for name in names:
        table = house.declare(name, WHOLE)
        for content in ("1,a,\n", "2,b,\n", "3,c,\n"):
            house.source("orders.csv", HEADER + content)
            house.load(table)
    undo(f"{house.schema}.{names[0]}")
    assert house.rows(f"{house.schema}.{names[0]}", "id") == [(2,)]


def nothing(*_: object, **__: object) -> None:
    """What stands in a safeguard's place."""


SAFEGUARDS: dict[str, tuple[Callable[[Any], None], str, Any]] = {
    "rolled-back content is refused": (what_was_rolled_back, "tasks.warehouses.proofs.refused", lambda *_: ()),
    "keys are free before rows come back": (a_key_that_moved, "tasks.warehouses.undo._prove_free", nothing),
    "the whole table is as it was left": (others_rows_in_a_full_refresh, "tasks.warehouses.undo._prove_unchanged", nothing),
    "a table that is gone is noticed": (a_table_that_is_gone, "tasks.warehouses.outside_hands.missing", nothing),
    "a changed table is noticed": (a_full_refresh_that_was_emptied, "tasks.warehouses.outside_hands.changed", nothing),
    "columns of others are noticed": (
        a_column_that_appears_on_the_way, "tasks.warehouses.outside_hands.prove_columns", nothing,
    ),
    "keys are new to the rest of the table": (a_key_in_two_windows, "tasks.warehouses.dml._prove_key", nothing),
    "a table may not shrink": (a_source_that_shrinks, "tasks.warehouses.load_modes._guard", nothing),
    "quarantine follows an undo": (
        rows_set_aside_by_an_undone_load, "tasks.warehouses.undo.undo_quarantine", nothing,
    ),
    "bad rows are counted": (more_bad_rows_than_tolerated, "tasks.validate.judge_tolerance", nothing),
    "an undo is marked": (an_undo_that_is_typed_twice, "tasks.warehouses.proofs.mark_undone", nothing),
    "old generations go": (generations_that_are_kept, "tasks.publish.surplus", lambda *_: {}),
    "books follow the proofs": (books_of_a_killed_load, "tasks.books.ops.roll_up", nothing),
    "names are told apart": (
        a_name_that_begins_with_another, "tasks.warehouses.names.stem", lambda live: live.name[:37],
    ),
}  # fmt: skip


@pytest.mark.parametrize("safeguard", SAFEGUARDS)
def test_a_story_ends_well_and_is_noticed_without_its_safeguard(
    house: Any, safeguard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, place, instead = SAFEGUARDS[safeguard]
    story(house)
    house.schema += "_without"
    monkeypatch.setattr(place, instead)
    try:
        story(house)
    except Exception:  # noqa: BLE001 - however it is noticed
        return
    pytest.fail(f"nobody noticed that this was missing: {safeguard}")
