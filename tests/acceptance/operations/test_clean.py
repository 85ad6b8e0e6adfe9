"""What killed runs leave is found and removed by the next one; what an owner may want to look at stays a while."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.errors import HeadgateError
from flows import ingest
from tasks import switches
from tasks.batch import ATTEMPT_CHARACTERS, attempt_began, new_attempt
from tasks.warehouses import clock
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: full_refresh, tolerance: 90%}
"""
SUITE = """
table: {schema}.orders
expectations:
  - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 2}, on: candidate}
"""


def killed(house: Any, table: str, at: str) -> None:
    """A run in a process of its own that dies at a point."""
    child = os.fork()
    if child == 0:
        try:
            house.open()
            switches.at_points(switches.killer(at))
            ingest.ingest(table)
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def candidates(house: Any, table: str) -> list[str]:
    return [name for name in house.side_tables(table) if "__hg_c" in name]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_next_run_buries_a_killed_one(house: Any, flows_as_functions: None) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\n")
    house.load(table)
    house.source("orders.csv", "id\n1\n2\n")
    killed(house, table, "copied")
    bench = workbench()
    spool, stage = bench.spool, bench.stage
    (dead,) = (path for path in spool.iterdir() if path.is_dir())
    assert (len(candidates(house, table)), any((dead / "raw").iterdir())) == (1, True)
    house.open()
    record = house.load(table)
    assert candidates(house, table) == []
    assert list(spool.iterdir()) == []
    # What the two good runs had staged stays; what the dead one had is gone.
    prefixes = {key.split("/")[1] for key in stage.keys(f"{table}/")}
    assert len(prefixes) == 2
    assert not any(prefix.startswith(dead.name) for prefix in prefixes)
    assert any(prefix.startswith(record.run_id) for prefix in prefixes)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_another_tables_run_leaves_the_mark_of_a_dead_one(house: Any, flows_as_functions: None) -> None:
    """Only the mark tells that what was staged is dead: who removes it removes the rest as well."""
    table, other = house.declare("orders", TABLE), house.declare("others", TABLE)
    house.source("orders.csv", "id\n1\n")
    killed(house, table, "after-commit")
    stage = workbench().stage
    house.open()
    house.load(other)
    assert any(path.is_dir() for path in workbench().spool.iterdir())
    house.load(table)
    assert list(workbench().spool.iterdir()) == []
    assert len({key.split("/")[1] for key in stage.keys(f"{table}/")}) <= 1


@pytest.mark.effect("Rule.on", "Rule.on=candidate")
def test_what_a_failed_check_left_stays_for_its_owner(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE, SUITE)
    house.source("orders.csv", "id\n1\n2\n3\n")
    with pytest.raises(HeadgateError):
        house.load(table)
    assert len(candidates(house, table)) == 1
    assert command("clean", "--json").json["leftovers"] == []
    week = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=8)
    house.place.ask("UPDATE ops.run SET finished_at = %s WHERE target = %s", (week, table))
    planned = command("clean", "--plan", "--json").json["leftovers"]
    assert sorted(item["kind"] for item in planned) == ["candidate", "stage"]
    assert len(candidates(house, table)) == 1
    assert command("clean", "--json").json["leftovers"] == planned
    assert candidates(house, table) == []
    assert command("clean").out == "nothing to remove\n"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_age_of_an_attempt_nobody_knows(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\n")
    house.load(table)
    young, old = new_attempt(datetime.now(UTC)), "00001" + "a" * 7
    for attempt in (young, old):
        house.place.ask(f"CREATE TABLE {table}__hg_c{attempt}0000 (id integer)")
    house.place.ask(f"CREATE TABLE {table}__hg_mine (id integer)")
    (leftover,) = command("clean", "--json").json["leftovers"]
    assert leftover["name"] == f"{table}__hg_c{old}0000"
    assert len(house.side_tables(table)) == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_quarantined_rows_are_kept_for_ninety_days(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\nx\ny\n")
    house.load(table)
    quarantine = f"quarantine.{table.replace('.', '__')}"
    old = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=91)
    assert command("clean", "--json").json["leftovers"] == []
    house.place.ask(f"UPDATE {quarantine} SET quarantined_at = %s WHERE record = 1", (old,))
    (leftover,) = command("clean", "--json").json["leftovers"]
    assert (leftover["kind"], leftover["why"]) == ("quarantine", "1 row older than 90 days")
    assert house.place.ask(f"SELECT record FROM {quarantine}") == [(2,)]


def test_attempts_tell_their_age() -> None:
    names = {new_attempt(datetime.now(UTC)) for _ in range(200)}
    assert len(names) == 200
    for name in names:
        began = attempt_began(name)
        assert len(name) == ATTEMPT_CHARACTERS
        assert began is not None
        assert timedelta(0) <= datetime.now(UTC) - began < timedelta(minutes=2)
    assert attempt_began("not-one") is None


class DaysAhead(datetime):
    """A machine's clock that is wrong."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + timedelta(days=5)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_machine_whose_clock_is_ahead_removes_nothing_in_use(
    house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\n")
    house.load(table)
    in_use = new_attempt(clock.now(workbench().warehouse))
    house.place.ask(f"CREATE TABLE {table}__hg_c{in_use}0000 (id integer)")
    for module in ("tasks.warehouses.clock", "tasks.leftovers", "tasks.housekeeping", "flows.cli.clean"):
        monkeypatch.setattr(f"{module}.datetime", DaysAhead, raising=False)
    monkeypatch.setattr(clock, "_offsets", {})
    began = attempt_began(new_attempt(clock.now(workbench().warehouse)))
    assert began is not None
    assert abs(began - datetime.now(UTC)) < timedelta(minutes=5), "its own attempts are as young for the others"
    assert command("clean").out == "nothing to remove\n"
