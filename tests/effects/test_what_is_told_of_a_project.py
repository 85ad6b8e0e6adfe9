"""What declarations say to people: on the pages of the report, on Prefect's page, in notices. Each key with a word of its own
that stands there because of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployments.project import Project, load_project
from deployments.settings import Settings
from expectations.report.describe import described
from expectations.report.texts import Texts
from flows.deploy.wanted import Wanted, wanted
from flows.lineage import lineage_of
from flows.selecting import selected
from tasks.incidents import settle
from tasks.incidents.look import Look
from tasks.incidents.machine import Action
from tasks.incidents.model import Incident, Trouble
from tasks.notices.notice import Notice
from tasks.workbench import Workbench

effect = pytest.mark.effect
TABLE = """\
table: raw.sales
description: TABLE-SAYS
owner: table-owner@example.com
tier: TIER
tags: [of_table]
runbook: https://wiki/of-table
source: {kind: csv, url: "file:///x.csv"}
schedule: {cron: "7 2 * * *", timezone: Asia/Seoul, max_active_runs: 3}
retries: {count: 4, delay: 7m}
sla:
  - {for: FINANCE, fresh_by: "06:17", contact: lead@example.com}
  - {for: BOARD, max_age: 31h}
columns:
  - {name: id, type: integer, nullable: false, unit: UNIT-SAYS, description: COLUMN-SAYS}
load: {mode: full_refresh}
"""
SUITE = """\
table: raw.sales
description: SUITE-SAYS
expectations:
  - code: RULE-CODE
    type: expect_column_values_to_be_unique
    kwargs: {column: id}
    notes: NOTES-SAY
    description: RULE-SAYS
    owner: rule-owner@example.com
    meta: {ticket: META-SAYS}
