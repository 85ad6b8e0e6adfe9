"""`review` tells of real runs: failures, promises, rows, time; and of weeks before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

TABLE = """
description: Orders.
owner: a@example.com
tier: core
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: full_refresh, tolerance: 60%}
sla: [{for: finance, max_age: 2d}]
"""


@pytest.fixture(autouse=True)
def alone(house: Any, new_database: Callable[[], str]) -> None:
    """A warehouse without other tests' runs, where one can be made: the review names the ten most expensive tables."""
    if not house.place.is_redshift:
        house.place.settings = replace(house.place.settings, warehouse_url=new_database())


def mine(told: Any, house: Any, name: str) -> Any:
    return [item for item in told[name] if item["target"].startswith(house.schema)]


@pytest.mark.effect("Sla.max_age", "Table.tier", "Table.tier=core")
def test_the_week_beside_the_week_before(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE)
    before = command("review", "--json").json
    house.source("orders.csv", "id\n1\n2\nx\n")
    assert command("run", table).code == 3
    house.source("orders.csv", "no\n1\n")
    assert command("run", table).code == 1
    told = command("review", "--json").json
    now, then = told["now"], before["now"]
    assert (now["core"]["runs"] - then["core"]["runs"], now["core"]["failed"] - then["core"]["failed"]) == (2, 1)
    assert (now["rows_published"] - then["rows_published"], now["rows_quarantined"] - then["rows_quarantined"]) == (
        2,
        1,
    )
    assert now["failures"]["HEADER"] - then["failures"].get("HEADER", 0) == 1
    if not house.place.is_redshift:
        [work] = mine(now, house, "most_work")
        assert (work["runs"], work["failed"]) == (2, 1)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_lies_in_the_week_before_is_told_beside(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\n")
    command("run", table)
    past = datetime.now(UTC) - timedelta(days=10)
    house.place.ask("UPDATE ops.run SET started_at = %s, finished_at = %s WHERE target = %s", (past, past, table))
    house.place.ask(
        "INSERT INTO ops.incident (incident_id, scope, code, state, severity, family, tables, opened_at, closed_at, times, "
        "changed_at, body) VALUES ('i1', %s, 'HEADER', 'resolved', 'page', 'upstream', 1, %s, %s, 1, %s, '{}')",
        (table, past, past + timedelta(hours=3), past),
    )
    house.source("orders.csv", "id\n1\n2\n")
    command("run", table)
    told = command("review", "--json").json
    house.place.ask("DELETE FROM ops.incident")
    assert (mine(told["before"], house, "slowest")[0]["runs"], mine(told["now"], house, "slowest")[0]["runs"]) == (1, 1)
    assert (told["before"]["incidents_opened"], told["before"]["recovery_seconds"]) == (1, 3 * 3600)
    [finance] = [item for item in told["now"]["promises"] if item["stakeholder"] == "finance"]
    assert (finance["due"], finance["kept"], finance["late"]) == (7, 0, [table]), "its last look was ten days ago"
    text = command("review").out
    assert "late: " + table in text
    assert "mean time to recover" in text
    longer = command("review", "--weeks", "2", "--json").json
    assert mine(longer["now"], house, "slowest")[0]["runs"] == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_warehouse_where_nothing_ran(house: Any, command: Callable[..., Any]) -> None:
    assert "nothing ran" in command("review").out
