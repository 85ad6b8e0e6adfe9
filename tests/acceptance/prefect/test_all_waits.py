"""Everything a batch can wait for, end to end: a query, another table, a source that isn't there yet."""

from __future__ import annotations

from typing import Any

TABLE = """
table: {schema}.{name}
description: One row per sale.
owner: sales@example.com
source:
{source}
window: {{every: day, timezone: UTC, start: 2020-08-10, end: 2020-08-11}}
schedule: {{cron: "0 2 1 1 *"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: day, type: date, nullable: false}}
load: {{mode: replace_window, window_column: day}}
"""
FILE = '  kind: csv\n  url: "file://{folder}/{name}-{{window.start:%Y-%m-%d}}.csv"\n'
SOURCES = {
    "zero": FILE,
    "first": FILE,
    "by_query": "  kind: postgres\n  connection: shop\n  query: SELECT id, day FROM {schema}_src.sales\n"
                "  cursor: {{column: day, kind: immutable}}\n"
                '  wait_for: {{query: "SELECT done FROM {schema}_src.closed WHERE day = \'{{window.start:%Y-%m-%d}}\'", '
                'until: "23:00", every: 1m}}\n',
    "by_table": FILE + '  wait_for: {{table: {schema}.first, until: "23:00", every: 1m}}\n',
    # What it waits for besides is there already: it only says how often to look.
    "by_source": FILE + "  on_missing: wait\n" + '  wait_for: {{table: {schema}.zero, until: "23:00", every: 1m}}\n',
}  # fmt: skip
NOW = "2020-08-11T02:00:00+00:00"


def test_each_waits_without_a_worker_and_is_loaded_when_it_can_be(site: Any) -> None:
    tables = site.folder / "project/tables"
    tables.mkdir(parents=True)
    for name, source in SOURCES.items():
        given = {"schema": site.schema, "folder": site.folder, "name": name}
        text = TABLE.format(**given, source=source.format(**given))
        (tables / f"{name}.yaml").write_text(text)
    site.more["HEADGATE_CONNECTION_SHOP"] = site.state.warehouse_url
    (site.folder / "project/connections.yaml").write_text("connections: {shop: {is_warehouse: true}}\n")
    source = f"{site.schema}_src"
    site.do(f"CREATE SCHEMA {source}")
    site.do(f"CREATE TABLE {source}.sales AS SELECT 1 AS id, date '2020-08-10' AS day")
    site.do(f"CREATE TABLE {source}.closed AS SELECT date '2020-08-10' AS day, false AS done")
    row = "id,day\n1,2020-08-10\n"
    for name in ("zero", "by_table"):
        (site.folder / f"{name}-2020-08-10.csv").write_text(row)

    site.headgate("run", "zero")
    site.headgate("deploy")
    site.worker("one")
    waiting = {
        "by_query": "the source's query to say that it is complete",
        "by_table": f"{site.schema}.first to publish 2020-08-10",
        "by_source": "by_source-2020-08-10.csv isn't there",
    }
    runs = {name: site.start(f"load/{site.schema}.{name}", now=NOW) for name in waiting}
    for name, run in runs.items():
        state = site.wait(lambda run=run: (found := site.state_of(run))["name"] == "Waiting" and found)
        assert state["type"] == "SCHEDULED"
        assert waiting[name] in state["message"]

    site.do(f"UPDATE {source}.closed SET done = true")
    (site.folder / "by_source-2020-08-10.csv").write_text(row)
    (site.folder / "first-2020-08-10.csv").write_text(row)
    site.headgate("run", "first")
    for name, run in runs.items():
        assert site.ended(run)["message"] == "1 batch published, 1 row"
        assert site.ask(f"SELECT count(*) FROM {site.schema}.{name}") == [(1,)]
