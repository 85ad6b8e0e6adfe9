"""The live rows of a table without windows are counted by the run that loads it, and by a plan that nothing follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.actions import pause
from flows.planning import plan_table
from flows.run import Outcome
from tasks.workbench import workbench

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
NOTES = """
description: Notes.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/notes.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(64)}
load: {mode: full_refresh}
"""


def test_a_run_leaves_the_counting_to_its_batch_unless_there_is_none(house: Any) -> None:
    table = house.declare("notes", NOTES)
    house.source("notes.csv", "id,note\n1,a\n2,b\n")
    house.load(table)
    house.place.ask(f"DELETE FROM {table} WHERE id = 2")
    bench, now = workbench(), datetime.now(UTC)
    told = f"{table} has 1 row, its publishes left 2: somebody else has changed it"
    assert plan_table(bench, bench.project.table(table), now).changed == told
    followed = plan_table(bench, bench.project.table(table), now, before_run=True)
    assert (followed.changed, len(followed.to_run)) == (None, 1)
    # The batch finds it, and loads the same source again.
    assert house.load(table).status in ("published", "warned")
    assert house.rows(table, "id") == [(1,), (2,)]
    house.place.ask(f"DELETE FROM {table} WHERE id = 2")
    pause(bench, [table], now + timedelta(hours=1), "maria", "a test")
    outcome = Outcome()
    outcome.note(plan_table(bench, bench.project.table(table), now, before_run=True))
    assert outcome.changed == [told]
