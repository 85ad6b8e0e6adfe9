"""A connection that dies around COMMIT or COPY: what happened is read from the proof, and rows are exactly right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tasks import switches
from tasks.warehouses import publication

COLUMNS = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(10)}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [id]
load: %s
"""
MODES = {
    "append": ("{mode: append}", [(1, "a"), (2, "b"), (3, "c")]),
    "replace_window": ("{mode: replace_window, window_column: at}", [(1, "a"), (2, "b"), (3, "c")]),
    "merge": ("{mode: merge}", [(1, "a"), (2, "b"), (3, "c")]),
}
FIRST = "id,note,at\n1,a,2026-01-01 01:00:00\n2,b,2026-01-01 02:00:00\n"
SECOND = "id,note,at\n3,c,2026-01-02 01:00:00\n"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "PAUSE_SECONDS", 0.05)


@contextmanager
def lose(house: Any, point: str, action: str) -> Iterator[None]:
    """Let the COMMIT after a point of the next publish meet a fault."""
    armed = [True]

    def arm(name: str) -> None:
        if name == point and armed:
            armed.clear()
            house.place.double.fault(r"^COMMIT", action)

    switches.at_points(arm)
    try:
        yield
    finally:
        switches._actions.remove(arm)


@pytest.mark.parametrize("action", ["drop_before", "drop_after_commit"])
@pytest.mark.parametrize("mode", MODES)
def test_lost_at_commit(redshift_house: Any, mode: str, action: str) -> None:
    house = redshift_house
    load, expected = MODES[mode]
    table = house.declare("orders", COLUMNS % load)
    house.source("orders-01.csv", FIRST)
    house.source("orders-02.csv", SECOND)
    house.load(table, "2026-01-01")
    with lose(house, "before-commit", action):
        record = house.load(table, "2026-01-02")
    assert record.status == "published"
    assert house.place.double.fired[-1] == action.replace("_commit", "")
    assert house.rows(table, "id, note") == expected
    assert [proof[0] for proof in house.proofs(table)] == [1, 2]


@pytest.mark.parametrize("action", ["drop_before", "drop_after_commit"])
def test_lost_at_the_commit_of_a_swap(redshift_house: Any, action: str) -> None:
    house = redshift_house
    whole = COLUMNS.replace("-{window.start:%%d}", "").replace(
        "window: {every: day, timezone: UTC, start: 2026-01-01}\n", ""
    )
    table = house.declare("orders", whole % "{mode: full_refresh}")
    house.source("orders.csv", FIRST)
    house.load(table)
    house.source("orders.csv", FIRST + "3,c,\n")
    with lose(house, "before-commit", action):
        assert house.load(table).status == "published"
    assert len(house.rows(table)) == 3
    assert [proof[3:7] for proof in house.proofs(table)] == [(2, 0, 0, 0), (3, 0, 0, 2)]
    assert house.side_tables(table) == ["orders__hg_g2"]


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_lost_in_copy(redshift_house: Any, action: str) -> None:
    house = redshift_house
    table = house.declare("orders", COLUMNS % "{mode: append}")
    house.source("orders-01.csv", FIRST)
    house.place.double.fault(r"^COPY", action)
    assert house.load(table, "2026-01-01").counts["copied"] == 2
    assert house.rows(table, "id, note") == [(1, "a"), (2, "b")]


def test_nobody_answers_after_a_commit_was_lost(redshift_house: Any) -> None:
    """The proof can't be read at once; the next try reads it."""
    house = redshift_house
    table = house.declare("orders", COLUMNS % "{mode: append}")
    house.source("orders-01.csv", FIRST)
    double = house.place.double
    with lose(house, "before-commit", "drop_after_commit"):
        double.fault(r"^LOCK TABLE .ops.\..proof", "drop_before", skip=1)
        house.load(table, "2026-01-01")
    assert double.fired[-2:] == ["drop_after", "drop_before"]
    assert house.rows(table, "id, note") == [(1, "a"), (2, "b")]
