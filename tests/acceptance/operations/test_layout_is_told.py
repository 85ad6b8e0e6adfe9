"""A layout that is declared anew is told wherever somebody looks, until the live table has it; no window is stale for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from deployments.project import load_project
from tasks.live_contract import compare_live, compare_summaries
from tasks.reachable import Line
from tasks.workbench import workbench
from tests.acceptance.operations.typed import typed

pytestmark = pytest.mark.usefixtures("clients")
TABLE = """
description: Rows.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-03}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: city, type: varchar(9)}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [id]
load: {mode: replace_window, window_column: at}
"""
WHOLE = """
description: Rows.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/01.csv"}
columns: [{name: id, type: integer, nullable: false}, {name: city, type: varchar(9)}, {name: at, type: varchar(30)}]
load: {mode: full_refresh}
"""
SUMMARY = """/*
target: {schema}.days
description: A row per day.
owner: a@example.com
mode: window
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-03}
window_column: day
inputs: [{table: {schema}.t}]
columns: [{name: day, type: date, nullable: false}, {name: orders, type: bigint}]
PHYSICAL*/
SELECT CAST({window.start} AS date) AS day, COUNT(*) AS orders
FROM {schema}.t
WHERE at >= {window.start} AND at < {window.end}
"""
CITY, AT = "physical: {sortkey: [city]}\n", "physical: {sortkey: [at]}\n"


def declared(house: Any, more: str = "", text: str = TABLE) -> str:
    for day in (1, 2):
        house.source(f"0{day}.csv", f"id,city,at\n{day},a,2026-01-0{day} 10:00:00\n")
    return str(house.declare("t", text + more))


def line_of(house: Any, name: str) -> Line:
    """What `check --live` says of a table or summary."""
    house.open()
    bench = workbench()
    (found,) = [line for line in (*compare_live(bench), *compare_summaries(bench)) if line.what == name]
    return found


@pytest.mark.parametrize("more", [AT, ""], ids=["another", "none"])
def test_a_sort_key_is_told_until_the_table_has_it(house: Any, command: Callable[..., Any], more: str) -> None:
    table = declared(house, CITY)
    told = f"{table}: its layout isn't the declared one, and no load changes it: headgate plan {table}"
    for words in (("run", table), ("run", table), ("plan", table)):
        assert "layout" not in command(*words).out
    assert line_of(house, table).said == "as declared"
    declared(house, more)
    said = command("run", table)
    if not more and house.place.is_redshift:
        # The service may have chosen the key that is there.
        assert (said.code, "layout" in said.out) == (0, False), said.out
        return
    assert (said.code, told in said.out) == (0, True), said.out
    assert command("run", table, "--json").json["laid_out_otherwise"] == [table]
    line = line_of(house, table)
    assert (line.ok, line.said) == (True, f"as declared; {told.partition(': ')[2]}")
    plan = command("plan", table).out
    assert ("2 loaded" in plan, "stale" in plan) == (True, False), plan
    typed(house, command, re.findall(r"layout: .*?: ((?:ALTER|CREATE|DROP) .*)", plan)[0])
    for words in (("plan", table), ("run", table)):
        assert "layout" not in command(*words).out
    assert command("run", table, "--json").json["laid_out_otherwise"] == []
    assert line_of(house, table).said == "as declared"


@pytest.mark.parametrize("mode", ["append", "replace_window, window_column: at", "merge"])
def test_what_was_recorded_with_the_layout_is_not_stale(house: Any, command: Callable[..., Any], mode: str) -> None:
    text = TABLE.replace("replace_window, window_column: at", mode)
    table = declared(house, CITY, text)
    assert command("run", table).code == 0
    proof = f"ops.proof__{table.replace('.', '__')}"
    now = load_project(house.place.settings.project).table(table)
    assert house.place.ask(f"SELECT DISTINCT declaration_hash FROM {proof}") == [(now.fingerprint,)]
    house.place.ask(f"UPDATE {proof} SET declaration_hash = %s", (now.fingerprint_with_layout,))
    assert now.fingerprint != now.fingerprint_with_layout
    assert ("2 loaded" in command("plan", table).out, "older declaration" in command("run", table).out) == (True, False)
    assert [window["state"] for window in command("plan", table, "--json").json[0]["windows"]] == ["loaded"] * 2
    # Another column is another declaration, whatever was recorded.
    declared(house, CITY, text.replace("varchar(9)", "varchar(10)"))
    assert "2 stale" in command("plan", table).out


def test_a_table_that_is_made_anew_has_it_after_the_next_load(house: Any, command: Callable[..., Any]) -> None:
    table = declared(house, "", WHOLE)
    assert command("run", table).code == 0
    declared(house, CITY, WHOLE)
    said = command("run", table).out
    assert ("1 batch published" in said, "layout" in said) == (True, False), said
    assert "layout" not in command("plan", table).out


def test_the_layout_of_a_summary_by_windows(house: Any, command: Callable[..., Any]) -> None:
    declared(house)
    file, name = house.folder / "summaries" / "days.sql", f"{house.schema}.days"
    file.parent.mkdir(exist_ok=True)
    text = SUMMARY.replace("{schema}", house.schema)
    file.write_text(text.replace("PHYSICAL", ""))
    assert command("run", "all").code == 0
    assert "layout" not in command("plan", name).out + line_of(house, name).said
    file.write_text(text.replace("PHYSICAL", "physical: {sortkey: [day]}\n"))
    assert f"headgate plan {name}" in line_of(house, name).said
    assert f"{name}: its layout isn't the declared one" in command("run", name).out
    plan = command("plan", name).out
    typed(house, command, re.findall(r"layout: .*?: ((?:ALTER|CREATE) .*)", plan)[0])
    assert "layout" not in command("plan", name).out + line_of(house, name).said
