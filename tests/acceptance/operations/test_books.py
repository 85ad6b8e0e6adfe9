"""Books and live tables held against the proofs: after a kill right after COMMIT, and after others dropped or changed a table."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import HeadgateError
from flows import ingest
from flows.taking_back import roll_back
from tasks import switches
from tasks.warehouses import proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.session import session
from tasks.workbench import workbench

COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC}
"""
DAILY = (
    """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-03}
"""
    + COLUMNS
    + "load: {mode: %s}\n"
)
WHOLE = (
    """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
"""
    + COLUMNS
    + "load: {mode: full_refresh}\n"
)
DAYS = {day: f"id,at\n{day},2026-01-0{day} 01:00:00\n" for day in (1, 2)}
SUMMARY = """/*
target: {schema}.counted
description: How many.
owner: a@example.com
inputs: [{table: {schema}.orders}]
*/
SELECT count(*) AS orders FROM {schema}.orders
"""


def daily(house: Any, mode: str = "replace_window, window_column: at") -> str:
    for day, text in DAYS.items():
        house.source(f"orders-{day:02}.csv", text)
    return str(house.declare("orders", DAILY % mode))


def killed(house: Any, work: Callable[[], object], at: str) -> None:
    """Something in a process of its own that dies at a point."""
    child = os.fork()
    if child == 0:
        try:
            house.open()
            switches.at_points(switches.killer(at))
            work()
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def ledger(house: Any, table: str) -> list[tuple[Any, ...]]:
    return list(
        house.place.ask("SELECT sequence, kind, undone_by FROM ops.ledger WHERE target = %s ORDER BY 1", (table,))
    )


