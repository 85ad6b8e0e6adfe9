"""A summary whose input is in alarm isn't called good anywhere: `show`, `review`, what BI tools read."""

from __future__ import annotations

from typing import Any

import pytest

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: full_refresh, tolerance: 60%}
"""
SUMMARY = """/*
target: {schema}.total
description: Count.
owner: b@example.com
inputs: [{table: {schema}.orders}]
*/
SELECT COUNT(*) AS n FROM {schema}.orders
"""


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_it_shares_the_state_of_its_input(house: Any, pages: None, command: Any) -> None:
    (house.folder / "summaries").mkdir()
    (house.folder / "summaries" / "total.sql").write_text(SUMMARY.replace("{schema}", house.schema))
    table, total = house.declare("orders", TABLE), f"{house.schema}.total"

    def told(state: str | None) -> None:
        kept = dict(house.place.ask("SELECT target, state FROM ops.table_status WHERE target IN %s", ((table, total),)))
        assert kept == dict.fromkeys((table, total), state or "good")
        mine = [i for i in command("review", "--json").json["not_good"] if i["table"] in (table, total)]
        below = {i["table"]: (i["state"], i["below"]) for i in mine}
        assert below == ({table: (state, []), total: (state, [table])} if state else {})
        run = command("show", "--table", total, "--json").json[0]["run_id"]
        line = f"input {table}: {'look at it' if state == 'warned' else 'not published'}"
        assert (line in command("show", run).out) is bool(state)
        assert (f"because of {table}" in command("review").out) is bool(state)

    house.source("orders.csv", "id\n1\n2\n")
    assert command("run", table).code == 0
    told(None)
    house.source("orders.csv", "id\n1\n2\nx\n")
    assert command("run", table).code == 3
    told("warned")
    house.source("orders.csv", "no\n1\n")
    assert command("run", table).code == 1
    told("failed")
    house.source("orders.csv", "id\n1\n2\n3\n")
    assert command("run", table).code == 0
    told(None)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_rows_of_a_batch_that_was_stopped_can_be_seen(house: Any, command: Any) -> None:
    table = house.declare("orders", TABLE.replace("60%", "10%"))
    house.source("orders.csv", "id\n1\n2\n" + "x-77\n" * 7)
    assert command("run", table).code == 1
    run = command("show", "--table", table, "--json").json[0]["run_id"]
    [reason] = command("show", run, "--json").json["quarantine"]
    assert (reason["rows"], reason["examples"]) == (7, ["x-77"] * 5)
    assert "quarantine show" not in command("show", run).out, "nothing of it is in quarantine"
