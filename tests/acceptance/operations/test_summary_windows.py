"""Summaries that are built window by window: each exactly once, again when an input's window is, and back when asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/{window.start:%Y-%m-%d}.csv", on_missing: empty}
window: {every: day, timezone: UTC, start: 2024-01-01, end: 2024-01-04}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
  - {name: amount, type: integer}
key: [id]
load: {mode: replace_window, window_column: at}
"""
CITIES = """
description: Names.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/names.csv"}
columns: [{name: id, type: bigint}]
load: {mode: full_refresh}
"""
SUMMARY = """/*
target: {schema}.per_day
description: Orders per day.
owner: a@example.com
mode: window
window: {every: day, timezone: UTC, start: 2024-01-01, end: 2024-01-04}
window_column: day
inputs:
  - table: {schema}.orders
    checks:
      - code: SOME
        sql: SELECT COUNT(*) FROM {schema}.orders WHERE at >= {window.start} AND at < {window.end}
        at_least: LEAST
  - table: {schema}.names
columns:
  - {name: day, type: date, nullable: false}
  - {name: orders, type: integer}
  - {name: amount, type: bigint}
key: [day]
*/
SELECT CAST({window.start} AS date) AS day, COUNT(*) AS orders, SUM(amount) AS amount
FROM {schema}.orders
WHERE at >= {window.start} AND at < {window.end}
"""


def as_merge(text: str) -> str:
    return text.replace("mode: window", "mode: merge").replace("window_column: day\n", "")


@pytest.fixture
def shop(house: Any) -> Any:
    (house.folder / "summaries").mkdir()
    for number, day in enumerate(DAYS):
        rows = "".join(f"{10 * number + n},{day} 0{n}:00:00,{n}\n" for n in range(1, 4))
        house.source(f"{day}.csv", f"id,at,amount\n{rows}")
    house.source("names.csv", "id\n1\n")
    house.declare("orders", TABLE)
    house.declare("names", CITIES)

    def write(change: Callable[[str], str] = str, least: int = 0) -> str:
        text = change(SUMMARY).replace("{schema}", house.schema).replace("LEAST", str(least))
        (house.folder / "summaries" / "per_day.sql").write_text(text)
        house.open()
        return f"{house.schema}.per_day"

    house.write_summary = write
    return house


def states(command: Callable[..., Any], name: str) -> dict[str, str]:
    (plan,) = command("plan", name, "--json").json
    return {window["label"]: window["state"] for window in plan["windows"]}


def live(house: Any) -> list[tuple[Any, ...]]:
    return sorted((str(day), orders, amount) for day, orders, amount in house.rows(f"{house.schema}.per_day"))


ALL = [(day, 3, 6) for day in DAYS]


@pytest.mark.effect(
    "Summary.mode", "Summary.mode=window", "Summary.mode=merge", "Summary.mode=rebuild", "Summary.window",
    "Summary.window_column",
)  # fmt: skip
@pytest.mark.parametrize("change", [str, as_merge], ids=["window", "merge"])
def test_windows_are_built_once_and_again_when_an_input_is(
    shop: Any, command: Callable[..., Any], change: Callable[[str], str]
) -> None:
    name, orders = shop.write_summary(change), f"{shop.schema}.orders"
    assert command("run", f"{shop.schema}.names").code == 0
    assert set(states(command, name).values()) == {"waits"}
    assert command("run", orders, "--to", "2024-01-03").code == 0
    assert states(command, name) == {"2024-01-01": "loaded", "2024-01-02": "loaded", "2024-01-03": "waits"}
    assert live(shop) == ALL[:2]
    assert command("run", orders).code == 0
    assert live(shop) == ALL
    # Nothing to do, however often.
    told = command("run", name, "--json").json
    assert told["runs"] == []
    # One window of the input again: that of the summary is stale, no other.
    shop.source("2024-01-02.csv", "id,at,amount\n11,2024-01-02 01:00:00,100\n")
    assert command("run", orders, "--window", "2024-01-02", "--no-dependents").code == 0
    assert states(command, name) == {"2024-01-01": "loaded", "2024-01-02": "stale", "2024-01-03": "loaded"}
    told = command("run", name, "--json").json
    assert [(run["label"], run["status"]) for run in told["runs"]] == [("2024-01-02", "published")]
    assert live(shop) == [ALL[0], ("2024-01-02", 1, 100), ALL[2]]
    # A table that is read as a whole makes none of them stale.
    shop.source("names.csv", "id\n1\n2\n")
    assert command("run", f"{shop.schema}.names").code == 0
    assert set(states(command, name).values()) == {"loaded"}


