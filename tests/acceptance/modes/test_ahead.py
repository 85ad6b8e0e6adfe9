"""What is done ahead of a batch's steps: it is the same load, and where it isn't wanted in the end, nothing of it is left."""

from __future__ import annotations

import sys
from threading import Event
from time import monotonic
from typing import Any

import pytest

from deployments.errors import CheckFailedError
from expectations.contract.split import split
from expectations.suites.passing import Rows
from flows.batches import opened
from flows.life import finished
from tasks import ahead
from tasks.assess import assess
from tasks.audit import audit
from tasks.copy import copy
from tasks.extract import extract
from tasks.stage import stage
from tasks.validate import validate
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
)

pytestmark = [pytest.mark.usefixtures("small_parts"), pytest.mark.parametrize("place", ["postgresql"], indirect=True)]


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