def test_a_kill_after_commit_is_entered_by_the_next_run(house: Any, command: Callable[..., Any]) -> None:
    table = daily(house)
    killed(house, lambda: ingest.ingest(table, "2026-01-01"), "after-commit")
    assert ledger(house, table) == []
    told = command("run", table)
    assert "was killed after its COMMIT; its books are in order now" in told.out
    assert ledger(house, table) == [(1, "publish", None), (2, "publish", None)]
    ((run_id,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND label = '2026-01-01'", (table,))
    shown = command("show", run_id)
    assert shown.code == 0
    assert "told from the proof" in shown.out
    assert "extracted 1 = published 1" in shown.out


def test_repair_enters_what_is_missing_and_says_it_first(house: Any, command: Callable[..., Any]) -> None:
    table = daily(house)
    command("run", table)
    killed(house, lambda: roll_back(workbench(), table, window=None, to=None, by="x", reason=""), "after-commit")
    assert ledger(house, table) == [(1, "publish", None), (2, "publish", None)]
    planned = command("repair", "--plan", "--json").json
    assert [(gap["sequence"], gap["in_ledger"]) for gap in planned["gaps"]] == [(2, False), (3, False)]
    assert len(ledger(house, table)) == 2
    assert command("repair").code == 0
    assert ledger(house, table) == [(1, "publish", None), (2, "publish", 3), (3, "rollback", None)]
    assert house.place.ask("SELECT kind FROM ops.run WHERE target = %s ORDER BY started_at", (table,))[-1] == (
        "rollback",
    )
    assert command("repair").out == "the books are in order\n"


def test_a_record_that_was_written_is_not_replaced(house: Any, command: Callable[..., Any]) -> None:
    table = daily(house)
    command("run", table)
    house.place.ask("DELETE FROM ops.ledger")
    command("repair")
    bodies = house.place.ask("SELECT body FROM ops.run_record WHERE target = %s", (table,))
    assert all("told from the proof" not in body for (body,) in bodies)
    assert len(ledger(house, table)) == 2


@pytest.mark.parametrize("change", ["DROP TABLE {t}", "ALTER TABLE {t} RENAME TO elsewhere"])
@pytest.mark.parametrize("mode", ["replace_window, window_column: at", "append"])
def test_a_table_that_is_gone_is_told(house: Any, command: Callable[..., Any], mode: str, change: str) -> None:
    table = daily(house, mode)
    command("run", table)
    house.place.ask(change.format(t=table))
    assert f"{table} is gone" in command("plan", table).out
    told = command("run", table)
    assert told.code == 1
    assert "[LIVE-MISSING]" in told.out
    # Nor is one window of it made by name, or undone.
    for arguments in (("run", table, "--window", "2026-01-01"), ("rollback", table, "--reason", "x")):
        again = command(*arguments)
        assert again.code != 0
        assert "LIVE-MISSING" in again.out or again.error.code == "LIVE-MISSING"
    there = "SELECT count(*) FROM pg_tables WHERE schemaname = %s AND tablename = 'orders'"
    assert house.place.ask(there, (house.schema,)) == [(0,)]
    noted = command("repair", table, "--lost")
    assert noted.code == 0
    assert len(noted.out.splitlines()) == 1, "a line for each publish says nothing"
    assert command("run", table).code == 0
    assert house.rows(table, "id") == [(1,), (2,)]
    with pytest.raises(HeadgateError, match="isn't missing"):
        raise command("repair", table, "--lost").error


def test_rows_that_others_took_are_told_before_nothing_to_do(house: Any, command: Callable[..., Any]) -> None:
    table = daily(house)
    command("run", table)
    assert command("run", table).code == 0
    house.place.ask(f"DELETE FROM {table} WHERE id = 2")
    told = command("run", table)
    assert told.code == 3
    assert "has 1 row, its publishes left 2" in told.out
    command("run", table, "--window", "2026-01-02")
    assert command("run", table).code == 0


@pytest.mark.parametrize("change", ["DROP TABLE {t}", "DELETE FROM {t}"])
def test_a_full_refresh_that_others_emptied_is_loaded_again(
    house: Any, command: Callable[..., Any], change: str
) -> None:
    table = house.declare("orders", WHOLE)
    house.source("orders.csv", DAYS[1])
    command("run", table)
    assert command("run", table).code == 0
    house.place.ask(change.format(t=table))
    assert command("run", table).code == 3
    assert house.rows(table, "id") == [(1,)]


@pytest.mark.effect("Summary.sql")
def test_a_summary_that_somebody_dropped_is_built_again(house: Any, command: Callable[..., Any]) -> None:
    table = daily(house)
    (house.folder / "summaries").mkdir(exist_ok=True)
    (house.folder / "summaries" / "counted.sql").write_text(SUMMARY.replace("{schema}", house.schema))
    house.open()
    command("run", table)
    house.place.ask(f"DROP TABLE {house.schema}.counted")
    command("run", "counted")
    assert house.rows(f"{house.schema}.counted") == [(2,)]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_sessions_that_are_ended_all_the_time_are_no_fault_of_the_software(
    house: Any, command: Callable[..., Any]
) -> None:
    table = daily(house)
    command("plan", table)
    done = threading.Event()

    def end_sessions() -> None:
        while not done.wait(0.25):
            house.place.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headgate' "
                "AND datname = current_database()"
            )

    ending = threading.Thread(target=end_sessions)
    ending.start()
    told = []
    try:
        # `command` raises what is no error of ours.
        for _ in range(3):
            told += [command("plan", table), command("run", table, "--full-refresh")]
    finally:
        done.set()
        ending.join()
    for outcome in told:
        assert outcome.code in (0, 1, 3)
        assert "SQL-" not in outcome.out
        assert "UNFORESEEN" not in outcome.out
    assert command("run", table).code == 0
    assert house.rows(table, "id") == [(1,), (2,)]


def test_the_watch_sees_the_newest_window_that_stands(house: Any) -> None:
    """Asked of the server in one row: what all proofs together say, after loads, after one again, and after undo."""

    def newest() -> tuple[Any, ...]:
        with session(workbench().warehouse.address) as connection, connection.cursor() as cursor:
            stands = proofs.standing(proofs.read(cursor, live)).values()
            at = max((item.published_at for item in stands), default=None)
            windows = [item.batch_key for item in stands if "/" in item.batch_key]
            assert proofs.newest(cursor, live) == (at, max(windows, default=None))
            return proofs.newest(cursor, live)

    table = daily(house)
    live = TableName.parse(table)
    house.load(table, "2026-01-02")
    house.load(table, "2026-01-01")
    assert newest()[1] == "2026-01-02T00:00:00Z/2026-01-03T00:00:00Z"
    for window, left in (("2026-01-02", "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"), ("2026-01-01", None)):
        roll_back(workbench(), table, window=window, to=None, by="maria", reason="wrong")
        assert newest()[1] == left
    whole = str(house.declare("whole", WHOLE))
    house.source("orders.csv", DAYS[1])
    house.load(whole)
    live = TableName.parse(whole)
    assert newest()[0] is not None
    assert newest()[1] is None
