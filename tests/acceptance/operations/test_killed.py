"""A rollback or replay that is killed anywhere and run again gives what one that wasn't killed gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
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
PROGRAM = """
import os, sys
from pathlib import Path
from deployments.settings import Settings
from tasks import switches
from tasks.workbench import use, workbench
what, table, folder, at = sys.argv[1:5]
use(Settings(project=Path(folder), state=Path(folder) / "state", warehouse_url=os.environ["URL"],
             stage_url=os.environ["STAGE"], pii_key="k" * 32))
if at:
    switches.at_points(switches.killer(at))
if what == "rollback":
    from flows.taking_back import roll_back
    roll_back(workbench(), table, window=None, to=None, by="maria", reason="")
else:
    sys.path.insert(0, os.environ["HERE"])
    import conftest
    for module, verbs in conftest.VERBS.items():
        for name in verbs:
            setattr(module, name, conftest.plain(getattr(module, name)))
    conftest.replay.replay.fn(table)
"""
ROLLBACK = ["rollback-begun", "taken-back", "before-commit", "after-commit", ""]
REPLAY = ["validate-part", "copy-part", "replay-flipped", "rows-deleted", "before-commit", "after-commit", ""]


def play(house: Any, what: str, table: str, at: str) -> int:
    settings = house.place.settings
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY), "URL": settings.warehouse_url, "STAGE": settings.stage_url,
        "HERE": str(Path(__file__).parent),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, table, str(house.folder), at], env=environment, cwd=house.folder,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_killed_at_every_point(house: Any) -> None:
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
        assert (killed == 0) == (at == ""), f"{at} was not passed"
        ids = [row[0] for row in house.rows(table)]
        assert ids in ([1, 2, 3], [1, 2, 3, 4, 5]), at
        states = house.place.ask(f"SELECT state, count(*) FROM {quarantine} GROUP BY state")
        assert states == [("open" if len(ids) == 3 else "replayed", 2)], at
    assert [row[0] for row in house.rows(table)] == [1, 2, 3, 4, 5]
    assert [proof[1] for proof in house.proofs(table)] == ["publish", "publish", "replay"]
    for at in ROLLBACK:
        killed = play(house, "rollback", table, at)
        assert (killed == 0) == (at == ""), f"{at} was not passed"
        assert house.rows(table) == before or len(house.rows(table)) == 5
    assert house.rows(table) == before
    assert [proof[1] for proof in house.proofs(table)] == ["publish", "publish", "replay", "rollback"]