@pytest.mark.parametrize("change", [str, as_merge], ids=["window", "merge"])
def test_a_window_is_taken_back(shop: Any, command: Callable[..., Any], change: Callable[[str], str]) -> None:
    name, orders = shop.write_summary(change), f"{shop.schema}.orders"
    assert command("run", orders, f"{shop.schema}.names").code == 0
    shop.source("2024-01-03.csv", "id,at,amount\n21,2024-01-03 01:00:00,7\n")
    assert command("run", orders, "--window", "2024-01-03").code == 0
    assert live(shop)[2] == ("2024-01-03", 1, 7)
    assert command("rollback", name, "--window", "2024-01-03", "--reason", "wrong", "--no-dependents").code == 0
    assert live(shop) == ALL
    # What was rolled back isn't built again by itself.
    assert states(command, name)["2024-01-03"] == "undone"
    assert command("run", name, "--json").json["runs"] == []
    assert command("run", name, "--window", "2024-01-03").code == 0
    assert live(shop)[2] == ("2024-01-03", 1, 7)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_check_that_fails_leaves_its_window_and_those_after_it(shop: Any, command: Callable[..., Any]) -> None:
    name = shop.write_summary(least=2)
    shop.source("2024-01-02.csv", "id,at,amount\n11,2024-01-02 01:00:00,100\n")
    told = command("run", f"{shop.schema}.orders", f"{shop.schema}.names", "--json").json
    assert [(item["table"], item["window"]) for item in told["failures"]] == [(name, "2024-01-02")]
    assert [(item["table"], item["window"]) for item in told["skipped"]] == [(name, "2024-01-03")]
    assert live(shop) == ALL[:1]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_rows_outside_of_the_window_are_not_published(shop: Any, command: Callable[..., Any]) -> None:
    shop.write_summary(lambda text: text.replace("CAST({window.start} AS date)", "CAST({window.end} AS date)"))
    told = command("run", f"{shop.schema}.orders", f"{shop.schema}.names")
    assert (told.code, "day lies outside of the window: 1" in told.out) == (1, True), told.out


@pytest.mark.effect("headgate summary try --window")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_window_is_tried(shop: Any, command: Callable[..., Any]) -> None:
    name = shop.write_summary()
    assert command("run", f"{shop.schema}.orders", f"{shop.schema}.names", "--no-dependents").code == 0
    assert "2024-01-03  3" in command("summary", "try", name).out
    assert "2024-01-01  3" in command("summary", "try", name, "--window", "2024-01-01").out
    assert "isn't" in str(command("summary", "try", name, "--window", "soon").error)


@pytest.mark.effect("Case.window")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_cases_name_their_window(shop: Any, command: Callable[..., Any]) -> None:
    shop.write_summary()
    file = shop.folder / "summaries" / "per_day.test.yaml"
    case = "tests:\n  - name: the day's own orders\n    WINDOW\n    given:\n      {schema}.orders:\n" \
        "        - {id: 1, at: '2024-01-01 23:59:59', amount: 1}\n        - {id: 2, at: '2024-01-02 00:00:00', amount: 2}\n" \
        "    expect: [{day: 2024-01-02, amount: 2}]\n"  # fmt: skip
    file.write_text(case.replace("{schema}", shop.schema).replace("WINDOW", 'window: "2024-01-02"'))
    assert command("summary", "test").code == 0
    file.write_text(case.replace("{schema}", shop.schema).replace("WINDOW", 'window: "2024-01-01"'))
    assert command("summary", "test").code == 1
    file.write_text(case.replace("{schema}", shop.schema).replace("    WINDOW\n", ""))
    assert "says no window" in str(command("summary", "test").error)


@pytest.mark.effect("Summary.before_publish", "Summary.after_publish")
def test_statements_of_the_publish(shop: Any, command: Callable[..., Any]) -> None:
    """Rows that are deleted beside a window are counted, and come back with it."""
    statements = (
        "before_publish: [\"DELETE FROM {schema}.per_day WHERE amount = 7\"]\n"
        "after_publish: [\"ANALYZE {schema}.per_day\", \"GRANT SELECT ON {schema}.per_day TO GROUP beside_readers\", "
        "\"DELETE FROM {schema}.per_day WHERE day < {window.start.date} - 1\"]\n"
    )  # fmt: skip
    if not shop.place.ask("SELECT 1 FROM pg_group WHERE groname = 'beside_readers'"):
        shop.place.ask("CREATE GROUP beside_readers")
    name = shop.write_summary(lambda text: text.replace("key: [day]", statements + "key: [day]"))
    orders = f"{shop.schema}.orders"
    assert command("run", f"{shop.schema}.names").code == 0
    assert command("run", orders, "--to", "2024-01-03").code == 0
    assert live(shop) == ALL[:2]
    told = command("run", orders, "--json").json
    (built,) = [run for run in told["runs"] if run["kind"] == "summary"]
    # Two days before the window's own, the first day goes.
    assert (live(shop), built["counts"]["deleted"]) == (ALL[1:], 1)
    assert shop.place.ask("SELECT has_table_privilege('beside_readers', %s, 'SELECT')", (name,)) == [(True,)]
    assert command("rollback", name, "--window", "2024-01-03", "--reason", "wrong", "--no-dependents").code == 0
    assert live(shop) == ALL[:2]
    assert shop.place.ask(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
        "AND c.relkind = 'r' AND c.relname LIKE %s", (shop.schema, "per!_day!_!_hg!_c%".replace("!", "\\")),
    ) == [(0,)]  # fmt: skip
