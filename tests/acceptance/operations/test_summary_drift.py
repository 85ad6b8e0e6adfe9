"""`drift:` of a summary: a window unlike those before it is told or stopped, and published once its owner says it is meant."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from flows.forms import accept_drift

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/{window.start:%Y-%m-%d}.csv"}
window: {every: day, timezone: UTC, start: 2024-01-01, end: 2024-01-11}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: amount, type: integer, nullable: false}
key: [id]
load: {mode: replace_window, window_column: at}
"""
SUMMARY = """/*
target: {schema}.paid
description: Orders with their price in cents.
owner: a@example.com
mode: window
window: {every: day, timezone: UTC, start: 2024-01-01, end: 2024-01-11}
window_column: day
inputs: [{table: {schema}.orders}]
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: cents, type: bigint, nullable: false}
DRIFT
*/
SELECT id, CAST(at AS date) AS day, 100 * amount AS cents
FROM {schema}.orders
WHERE at >= {window.start} AND at < {window.end}
"""
LAST = "2024-01-10"


@pytest.fixture
def shop(house: Any) -> Callable[[str], str]:
    """Nine days alike, and one on which everything costs fifty times as much; the summary with this `drift`."""
    (house.folder / "summaries").mkdir()
    dice = random.Random(7)
    for number in range(10):
        day, times = f"2024-01-{number + 1:02}", 50 if number == 9 else 1
        rows = "".join(
            f"{1000 * number + n},{day} 0{n % 10}:00:00,{times * dice.randint(80, 120)}\n" for n in range(300)
        )
        house.source(f"{day}.csv", f"id,at,amount\n{rows}")

    def write(drift: str) -> str:
        text = SUMMARY.replace("DRIFT\n", drift).replace("{schema}", house.schema)
        (house.folder / "summaries" / "paid.sql").write_text(text)
        house.declare("orders", TABLE)
        return f"{house.schema}.paid"

    return write


@pytest.mark.effect("Summary.drift")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sampled", [100_000, 100], ids=["few rows", "many rows"])
def test_a_window_unlike_those_before_it(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, sampled: int
) -> None:
    monkeypatch.setattr(import_module("expectations.profile.measure"), "SAMPLED", sampled)
    name = shop("drift: {policy: stop}\n")
    orders = f"{house.schema}.orders"
    command("run", orders, "--no-dependents")
    told = command("run", name, "--json").json
    assert [(item["window"], item["error"]["code"]) for item in told["failures"]] == [(LAST, "DRIFT")]
    assert "cents" in told["failures"][0]["error"]["message"]
    assert len(house.rows(name)) == 9 * 300
    run = next(item["run_id"] for item in told["runs"] if item["status"] == "failed")
    assert "cents" in command("drift", "explain", run).out
    # By the form of Prefect's page, which takes summaries, too.
    state = accept_drift.fn(name, by="owner", reason="prices are new", run=run)
    assert state.message.startswith(f"{name}: accepted: "), state
    told = command("run", name)
    assert told.code in (0, 3), told.out
    assert len(house.rows(name)) == 10 * 300


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_it_is_published_although_it_differs(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str]
) -> None:
    """The command that `headgate show` prints is the one that works."""
    name = shop("drift: {policy: stop}\n")
    command("run", f"{house.schema}.orders", "--no-dependents")
    told = command("run", name, "--json").json
    run = next(item["run_id"] for item in told["runs"] if item["status"] == "failed")
    printed = next(line for line in command("show", run).out.splitlines() if "--override" in line)
    words = shlex.split(printed.partition("next: headgate ")[2].partition("   (")[0])
    assert words[:4] == ["publish", run, "--override", "DRIFT"]
    assert [rows for rows in house.rows(name) if str(rows[1]) == LAST] == []
    (record,) = command(*words, "--by", "maria", "--json").json
    assert (record["label"], record["status"], len(house.rows(name))) == (LAST, "warned", 10 * 300)
    assert "DRIFT overridden by maria" in command("show", record["run_id"]).out
    assert "nothing to do" in command("retry", run).out


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_window_that_failed_is_tried_again(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str]
) -> None:
    name = shop("drift: {policy: stop}\n")
    command("run", f"{house.schema}.orders", "--no-dependents")
    told = command("run", name, "--json").json
    run = next(item["run_id"] for item in told["runs"] if item["status"] == "failed")
    shop("")
    assert command("retry", run).code == 0
    assert len(house.rows(name)) == 10 * 300


WHOLE = """/*
target: {schema}.by_price
description: How many orders there are of each price.
owner: a@example.com
inputs: [{table: {schema}.orders}]
drift: {policy: stop, ignore: [IGNORED]}
pii: {note: hide}
*/
SELECT amount, COUNT(*) AS orders, AVG(amount) OVER () * 2.5 AS twice, 'n' || amount AS note
FROM {schema}.orders
GROUP BY amount
"""


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_summary_without_a_contract_is_judged_by_what_the_warehouse_made(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    shop("")
    (house.folder / "summaries" / "paid.sql").unlink()
    file = house.folder / "summaries" / "by_price.sql"
    file.write_text(WHOLE.replace("{schema}", house.schema).replace("IGNORED", "ordres"))
    assert "did you mean 'orders'" in command("check").out
    file.write_text(WHOLE.replace("{schema}", house.schema).replace("IGNORED", "twice"))
    house.open()
    name, orders = f"{house.schema}.by_price", f"{house.schema}.orders"
    for number in range(9):
        command("run", orders, "--window", f"2024-01-0{number + 1}", "--no-dependents")
        assert command("run", name).code == 0
    before = house.rows(name)
    command("run", orders, "--window", LAST, "--no-dependents")
    told = command("run", name, "--json").json
    assert [item["error"]["code"] for item in told["failures"]] == ["DRIFT"]
    (run,) = [item["run_id"] for item in told["runs"]]
    assert house.rows(name) == before
    said = command("drift", "explain", run).out
    assert "amount" in said
    assert ("twice" not in said, "n80" not in said, "n4000" not in said) == (True, True, True)
    assert command("drift", "accept", run, "--reason", "prices are new").code in (0, 3)
    assert command("retry", run).code in (0, 3)
    assert len(house.rows(name)) > len(before)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_it_is_told_and_published_unless_it_is_to_stop(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str]
) -> None:
    name = shop("drift: {policy: warn}\n")
    command("run", f"{house.schema}.orders", "--no-dependents")
    told = command("run", name, "--json").json
    by_window = {run["label"]: run for run in told["runs"]}
    assert (len(by_window), by_window[LAST]["status"], told["exit_code"]) == (10, "warned", 3)
    assert {alert["column"] for alert in by_window[LAST]["drift"]["alerts"]} >= {"cents"}
    assert by_window["2024-01-09"]["drift"]["alerts"] == []


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_columns_are_left_out_and_nothing_is_judged_without_it(
    house: Any, command: Callable[..., Any], shop: Callable[[str], str]
) -> None:
    name = shop("")
    command("run", f"{house.schema}.orders", "--no-dependents")
    assert {run["drift"] is None for run in command("run", name, "--json").json["runs"]} == {True}
    shop("drift: {policy: stop, ignore: [cents]}\n")
    told = command("run", name, "--full-refresh", "--json").json
    assert (told["failures"], len(told["runs"])) == ([], 10)