drift: {policy: POLICY}
"""
SUMMARY = """\
/*
target: sums.daily
description: SUMMARY-SAYS
owner: summary-owner@example.com
tier: TIER
tags: [of_summary]
runbook: https://wiki/of-summary
inputs:
  - table: raw.sales
    checks:
      - {code: IN-TYPE, type: expect_table_row_count_to_be_between, kwargs: {min_value: 17}, notes: CHECK-SAYS}
      - {code: IN-LEAST, sql: SELECT count(*) FROM raw.sales, at_least: 1234}
      - {code: IN-MOST, sql: SELECT count(*) FROM raw.sales, at_most: 2345}
      - {code: IN-EQUAL, sql: SELECT count(*) FROM raw.sales, equals: 3456}
expectations: [{code: OUT-CODE, type: expect_column_values_to_be_unique, kwargs: {column: id}}]
key: [id]
metrics: {id: METRIC-SAYS}
sla: [{for: SALES, fresh_by: "07:19"}]
WHEN
*/
SELECT id FROM raw.sales
"""


def made(folder: Path, tier: str = "core", policy: str = "stop", when: str = "") -> Project:
    files = {
        "tables/sales.yaml": TABLE.replace("TIER", tier), "suites/of_sales.yaml": SUITE.replace("POLICY", policy),
        "summaries/daily.sql": SUMMARY.replace("TIER", tier).replace("WHEN", when),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return load_project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made(tmp_path)


def page(project: Project, name: str) -> str:
    return described(project, name, Texts()).model_dump_json()


def on_prefect(project: Project, name: str) -> Wanted:
    return next(item for item in wanted(project) if item.name == name)


@effect(
    "Table.description",
    "Table.owner",
    "Table.tier",
    "Table.tier=core",
    "Table.runbook",
    "Table.sla",
    "Sla.for",
    "Sla.fresh_by",
)
@effect(
    "Sla.max_age",
    "Sla.contact",
    "Column.unit",
    "Column.description",
    "Suite.description",
    "Rule.notes",
    "Rule.description",
)
@effect(
    "Rule.owner", "Rule.meta", "Rule.code", "Table.schedule", "Schedule.cron", "Schedule.timezone", "DriftPolicy.policy"
)
@effect("Suite.table")
def test_the_page_of_a_table(project: Project) -> None:
    said = page(project, "raw.sales")
    for word in ("TABLE-SAYS", "table-owner@example.com", '"tier":"core"', "https://wiki/of-table", "FINANCE", "06:17", "lead@",
                 "BOARD", "111600", "UNIT-SAYS", "COLUMN-SAYS", "SUITE-SAYS", "NOTES-SAY", "RULE-SAYS", "rule-owner@example.com",
                 "META-SAYS", "RULE-CODE", "7 2 * * *", "Asia/Seoul", '"drift_policy":"stop"'):  # fmt: skip
        assert word in said, word


@effect(
    "Summary.description", "Summary.owner", "Summary.tier", "Summary.tier=core", "Summary.runbook", "Summary.inputs"
)
@effect(
    "Summary.expectations",
    "Summary.key",
    "Summary.metrics",
    "Summary.sla",
    "Input.checks",
    "Input.table",
    "InputCheck.code",
)
@effect(
    "InputCheck.type",
    "InputCheck.kwargs",
    "InputCheck.at_least",
    "InputCheck.at_most",
    "InputCheck.equals",
    "InputCheck.notes",
)
def test_the_page_of_a_summary(project: Project) -> None:
    said = page(project, "sums.daily")
    for word in ("SUMMARY-SAYS", "summary-owner@example.com", '"tier":"core"', "https://wiki/of-summary", "raw.sales", "IN-TYPE",
                 "17", "CHECK-SAYS", "1,234", "2,345", "3,456", "OUT-CODE", '"code":"KEY"', "METRIC-SAYS", "SALES"):  # fmt: skip
        assert word in said, word


@effect(
    "Table.owner",
    "Table.tier",
    "Table.tags",
    "Table.runbook",
    "Table.description",
    "Schedule.cron",
    "Schedule.timezone",
)
@effect(
    "Schedule.max_active_runs", "Summary.tags", "Summary.owner", "Summary.description", "Table.table", "Summary.target"
)
def test_what_stands_on_prefects_page(project: Project) -> None:
    table, summary = on_prefect(project, "raw.sales"), on_prefect(project, "sums.daily")
    assert {"owner:table-owner@example.com", "table:raw.sales", "tier:core", "tag:of_table"} <= set(table.tags)
    assert ("TABLE-SAYS" in table.description, "https://wiki/of-table" in table.description) == (True, True)
    assert (table.cron, table.timezone, table.at_once) == ("7 2 * * *", "Asia/Seoul", 3)
    assert {"owner:summary-owner@example.com", "table:sums.daily", "tag:of_summary"} <= set(summary.tags)
    assert "SUMMARY-SAYS" in summary.description


@pytest.mark.parametrize("tier", [
    pytest.param(tier, marks=effect(f"Table.tier={tier}", f"Summary.tier={tier}"))
    for tier in ("core", "standard", "experimental")
])  # fmt: skip
def test_the_tiers(tmp_path: Path, tier: str) -> None:
    project = made(tmp_path, tier=tier)
    assert f"tier:{tier}" in on_prefect(project, "raw.sales").tags
    assert f"tier:{tier}" in on_prefect(project, "sums.daily").tags


@pytest.mark.parametrize("policy", [
    pytest.param(policy, marks=effect(f"DriftPolicy.policy={policy}")) for policy in ("warn", "stop")
])  # fmt: skip
def test_the_page_says_what_drift_does(tmp_path: Path, policy: str) -> None:
    assert f'"drift_policy":"{policy}"' in page(made(tmp_path, policy=policy), "raw.sales")


@effect("Summary.after", "Summary.schedule", "Cron.cron", "Cron.timezone")
def test_when_a_summary_is_built(tmp_path: Path) -> None:
    assert on_prefect(made(tmp_path / "a"), "sums.daily").triggered_by == ("raw.sales",)
    by_clock = on_prefect(
        made(tmp_path / "b", when='schedule: {cron: "9 6 * * *", timezone: Asia/Seoul}'), "sums.daily"
    )
    assert (by_clock.cron, by_clock.timezone, by_clock.triggered_by) == ("9 6 * * *", "Asia/Seoul", ())
    other = tmp_path / "c" / "tables" / "other.yaml"
    other.parent.mkdir(parents=True)
    other.write_text(TABLE.replace("raw.sales", "raw.other").replace("TIER", "core"))
    assert on_prefect(made(tmp_path / "c", when="after: [raw.other]"), "sums.daily").triggered_by == ("raw.other",)


@effect("Table.tags", "Summary.tags", "Sla.contact", "Sla.for")
def test_who_finds_it_and_who_is_sent_where(project: Project) -> None:
    assert selected(project, ["tag:of_table"]) == ["raw.sales"]
    assert selected(project, ["tag:of_summary"]) == ["sums.daily"]
    nodes = json.dumps([str(node) for node in lineage_of(project).nodes.values()])
    assert ("FINANCE" in nodes, "lead@example.com" in nodes) == (True, True)


@effect("OnCall.runbooks")
def test_where_runbooks_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(tmp_path)
    (tmp_path / "oncall.yaml").write_text(
        "timezone: UTC\nstarts: 2026-01-05\npeople: {ana: {name: Ana, email: a@example.com}}\nrotation: [ana]\n"
        "runbooks: https://wiki/runbooks\n"
    )
    project = load_project(tmp_path)
    told: list[Notice] = []
    monkeypatch.setattr(settle, "put", lambda outbox, notices, *_: told.extend(notices))
    now = datetime(2026, 1, 6, tzinfo=UTC)
    trouble = Trouble(scope="the pool", code="STALLED", domain="run", family="retryable", severity="major", message="m",
                      since=now, latest=now)  # fmt: skip
    incident = Incident(incident_id="a", trouble=trouble, opened_at=now, begun_at=now, changed_at=now)
    settings = Settings(project=tmp_path, state=tmp_path / "state", notify={"ops": "https://hook.example.com"})
    bench = Workbench(settings, project)
    settle.tell(bench, [Action("opened", (incident,), now)], Look((), frozenset()), now)
    assert [link.url for link in told[0].links if link.url.startswith("https://wiki/runbooks/")]
