"""`drift:` of a summary: a window unlike those before it is told or stopped, and published once its owner says it is meant."""

from __future__ import annotations

import random
from collections.abc import Callable
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
def test_a_window_unlike_those_before_it(house: Any, command: Callable[..., Any], shop: Callable[[str], str]) -> None:
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
