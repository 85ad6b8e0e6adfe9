"""A metric that two summaries have: compared at one grain at each build, and told to both owners where it differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.incidents.causes import metric_troubles
from tasks.incidents.readings import read
from tasks.notices.compose import owners
from tasks.warehouses import metric_comparisons
from tasks.workbench import workbench

ORDERS = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: city, type: varchar(16)}
  - {name: amount, type: "decimal(12,2)"}
load: {mode: full_refresh, shrink_guard: 100%}
"""
METRICS = """
metrics:
  revenue:
    definition: What was paid.
    owner: finance@example.com
    unit: USD
    adds_up: sum
  buyers:
    definition: Different orders.
    owner: growth@example.com
    adds_up: distinct
    distinct_of: id
    grain: [month]
"""
MONTHS = """/*
target: {schema}.by_month
description: Revenue of each month.
owner: finance@example.com
inputs: [{table: {schema}.orders}]
columns:
  - {name: month, type: date, nullable: false}
  - {name: revenue, type: "decimal(14,2)", metric: revenue}
  - {name: buyers, type: bigint, metric: buyers}
key: [month]
*/
SELECT CAST(DATE_TRUNC('month', day) AS date) AS month, SUM(amount) AS revenue, COUNT(DISTINCT id) AS buyers
FROM {schema}.orders WHERE {WHERE} GROUP BY 1
"""
DAYS = """/*
target: {schema}.by_day
description: Revenue of each day and city.
owner: shop@example.com
inputs: [{table: {schema}.orders}]
columns:
  - {name: bought, type: date, nullable: false, dimension: day}
  - {name: city, type: varchar(16), nullable: false}
  - {name: paid, type: "decimal(14,2)", unit: USD, metric: revenue}
key: [bought, city]
*/
SELECT day AS bought, COALESCE(city, '-') AS city, SUM(amount) AS paid FROM {schema}.orders GROUP BY 1, 2
"""
LINES = "id,day,city,amount\n1,2024-01-05,Oslo,10\n2,2024-01-30,Rome,5\n3,2024-02-01,Oslo,1\n4,2024-02-03,,2\n"


@pytest.fixture
def project(house: Any) -> Callable[..., tuple[str, str]]:
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", LINES)
    house.declare("orders", ORDERS)
    house.load(f"{house.schema}.orders")

    def write(
        metrics: str = METRICS, where: str = "amount > 0", change: Callable[[str], str] = str, days: str = DAYS
    ) -> tuple[str, str]:
        (house.folder / "metrics.yaml").write_text(metrics)
        for name, text in (("by_month", change(MONTHS).replace("{WHERE}", where)), ("by_day", days)):
            (house.folder / "summaries" / f"{name}.sql").write_text(text.replace("{schema}", house.schema))
        house.open()
        return f"{house.schema}.by_month", f"{house.schema}.by_day"

    return write


def compared(house: Any) -> list[metric_comparisons.Comparison]:
    from tasks.warehouses.session import session

    adapter = workbench().warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        return [item for item in metric_comparisons.read(adapter, cursor) if item.target.startswith(f"{house.schema}.")]


