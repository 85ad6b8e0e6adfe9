"""Each option of the commands that load and decide, with and without it, on one small project: a story by numbers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tasks import switches
from tasks.deciding import named
from tests.flows.cli.conftest import of

if TYPE_CHECKING:
    from tests.flows.cli.conftest import Told

Call = Callable[..., "Told"]
STEPS = ["extract", "validate", "stage", "copy", "audit", "judge", "publish"]


def ask(statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(os.environ["HEADGATE_WAREHOUSE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def change(statement: str) -> None:
    with closing(psycopg2.connect(os.environ["HEADGATE_WAREHOUSE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


def ran(told: Told) -> list[tuple[str, str]]:
    """(table, window) of the runs that a command's JSON tells."""
    return [(run["table"], run["label"]) for run in told.json["runs"]]


def planned(call: Call, *arguments: str) -> list[str]:
    """Windows of visits that a run would load."""
    [plan] = call("plan", "visits", "--json", *arguments).json
    return [window["label"] for window in plan["windows"] if window["run"]]


def run_id(call: Call, *arguments: str) -> str:
    return str(call("show", "--json", "--limit", "1", *arguments).json[0]["run_id"])


DAYS = ["2024-03-01", "2024-03-02", "2024-03-03"]


@of("plan", "TABLES", "--window", "--from", "--to", "--json")
def test_01_what_is_planned(call: Call) -> None:
    assert [item["table"] for item in call("plan", "items", "--json").json] == ["raw.items"]
    assert len(call("plan", "--json").json) == 3
    assert planned(call) == DAYS
    assert planned(call, "--window", DAYS[1]) == DAYS[1:2]
    assert planned(call, "--from", DAYS[1]) == DAYS[1:]
    assert planned(call, "--to", DAYS[1]) == DAYS[:1]
    assert call("plan").out[0] != "["


@of("plan", "--source")
def test_01b_a_plan_that_looks_at_the_source(call: Call, folder: Path) -> None:
    file = folder / "items.csv"
    there = file.read_text()

    def source() -> dict[str, Any]:
        [item] = call("plan", "items", "--source", "--json").json
        return dict(item["source"])

    assert "source" not in call("plan", "items", "--json").json[0]
    assert (source()["ok"], source()["said"]) == (True, "as declared")
    file.write_text(there.replace("price", "prices", 1))
    told = call("plan", "items", "--source")
    assert told.code == 0
    assert "found 'prices': renamed?" in told.out
    assert f"next: {source()['next_command']}" in told.out
    file.unlink()
    assert source()["said"].startswith("not looked at: ")
    file.write_text(there)


@pytest.mark.parametrize(
    "step", [pytest.param(name, marks=of("run", "--until", f"--until={name}")) for name in STEPS[:-1]]
)
def test_02_a_run_ends_after_the_step_that_was_named(call: Call, step: str) -> None:
    [run] = call("run", "items", "--until", step, "--json").json["runs"]
    assert [item["name"] for item in run["steps"]] == STEPS[: STEPS.index(step) + 1]
    assert ask("SELECT to_regclass('raw.items')") == [(None,)]


@of("run", "TABLES", "--until=publish", "--no-dependents", "--full-refresh", "--json")
def test_03_what_a_run_loads(call: Call) -> None:
    assert ran(call("run", "items", "--until", "publish", "--no-dependents", "--json")) == [("raw.items", "source")]
    assert [name for name, _ in ran(call("run", "totals", "--json"))] == ["analytics.totals"]
    [again] = call("run", "items", "--no-dependents", "--json").json["runs"]
    assert again["status"] == "unchanged"
    assert [run["status"] for run in call("run", "items", "--full-refresh", "--json").json["runs"]] == ["published"] * 2
    assert call("run", "items").out[0] != "{"


@of("run", "--window", "--from", "--to")
@of("plan", "--full-refresh", "--reprocess", "--reprocess=none", "--reprocess=failed", "--reprocess=all")
def test_04_windows(call: Call) -> None:
    assert ran(call("run", "visits", "--window", DAYS[1], "--json")) == [("raw.visits", DAYS[1])]
    assert ran(call("run", "visits", "--from", DAYS[0], "--to", DAYS[1], "--json")) == [("raw.visits", DAYS[0])]
    assert call("run", "visits", "--from", DAYS[2]).code == 1, "there is no file of that day yet"
    assert planned(call, "--full-refresh") == DAYS
    assert planned(call, "--reprocess", "none") == []
    assert planned(call, "--reprocess", "failed") == DAYS[2:]
    assert planned(call, "--reprocess", "all") == DAYS


