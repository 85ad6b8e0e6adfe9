"""A backfill of several tables: one after the other, all of them whatever becomes of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DAILY = """\
table: raw.NAME
description: Rows.
owner: a@example.com
tags: [filled]
source: {kind: csv, url: "file://FOLDER/NAME-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-03-01, end: 2026-03-03}
columns: [{name: id, type: integer}, {name: at, type: timestamp, source_timezone: UTC}]
load: {mode: replace_window, window_column: at}
"""
WHOLE = """\
table: raw.whole
description: Rows.
owner: a@example.com
tags: [filled]
source: {kind: csv, url: "file://FOLDER/whole.csv"}
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables of windows, of which the first lacks a day, and one without, which a pattern passes over."""
    made = tmp_path_factory.mktemp("several")
    (made / "tables").mkdir()
    for name, text in (("a", DAILY), ("b", DAILY), ("whole", WHOLE)):
        (made / "tables" / f"{name}.yaml").write_text(text.replace("NAME", name).replace("FOLDER", str(made)))
    for name, day in (("a", 1), ("b", 1), ("b", 2)):
        (made / f"{name}-0{day}.csv").write_text(f"id,at\n{day},2026-03-0{day} 10:00:00\n")
    return made


def test_one_that_fails_keeps_none_of_the_others(call: Callable[..., Any]) -> None:
    plans = call("backfill", "tag:filled", "--plan", "--json").json
    assert [(plan["table"], len(plan["windows"])) for plan in plans] == [("raw.a", 2), ("raw.b", 2)]
    done = call("backfill", "tag:filled", "--json")
    assert [(item["table"], item["window"]) for item in done.json["published"]] == [
        ("raw.a", "2026-03-01"), ("raw.b", "2026-03-01"), ("raw.b", "2026-03-02"),
    ]  # fmt: skip
    assert [(item["table"], item["window"]) for item in done.json["failures"]] == [("raw.a", "2026-03-02")]
    assert (done.code, done.json["exit_code"]) == (1, 1)


def test_what_has_no_windows_is_refused_by_name(call: Callable[..., Any]) -> None:
    for asked in (["a", "whole"], ["*.whole"]):
        refused = call("backfill", *asked)
        assert (refused.code, "[NO-WINDOWS]" in refused.err) == (2, True)
