"""`plan`, `run`, `show` and `quarantine` as one story: what is said, in text and JSON, and how each command ends."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from deployments.embedded.stack import StackState
    from tests.flows.cli.conftest import Told

Call = Callable[..., "Told"]
STEPS = ["extract", "validate", "stage", "copy", "audit", "judge", "publish"]


def test_01_a_plan_changes_nothing(call: Call) -> None:
    told = call("plan")
    assert told.code == 0
    assert "run would load 3 windows: 2024-03-01 to 2024-03-03" in told.out
    assert call("plan").out == told.out
    assert call("show").out == "nothing was run yet; next: headgate plan\n"
    assert call("show", "nope").code == 2


def test_02_a_run_until_a_step_publishes_nothing(call: Call) -> None:
    told = call("run", "items", "--until", "validate", "--json")
    [run] = told.json["runs"]
    assert (told.code, run["status"], [step["name"] for step in run["steps"]]) == (0, "checked", STEPS[:2])
    assert call("plan", "items", "--json").json[0]["windows"][0]["rows"] is None


def test_03_a_run_tells_each_step_the_sum_and_rebuilds_what_depends_on_it(call: Call) -> None:
    told = call("run", "items")
    assert told.code == 0
    assert [line.split()[0] for line in told.out.splitlines()[1:8]] == STEPS
    assert "extracted 2 = published 2 + quarantined 0 + superseded 0" in told.out
    assert "analytics.totals" in told.out
    assert "2 batches published" in told.out


def test_03b_the_run_is_found_by_its_table_and_its_tasks_wait_for_no_slots(clients: StackState) -> None:
    """A tag on a task is a concurrency slot that Prefect asks for before it starts."""

    def found(what: str) -> list[dict[str, Any]]:
        asked = {"flow_runs": {"tags": {"all_": ["table:raw.items"]}}}
        name, _, password = str(clients.prefect_login).partition(":")
        answer = httpx.post(f"{clients.prefect_api_url}/{what}/filter", json=asked, auth=(name, password), timeout=60)
        return list(answer.raise_for_status().json())

    assert {run["name"] for run in found("flow_runs")} >= {"raw.items source"}
    deadline = time.monotonic() + 180
    # The server writes task runs down from events, after it has answered.
    while not {run["name"].split()[0] for run in found("task_runs")} >= set(STEPS):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert {tag for run in found("task_runs") for tag in run["tags"]} == set()


def test_04_the_same_source_again_is_nothing_to_do(call: Call) -> None:
    told = call("run", "items")
    assert told.code == 0
    assert "the source has what is published already; nothing to do" in told.out
    assert "0 batches published" in told.out


def test_05_rows_set_aside_are_a_warning_with_exit_code_3(call: Call, folder: Path) -> None:
    (folder / "items.csv").write_text("id,price\n1,1.50\n2.0,2.50\n3,9\n")
    told = call("run", "items", "--json")
    assert (told.code, told.json["exit_code"]) == (3, 3)
    item, total = told.json["runs"]
    assert (item["status"], item["counts"]["quarantined"], total["table"]) == ("warned", 1, "analytics.totals")
    assert [reason["code"] for reason in item["quarantine"]] == ["NOT-INTEGER"]


def test_06_the_rows_set_aside_can_be_looked_at(call: Call) -> None:
    [line] = call("quarantine", "list").out.splitlines()
    assert line.split()[:3] == ["raw.items", "NOT-INTEGER", "1"]
    assert "'2.0,2.50'" in call("quarantine", "show", "items").out
    [row] = call("quarantine", "show", "items", "--json").json
    assert (row["code"], row["column"], row["raw"]) == ("NOT-INTEGER", "id", "2.0,2.50")


def test_07_windows_stop_at_the_first_that_fails(call: Call) -> None:
    told = call("run", "visits")
    assert told.code == 1
    assert "[SOURCE-MISSING]" in told.out + told.err
    assert "2 batches published, 1 failed" in told.out
    assert "who must act: owner of the source" in told.out + told.err


def test_07b_errors_only_are_told_whole_and_a_summary_s_once(call: Call, folder: Path) -> None:
    told = call("-q", "run", "visits")
    assert (told.code, told.out) == (1, "")
    assert [told.err.count(words) for words in ("[SOURCE-MISSING]", "isn't there", "who must act", "next: ")] == [1] * 4
    summary = folder / "summaries" / "totals.sql"
    there = summary.read_text()
    rule = "{code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 0}, severity: critical}"
    summary.write_text(there.replace("inputs:", f"expectations: [{rule}]\ninputs:"))
    told = call("run", "totals")
    summary.write_text(there)
    assert told.code == 1
    assert told.err.splitlines()[0] == "failed analytics.totals [CHECK-FAILED]"
    assert (told.out.count("who must act"), told.err.count("who must act")) == (1, 0)
    record = call("show", "--limit", "1", "--table", "totals", "--json").json[0]
    [found] = [item for item in call("show", record["run_id"], "--json").json["rules"] if item["code"] == "FEW"]
    assert found["outcome"] == "fail", "the verdicts that stopped a build are kept with its run"
    plan = call("plan", "visits", "--json").json[0]
    assert [window["state"] for window in plan["windows"]] == ["loaded", "loaded", "failed"]


def test_08_a_failed_window_is_what_the_next_run_loads(call: Call, folder: Path) -> None:
    (folder / "visits-2024-03-03.csv").write_text("id,at\n7,2024-03-03 10:00:00\n")
    assert "run would load 1 window: 2024-03-03" in call("plan", "visits").out
    assert call("run", "visits").code == 0
    told = call("run", "visits")
    assert (told.code, "nothing to do (3 windows loaded" in told.out) == (0, True), told.out


def test_09_the_story_of_a_run_is_kept(call: Call) -> None:
    runs = call("show", "--table", "visits", "--json").json
    failed = next(run for run in runs if run["status"] == "failed")
    told = call("show", str(failed["run_id"]))
    assert (told.code, "[SOURCE-MISSING] at extract" in told.out) == (0, True), told.out
    assert re.search(r"next: .+", told.out)
    assert call("show", str(failed["run_id"]), "--json").json["failure"]["code"] == "SOURCE-MISSING"
    assert "RUN" not in told.out


MISUSES = [
    (("run", "itms"), "did you mean 'items'?"), (("run",), "Missing argument"), (("rnu",), "did you mean 'run'?"),
    (("run", "items", "--from", "2024-03-01"), "has no windows"), (("run", "visits", "--window", "2025-01-01"), "outside"),
    (("run", "visits", "--window", "soon"), "isn't a date or time"), (("show", "no-such-run"), "no run 'no-such-run' is known"),
    (("run", "visits", "--window", "2024-03-01", "--from", "2024-03-02"), "say one of them"),
    (("run", "visits", "--from", "2024-03-03", "--to", "2024-03-01"), "isn't before"), (("plan", "visit"), "did you mean"),
    (("run", "items", "--until", "nowhere"), "nowhere"), (("quarantine", "show", "itms"), "did you mean 'items'?"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), MISUSES)
def test_10_a_wrong_call_ends_with_2_and_says_why(call: Call, arguments: tuple[str, ...], words: str) -> None:
    told = call(*arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.err


def test_11_a_broken_declaration_is_told_before_anything_runs(call: Call, folder: Path) -> None:
    broken = folder / "tables" / "broken.yaml"
    broken.write_text("table: x\n")
    told = call("run", "items")
    broken.unlink()
    assert told.code == 2
    assert "broken.yaml:1: table: 'x' must be schema.table" in told.err


def test_check_live_tells_what_changed_at_the_source(call: Callable[..., Told], folder: Path) -> None:
    items = folder / "items.csv"
    before = items.read_text()
    items.write_text("id,price,remark\n1,1.50,x\n")
    assert "columns the contract doesn't name: remark (not loaded)" in call("check", "--live").out
    items.write_text("id,cost\n1,1.50\n")
    told = call("check", "--live")
    items.write_text(before)
    assert told.code == 1
    assert "column 'price' is missing (found 'cost': renamed? then declare `from: cost`)" in told.out