@of(
    "backfill",
    "TABLES",
    "--plan",
    "--reprocess",
    "--reprocess=none",
    "--reprocess=failed",
    "--reprocess=all",
    "--from",
    "--to",
)
@of("backfill", "--json")
def test_05_a_backfill(call: Call, folder: Path) -> None:
    def loads(*options: str) -> list[str]:
        found = call("backfill", "visits", "--plan", "--json", *options).json
        return [window["label"] for window in found["windows"] if window["run"]]

    runs = len(call("show", "--json").json)
    assert loads() == loads("--reprocess", "failed") == DAYS[2:]
    assert loads("--reprocess", "none") == []
    assert loads("--reprocess", "all") == DAYS
    assert loads("--reprocess", "all", "--from", DAYS[1]) == DAYS[1:]
    assert loads("--reprocess", "all", "--to", DAYS[1]) == DAYS[:1]
    assert [window["label"] for window in call("backfill", "raw.*", "--plan", "--json").json["windows"]] == DAYS
    assert "[NO-WINDOWS]" in call("backfill", "visits", "items").err
    assert len(call("show", "--json").json) == runs, "neither a plan nor a refusal loads anything"
    (folder / "visits-2024-03-03.csv").write_text("id,at\n7,2024-03-03 10:00:00\n")
    done = call("backfill", "visits", "--json")
    assert [item["window"] for item in done.json["published"]] == DAYS[2:], done


@of("backfill", "--parallel")
def test_05b_as_many_windows_at_a_time_as_were_asked_for(call: Call) -> None:
    def most(parallel: str, patience: float) -> int:
        meeting, here, seen = threading.Condition(), [0], [0]

        def meet(point: str) -> None:
            if point == "candidate-made":
                with meeting:
                    here[0] += 1
                    seen[0] = max(seen[0], here[0])
                    meeting.notify_all()
                    meeting.wait_for(lambda: seen[0] > 1, patience)
                    here[0] -= 1

        switches.at_points(meet)
        try:
            assert call("backfill", "visits", "--reprocess", "all", "--parallel", parallel).code == 0
        finally:
            switches.at_points(lambda _: None)
        return seen[0]

    assert most("1", 0.3) == 1
    assert most("3", 60) > 1


@of("show", "RUN", "--table", "--status", "--since", "--limit", "--json")
def test_06_runs_that_are_shown(call: Call) -> None:
    everything = call("show", "--json", "--limit", "100").json
    assert {run["target"] for run in everything} == {"raw.items", "raw.visits", "analytics.totals"}
    assert {run["target"] for run in call("show", "--json", "--table", "visits").json} == {"raw.visits"}
    assert {run["status"] for run in call("show", "--json", "--status", "failed").json} == {"failed"}
    for meant, status in (("warning", "warned"), ("faild", "failed"), ("ok", "published")):
        assert f"did you mean '{status}'?" in call("show", "--status", meant).err
    assert call("show", "--json", "--since", "2999-01-01").json == []
    assert len(call("show", "--json", "--limit", "2").json) == 2
    assert call("show", run_id(call), "--json").json["run_id"] == run_id(call)


