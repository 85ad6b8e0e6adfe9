"""A table whose mode was changed: what was merged before is judged as that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.errors import DeclarationError
from flows.planning import plan_table
from tasks.rollback import choose, take_back, target_of, undoable
from tasks.workbench import workbench

BODY = """\
description: Visits.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/v-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-03-01, end: 2026-03-03}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: n, type: integer}
key: [id]
load: {mode: MODE}
"""
OTHERS = ["append", "replace_window, window_column: at"]


def changed(house: Any, table: str) -> str | None:
    return plan_table(workbench(), workbench().project.table(table), datetime(2026, 3, 9, tzinfo=UTC)).changed


@pytest.fixture
def merged(house: Any) -> Callable[[str], str]:
    """Two days merged, of which the second changes a row of the first; then the mode is another."""

    def made(mode: str) -> str:
        house.source("v-01.csv", "id,at,n\n1,2026-03-01 10:00:00,1\n2,2026-03-01 11:00:00,1\n")
        house.source("v-02.csv", "id,at,n\n2,2026-03-02 10:00:00,2\n3,2026-03-02 11:00:00,2\n")
        table = house.declare("visits", BODY.replace("MODE", "merge"))
        for day in ("2026-03-01", "2026-03-02"):
            house.load(table, day)
        house.declare("visits", BODY.replace("MODE", mode))
        return str(table)

    return made


@pytest.mark.parametrize("mode", OTHERS)
def test_nobody_is_said_to_have_changed_it_but_who_did(house: Any, merged: Callable[[str], str], mode: str) -> None:
    table = merged(mode)
    assert changed(house, table) is None
    house.place.ask(f"INSERT INTO {table} SELECT 9, at, 9 FROM {table} WHERE id = 3")
    assert changed(house, table) == f"{table} has 4 rows, its publishes left 3: somebody else has changed it"


@pytest.mark.parametrize("mode", OTHERS)
def test_a_load_that_was_merged_is_undone_before_those_below_it(
    house: Any, merged: Callable[[str], str], mode: str
) -> None:
    table = merged(mode)
    target = target_of(workbench(), table)
    first, second = (f"2026-03-0{n}T00:00:00Z/2026-03-0{n + 1}T00:00:00Z" for n in (1, 2))
    with pytest.raises(DeclarationError) as caught:
        choose(workbench(), target, first, None)
    assert caught.value.code == "ROLLBACK-ORDER"
    (last,) = undoable(workbench(), table)
    (chosen,) = choose(workbench(), target, second, None)
    assert chosen.run_id == last
    take_back(workbench(), target, [chosen], "rollback-1", "somebody", "a test")
    assert house.rows(table, "id, n") == [(1, 1), (2, 1)]
    assert changed(house, table) is None
