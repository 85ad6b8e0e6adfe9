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


def decided(house: Any) -> list[tuple[str, str]]:
    return list(house.place.ask("SELECT kind, target FROM ops.decision ORDER BY sequence"))


def test_resume_of_what_is_not_paused_says_so_and_writes_nothing(house: Any, command: Callable[..., Any]) -> None:
    table, other = declared(house), str(house.declare("others", TABLE))
    command("resume", "--all")
    before = decided(house)
    told = command("resume", table)
    assert (told.code, f"not paused: {table}; nothing was changed" in told.out, "resumed" in told.out) == (
        0,
        True,
        False,
    )
    assert "nothing was paused" in command("resume", "--all").out
    for names in ((table,), ("--all",)):
        said = command("resume", *names, "--json").json
        assert (said["resumed"], said["not_paused"]) == ([], [name.removeprefix("--") for name in names])
    assert decided(house) == before
    # Of two the one that is: by its own pause, and by one of all.
    command("pause", table, "--until", "1d", "--reason", "move")
    said = command("resume", table, other, "--json").json
    assert (said["resumed"], said["not_paused"]) == ([table], [other])
    command("pause", "--all", "--until", "1d", "--reason", "move")
    assert "resumed: " in command("resume", other).out
    assert command("resume", "--all", "--json").json["resumed"] == ["all"], "the others are paused still"
    command("pause", table, "--until", "1d", "--reason", "move")
    assert command("resume", "--all", "--json").json["resumed"] == ["all"], "a pause of a table ends with all"


@pytest.mark.parametrize("what", ["orders", "--all"])
def test_the_same_pause_again_says_so(house: Any, command: Callable[..., Any], what: str) -> None:
    declared(house)
    command("resume", "--all")
    pause = ("pause", what, "--until", "2999-12-31", "--reason", "move", "--by", "ana")
    assert command(*pause, "--json").json["paused_already"] == []
    before = decided(house)
    told = command(*pause)
    assert ("nothing was changed" in told.out, "paused until 2999" in told.out) == (True, False)
    assert command(*pause, "--json").json["paused"] == []
    assert decided(house) == before
    # Another end, reason or name is another word.
    for given in (("--until", "2998-12-31"), ("--reason", "a fire"), ("--by", "bo")):
        assert command(*pause, *given, "--json").json["paused_already"] == []
    command("resume", "--all")
