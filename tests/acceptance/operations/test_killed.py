"""A rollback or replay that is killed anywhere and run again gives what one that wasn't killed gives."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from flows import replay
from flows.taking_back import roll_back
from tasks.workbench import workbench
from tests.acceptance.forked import forked

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(MAX)}
key: [id]
load: {mode: merge, tolerance: 90%}
"""
ROLLBACK = ["rollback-begun", "taken-back", "before-commit", "after-commit", ""]
REPLAY = ["candidate-made", "stage-part", "copy-part", "replay-flipped", "before-commit", "after-commit", ""]


def play(house: Any, what: str, table: str, at: str) -> int:
    """Do it in a process of its own, which dies at a point; 0, or minus the signal it died by."""

    def act() -> None:
        if what == "rollback":
            roll_back(workbench(), table, window=None, to=None, by="maria", reason="")
        else:
            replay.replay(table)

    return forked(house, at, act)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_killed_at_every_point(house: Any, flows_as_functions: None) -> None:
    """One table each would say the same and take five times as long: after each kill the rows are looked at."""
    table = house.declare("orders", TABLE.replace("MAX", "2"))
    house.source("orders-01.csv", "id,note\n1,a\n2,b\n")
    house.source("orders-02.csv", "id,note\n2,bb\n3,c\n4,too long\n5,long too\n")
    house.load(table, "2026-01-01")
    house.load(table, "2026-01-02")
    before, quarantine = house.rows(table), f"quarantine.{table.replace('.', '__')}"
    house.declare("orders", TABLE.replace("MAX", "20"))
    for at in REPLAY:
        killed = play(house, "replay", table, at)
        assert killed == (-signal.SIGKILL if at else 0), f"{at} was not passed"
        ids = [row[0] for row in house.rows(table)]
        assert ids in ([1, 2, 3], [1, 2, 3, 4, 5]), at
        states = house.place.ask(f"SELECT state, count(*) FROM {quarantine} GROUP BY state")
        assert states == [("open" if len(ids) == 3 else "replayed", 2)], at
    assert [row[0] for row in house.rows(table)] == [1, 2, 3, 4, 5]
    assert [proof[1] for proof in house.proofs(table)] == ["publish", "publish", "replay"]
    for at in ROLLBACK:
        killed = play(house, "rollback", table, at)
        assert killed == (-signal.SIGKILL if at else 0), f"{at} was not passed"
        assert house.rows(table) == before or len(house.rows(table)) == 5
    assert house.rows(table) == before
    assert [proof[1] for proof in house.proofs(table)] == ["publish", "publish", "replay", "rollback"]
