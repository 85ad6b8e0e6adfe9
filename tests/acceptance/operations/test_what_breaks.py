"""What goes with a column: summaries through one another, dashboards, and whom to ask; wherever it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from expectations.report.describe import described
from expectations.report.texts import Texts
from tasks.incidents.model import Trouble
from tasks.notices.compose import Context, effect
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16)}
  - {name: amount, type: "decimal(12,2)"}
load: {mode: full_refresh, shrink_guard: 100%, on_schema_change: {removed: warn}}
"""
BY_CITY = """/*
target: {schema}.by_city
description: Orders by city.
owner: city@example.com
inputs: [{table: {schema}.orders}]
*/
SELECT city, SUM(amount) AS revenue, COUNT(*) AS orders FROM {schema}.orders GROUP BY city
"""
TOTAL = """/*
target: {schema}.total
description: All of it.
owner: total@example.com
inputs: [{table: {schema}.by_city}]
*/
SELECT SUM(revenue) AS revenue, SUM(orders) AS orders FROM {schema}.by_city
"""
CONSUMERS = """
consumers:
  Revenue board:
    owner: cfo@example.com
    url: https://bi.example.com/1
    reads: [{schema}.total.revenue]
  Order model:
    kind: model
    owner: ml@example.com
    reads: [{schema}.total.orders, {schema}.orders.id]
"""


@pytest.fixture
def project(house: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", "id,city,amount\n1,Oslo,10\n2,Rome,5\n")
    name = str(house.declare("orders", TABLE))
    for target, text in (("by_city", BY_CITY), ("total", TOTAL)):
        (house.folder / "summaries" / f"{target}.sql").write_text(text.replace("{schema}", house.schema))
    (house.folder / "consumers.yaml").write_text(CONSUMERS.replace("{schema}", house.schema))
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    house.open()
    return name


@pytest.mark.effect("Consumers.consumers", "Consumer.reads", "Consumer.owner", "Consumer.kind")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_column_that_goes_is_told_with_all_that_it_feeds(
    house: Any, command: Callable[..., Any], project: str
) -> None:
    house.load(project)
    assert "is gone" not in command("plan", project).out
    changed = TABLE.replace("name: amount,", "name: amount_usd,")
    house.declare("orders", changed)
    told = command("plan", project).out
    assert f"{project}.amount is gone (renamed to amount_usd?); it breaks:" in told, told
    lines = [line.strip() for line in told.partition("it breaks:\n")[2].splitlines()[:3]]
    assert lines == [
        f"{house.schema}.by_city: revenue   (owner: city@example.com)",
        f"{house.schema}.total: revenue   (owner: total@example.com)",
        "Revenue board, a dashboard   (owner: cfo@example.com)",
    ]
    (plan,) = command("plan", project, "--json").json
    (broken,) = plan["breaks"]
    assert (broken["column"], broken["renamed_to"], broken["consumers"]) == ("amount", "amount_usd", ["Revenue board"])
    # The same without a warehouse: the SQL names what nobody declares.
    told = command("check")
    assert told.code == 2
    assert f"{project}.amount is gone (renamed to amount_usd?); it breaks:" in told.out
    # A column that decides which rows there are is told as that.
    house.declare("orders", TABLE.replace("  - {name: city, type: varchar(16)}\n", ""))
    told = command("plan", project).out
    assert f"{house.schema}.by_city: " in told
    assert "its rows" in told


@pytest.mark.effect("Consumer.url")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_consumers_stand_where_their_tables_do(house: Any, command: Callable[..., Any], project: str) -> None:
    bench = workbench()
    told = command("lineage", project).out
    assert "Revenue board   dashboard, cfo@example.com, https://bi.example.com/1" in told
    feeds = command("lineage", f"{project}.amount").out.partition(f"{project}.amount")[2]
    assert "Revenue board" in feeds
    assert "Order model" not in feeds
    drawn = command("lineage", f"{project}.amount", "--mermaid").out
    assert '["Revenue board"]' in drawn
    nodes = json.loads(command("lineage", f"{project}.amount", "--json").out)["nodes"]
    assert {
        "name": "Revenue board",
        "kind": "consumer",
        "detail": "dashboard, cfo@example.com, https://bi.example.com/1",
    } in nodes
    now = datetime.now(UTC)
    trouble = Trouble(scope=project, code="CHECK-FAILED", domain="run", family="upstream", severity="major", message="m",
                      since=now, latest=now, tables=(project,))  # fmt: skip
    said = effect(trouble, Context(project=bench.project, now=now))
    assert any("Revenue board (cfo@example.com)" in line and "Order model" in line for line in said)
    (reader,) = [item for item in described(bench.project, f"{house.schema}.total", Texts()).consumers if item.url]
    assert (reader.name, reader.columns, reader.through) == ("Revenue board", ("revenue",), "")
    # What stops the table is felt by those that read what is built from it.
    below = described(bench.project, project, Texts()).consumers
    assert {item.name: (item.through, item.columns) for item in below} == {
        "Order model": ("", ("id",)), "Revenue board": (f"{house.schema}.total", ("revenue",)),
    }  # fmt: skip


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("old", "new", "words"), [
    ("total.revenue", "totl.revenue", "totl isn't declared"),
    ("total.revenue", "total.revnue", "has no column 'revnue'"),
    ("https://bi", "javascript:bi", "isn't an address that a browser opens"),
    ("total.revenue", "total.a.b", "is neither schema.table nor schema.table.column"),
])  # fmt: skip
def test_what_nobody_can_read_is_told(
    house: Any, command: Callable[..., Any], project: str, old: str, new: str, words: str
) -> None:
    (house.folder / "consumers.yaml").write_text(CONSUMERS.replace("{schema}", house.schema).replace(old, new))
    assert words in command("check").out
