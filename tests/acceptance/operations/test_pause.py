"""A pause keeps plan and run off a table until it ends; one batch can still be loaded by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tasks.deciding import named

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-03}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: append}
"""


def declared(house: Any) -> str:
    house.source("orders-01.csv", "id\n1\n")
    return str(house.declare("orders", TABLE))


def test_pause_and_resume(house: Any, command: Callable[..., Any]) -> None:
    table = declared(house)
    assert command("run", table).code == 1, "the second day isn't there"
    house.source("orders-02.csv", "id\n2\n")
    assert command("pause", table, "--until", "2h", "--reason", "the source is rebuilt", "--by", "maria").code == 0
    assert f"by {named('maria')}: the source is rebuilt; run leaves it alone" in command("plan", table).out
    told = command("run", table)
    assert (told.code, "nothing is loaded" in told.out) == (0, True)
    assert len(house.rows(table)) == 1
    # A batch that somebody asks for by name is loaded all the same.
    ((failed,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND status = 'failed'", (table,))
    assert command("retry", failed).code == 0
    assert len(house.rows(table)) == 2
    command("resume", table, "--by", "jonas")
    assert "paused" not in command("plan", table).out


def test_the_newest_word_wins(house: Any, command: Callable[..., Any]) -> None:
    table = declared(house)
    command("pause", "--all", "--until", "1d", "--reason", "move")
    assert "paused" in command("plan", table).out
    command("resume", table)
    assert "paused" not in command("plan", table).out
    command("pause", table, "--until", "1d", "--reason", "again")
    command("resume", "--all")
    assert "paused" not in command("plan", table).out


def test_a_pause_ends_by_itself(house: Any, command: Callable[..., Any], by_hand: Callable[..., Any]) -> None:
    table = declared(house)
    command("pause", table, "--until", "1d", "--reason", "move")
    by_hand("UPDATE ops.decision SET expires_at = '2020-01-01' WHERE target = %s", (table,))
    assert command("plan", table, "--json").json[0]["paused"] is None


@pytest.mark.effect("Input.table", "Summary.inputs")
def test_a_paused_summary_is_not_built(house: Any, command: Callable[..., Any]) -> None:
    table = declared(house)
    house.source("orders-02.csv", "id\n2\n")
    (house.folder / "summaries").mkdir()
    (house.folder / "summaries" / "s.sql").write_text(
        f"/*\ntarget: {house.schema}.s\ndescription: d\nowner: o\ninputs: [{{table: {table}}}]\n*/\nSELECT id FROM {table}\n"
    )
    command("pause", f"{house.schema}.s", "--until", "1d", "--reason", "move")
    done = command("run", table, "--json")
    assert [item["table"] for item in done.json["skipped"]] == [f"{house.schema}.s"]
    assert done.code == 0


def test_a_pause_of_all_does_not_end_a_longer_one_of_a_table(
    house: Any, command: Callable[..., Any], by_hand: Callable[..., Any]
) -> None:
    table = declared(house)
    command("pause", table, "--until", "2d", "--reason", "the source is rebuilt")
    command("pause", "--all", "--until", "1h", "--reason", "a short break")
    assert "the source is rebuilt" in command("plan", table).out
    by_hand("UPDATE ops.decision SET expires_at = '2020-01-01' WHERE target = '*'")
    assert "the source is rebuilt" in command("plan", table).out
    command("resume", "--all")
    assert "paused" not in command("plan", table).out


def test_resume_ends_a_pause_of_a_machine_whose_clock_is_ahead(
    house: Any, command: Callable[..., Any], by_hand: Callable[..., Any]
) -> None:
    table = declared(house)
    command("pause", table, "--until", "2d", "--reason", "move")
    by_hand("UPDATE ops.decision SET decided_at = decided_at + interval '1 day' WHERE target = %s", (table,))
    command("resume", table)
    assert "paused" not in command("plan", table).out
    # And a pause after it holds again.
    command("pause", table, "--until", "3d", "--reason", "once more")
    assert "once more" in command("plan", table).out
