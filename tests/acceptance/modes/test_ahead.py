"""What is done ahead of a batch's steps: it is the same load, and where it isn't wanted in the end, nothing of it is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from psycopg2 import OperationalError

from deployments.errors import AccountingError, CheckFailedError, UpstreamError
from expectations.contract.part_check import PartChecker
from expectations.contract.split import split
from expectations.suites.passing import Rows
from flows.batches import opened
from flows.life import finished
from tasks import ahead
from tasks.assess import assess
from tasks.audit import audit
from tasks.copy import copy
from tasks.extract import extract
from tasks.spool import release
from tasks.stage import stage
from tasks.validate import validate
from tasks.warehouses.session import transaction
from tasks.workbench import workbench

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
ORDERS = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(64)}
load: {mode: full_refresh}
"""
ROWS = 900
NOT_MANY = """
table: {schema}.orders
expectations:
  - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 5}, severity: critical}
"""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces(chunks: Iterator[bytes], delimiter: str) -> Any:
        cut = (chunk[at : at + 2000] for chunk in chunks for at in range(0, len(chunk), 2000))
        return split(cut, delimiter, 2000)

    monkeypatch.setattr("tasks.extract.split", pieces)


@pytest.fixture(params=["minimal", "replica"])
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server's `wal_level`. The one of the tests is minimal; with another one, parts commit one by one."""
    if request.param == "replica":
        monkeypatch.setattr(type(workbench().warehouse), "fills_at_once", lambda self, cursor: False)
    return str(request.param)


def numbered(rows: int = ROWS, last: str = "") -> str:
    return "id,note\n" + "".join(f"{n},note {n}\n" for n in range(rows)) + last


def all_in(batch: Any) -> ahead.Ahead:
    """What is ahead of a batch, once it has done all it could."""
    begun = ahead._begun[batch.attempt_id]
    for future in (*begun._checked, *begun._staged, *begun._copied, begun._proven, begun._finished):
        if future is not None:
            future.exception()
    return begun


def clear(batch: Any) -> None:
    """The end of a run."""
    with ahead.until_its_end(batch):
        pass
    release(batch.spool)


def candidates(house: Any, table: str) -> list[str]:
    return [name for name in house.side_tables(table) if "__hg_c" in name]


def staged(batch: Any) -> list[str]:
    return workbench().stage.keys(f"{batch.stage_key}/")


def test_parts_are_in_the_candidate_before_the_last_step_asks(house: Any, log: str) -> None:
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())
    batch, story = opened(table, "source", False)
    source = extract.fn(batch)
    begun = all_in(batch)
    checked = validate.fn(batch, source)
    copied = copy.fn(batch, stage.fn(batch, checked), checked)
    assert len(source.parts) > 5
    assert (checked.early, copied.early, copied.rows) == (len(source.parts), len(source.parts), ROWS)
    assert copied.candidate == begun._candidate
    assert begun._proven is not None
    assert begun._proven.result() == checked.checksum
    assert (begun._filling is not None) == (log == "minimal")
    finished(story, "checked")
    clear(batch)
    # Taken is taken: the end of the run leaves it alone.
    assert candidates(house, table) == [copied.candidate.name]
    house.load(table, reprocess=True)
    assert house.rows(table) == [(n, f"note {n}") for n in range(ROWS)]


def test_a_key_that_comes_twice_is_taken_out_of_what_was_copied(house: Any) -> None:
    table = house.declare("orders", ORDERS + "key: [id]\n")
    house.source("orders.csv", numbered(last="7,again\n"))
    house.load(table)
    assert house.rows(table, "id") == [(n,) for n in range(ROWS) if n != 7]
    assert house.proofs(table)[-1][2:4] + house.proofs(table)[-1][7:8] == (ROWS + 1, ROWS - 1, 2)
    assert candidates(house, table) == []


