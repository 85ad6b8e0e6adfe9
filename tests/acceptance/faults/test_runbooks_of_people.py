"""Every command of the runbooks that are about people's decisions and judgement is typed in the state its step is about.

Copy, drift, late, operations and software: a state for each step, the command as it stands there but for what only its reader
knows, and what it says it does. A command of such a runbook that no state here types fails the test.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deployments.embedded.stack import EmbeddedStack
from tasks.incidents import store
from tasks.incidents.watching import watch_pass
from tasks.workbench import workbench
from tests.acceptance.faults.scene_of_faults import FILE, ROWS, TABLE, Scene
from tests.acceptance.faults.test_runbooks_lead_on import commands
from tests.acceptance.operations.conftest import forget_decisions

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
WHOLE = TABLE % (FILE, "mode: full_refresh, generations: 1", "key: [id]\n")
DAILY = """
description: Amounts by day.
owner: faults@example.com
source: {kind: csv, url: "file://{folder}/days-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-09}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: amount, type: integer, nullable: false}
load: {mode: replace_window, window_column: at}
"""
RULES = "table: {schema}.days\nexpectations: []\ndrift: {policy: stop}\n"
REFUSED = "DO $$ BEGIN RAISE EXCEPTION 'invalid input' USING ERRCODE = 'invalid_text_representation'; END $$"


class Reader:
    """Somebody with a runbook open: what it says to type, and what of it wasn't typed yet."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._all = set(commands(name, "")) | {text for code in _codes(name) for text in commands(name, code)}
        self.left = set(self._all)

    def types(self, text: str, *, ends: tuple[int, ...] = (0, 3), **known: str) -> str:
        """Type it; words such as RUN or TABLE are what the reader knows. What was said."""
        assert text in self._all, f"the runbook doesn't say {text}: {sorted(self._all)}"
        self.left.discard(text)
        for word, value in known.items():
            text = re.sub(rf"\b{word}\b", value, text)
        ended, told = self._scene.said(*shlex.split(text.replace("...", "of a test"))[1:])
        assert ended in ends, (text, ended, told)
        assert not re.search(r"Traceback|Usage:|\bRUN\b", told), (text, told)
        return told


def _codes(name: str) -> tuple[str, ...]:
    from tasks.incidents.runbooks import RUNBOOKS

    return tuple(RUNBOOKS[name])


@pytest.fixture
def reads(scene: Scene) -> Callable[[str], Reader]:
    return lambda name: Reader(scene, name)


def run_of(scene: Scene, said: str) -> str:
    found = re.search(rf"{scene.name}-[\d-]+-[0-9a-f]{{6}}", said)
    assert found is not None, said
    return found[0]


def fails(scene: Scene, table: str, code: str, *more: str) -> str:
    """A load that ends with this code; its run."""
    ended, said = scene.said("run", table, *more)
    assert (ended, f"[{code}]" in said) == (1, True), said
    return run_of(scene, said)


def whole(scene: Scene, name: str, *contents: str) -> str:
    """A table that has been loaded with each of these."""
    scene.name = name
    table = str(scene.house.declare(name, WHOLE))
    for content in contents:
        scene.house.source("rows.csv", content)
        assert scene.said("run", table)[0] == 0
    return table


def one_row_more(scene: Scene) -> None:
    """Somebody writes into the candidate while it is made."""
    (candidate,) = [name for name in scene.house.side_tables(f"{scene.house.schema}.{scene.name}") if "__hg_c" in name]
    scene.house.place.ask(f"INSERT INTO {scene.house.schema}.{candidate} (id, note) VALUES (7, 'x')")


def test_copy(scene: Scene, reads: Callable[[str], Reader]) -> None:
    reader = reads("copy")
    scene.house.source("rows.csv", ROWS)
    table = whole(scene, "read_otherwise")
    scene.at_point("copied", lambda: one_row_more(scene))
    run = fails(scene, table, "LOADED-DIFFERS")
    assert "LOADED-DIFFERS" in reader.types("headgate show RUN", RUN=run)
    assert reader.types("headgate run TABLE", TABLE=table)
    assert scene.house.rows(table) == [(1, "one"), (2, "two")]
    table = whole(scene, "refused_row")
    scene.wire.swap("COPY ", REFUSED, 100)
    run = fails(scene, table, "COPY-REFUSED")
    assert "invalid input" in reader.types("headgate show RUN", RUN=run)
    scene.wire.forget()
    reader.types("headgate run TABLE", TABLE=table)
    assert scene.house.rows(table) == [(1, "one"), (2, "two")]
    assert not reader.left


def days(scene: Scene, name: str = "days") -> str:
    """Eight days, the last of them a thousand times as large; seven are loaded."""
    scene.name = name
    table = str(scene.house.declare(name, DAILY, RULES.replace("days", name)))
    for day in range(1, 9):
        a_day(scene, day, 1000 if day == 8 else 1)
    return table


def a_day(scene: Scene, day: int, times: int) -> None:
    dice = random.Random(day)
    lines = [f"{day * 1000 + n},2026-01-{day:02} 10:00:00,{dice.randint(50, 150) * times}" for n in range(60)]
    scene.house.source(f"days-{day:02}.csv", "id,at,amount\n" + "\n".join(lines) + "\n")


def test_drift(scene: Scene, reads: Callable[[str], Reader]) -> None:
    reader = reads("drift")
    table = days(scene)
    _, said = scene.said("run", table)
    assert "[DRIFT]" in said, said
    run = run_of(scene, said.partition("[DRIFT]")[2])
    assert "amount" in reader.types("headgate show RUN", RUN=run)
    # Not clear and needed now, and wrong after all.
    published = 'headgate publish RUN --override DRIFT --reason "..." --expires 1d'
    reader.types(published, RUN=run)
    assert largest(scene, table) > 1000
    undo = "headgate rollback TABLE --window LABEL"
    reader.types(undo, TABLE=table, LABEL="2026-01-08")
    assert largest(scene, table) <= 150
    # A fault of the source that is mended.
    _, said = scene.said("run", table, "--window", "2026-01-08")
    run = run_of(scene, said.partition("[DRIFT]")[2])
    a_day(scene, 8, 1)
    reader.types("headgate retry RUN", RUN=run)
    assert (largest(scene, table), len(scene.house.rows(table))) == (150, 480)
    assert not reader.left


def largest(scene: Scene, table: str) -> int:
    ((found,),) = scene.house.place.ask(f"SELECT max(amount) FROM {table}")
    return int(found)


def test_late(scene: Scene, reads: Callable[[str], Reader]) -> None:
    reader = reads("late")
    table = whole(scene, "promised", ROWS)
    scene.house.declare("promised", WHOLE + "sla: [{for: finance, max_age: 1h}]\n")
    told = [item.trouble for item in incidents(scene, timedelta(hours=3)) if item.trouble.scope == table]
    assert [trouble.code for trouble in told] == ["LATE"]
    assert scene.said("pause", table, "--until", "1d", "--reason", "works")[0] == 0
    assert "paused" in reader.types("headgate plan TABLE", TABLE=table)
    assert "resumed" in reader.types("headgate resume TABLE", TABLE=table)
    scene.house.source("rows.csv", ROWS + "3,three\n")
    reader.types("headgate run TABLE", TABLE=table)
    reader.types("headgate run TABLE", TABLE=table)
    assert len(scene.house.rows(table)) == 3
    # A worker is a process that stays: the trials of Prefect type it.
    assert reader.left == {"headgate worker"}


def incidents(scene: Scene, later: timedelta = timedelta(0)) -> list[Any]:
    scene.house.open()
    at = datetime.now(UTC) + later
    watch_pass(workbench(), None, at)
    return [item for item in store.incidents(workbench(), at) if item.active]


def test_operations(scene: Scene, reads: Callable[[str], Reader]) -> None:
    reader = reads("operations")
    refusals_of_an_undo(scene, reader)
    an_override_that_is_refused(scene, reader)
    rows_that_were_erased_meanwhile(scene, reader)
    an_erasure_beside_a_dead_load(scene, reader)
    forget_decisions(scene.house.place.ask)
    assert not reader.left


def refusals_of_an_undo(scene: Scene, reader: Reader) -> None:
    table = days(scene, "undone")
    for _ in range(2):
        for day in ("2026-01-01", "2026-01-02"):
            assert scene.said("run", table, "--window", day)[0] == 0
    scene.house.place.ask(f"DROP TABLE {scene.house.schema}.{kept(scene, table)[0]}")
    refused = scene.said("rollback", table, "--window", "2026-01-01")[1]
    assert re.search(r"\[(ROLLBACK-[A-Z-]+|LIVE-CHANGED)\]", refused), refused
    reader.types("headgate plan TABLE", TABLE=table)
    reader.types("headgate show")
    reader.types("headgate run TABLE --window LABEL", TABLE=table, LABEL="2026-01-01")
    assert len(scene.house.rows(table)) == 120
    scene.house.place.ask(f"DROP TABLE {table}")
    assert "[LIVE-MISSING]" in scene.said("run", table, "--window", "2026-01-01")[1]
    assert "noted as lost" in reader.types("headgate repair TABLE --lost", TABLE=table)
    a_day(scene, 8, 1)
    assert scene.said("run", table)[0] == 0
    assert len(scene.house.rows(table)) == 480


def kept(scene: Scene, table: str) -> list[str]:
    """What is kept for an undo, oldest first."""
    return sorted(name for name in scene.house.side_tables(table) if re.search(r"__hg_[ug]", name))


def an_override_that_is_refused(scene: Scene, reader: Reader) -> None:
    table = days(scene, "overridden")
    _, said = scene.said("run", table)
    run = run_of(scene, said.partition("[DRIFT]")[2])
    of_another = ("publish", run, "--override", "KEY", "--reason", "x", "--expires", "1d")
    assert "[OVERRIDE-REFUSED]" in scene.said(*of_another)[1]
    again = 'headgate publish RUN --override CODE --reason "..." --expires 1d'
    reader.types(again, RUN=run, CODE="DRIFT")
    assert len(scene.house.rows(table)) == 480


def elsewhere(scene: Scene, *words: str, **more: str) -> str:
    """A command on another machine, of the same warehouse and stage; what it said."""
    known = scene.house.place.settings
    environment = os.environ | {
        "HEADGATE_PROJECT": str(scene.house.folder), "HEADGATE_STATE": str(scene.house.folder / "another"),
        "HEADGATE_WAREHOUSE_URL": str(known.warehouse_url), "HEADGATE_STAGE_URL": str(known.stage_url),
    }  # fmt: skip
    try:
        done = subprocess.run([sys.executable, "-P", "-m", "flows", *words], env=environment | more, text=True,
                              capture_output=True, timeout=300)  # fmt: skip
    finally:
        # A run without PREFECT_API_URL starts a Prefect server, which outlives it.
        EmbeddedStack(scene.house.folder / "another").down(purge=True)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def rows_that_were_erased_meanwhile(scene: Scene, reader: Reader) -> None:
    table = whole(scene, "erased", ROWS)
    scene.house.source("rows.csv", ROWS + "3,three\n")
    words = ("erase", table, "--key", "id=2", "--reason", "asked")
    said: list[str] = []
    scene.at_point("extract-part", lambda: said.append(elsewhere(scene, *words)))
    run = fails(scene, table, "ERASED-MEANWHILE")
    assert said[0].startswith("0 "), said
    reader.left.discard("headgate erase")
    ended, told = scene.said(*words)
    assert ended == 0, told
    scene.house.source("rows.csv", ROWS[:14] + "3,three\n")
    reader.types("headgate retry RUN", RUN=run)
    assert scene.house.rows(table) == [(1, "one"), (3, "three")]


def an_erasure_beside_a_dead_load(scene: Scene, reader: Reader) -> None:
    table = whole(scene, "busy", ROWS)
    scene.house.source("rows.csv", ROWS + "3,three\n")
    assert elsewhere(scene, "run", table, HEADGATE_KILL_AT="copied").startswith("-9 ")
    words = ("erase", table, "--key", "id=2", "--reason", "asked")
    _, said = scene.said(*words)
    assert "[ERASE-BUSY]" in said, said
    reader.types("headgate clean --plan")
    reader.types("headgate clean")


def test_software(scene: Scene, reads: Callable[[str], Reader]) -> None:
    reader = reads("software")

    def fault() -> None:
        raise RuntimeError("nobody has foreseen this")

    scene.house.source("rows.csv", ROWS)
    table = whole(scene, "unforeseen")
    scene.at_point("judged", fault)
    ended, said = scene.said("run", table)
    assert (ended, "[UNFORESEEN]" in said) == (70, True), said
    run = run_of(scene, said)
    ((incident),) = [item for item in incidents(scene) if item.trouble.run_id == run]
    assert "nobody has foreseen this" in reader.types("headgate show RUN", RUN=run)
    assert "acknowledged" in reader.types("headgate incident ack ID", ID=incident.incident_id)
    reader.types("headgate retry RUN", RUN=run)
    scene.house.source("rows.csv", ROWS + "3,three\n")
    reader.types("headgate run TABLE", TABLE=table)
    assert len(scene.house.rows(table)) == 3
    assert not reader.left
