"""What a refusal says to type next is typed as it is printed, in the state that was refused: no step of it is refused in turn."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import HeadgateError
from deployments.next_commands import is_typable, written

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: amount, type: integer}
"""
DAILY = (
    'description: Rows.\nowner: a@example.com\nsource: {kind: csv, url: "file://{folder}/daily-{window.start:%d}.csv"}\n'
    + COLUMNS
    + "window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-04}\n"
    + "load: {mode: replace_window, window_column: at}\n"
)
WHOLE = (
    'description: Rows.\nowner: a@example.com\nsource: {kind: csv, url: "file://{folder}/whole.csv"}\n'
    + COLUMNS
    + "load: {mode: full_refresh}\n"
)
RULES = """
table: {schema}.whole
expectations:
  - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 2}}
  - {code: SMALL, type: expect_column_max_to_be_between, kwargs: {column: amount, max_value: 9}}
"""
KNOWINGLY = ("--reason", "x", "--expires", "1d")
FIRST_DAY = ("--window", "2026-01-01")
REFUSED = {
    "a run that never was": ["show", "whole-20260101T000000-abcdef"],
    "a retry of a run that never was": ["retry", "whole-20260101T000000-abcdef"],
    "an override of a run that never was": ["publish", "whole-20260101T000000-abcdef", "--override", "FEW", *KNOWINGLY],
    "an override of what didn't fail": ["publish", "FAILED", "--override", "KEY", *KNOWINGLY],
    "an override of one of two": ["publish", "FAILED", "--override", "FEW", *KNOWINGLY],
    "an override that is over": ["publish", "FAILED", "--override", "FEW", "--reason", "x", "--expires", "2020-01-01"],
    "an override of what is published": ["publish", "GOOD", "--override", "FEW", *KNOWINGLY],
    "an undo without a reason": ["rollback", "daily"],
    "an undo of two tables": ["rollback", "daily", "whole", "--reason", "x"],
    "an undo of a window that isn't": ["rollback", "daily", "--window", "2027-01-01", "--reason", "x"],
    "an undo of a window without windows": ["rollback", "whole", "--window", "2026-01-01", "--reason", "x"],
    "an undo of what was never loaded": ["rollback", "idle", "--reason", "x"],
    "a load of a window that isn't": ["run", "daily", "--window", "2027-01-01"],
    "a window of a table without": ["run", "whole", "--window", "2026-01-01"],
    "a backfill without windows": ["backfill", "idle"],
    "a plan of a table that isn't": ["plan", "dayly"],
    "a run of a table that isn't": ["run", "dayly"],
    "accepting where nothing was told": ["drift", "accept", "GOOD", "--reason", "x"],
    "an explanation of a run that never was": ["drift", "explain", "whole-20260101T000000-abcdef"],
    "an answer where nothing was told": ["drift", "answer", "GOOD", "not-interesting", "--reason", "x"],
    "a discard of a window without windows": ["quarantine", "discard", "whole", *FIRST_DAY, "--code", "KEY", "--reason", "x"],
    "rows of a window that isn't": ["quarantine", "show", "daily", "--window", "2027-01-01"],
    "a page that isn't written": ["report", "open", "idle"],
    "what isn't lost": ["repair", "daily", "--lost"],
    "an incident that isn't": ["incident", "ack", "abcdef"],
    "a summary that isn't": ["summary", "try", "nothing"],
    "an undo to a run that never was": ["rollback", "daily", "--to", "daily-20260101T000000-abcdef", "--reason", "x"],
    "an undo to a run of another table": ["rollback", "daily", "--to", "GOOD", "--reason", "x"],
    "one window and a span": ["run", "daily", *FIRST_DAY, "--from", "2026-01-01"],
    "a span of a table without windows": ["run", "whole", "--from", "2026-01-01"],
    "a plan of a window that isn't": ["plan", "daily", "--window", "2027-01-01"],
    "a lineage of what isn't": ["lineage", "nothing"],
    "the runs of a table that isn't": ["show", "--table", "nothing"],
    "the alarms of a table that isn't": ["drift", "sensitivity", "nothing"],
    "an alarm that was never called dull": ["drift", "answer", "GOOD", "interesting", "--reason", "x"],
    "a silence of an incident that isn't": ["incident", "silence", "abcdef", "--until", "1d"],
    "a comparison of a summary": ["reconcile", "built"],
    "windows of a summary that is built as a whole": ["backfill", "built"],
    "a window of a summary that is built as a whole": ["run", "built", *FIRST_DAY],
    "an undo of a summary's window": ["rollback", "built", *FIRST_DAY, "--reason", "x"],
    "a trial of a summary's window": ["summary", "try", "built", *FIRST_DAY],
    "a file that isn't there": ["peek", "/nowhere/rows.csv"],
}  # fmt: skip


@pytest.fixture
def runs(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """A table by days with three of them, one whose newest load failed, and one that was never loaded."""
    monkeypatch.setenv("HEADGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    house.declare("daily", DAILY)
    house.declare("idle", WHOLE.replace("whole.csv", "idle.csv"))
    table = house.declare("whole", WHOLE, RULES)
    for day in (1, 2, 3):
        house.source(f"daily-{day:02}.csv", f"id,at,amount\n1,2026-01-{day:02} 10:00:00,1\n")
    (house.folder / "summaries").mkdir()
    (house.folder / "summaries" / "built.sql").write_text(
        f"/*\ntarget: {house.schema}.built\ndescription: d\nowner: o\ninputs: [{{table: {table}}}]\n*/\n"
        f"SELECT COUNT(*) AS n FROM {table}\n"
    )
    house.source("idle.csv", "id,at,amount\n1,2026-01-01 10:00:00,1\n")
    house.source("whole.csv", "id,at,amount\n1,2026-01-01 10:00:00,1\n")
    assert command("run", "daily", "whole").code == 0
    house.source("whole.csv", "id,at,amount\n" + "".join(f"{n},2026-01-01 10:00:00,44\n" for n in range(3)))
    assert command("run", "whole").code == 1
    found = dict(house.place.ask("SELECT status, run_id FROM ops.run WHERE target = %s", (table,)))
    return {"FAILED": found["failed"], "GOOD": found["published"]}


def test_each_step_of_a_refusal_is_no_refusal(house: Any, command: Callable[..., Any], runs: dict[str, str]) -> None:
    wrong, seen = [], []
    for name, words in REFUSED.items():
        refused = command(*(runs.get(word, word) for word in words)).error
        if not isinstance(refused, HeadgateError):
            wrong.append(f"{name}: not refused, {refused!r}")
            continue
        steps = written(refused.next_command or "")
        for text in [re.sub(r"^headgate --project \S+ ", "headgate ", step) for step, _ in steps]:
            seen.append(f"{name}: [{refused.code}] {text}")
            if not is_typable(text):
                continue
            done = command(*(word.replace("...", "of a test") for word in shlex.split(text)[1:]))
            if done.error is not None or done.code not in (0, 3):
                wrong.append(f"{name}: [{refused.code}] {text}: {done.code} {done.error}")
    assert len(seen) >= len(REFUSED), "a refusal without a next step"
    assert [line for line in seen if "rollback" in line] == [
        line for line in seen if line.startswith("an undo without")
    ]
    assert not wrong, "\n".join(wrong)