@pytest.mark.effect(
    "OutputColumn.metric", "OutputColumn.dimension", "Metrics.metrics", "Metric.adds_up", "Metric.adds_up=sum", "Metric.unit",
    "Metric.definition", "Metric.owner", "Metric.tolerance",
)  # fmt: skip
def test_a_difference_is_told_to_both_owners_and_ends(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]]
) -> None:
    months, days = project()
    assert command("run", months).code == 0
    # Days add up to months, whatever their column and their unit are called.
    told = command("run", days, "--json")
    assert told.code == 0, told.out
    (found,) = compared(house)
    assert (found.metric, found.grain, found.compared, found.differing) == ("revenue", "by month", 2, 0)
    # What is told of a column is what its metric means.
    schema, _, table = months.partition(".")
    comments = house.place.ask(
        "SELECT a.attname, d.description FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = a.attnum "
        "WHERE n.nspname = %s AND c.relname = %s ORDER BY 1", (schema, table),
    )  # fmt: skip
    assert [(name, "What was paid." in said, "USD" in said) for name, said in comments if name == "revenue"] == [
        ("revenue", True, True)
    ]
    # The SELECT of one of them drops what the other counts: it is published, with a warning.
    project(where="city IS NOT NULL")
    told = command("run", months, "--json")
    assert told.code == 3, told.out
    (rule,) = [rule for rule in told.json["runs"][0]["rules"] if rule["type"] == "metric"]
    assert rule["owner"] == "finance@example.com"
    assert (rule["outcome"], rule["rows_failed"], rule["column"]) == ("fail", 1, "revenue")
    assert "month 2024-02-01: 1.00 here, 3.00 there USD" in rule["message"]
    bench = workbench()
    troubles = metric_troubles(bench.project, read(bench.warehouse, bench.project, datetime.now(UTC)).compared)
    assert [(item.scope, item.code, set(item.tables)) for item in troubles] == [
        ("metric revenue", "METRIC-DIFFERS", {months, days})
    ]
    assert set(owners(bench.project, troubles[0].tables)) == {"finance@example.com", "shop@example.com"}
    assert any("2024-02-01: 1.00 here, 3.00 there" in line for line in troubles[0].details)
    # A tolerance that lets it pass is one way out, a SELECT that is mended another one.
    project(METRICS.replace("unit: USD", "unit: USD\n    tolerance: 70%"), where="city IS NOT NULL")
    assert command("run", months, "--full-refresh").code == 0
    project()
    assert command("run", months).code == 0
    assert not metric_troubles(bench.project, read(bench.warehouse, workbench().project, datetime.now(UTC)).compared)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_one_page_has_all_of_them(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]], pages: None
) -> None:
    months, days = project()
    assert command("run", months, days).code == 0
    folder = house.folder / "state" / "report"
    text = (folder / "metrics.html").read_text().replace("<wbr>", "")
    assert "What was paid." in text
    assert f"The same in {months} and {days} by month, in all 2 figures." in text
    assert 'href="metrics.html"' in (folder / "index.html").read_text()
    assert 'href="../../metrics.html#revenue"' in (folder / "tables" / days / "index.html").read_text()
    project(where="city IS NOT NULL")
    assert command("run", months).code == 3
    text = (folder / "metrics.html").read_text().replace("<wbr>", "")
    assert f"{months} and {days} differ by month: 1 of 2 figures" in text
    assert "month 2024-02-01: 1.00 here, 3.00 there USD" in text


@pytest.mark.effect("Metric.severity", "Metric.severity=critical", "Metric.severity=warning")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_metric_may_stop_the_publish(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]]
) -> None:
    metrics = METRICS.replace("unit: USD", "unit: USD\n    severity: critical")
    months, days = project(metrics)
    assert command("run", months, days).code == 0
    before = house.rows(months)
    project(metrics, where="city IS NOT NULL")
    told = command("run", months)
    assert told.code == 1
    assert "METRIC-REVENUE: revenue isn't that of" in told.out
    assert house.rows(months) == before
    assert all(not item.differing for item in compared(house))
    project(metrics.replace("severity: critical", "severity: warning"), where="city IS NOT NULL")
    assert command("run", months).code == 3


def test_one_that_waits_for_its_turn_is_compared_when_it_is_built(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]]
) -> None:
    months, days = project()
    assert command("run", months, days).code == 0
    house.source("orders.csv", LINES + "5,2024-02-09,Rome,100\n")
    house.load(f"{house.schema}.orders")
    told = command("run", months, "--json")
    assert told.code == 0, told.out
    assert [step["line"] for step in told.json["runs"][0]["steps"] if step["name"] == "compare metrics"] == [
        f"not compared: revenue of {days}: it is to be built again first, and is compared then"
    ]
    assert command("run", days).code == 0
    (found,) = compared(house)
    assert (found.target, found.compared, found.differing) == (days, 2, 0)


WINDOWS = """/*
target: {schema}.by_day
description: Revenue of each day.
owner: shop@example.com
mode: MODE
window: {every: 7d, timezone: UTC, start: 2024-01-29, end: 2024-03-04}
KEYS
inputs: [{table: {schema}.orders}]
columns:
  - {name: day, type: date, nullable: false}
  - {name: revenue, type: "decimal(14,2)", metric: revenue}
key: [day]
*/
SELECT day, SUM(amount) AS revenue FROM {schema}.orders
WHERE day >= {window.start.date} AND day < {window.end.date} GROUP BY 1
"""


