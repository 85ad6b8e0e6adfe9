"""What is done ahead of a batch that fails, is stopped or breaks off: nothing of it is left, and the failure is told as ever."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event
from typing import Any

import pytest
from psycopg2 import OperationalError

from deployments.errors import AccountingError, CheckFailedError, UpstreamError
from expectations.contract.part_check import PartChecker
from expectations.contract.split import split
from flows.batches import opened
from tasks import ahead
from tasks.extract import extract
from tasks.validate import validate
from tasks.warehouses.session import transaction
from tasks.workbench import workbench
from tests.acceptance.modes.small_parts import (
    NOT_MANY,
    ORDERS,
    ROWS,
    all_in,
    at_work,
    candidates,
    clear,
    indexes,
    numbered,
    staged,
)

pytestmark = [pytest.mark.usefixtures("small_parts"), pytest.mark.parametrize("place", ["postgresql"], indirect=True)]


def test_a_failed_check_is_told_with_the_keys_that_come_twice(house: Any) -> None:
    table = house.declare("orders", ORDERS + "key: [id]\n", NOT_MANY)
    house.source("orders.csv", numbered(last="7,again\n"))
    batch, _ = opened(table, "source", False)
    source = extract.fn(batch)
    with pytest.raises(CheckFailedError) as failed:
        validate.fn(batch, source)
    assert [(reason.code, reason.rows) for reason in failed.value.facts["set_aside"]] == [("DUPLICATE-KEY", 2)]
    (judged,) = failed.value.facts["assessment"].rules
    assert judged.observed == ROWS - 1
    clear(batch)
    assert candidates(house, table) == []


def broken_off(chunks: Iterator[bytes], delimiter: str, cut: Callable[..., Any], batch: Any) -> Iterator[Any]:
    for part in cut(chunks, delimiter):
        if part.number == 4:
            all_in(batch)
            raise UpstreamError("the source broke off", code="SOURCE-CUT", next_command="headgate retry RUN")
        yield part


def test_a_source_that_breaks_off_leaves_nothing(house: Any, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    batch, _ = opened(table, "source", False)
    whole = sys.modules["tasks.extract"].split
    monkeypatch.setattr("tasks.extract.split", partial(broken_off, cut=whole, batch=batch))
    with pytest.raises(UpstreamError, match="broke off"):
        extract.fn(batch)
    # Of a transaction that is still open, nobody sees anything.
    seen = 1 if log == "replica" else 0
    assert len(candidates(house, table)) == seen
    assert staged(batch)
    # The next try of the step begins anew; the run's end takes away what was made for nothing.
    monkeypatch.setattr("tasks.extract.split", whole)
    source = extract.fn(batch)
    all_in(batch)
    assert len(candidates(house, table)) == seen
    assert validate.fn(batch, source).early == len(source.parts)
    clear(batch)
    assert (candidates(house, table), staged(batch)) == ([], [])
    house.load(table)
    assert len(house.rows(table)) == ROWS


def test_a_batch_that_fails_its_checks_leaves_nothing(house: Any) -> None:
    table = house.declare("orders", ORDERS, NOT_MANY)
    house.source("orders.csv", numbered())
    with pytest.raises(CheckFailedError):
        house.load(table)
    assert candidates(house, table) == []
    assert not [key for key in workbench().stage.keys(f"{table}/") if "part-" in key]


@pytest.mark.parametrize("key", ["", "key: [id]\n"])
def test_a_batch_of_one_part_that_fails_leaves_nothing(house: Any, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr("tasks.extract.split", split)
    monkeypatch.setattr(ahead, "FEW", 1)
    table = house.declare("orders", ORDERS + key, NOT_MANY)
    # Of a table with a key the rows of one that comes twice are set aside before: the copy is made anew.
    house.source("orders.csv", numbered(last="5,again\n"))
    with pytest.raises(CheckFailedError):
        house.load(table)
    assert candidates(house, table) == []
    assert not [name for name in workbench().stage.keys(f"{table}/") if "part-" in name]
    house.source("orders.csv", numbered(5))
    house.load(table)
    assert len(house.rows(table)) == 5


@pytest.mark.parametrize(("step", "at"), [("stage", 2), ("copy", 2), ("prove", 1), ("ask", 1), ("ask", 2)])
def test_what_fails_ahead_is_done_by_its_own_step(
    house: Any, monkeypatch: pytest.MonkeyPatch, step: str, at: int
) -> None:
    table = house.declare("orders", ORDERS + "key: [id]\n")
    house.source("orders.csv", numbered())
    done = getattr(ahead.Ahead, f"_{step}")
    calls = []

    def failing(self: ahead.Ahead, given: Any) -> Any:
        calls.append(step)
        if len(calls) == at:
            raise OperationalError("once only")
        return done(self, given)

    monkeypatch.setattr(ahead.Ahead, f"_{step}", failing)
    house.load(table)
    assert len(calls) >= at
    assert indexes(house, table) == 1
    assert house.rows(table) == [(n, f"note {n}") for n in range(ROWS)]
    assert candidates(house, table) == []


def test_a_candidate_that_is_not_what_was_checked_is_found_ahead_too(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    prove = ahead.Ahead._prove

    def altered(self: ahead.Ahead, given: Any) -> Any:
        candidate = self._whole()
        with transaction(self.bench.warehouse.address) as cursor:
            cursor.execute(f"UPDATE {candidate} SET note = 'eton 9' WHERE id = 9")
        return prove(self, given)

    monkeypatch.setattr(ahead.Ahead, "_prove", altered)
    with pytest.raises(AccountingError, match="hash of all text columns differs"):
        house.load(table)


SLOWLY = "SELECT sum(sqrt(range)) FROM range(100000000)"


def test_a_part_that_is_still_being_checked_keeps_its_checker(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    check, checking, failed = PartChecker.check, Event(), Event()

    def checked(self: PartChecker, raw: Any, *given: Any) -> Any:
        if raw.number == 2 and not failed.is_set():
            at_work(checking)
            failed.set()
            raise OSError("once only")
        if raw.number == 3 and not failed.is_set():
            checking.set()
            self.connection.execute(SLOWLY)
        return check(self, raw, *given)

    monkeypatch.setattr(PartChecker, "check", checked)
    batch, _ = opened(table, "source", False)
    source = extract.fn(batch)
    found = validate.fn(batch, source)
    assert (found.early, sum(part.accepted for part in found.parts), failed.is_set()) == (0, ROWS, True)
    clear(batch)


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, OSError])
def test_a_stop_between_two_parts_waits_for_those_at_work(
    house: Any, monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException]
) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    check, checking, told = PartChecker.check, Event(), []

    def slow(self: PartChecker, raw: Any, *given: Any) -> Any:
        if raw.number > 2:
            checking.set()
            self.connection.execute(SLOWLY)
        return check(self, raw, *given)

    def stop(point: str) -> None:
        # The first part is checked alone.
        told.append(point)
        if told.count("validate-part") == 2:
            at_work(checking)
            raise stopped("a stop")

    monkeypatch.setattr(PartChecker, "check", slow)
    monkeypatch.setattr("tasks.part_checks.reached", stop)
    batch, _ = opened(table, "source", False, until="validate")
    source = extract.fn(batch)
    with pytest.raises(stopped, match="a stop"):
        validate.fn(batch, source)
    clear(batch)


@pytest.mark.parametrize("until", ["extract", "validate", "stage"])
def test_nothing_is_ahead_of_a_run_that_is_to_stop(house: Any, until: str) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    batch, _ = opened(table, "source", False, until=until)
    source = extract.fn(batch)
    assert batch.attempt_id not in ahead._begun
    assert validate.fn(batch, source).early == 0
    clear(batch)
    assert (candidates(house, table), staged(batch)) == ([], [])