@of("quarantine list", "TABLES", "--json")
@of("quarantine show", "TABLE", "--code", "--window", "--limit", "--csv", "--json")
def test_07_rows_set_aside(call: Call, folder: Path) -> None:
    (folder / "items.csv").write_text("id,price\n1,1.50\n2.0,2\n3.0,3\n4,x\n5,5\n6,6\n")
    (folder / "visits-2024-03-01.csv").write_text("id,at\n7,2024-03-01 10:00:00\n8,2024-03-09 10:00:00\n")
    declared = folder / "tables" / "visits.yaml"
    declared.write_text(declared.read_text().replace("window_column: at", "window_column: at, tolerance: 60%"))
    assert call("run", "items").code == 3
    assert call("run", "visits", "--window", DAYS[0]).code == 3

    def listed(*tables: str) -> set[tuple[str, str]]:
        return {(item["table"], item["code"]) for item in call("quarantine", "list", *tables, "--json").json}

    items = {("raw.items", "NOT-INTEGER"), ("raw.items", "NOT-DECIMAL")}
    assert listed() == {*items, ("raw.visits", "OUT-OF-WINDOW")}
    assert listed("items") == items
    assert [row["raw"] for row in call("quarantine", "show", "visits", "--json").json] == ["8,2024-03-09 10:00:00"]
    assert len(call("quarantine", "show", "items", "--json").json) == 3
    assert [row["raw"] for row in call("quarantine", "show", "items", "--code", "NOT-DECIMAL", "--json").json] == [
        "4,x"
    ]
    assert len(call("quarantine", "show", "items", "--limit", "2", "--json").json) == 2
    assert call("quarantine", "show", "visits", "--window", DAYS[1], "--json").json == []
    assert len(call("quarantine", "show", "visits", "--window", DAYS[0], "--json").json) == 1
    listed_rows = call("quarantine", "show", "items", "--code", "NOT-DECIMAL", "--csv").out.splitlines()
    assert listed_rows == ["window,row,code,column,raw", 'source,4,NOT-DECIMAL,price,"4,x"']


@of("quarantine replay", "TABLE", "--code", "--window", "--no-dependents", "--json")
def test_08_rows_are_replayed(call: Call, folder: Path) -> None:
    def replayed(*options: str) -> list[str]:
        return [name for name, _ in ran(call("quarantine", "replay", *options, "--json"))]

    assert replayed("visits", "--window", DAYS[1]) == []
    assert replayed("items", "--code", "NOT-NULL") == []
    assert replayed("items", "--code", "NOT-DECIMAL", "--no-dependents") == ["raw.items"]
    declared = folder / "tables" / "items.yaml"
    declared.write_text(
        declared.read_text().replace("{name: id, type: integer", "{name: id, type: integer, cast: whole_number")
    )
    assert replayed("items", "--code", "NOT-INTEGER") == ["raw.items", "analytics.totals"]
    assert replayed("visits") == ["raw.visits"]


@of("quarantine discard", "TABLE", "--code", "--window", "--reason", "--by", "--json")
def test_09_rows_are_given_up(call: Call) -> None:
    def given_up(*arguments: str) -> int:
        return int(
            call("quarantine", "discard", *arguments, "--reason", "of a test", "--by", "ana", "--json").json[
                "discarded"
            ]
        )

    assert given_up("items", "--code", "NOT-NULL") == 0
    assert given_up("visits", "--code", "OUT-OF-WINDOW", "--window", DAYS[1]) == 0
    assert given_up("visits", "--code", "OUT-OF-WINDOW", "--window", DAYS[0]) == 1
    assert given_up("items", "--code", "NOT-DECIMAL") == 1
    assert set(ask("SELECT decided_by, reason FROM ops.decision WHERE kind = 'discard'")) == {
        (named("ana"), "of a test")
    }


@of("rollback", "TABLE", "--window", "--to", "--reason", "--by", "--no-dependents", "--json")
def test_10_what_is_taken_back(call: Call, folder: Path) -> None:
    (folder / "visits-2024-03-02.csv").write_text("id,at\n8,2024-03-02 10:00:00\n")
    for day in DAYS[1:]:
        assert call("run", "visits", "--window", day).code == 0
    one = call("rollback", "visits", "--window", DAYS[1], "--reason", "of a test", "--by", "ana", "--json").json
    assert [run[:6] for run in one["undone"]] == ["visits"]
    several = call("rollback", "raw.*", "--reason", "of a test")
    assert (several.code, "[ROLLBACK-ONE]" in several.err) == (2, True)
    assert "next: headgate show --table raw.items --table raw.visits " in several.err
    assert ask("SELECT id FROM raw.visits WHERE at::date = '2024-03-02'") == [(7,)], "what was there before"
    assert ask("SELECT decided_by, reason FROM ops.decision WHERE kind = 'rollback'") == [(named("ana"), "of a test")]
    assert call("rollback", "items", "--reason", "x", "--no-dependents", "--json").json["rebuilt"] is False
    runs = []
    for count in (3, 4, 5):
        (folder / "items.csv").write_text("id,price\n" + "".join(f"{number},1\n" for number in range(count)))
        assert call("run", "items").code in (0, 3)
        runs.append(run_id(call, "--table", "items"))
    back = call("rollback", "items", "--to", runs[0], "--json").json
    assert (back["undone"], back["rebuilt"]) == ([runs[2], runs[1]], True)