def test_whether_a_key_comes_twice_is_told_by_the_candidates_index(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", ORDERS + "key: [id]\n")
    house.source("orders.csv", numbered())
    # Nothing reads the parts for it once more.
    monkeypatch.setattr("tasks.validate.repeated_rows", None)
    house.load(table)
    assert house.rows(table) == [(n, f"note {n}") for n in range(ROWS)]


COUNTED = """
table: {schema}.orders
expectations:
  - {code: NUMBERS, type: expect_column_unique_value_count_to_be_between, kwargs: {column: n, min_value: 30, max_value: 30}}
  - {code: WORDS, type: expect_column_distinct_values_to_be_in_set, kwargs: {column: note, value_set: [even, odd]}}
"""


def test_values_are_counted_while_parts_are_checked(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", ORDERS.replace("id, type: integer, nullable: false", "n, type: integer"), COUNTED)
    house.source("orders.csv", "n,note\n" + "".join(f"{n // 30},{'odd' if n % 2 else 'even'}\n" for n in range(ROWS)))
    # Nothing reads the parts for it once more.
    monkeypatch.setattr("tasks.assess.Rows", lambda connection, _, *given: Rows(connection, "nowhere", *given))
    house.load(table)
    assert len(house.rows(table)) == ROWS
    # A value that only the last part has is among them.
    house.source("orders.csv", "n,note\n" + "".join(f"{n // 30},even\n" for n in range(ROWS)) + "29,other\n")
    monkeypatch.undo()
    with pytest.raises(CheckFailedError, match="WORDS"):
        house.load(table, reprocess=True)


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


@pytest.mark.parametrize("few", [ROWS - 1, ROWS])
def test_a_batch_of_one_part_is_copied_while_it_is_judged(
    house: Any, log: str, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("tasks.extract.split", split)
    monkeypatch.setattr(ahead, "FEW", few)
    table = house.declare("orders", ORDERS + "key: [id]\n")
    house.source("orders.csv", numbered())
    batch, story = opened(table, "source", False)
    source = extract.fn(batch)
    made = []

    def late(*given: Any, **named: Any) -> Any:
        made.append((batch.attempt_id in ahead._begun and all_in(batch)._candidate, candidates(house, table)))
        return assess(*given, **named)

    monkeypatch.setattr("tasks.validate.assess", late)
    checked = validate.fn(batch, source)
    copied = copy.fn(batch, stage.fn(batch, checked), checked)
    ((candidate, there),) = made
    assert (len(source.parts), checked.early, copied.rows) == (1, 0, ROWS)
    # For few rows, logging in takes longer than their copy: they wait for its step.
    begun = (True, 1, True) if few < ROWS else (False, 0, False)
    assert (candidate == copied.candidate, len(there), copied.finished) == begun
    finished(story, "checked")
    clear(batch)


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


def indexes(house: Any, table: str, name: str | None = None) -> int:
    schema, live = table.split(".")
    asked = "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND tablename = %s"
    return int(house.place.ask(asked, (schema, name or live))[0][0])


@pytest.mark.parametrize("key", ["", "key: [id]\n"])
def test_the_candidate_is_proven_and_finished_while_the_batch_is_judged(
    house: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    table = house.declare("orders", ORDERS + key)
    house.source("orders.csv", numbered())
    batch, story = opened(table, "source", False)
    checked = validate.fn(batch, extract.fn(batch))
    copied = copy.fn(batch, stage.fn(batch, checked), checked)
    assert copied.finished
    assert indexes(house, table, copied.candidate.name) == bool(key)
    # The step finds that done.
    monkeypatch.setattr(type(workbench().warehouse), "finish_candidate", None)
    assert audit.fn(batch, copied, checked).candidate == copied.candidate
    finished(story, "checked")
    clear(batch)


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


def test_of_a_key_that_comes_twice_the_latest_row_is_kept(house: Any) -> None:
    # No index can be made ahead of the step that takes older versions out.
    table = house.declare("orders", ORDERS.replace("full_refresh", "full_refresh, keep: {latest_by: id2}").replace(
        "  - {name: note", "  - {name: id2, type: integer, nullable: false}\n  - {name: note") + "key: [id]\n")  # fmt: skip
    rows = "".join(f"{n},{n},note {n}\n" for n in range(ROWS))
    house.source("orders.csv", f"id,id2,note\n{rows}7,5000,again\n")
    house.load(table)
    assert len(house.rows(table, "id")) == ROWS
    assert house.place.ask(f"SELECT note FROM {table} WHERE id = 7") == [("again",)]
    assert indexes(house, table) == 1
    assert candidates(house, table) == []


def test_an_index_that_nobody_wants_any_more_is_not_waited_for(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = house.declare("orders", ORDERS, NOT_MANY)
    house.source("orders.csv", numbered())
    asked = Event()

    def slowly(self: Any, cursor: Any, *given: Any) -> None:
        asked.set()
        cursor.execute("SELECT pg_sleep(600)")

    def judged(*given: Any, **named: Any) -> Any:
        at_work(asked)
        return assess(*given, **named)

    monkeypatch.setattr(type(workbench().warehouse), "finish_candidate", slowly)
    monkeypatch.setattr("tasks.validate.assess", judged)
    started = monotonic()
    with pytest.raises(CheckFailedError):
        house.load(table)
    assert monotonic() - started < 300
    assert candidates(house, table) == []


SLOWLY = "SELECT sum(sqrt(range)) FROM range(100000000)"


def at_work(checking: Event) -> None:
    """Once another thread is inside its query."""
    assert checking.wait(10)
    sleep(0.1)


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


def test_the_profile_is_of_the_same_rows(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("expectations.profile.sampling", "expectations.profile.measure", "tasks.validate"):
        # By its name as a module: a package has functions of the same names.
        monkeypatch.setattr(sys.modules[module], "SAMPLED", 250)
    table = house.declare("orders", ORDERS)
    house.source("orders.csv", numbered())

    def profile(until: str) -> Any:
        batch, _ = opened(table, "source", False, until=until)
        source = extract.fn(batch)
        if batch.ahead:
            all_in(batch)
        found = validate.fn(batch, source)
        clear(batch)
        return found.early > 0, found.profile

    (_, then), (overlapped, now) = profile("stage"), profile("publish")
    assert overlapped
    assert then is not None
    assert 200 < then["sampled"] < 300
    assert now == then
