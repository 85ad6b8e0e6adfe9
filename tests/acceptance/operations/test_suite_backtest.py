"""A changed suite is tried on past batches: those that stand, their rows in quarantine, and those that failed then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-10}
columns:
  - {name: day, type: date, nullable: false}
  - {name: at, type: timestamptz}
  - {name: amount, type: "decimal(9,2)"}
  - {name: weight, type: double precision}
  - {name: paid, type: boolean}
  - {name: country, type: varchar(40)}
  - {name: opens, type: time}
load: {mode: replace_window, window_column: day, tolerance: 50%}
"""
OLD = """
table: {schema}.orders
expectations:
  - {code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, rows: quarantine}
  - {code: ROWS, type: expect_table_row_count_to_be_between, kwargs: {min_value: 5}}
"""
NEW = """
table: {schema}.orders
expectations:
  - {code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, rows: quarantine, tolerance: 15%}
  - {code: ROWS, type: expect_table_row_count_to_be_between, kwargs: {min_value: 2}}
  - {code: COUNTRY, type: expect_column_values_to_be_in_set, kwargs: {column: country, value_set: [DE, "a, \\"b\\""]}, severity: warning}
  - {code: HEAVY, type: expect_column_values_to_be_between, kwargs: {column: weight, max_value: 1.5}, severity: info}
  - {code: SPAN, type: expect_column_values_to_be_between, kwargs: {column: at, min_value: "2026-01-01", max_value: "2026-01-09"}}
  - {code: QUERY, type: unexpected_rows_expectation, kwargs: {unexpected_rows_query: "SELECT * FROM {batch} WHERE amount > 9000"}}
"""  # noqa: E501


@pytest.fixture
def past(house: Any, command: Callable[..., Any]) -> str:
    """Days: plain; a tenth set aside; a third set aside; another country; too few rows, which failed."""
    table = house.declare("orders", TABLE, OLD)
    amounts = {1: [10.5] * 10, 2: [10.5] * 9 + [-1], 3: [10.5] * 6 + [-2, -3, -4], 4: [10.5] * 10, 5: [10.5] * 3}
    for day, values in amounts.items():
        country = '"a, ""b"""' if day == 1 else "XX" if day == 4 else "DE"
        lines = [
            f"2026-01-{day:02},2026-01-{day:02}T12:00:00Z,{value},0.25,true,{country},08:30:15" for value in values
        ]
        house.source(f"orders-{day:02}.csv", "day,at,amount,weight,paid,country,opens\n" + "\n".join(lines) + "\n")
    command("run", table, "--to", "2026-01-06")
    return str(table)


@pytest.mark.effect("headgate suite backtest NAME", "headgate suite backtest --json", "headgate suite backtest --rule",
                    "headgate suite backtest --last")  # fmt: skip
def test_a_changed_suite_is_tried_on_what_stands_what_waits_and_what_failed(
    house: Any, command: Callable[..., Any], past: str
) -> None:
    house.declare("orders", TABLE, NEW)
    before = house.place.ask("SELECT count(*) FROM ops.run WHERE target = %s", (past,))
    tried = command("suite", "backtest", past, "--json").json
    found = {one["batch"][-2:]: one for one in tried["batches"]}
    assert {day: (one["say"], one["rows"], one["set_aside"], one["stands"]) for day, one in found.items()} == {
        "01": ("pass", 10, 0, True),
        "02": ("warn", 10, 1, True),
        "03": ("stop", 9, 3, True),
        "04": ("warn", 10, 0, True),
        "05": ("pass", 3, 0, False),
    }
    failed = {day: [r["code"] for r in one["rules"] if r["outcome"] == "fail"] for day, one in found.items()}
    assert failed == {"01": [], "02": ["AMOUNT"], "03": ["AMOUNT"], "04": ["COUNTRY"], "05": []}
    assert [r["rows_failed"] for r in found["03"]["rules"] if r["code"] == "AMOUNT"] == [3]
    assert not any(r["outcome"] == "error" for one in found.values() for r in one["rules"])
    assert list(tried["not_tried"]) == ["QUERY"]
    alone = command("suite", "backtest", past, "--rule", "COUNTRY", "--last", "2", "--json").json
    assert [(one["batch"][-2:], [r["code"] for r in one["rules"]]) for one in alone["batches"]] == [
        ("04", ["COUNTRY"]), ("05", ["COUNTRY"])
    ]  # fmt: skip
    told = command("suite", "backtest", past).out
    assert "5 batches: 3 told, 1 of them stopped; by answers 0 right, 0 false, 3 not answered" in told
    assert "not tried: QUERY (judged in the warehouse only, on the candidate)" in told
    assert command("suite", "backtest", past, "--last", "1").out.count("1 batch: ") == 1
    unknown = command("suite", "backtest", past, "--rule", "NONE").error
    assert (unknown.code, "AMOUNT, ROWS, COUNTRY" in unknown.message) == ("UNKNOWN-RULE", True)
    after = house.place.ask("SELECT count(*) FROM ops.run WHERE target = %s", (past,))
    assert after == before, "nothing is written"


@pytest.mark.effect("headgate suite backtest --exit-code")
def test_what_people_answered_holds_a_suite(house: Any, command: Callable[..., Any], past: str) -> None:
    ((failed,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND status = 'failed'", (past,))
    published = command("publish", str(failed), "--override", "ROWS", "--reason", "a holiday", "--expires", "1d")
    assert published.code in (0, 3)
    assert command("suite", "backtest", past, "--exit-code").code == 1, "the old suite would stop a day that was right"
    house.declare("orders", TABLE, NEW)
    good = command("suite", "backtest", past, "--exit-code")
    assert (good.code, "said to be good" in good.out) == (0, True)
    house.source("orders-05.csv", "other\n1\n")
    assert command("suite", "backtest", past, "--exit-code").code == 0, "what stands is read from the warehouse"
