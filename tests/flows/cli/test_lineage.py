"""`lineage`: what feeds what, as declared, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deployments.declarations.sources import MysqlSource
from flows.cli import cli
from flows.lineage import source_places

ORDERS = """\
table: raw.orders
description: Orders.
owner: data@example.com
source:
  kind: postgres
  connection: shop
  query: WITH c AS (SELECT id FROM a.clients) SELECT o.id FROM public.orders o JOIN c ON c.id = o.c
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
sla: [{for: finance, fresh_by: "06:00", contact: lead@example.com}]
"""
PAID = """\
table: raw.paid
description: Payments.
owner: data@example.com
source: {kind: csv, url: "https://ann:s3cret@example.com/paid.csv", wait_for: {table: raw.orders, until: "05:30"}}
columns: [{name: id, type: integer}]
load: {mode: full_refresh}
"""
SUMMARY = """/*
target: analytics.%s
description: d
owner: data@example.com
inputs: [%s]
%s*/
SELECT id FROM %s
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "tables/orders.yaml": ORDERS, "tables/paid.yaml": PAID,
        "summaries/a.sql": SUMMARY % ("a", "{table: raw.orders}, {table: raw.paid}", "after: [raw.paid]\n", "raw.orders"),
        "summaries/b.sql": SUMMARY % ("b", "{table: analytics.a}", "", "analytics.a"),
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("HEADGATE_PROJECT", str(tmp_path))


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["lineage", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_up_and_down_of_a_table() -> None:
    lines = call("orders").splitlines()
    assert lines == [
        "comes from",
        "├─ shop: a.clients   postgres",
        "└─ shop: public.orders   postgres",
        "raw.orders   standard, full_refresh, data@example.com",
        "├─ raw.paid   standard, full_refresh, data@example.com   waited for, not read",
        "│  └─ analytics.a   standard, data@example.com",
        "│     └─ analytics.b   standard, data@example.com",
        "├─ analytics.a   standard, data@example.com   read; doesn't rebuild it   (its own are shown above)",
        "└─ for finance   lead@example.com   fresh by 06:00",
    ]


def test_a_summary_knows_what_is_behind_its_inputs() -> None:
    told = call("b", "--json")
    names = {node["name"] for node in json.loads(told)["nodes"]}
    assert {"analytics.a", "raw.orders", "raw.paid", "shop: public.orders", "https://example.com/paid.csv"} < names
    assert "for finance" not in names, "who relies on an input doesn't rely on the summary"
    assert "s3cret" not in told


def test_everything_begins_with_the_sources() -> None:
    starts = [line.split("   ")[0] for line in call().splitlines() if not line.startswith(("├", "└", "│", " "))]
    assert starts == ["shop: a.clients", "shop: public.orders", "https://example.com/paid.csv"]
    edges = json.loads(call("--json"))["edges"]
    assert {"upstream": "analytics.a", "downstream": "analytics.b", "how": ""} in edges


def test_names_that_mysql_quotes_are_read_whole() -> None:
    query = "SELECT * FROM shop.`line items` JOIN `b` ON true JOIN c.d ON true"
    source = MysqlSource(kind="mysql", connection="shop", query=query)
    assert [place for place, _ in source_places(source)] == ["shop: shop.`line items`", "shop: `b`", "shop: c.d"]


def test_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    from deployments.project import SHOP

    monkeypatch.setenv("HEADGATE_PROJECT", str(SHOP))
    assert "└─ production: public.session_transaction" in call("session_transaction")
    assert "└─ for growth" in call("monthly_active_users")
