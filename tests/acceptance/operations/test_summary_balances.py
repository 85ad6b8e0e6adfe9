"""Figures of a summary that must be those of an input, and the rows it may lose from one build to the next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from deployments.errors import DeclarationError

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16)}
  - {name: amount, type: "decimal(12,2)"}
load: {mode: full_refresh, shrink_guard: 100%}
"""
SUMMARY = """/*
target: {schema}.by_city
description: Orders by city.
owner: a@example.com
inputs:
  - table: {schema}.orders
    balances:
      - {code: REVENUE, here: SUM(revenue), there: SUM(amount)MORE}
KEYS*/
SELECT city, SUM(amount) AS revenue FROM {schema}.orders WHERE city IS NOT NULL GROUP BY city
"""
ANYWAY = ("publish", "--reason", "known", "--by", "maria", "--expires", "1d")
LOST = "id,city,amount\n1,Oslo,10\n2,Rome,5\n3,,1\n"


@pytest.fixture
def summary(house: Any) -> Callable[..., str]:
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", LOST)
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(more: str = "", keys: str = "", change: Callable[[str], str] = str) -> str:
        text = change(SUMMARY).replace("MORE", more).replace("KEYS", keys).replace("{schema}", house.schema)
        (house.folder / "summaries" / "by_city.sql").write_text(text)
        house.open()
        return f"{house.schema}.by_city"

    return write


@pytest.mark.effect(
    "Input.balances", "Balance.code", "Balance.here", "Balance.there", "Balance.where", "Balance.tolerance",
    "Balance.severity", "Balance.severity=critical", "Balance.severity=warning", "Balance.severity=info", "Balance.notes",
)  # fmt: skip
def test_a_figure_that_is_not_the_inputs_stops_the_publish(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    told = command("run", summary(", notes: All that was paid."))
    assert told.code == 1
    assert "REVENUE: 15.00 here, 16.00 in" in told.out, told.out
    assert (
        house.place.ask("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'by_city'", (house.schema,))
        == []
    )
    # Of the rows that count, or nearly, it is.
    for more, code, outcome in (
        (", where: city IS NOT NULL", 0, "pass"), (", tolerance: 10%", 0, "pass"), (", severity: warning", 3, "fail"),
        (", severity: info", 0, "fail"),
    ):  # fmt: skip
        told = command("run", summary(more), "--full-refresh", "--json")
        assert told.code == code, (more, told.out)
        (rule,) = [rule for rule in told.json["runs"][0]["rules"] if rule["code"] == "REVENUE"]
        assert (rule["outcome"], rule["observed"]) == (outcome, 15.0)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("change", "words"), [
    (lambda text: text.replace("SUM(revenue)", "SUM(revnue)"), "revnue"),
    (lambda text: text.replace("SUM(amount)MORE", "SUM(amnt)MORE"), "no table here has a column 'amnt'"),
    (lambda text: text.replace("SUM(revenue)", "pg_sleep(9)"), "calls pg_sleep()"),
    (lambda text: text.replace("MORE", ", tolerance: much"), "isn't a share"),
    (lambda text: text.replace("KEYS", "shrink_guard: 50%\nallow_empty: true\n"), "has no meaning beside allow_empty"),
])  # fmt: skip
def test_what_can_not_be_held_against_it_is_told(
    house: Any, command: Callable[..., Any], summary: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
    change: Callable[[str], str], words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    with suppress(DeclarationError):
        summary(change=change)
    told = command("check")
    assert words in told.out + str(told.error)


CHECKS = """expectations:
  - {code: MANY, type: expect_table_row_count_to_be_between, kwargs: {min_value: 5}}
"""


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_checks_that_failed_are_overridden_one_by_one(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    """Of the inputs, and then of what was built: what fails next stops it as before."""
    check = '\n    checks: [{code: FULL, sql: "SELECT COUNT(*) FROM {schema}.orders", at_least: 9}]'
    table = "  - table: {schema}.orders"
    name = summary("", CHECKS + "key: [city]\n", lambda text: text.replace(table, table + check))
    told = command("run", name, "--json").json
    (first,) = [item["run_id"] for item in told["runs"]]
    assert "didn't fail on MANY" in str(command(*ANYWAY, first, "--override", "MANY").error)
    failed = command(*ANYWAY, first, "--override", "FULL")
    assert "MANY" in str(failed.error)
    ((second,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND run_id <> %s", (name, first))
    assert "failed on FULL, REVENUE, too" in str(command(*ANYWAY, second, "--override", "MANY").error)
    (record,) = command(*ANYWAY, second, *(f"--override={code}" for code in ("MANY", "REVENUE", "FULL")), "--json").json
    assert (record["status"], len(house.rows(name))) == ("warned", 2)
    assert {rule["code"] for rule in record["rules"] if rule["overridden_by"]} == {"FULL", "MANY", "REVENUE"}
    # A key that repeats is nobody's to allow.
    name = summary(", severity: info", "key: [city]\n", lambda text: text.replace("SELECT city", "SELECT 'x' AS city"))
    told = command("run", name, "--full-refresh", "--json").json
    (run,) = [item["run_id"] for item in told["runs"]]
    assert "--override" not in command("show", run).out
    assert "CHECK-FAILED can't be overridden" in str(command(*ANYWAY, run, "--override", "KEY").error)


@pytest.mark.effect("Summary.shrink_guard")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_build_may_not_lose_more_rows_than_said(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    name = summary(", severity: info", "shrink_guard: 40%\n")
    assert command("run", name).code == 0
    house.source("orders.csv", "id,city,amount\n1,Oslo,10\n")
    house.load(f"{house.schema}.orders")
    told = command("run", name, "--json").json
    assert [item["error"]["code"] for item in told["failures"]] == ["SHRINK-GUARD"]
    assert len(house.rows(name)) == 2
    (run,) = [item["run_id"] for item in told["runs"]]
    assert f"next: headgate publish {run} --override SHRINK-GUARD" in command("show", run).out
    (record,) = command(*ANYWAY, run, "--override", "shrink-guard", "--json").json
    assert (record["status"], len(house.rows(name)), house.proofs(name)[-1][1]) == ("warned", 1, "override")
    assert command("rollback", name, "--reason", "of a test").code == 0
    assert len(house.rows(name)) == 2
    name = summary(", severity: info", "shrink_guard: 50%\n")
    assert command("run", name).code == 0
    assert len(house.rows(name)) == 1
