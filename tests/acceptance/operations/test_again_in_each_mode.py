"""What a refusal says to type next works with the table's load mode: a batch that was appended can't be loaded again, nor can a
table without windows be asked for one. Each is typed as it is printed, until the table has the rows of its source."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.acceptance.operations.typed import typed

MODES = ("append", "replace_window", "merge", "full_refresh")
DAYS = {
    "2026-01-05": "1,2026-01-05 10:00:00,one",
    "2026-01-06": "2,2026-01-06 10:00:00,two",
    "2026-01-07": "3,2026-01-07 10:00:00,three",
}
DELIVERED = [tuple(row.split(",")) for row in DAYS.values()]
HEADER = "id,at,note\n"
OBJECTS = """
description: Rows.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/", objects: each, pattern: "*.csv"}
"""
COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: note, type: varchar(64)}
key: [id]
"""


def declared(house: Any, mode: str, more: str = "", load: str = "") -> str:
    whole = mode == "full_refresh"
    window = "" if whole else "window: {every: day, timezone: UTC, start: 2026-01-05, end: 2026-01-08}\n"
    file = "all" if whole else "{window.start:%Y-%m-%d}"
    load = f"mode: {mode}{', window_column: at' if mode == 'replace_window' else ''}{load}"
    return str(house.declare(
        "t", f'description: Rows.\nowner: a@example.com\nsource: {{kind: csv, url: "file://{{folder}}/{file}.csv"}}\n'
        f"{window}{COLUMNS}load: {{{load}}}\n{more}",
    ))  # fmt: skip


def deliver(house: Any) -> None:
    house.source("all.csv", HEADER + "".join(f"{row}\n" for row in DAYS.values()))
    for day, row in DAYS.items():
        house.source(f"{day}.csv", f"{HEADER}{row}\n")


def found(house: Any, table: str) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in house.rows(table, "id, at, note")]


@pytest.mark.parametrize("mode", MODES)
def test_an_undo_of_what_others_changed(house: Any, command: Callable[..., Any], clients: Any, mode: str) -> None:
    table = declared(house, mode)
    deliver(house)
    if mode == "full_refresh":
        house.source("all.csv", f"{HEADER}9,2026-01-05 00:00:00,before\n")
        assert command("run", table).code == 0
        deliver(house)
    assert command("run", table).code == 0
    house.place.ask(f"DELETE FROM {table} WHERE id = 3")
    refused = command("rollback", table, "--reason", "of a test")
    assert refused.error.code == "LIVE-CHANGED"
    typed(house, command, refused.error.next_command)
    assert found(house, table) == DELIVERED
    assert "nothing to do" in command("plan", table).out or mode == "full_refresh"


@pytest.mark.parametrize("mode", MODES)
def test_an_undo_of_what_isnt_kept(house: Any, command: Callable[..., Any], clients: Any, mode: str) -> None:
    table = declared(house, mode, load=", generations: 0")
    deliver(house)
    assert command("run", table).code == 0
    window = ["--window", "2026-01-06"] if mode in ("append", "replace_window") else []
    refused = command("rollback", table, *window, "--reason", "of a test")
    assert refused.error.code == "ROLLBACK-NOT-KEPT"
    typed(house, command, refused.error.next_command)
    assert found(house, table) == DELIVERED


def many(day: int, note: str) -> str:
    return HEADER + "".join(f"{day * 100 + n},2026-01-{day:02} 10:00:00,{note}\n" for n in range(60))