@of("pause", "TABLES", "--all", "--until", "--reason", "--by", "--json")
@of("resume", "TABLES", "--all", "--reason", "--by", "--json")
def test_11_pauses(call: Call) -> None:
    def paused() -> dict[str, str]:
        return {plan["table"]: plan["paused"] for plan in call("plan", "--json").json if plan["paused"]}

    why = ("--reason", "of a test", "--by", "ana")
    told = call("pause", "visits", "--until", "2999-12-31", *why, "--json").json
    assert (told["paused"], told["until"][:10]) == (["raw.visits"], "2999-12-31")
    assert list(paused()) == ["raw.visits"]
    assert all(word in paused()["raw.visits"] for word in ("ana", "of a test", "2999-12-31"))
    assert call("resume", "visits", *why, "--json").json["resumed"] == ["raw.visits"]
    assert paused() == {}
    assert call("pause", "--all", "--until", "1h", *why, "--json").json["paused"] == ["all"]
    assert len(paused()) == 3
    assert call("resume", "--all", "--json").json["resumed"] == ["all"]
    found = set(ask("SELECT target, decided_by, reason FROM ops.decision WHERE kind = 'resume' AND target <> '*'"))
    assert found == {("raw.visits", named("ana"), "of a test")}


@of("retry", "RUN", "--no-dependents", "--json")
@of("publish", "RUN", "--override", "--reason", "--expires", "--by", "--no-dependents", "--json")
def test_12_failed_runs(call: Call, folder: Path) -> None:
    def failed() -> str:
        (folder / "items.csv").write_text("id,price\n1,1\n2,1\n3,x\n4,x\n5,x\n")
        assert call("run", "items").code == 1
        return run_id(call, "--table", "items", "--status", "failed")

    run = failed()
    (folder / "items.csv").write_text("id,price\n1,8\n2,8\n3,8\n")
    told = call("retry", run, "--no-dependents", "--json")
    assert ran(told) == [("raw.items", "source")], told
    assert call("publish", run, "--override", "TOLERANCE", "--reason", "r", "--expires", "1h").code == 2, (
        "published since"
    )
    why = ("--reason", "of a test", "--by", "ana", "--expires", "2999-12-31", "--no-dependents", "--json")
    run = failed()
    assert call("publish", run, "--override", "DRIFT", *why).code == 2, "another code than it failed on"
    told = call("publish", run, "--override", "TOLERANCE", *why)
    assert [item["table"] for item in told.json] == ["raw.items"], told
    [(by, reason, expires)] = ask("SELECT decided_by, reason, expires_at FROM ops.decision WHERE kind = 'override' "
                                  f"AND run_id = '{run}'")  # fmt: skip
    assert (by, reason, expires.year) == (named("ana"), "of a test", 2999)


@of("repair", "TABLES", "--plan", "--lost", "--json")
def test_13_books(call: Call) -> None:
    change("DELETE FROM ops.ledger WHERE target = 'raw.visits'")
    assert call("repair", "items", "--json").json["gaps"] == []
    told = call("repair", "visits", "--plan", "--json").json
    assert told["repaired"] is False
    assert told["gaps"]
    assert call("repair", "visits", "--json").json["gaps"] == told["gaps"], "the plan entered nothing"
    assert call("repair", "visits", "--json").json["gaps"] == []
    change("DROP TABLE raw.visits")
    assert call("repair", "visits", "--json").json["lost"] == []
    assert call("repair", "visits", "--lost", "--json").json["lost"]
    assert planned(call) == DAYS


@of("clean", "TABLES", "--plan", "--json")
def test_14_leftovers(call: Call) -> None:
    def found(*arguments: str) -> list[str]:
        return [item["name"] for item in call("clean", "--json", *arguments).json["leftovers"]]

    change("UPDATE quarantine.raw__items SET quarantined_at = '2000-01-01'")
    assert "raw.items" not in str(found("visits"))
    left = found("items", "--plan")
    assert left
    assert (found("items"), found("items")) == (left, []), "the plan removed nothing"