@pytest.mark.parametrize("mode", ["window", "merge"])
def test_windows_are_compared_as_far_as_they_are_built(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]], mode: str
) -> None:
    written = WINDOWS.replace("MODE", mode).replace("KEYS", "window_column: day" if mode == "window" else "")
    months, days = project(days=written)
    assert command("run", months).code == 0
    # January began before the first window, February isn't whole before its last one.
    assert command("run", days, "--from", "2024-01-29", "--to", "2024-02-26").code == 0
    assert compared(house) == []
    assert command("run", days).code == 0
    assert [(item.compared, item.differing) for item in compared(house)] == [(1, 0)]
    # A window that is built anew is compared with the others as they will stay: until all are built anew, with none.
    project(days=written.replace("SUM(amount)", "SUM(amount) + 1"))
    told = command("run", days, "--from", "2024-01-29", "--to", "2024-02-05", "--json")
    assert told.code == 0, told.out
    assert [(item.compared, item.differing) for item in compared(house)] == [(1, 0)]
    told = command("run", days, "--json")
    assert told.code == 3, told.out
    (found,) = compared(house)
    assert (found.compared, found.differing, found.examples) == (1, 1, ("month 2024-02-01: 5.00 here, 3.00 there USD",))
    project(days=written)
    assert command("run", days).code == 0
    assert [(item.compared, item.differing) for item in compared(house)] == [(1, 0)]


@pytest.mark.effect("Metric.adds_up=distinct", "Metric.adds_up=ratio", "Metric.distinct_of", "Metric.grain")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("adds_up", ["adds_up: distinct\n    distinct_of: id", "adds_up: ratio"])
def test_what_does_not_add_up_is_compared_at_its_own_grain(
    house: Any, command: Callable[..., Any], project: Callable[..., tuple[str, str]], adds_up: str
) -> None:
    metrics = METRICS.replace("adds_up: distinct\n    distinct_of: id", adds_up)
    other = DAYS.replace("by_day", "{schema}.by_city").replace("{schema}.{schema}.", "{schema}.")
    other = other.replace(
        "name: bought, type: date, nullable: false, dimension: day", "name: month, type: date, nullable: false"
    )
    other = other.replace(
        'name: paid, type: "decimal(14,2)", unit: USD, metric: revenue', "name: buyers, type: bigint, metric: buyers"
    )
    other = other.replace("[bought, city]", "[month, city]")
    other = other.replace(
        "day AS bought, COALESCE(city, '-') AS city, SUM(amount) AS paid",
        "CAST(DATE_TRUNC('month', day) AS date) AS month, COALESCE(city, '-') AS city, COUNT(DISTINCT id) AS buyers",
    )
    months, _ = project(metrics)
    (house.folder / "summaries" / "by_city.sql").write_text(other.replace("{schema}", house.schema))
    house.open()
    told = command("plan", months)
    assert "metric buyers: not compared with" in told.out, told.out
    assert "compared at the same grain only: month here, month and city there" in told.out
    assert "metric revenue: compared with" in told.out
    assert command("run", months, f"{house.schema}.by_city", f"{house.schema}.by_day").code == 0
    assert {item.metric for item in compared(house)} == {"revenue"}
    same = (
        other.replace("by_city", "by_month_again")
        .replace("[month, city]", "[month]")
        .replace("  - {name: city, type: varchar(16), nullable: false}\n", "")
    )
    same = same.replace(
        "month, COALESCE(city, '-') AS city, COUNT(DISTINCT id)", "month, COUNT(DISTINCT id) + 1"
    ).replace("GROUP BY 1, 2", "GROUP BY 1")
    (house.folder / "summaries" / "again.sql").write_text(same.replace("{schema}", house.schema))
    house.open()
    assert command("run", f"{house.schema}.by_month_again").code == 3
    assert {(item.metric, item.compared, item.differing) for item in compared(house)} == {
        ("revenue", 2, 0),
        ("buyers", 2, 2),
    }
    # What can't be told of a key without the month isn't that metric.
    (house.folder / "summaries" / "again.sql").write_text(
        same.replace("{schema}", house.schema).replace("key: [month]", "")
    )
    house.open()
    assert "is told by month; the key has no month" in str(command("plan").error)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("old", "new", "words"), [
    ("metric: revenue", "metric: revenu", "'revenu' isn't a declared metric.*did you mean 'revenue'"),
    ("metric: revenue", "unit: EUR, metric: revenue", "EUR isn't the unit of the metric 'revenue'"),
    ("nullable: false}", "nullable: false, metric: revenue}", "'revenue' is the metric of month already"),
    ("nullable: false}", "nullable: false, metric: revenue}", "month is date"),
    ("metric: buyers}", "dimension: people}", "buyers isn't in it"),
    ("key: [month]", "key: [month]\nmetrics: {revenue: Money.}", "is defined by the metric 'revenue' already"),
])  # fmt: skip
def test_what_a_column_can_not_be_is_told(
    command: Callable[..., Any], project: Callable[..., tuple[str, str]], old: str, new: str, words: str
) -> None:
    project(change=lambda text: text.replace(old, new))
    assert re.search(f"(?s){words}", str(command("plan").error))