@pytest.mark.parametrize("mode", MODES)
def test_an_alarm_on_what_cant_be_undone(
    house: Any, pages: None, command: Callable[..., Any], clients: Any, mode: str
) -> None:
    """The page of its table says how it is mended: what it prints is typed, and readers have what the source has by then."""
    table = declared(house, mode, load=", generations: 0").replace("\n", "")
    for day in (5, 6, 7):
        note = "" if day == 7 else "fine"
        house.source(f"2026-01-{day:02}.csv", many(day, note))
        house.source("all.csv", many(day, note))
        window = [] if mode == "full_refresh" else ["--window", f"2026-01-{day:02}"]
        assert command("run", table, *window).code == (3 if day == 7 else 0)
    page = (house.folder / "state" / "report" / "tables" / table / "index.html").read_text()
    assert "note" in page
    commands = [
        html.unescape(re.sub(r"<[^>]+>", "", found)).strip()
        for found in re.findall(r'<div class="command"><code>(.*?)</code>', page, flags=re.S)
    ]
    told = [" ".join(one.split()) for one in commands]
    assert not any("rollback" in one for one in told)
    mending = [one for one in told if one.startswith(("ALTER TABLE", "headgate repair", "headgate run"))]
    assert len(mending) == (3 if mode == "append" else 1)
    for name in ("2026-01-07.csv", "all.csv"):
        house.source(name, many(7, "mended"))
    typed(house, command, "; ".join(mending))
    assert [row[2] for row in found(house, table)][-60:] == ["mended"] * 60


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pii_key", ["o" * 32])
def test_a_key_that_nobody_has_any_more(house: Any, command: Callable[..., Any], clients: Any, mode: str) -> None:
    table = declared(house, mode, more="pii: {note: hash}\n")
    deliver(house)
    assert command("run", table, *([] if mode == "full_refresh" else ["--window", "2026-01-05"])).code == 0
    old = {row[0]: row[2] for row in found(house, table)}
    house.place.settings = replace(house.place.settings, pii_key="n" * 32)
    house.open()
    if mode == "full_refresh":
        refused = command("reconcile", table)
        assert refused.error.code == "PII-KEY-CHANGED"
        steps = refused.error.next_command
    else:
        told = command("run", table, "--json").json["failures"][0]["error"]
        assert told["code"] == "PII-KEY-CHANGED"
        steps = told["next_command"]
    begin, _, anew = steps.partition("or when that is lost: ")
    assert begin.startswith("export HEADGATE_PII_KEY_BEFORE=")
    typed(house, command, anew)
    new = {row[0]: row[2] for row in found(house, table)}
    assert sorted(new) == ["1", "2", "3"]
    assert all(new[number] != value for number, value in old.items())


def test_a_batch_that_is_appended_is_loaded_anew(house: Any, command: Callable[..., Any], clients: Any) -> None:
    table = declared(house, "append")
    deliver(house)
    assert command("run", table).code == 0
    house.source("2026-01-06.csv", f"{HEADER}2,2026-01-06 10:00:00,mended\n")
    (failure,) = command("run", table, "--window", "2026-01-06", "--full-refresh", "--json").json["failures"]
    assert failure["error"]["code"] == "APPEND-AGAIN"
    assert "replace_window can" in failure["error"]["message"]
    typed(house, command, failure["error"]["next_command"])
    assert [row[2] for row in found(house, table)] == ["one", "mended", "three"]


def test_an_appended_object_that_was_replaced(house: Any, command: Callable[..., Any], clients: Any) -> None:
    table = str(house.declare(
        "t", f"{OBJECTS}{COLUMNS}load: {{mode: append, generations: 0}}\n",
    ))  # fmt: skip
    for day in DAYS:
        house.source(f"{day}.csv", f"{HEADER}{DAYS[day]}\n")
    assert command("run", table).code == 0
    refused = command("rollback", table, "--window", "2026-01-06.csv", "--reason", "of a test")
    assert refused.error.code == "ROLLBACK-NOT-KEPT"
    house.source("2026-01-06.csv", f"{HEADER}2,2026-01-06 10:00:00,mended\n")
    (failure,) = command("run", table, "--json").json["failures"]
    assert failure["error"]["code"] == "OBJECT-REPLACED"
    assert failure["error"]["next_command"] == refused.error.next_command
    typed(house, command, refused.error.next_command)
    assert [row[2] for row in found(house, table)] == ["one", "mended", "three"]


def test_an_object_that_isnt_loaded_again_by_itself(house: Any, command: Callable[..., Any], clients: Any) -> None:
    table = str(house.declare(
        "t", f"{OBJECTS}{COLUMNS}load: {{mode: append}}\n",
    ))  # fmt: skip
    house.source("a day.csv", f"{HEADER}{DAYS['2026-01-05']}\n")
    house.source("b.csv", f"{HEADER}{DAYS['2026-01-06']}\n")
    assert command("run", table).code == 0
    assert command("rollback", table, "--window", "a day.csv", "--reason", "of a test").code == 0
    shown = command("plan", table).out
    assert f"headgate run {table} --window 'a day.csv')" in shown
    typed(house, command, f"headgate run {table} --window 'a day.csv'")
    assert len(found(house, table)) == 2
