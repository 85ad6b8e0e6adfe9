"""Resources of dlt, loaded like any source: their state is committed with the rows, wherever the process is killed."""

from __future__ import annotations

import signal
import textwrap
from typing import Any

import pytest

from deployments.errors import DeclarationError, HeadgateError, RetryableError
from flows.reconciling import Asked, windows_of
from flows.taking_back import roll_back
from tasks import switches
from tasks.warehouses.names import TableName, anew
from tasks.workbench import workbench
from tests.acceptance.modes.dlt_tracker import (
    POINTS,
    REST_API,
    TABLE,
    Tracker,
    declared,
    ids,
    load,
)


@pytest.mark.effect(
    "DltSource.kind", "DltSource.resource", "DltSource.arguments", "DltSource.secrets", "DltSource.fields"
)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_what_is_new_and_nothing_twice(team: Any, tracker: Tracker, mode: str) -> None:
    table = declared(team, tracker, mode)
    assert team.load(table).accounting == "extracted 100 = published 100 + quarantined 0 + superseded 0"
    first = [(*row[:1], str(row[1]), *row[2:]) for row in team.rows(table, "id, amount, mail, tags")[:2]]
    assert first == [
        (0, "0.1000000000", "p0@example.com", '["ü",0]'), (1, "1.1000000000", "p1@example.com", '["ü",1]'),
    ]  # fmt: skip
    assert team.load(table).status == "unchanged"
    tracker.add(7)
    assert team.load(table).accounting == "extracted 7 = published 7 + quarantined 0 + superseded 0"
    assert tracker.asked[-1].query["since"] == "2026-01-01T00:01:39Z"
    assert ids(team, table) == list(range(107))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_killed_anywhere_neither_loses_nor_doubles(team: Any, tracker: Tracker, mode: str) -> None:
    table = declared(team, tracker, mode)
    assert load(team, table) == 0
    expected = 100
    for at in POINTS:
        tracker.add(5)
        expected += 5
        assert load(team, table, at=at) == (-signal.SIGKILL if at else 0), f"{at} was not passed"
        assert ids(team, table) in (list(range(expected - 5)), list(range(expected))), at
        assert load(team, table) == 0
        assert ids(team, table) == list(range(expected)), at
    assert sum(row[3] for row in team.proofs(table)) == expected


def test_a_rollback_brings_the_state_before_back(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "append")
    team.load(table)
    tracker.add(5)
    wrong = team.load(table)
    assert wrong.counts["published"] == 5
    roll_back(workbench(), table, window=None, to=None, by="maria", reason="wrong")
    assert ids(team, table) == list(range(100))
    # The same again is held until the source has other rows, which begin where the publish before had ended.
    assert team.load(table).status == "held"
    tracker.add(1)
    assert team.load(table).counts["published"] == 6
    assert ids(team, table) == list(range(106))


def test_a_publish_that_came_between_is_no_double(team: Any, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that read its source before somebody took back what it had begun with isn't published."""
    table = declared(team, tracker, "append")
    team.load(table)
    tracker.add(5)
    team.load(table)
    tracker.add(5)
    real = switches.reached

    def between(point: str) -> None:
        if point == "judged":
            monkeypatch.setattr("tasks.judge.reached", real)
            roll_back(workbench(), table, window=None, to=None, by="maria", reason="wrong")

    monkeypatch.setattr("tasks.judge.reached", between)
    with pytest.raises(RetryableError) as raised:
        team.load(table)
    assert raised.value.code == "STATE-MOVED"
    assert ids(team, table) == list(range(100))
    assert team.load(table).counts["published"] == 10
    assert ids(team, table) == list(range(110))


def test_append_is_never_loaded_anew_and_merge_is(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "append")
    team.load(table)
    with pytest.raises(DeclarationError) as raised:
        team.load(table, reprocess=True)
    assert raised.value.code == "APPEND-AGAIN"
    with pytest.raises(DeclarationError) as compared:
        windows_of(workbench(), workbench().project.table(table), Asked(table), None)  # type: ignore[arg-type]
    # What loads all of it again is refused of a table that only grows: it is made anew.
    assert (compared.value.code, compared.value.next_command) == ("NOT-COMPARABLE", anew(TableName.parse(table)))
    table = declared(team, tracker, "merge")
    assert team.load(table, reprocess=True).counts["unchanged"] == 100
    with pytest.raises(DeclarationError) as compared:
        windows_of(workbench(), workbench().project.table(table), Asked(table), None)  # type: ignore[arg-type]
    assert compared.value.code == "NOT-COMPARABLE"
    assert str(compared.value.next_command).startswith(f"headgate run {table} --full-refresh")


def test_a_full_refresh_has_all_of_it_each_time(team: Any, tracker: Tracker) -> None:
    table = declared(team, tracker, "full_refresh")
    team.load(table)
    assert team.load(table).status == "unchanged"
    del tracker.rows[:10]
    assert team.load(table).counts["published"] == 90
    assert ids(team, table) == list(range(10, 100))


@pytest.mark.effect("DltSource.name")
def test_the_rest_api_of_dlt_itself(team: Any, tracker: Tracker) -> None:
    old = TABLE[TABLE.index("  resource:") : TABLE.index("  fields:")]
    table = declared(team, tracker, "merge", (old, REST_API.lstrip("\n")))
    assert team.load(table).counts["published"] == 100
    tracker.add(3)
    assert team.load(table).counts["extracted"] == 3
    with pytest.raises(DeclarationError, match=r"source\.name says which: other, issues"):
        team.load(declared(team, tracker, "merge", (old, REST_API.lstrip("\n").replace("  name: issues\n", ""))))


@pytest.mark.effect(
    "DltSource.timezone", "DltSource.on_missing", "DltSource.on_missing=empty", "DltSource.on_missing=fail"
)
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_windows_by_arguments(team: Any, tracker: Tracker) -> None:
    (team.folder / f"{team.schema}_days.py").write_text(
        textwrap.dedent("""
        def rows(since, until):
            yield from ([] if since.startswith("2026-01-03") else [{"id": 1, "at": since}, {"id": 2, "at": until}])
        """)
    )
    table = team.declare(
        "days",
        f"""
description: d
owner: a@example.com
source:
  kind: dlt
  resource: {team.schema}_days:rows
  arguments: {{since: "{{window.start}}", until: "{{window.last:%Y-%m-%dT%H:%M:%S%z}}"}}
  timezone: Asia/Seoul
  on_missing: empty
window: {{every: day, timezone: UTC, start: 2026-01-01}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamptz, nullable: false}}
load: {{mode: replace_window, window_column: at}}
""",
    )
    team.load(table, "2026-01-01")
    assert team.load(table, "2026-01-02").counts["published"] == 2
    assert team.load(table, "2026-01-02", reprocess=True).counts["published"] == 2
    assert team.load(table, "2026-01-03").counts["published"] == 0
    file = team.folder / "tables" / "days.yaml"
    file.write_text(file.read_text().replace("on_missing: empty", "on_missing: fail"))
    team.open()
    with pytest.raises(HeadgateError) as raised:
        team.load(table, "2026-01-03", reprocess=True)
    assert raised.value.code == "EMPTY-ANSWER"
    at = team.rows(table, "to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS')", "at")
    assert at == [("01-01 00:00:00",), ("01-01 23:59:59",), ("01-02 00:00:00",), ("01-02 23:59:59",)]
