"""The report of real runs: a project with personal data, loaded by the flow on local servers, and everything it leaves.

Seven days of orders are loaded; on the last day amounts are a hundredfold, one row is broken, and a rule about a hidden
column fails. Then every place a reader can see is searched for the names and addresses that were in the files.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from click.testing import CliRunner

from deployments.embedded.stack import EmbeddedStack
from deployments.settings import read_settings
from expectations.report import shelf as at
from expectations.report.model import RunTwin, TableTwin
from flows.cli.report import report as report_command
from tasks import report
from tasks.objects.bucket import BucketStore
from tasks.objects.store import FolderStore, open_store
from tasks.workbench import Workbench
from tests import throwaway

REPOSITORY = Path(__file__).parents[2]
FIRST, DAYS = date(2026, 3, 2), 8
TABLE = """
table: crm.orders
description: One row per order.
owner: crm@example.com
tier: core
source: {{kind: csv, url: "file://{folder}/{{window.start:%Y-%m-%d}}.csv"}}
window: {{every: day, timezone: UTC, start: 2026-03-02}}
columns:
  - {{name: email, type: varchar(128), nullable: false, description: Who ordered}}
  - {{name: day, type: date, nullable: false}}
  - {{name: person, type: varchar(64), description: Name of the person}}
  - {{name: amount, type: "decimal(12,2)", unit: USD}}
key: [email]
load: {{mode: replace_window, window_column: day, tolerance: 5%}}
pii: {{email: hash, person: hide}}
sla: [{{for: finance, fresh_by: "06:00"}}]
"""
SUITE = """
table: crm.orders
expectations:
  - code: ORD-AMOUNT
    type: expect_column_values_to_be_between
    kwargs: {column: amount, min_value: 0}
    rows: quarantine
    tolerance: 5%
  - code: ORD-NAME
    type: expect_column_value_lengths_to_be_between
    kwargs: {column: person, max_value: 20}
    severity: warning
"""
PROGRAM = """
import sys
from flows.ingest import ingest
for label in sys.argv[1:]:
    ingest("crm.orders", label)
"""
NAMES = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Alan", "Radia"]


@dataclass
class Story:
    """What is left of the runs."""

    folder: Path
    store: FolderStore
    warehouse_url: str
    prefect_url: str
    prefect_login: str
    bench: Workbench
    log: str
    secrets: set[str]
    """Personal values of the source, the key they are hashed with, passwords of the warehouse and of a connection."""

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.warehouse_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    @property
    def artifacts(self) -> dict[str, dict[str, Any]]:
        body = json.dumps({"limit": 100}).encode()
        request = urllib.request.Request(f"{self.prefect_url}/artifacts/latest/filter", body, method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Basic {base64.b64encode(self.prefect_login.encode()).decode()}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return {item["key"]: item for item in json.load(opener.open(request, timeout=30))}


def _files(folder: Path) -> set[str]:
    """Write the daily files; returns every personal value that is in them."""
    dice = random.Random(5)
    planted: set[str] = set()
    for n in range(DAYS):
        day, lines = FIRST + timedelta(days=n), ["email,day,person,amount"]
        last = n == DAYS - 1
        for order in range(60):
            person = f"{dice.choice(NAMES)} Planted{dice.randint(1000, 9999)}" + ("-von-Hohenstein" if last else "")
            email = f"{person.split()[0].lower()}.{n}.{order}@planted.example.org"
            amount = -5 if last and order == 7 else round(dice.uniform(10, 30) * (100 if last else 1), 2)
            lines.append(f"{email},{day},{person},{amount}")
            planted |= {email, person.split()[1]}
        (folder / f"{day}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return planted


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("crm")
    for kind, name, text in (("tables", "orders.yaml", TABLE.format(folder=folder)), ("suites", "orders.yaml", SUITE)):
        (folder / kind).mkdir()
        (folder / kind / name).write_text(text)
    planted = _files(folder)
    stack = EmbeddedStack(folder / "state")
    state = throwaway.up(stack, request.config)
    try:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HEADGATE_", "PREFECT_", "AWS_"))}
        environment |= state.environment() | {
            "HEADGATE_PROJECT": str(folder), "HEADGATE_STATE": str(folder / "state"), "PYTHONPATH": str(REPOSITORY),
            "HEADGATE_PII_KEY": "a key for this test only, and long enough", "PREFECT_LOGGING_LEVEL": "INFO",
            "HEADGATE_WAREHOUSE_URL": str(state.warehouse_url), "HEADGATE_STAGE_URL": f"s3://{state.s3_bucket}/stage",
            "HEADGATE_CONNECTION_CRM": "postgresql://reader:pw-planted-7716@127.0.0.1:9/crm",
        }  # fmt: skip
        password = urlsplit(str(state.warehouse_url)).password
        assert password
        planted |= {environment["HEADGATE_PII_KEY"], "pw-planted-7716", password, str(state.prefect_login)}
        labels = [str(FIRST + timedelta(days=n)) for n in range(DAYS)]
        done = subprocess.run([sys.executable, "-c", PROGRAM, *labels], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        settings = read_settings(environment, folder)
        yield Story(folder, FolderStore(f"file://{folder}/state/report"), str(state.warehouse_url),
                    str(state.prefect_api_url), str(state.prefect_login),
                    Workbench(settings), done.stdout + done.stderr, planted)  # fmt: skip
    finally:
        stack.down(purge=True)


def test_every_run_has_a_page_and_the_table_stands_as_it_should(story):
    twin = TableTwin.model_validate_json(story.store.get(at.table_page("crm.orders", "json")))
    assert len(at.run_ids(story.store, "crm.orders")) == DAYS
    assert twin.state == "warned"
    assert {(item.what, item.column) for item in twin.open_items} >= {("quarantine", "amount"), ("rule", "person"),
                                                                     ("drift", "amount")}  # fmt: skip
    assert twin.freshness.last_label == str(FIRST + timedelta(days=DAYS - 1))


def test_the_failing_rows_of_a_rule_are_named_by_keyed_hashes(story):
    (key,) = [
        key
        for key in story.store.keys("tables")
        if f"{FIRST + timedelta(days=DAYS - 1)}" in key and key.endswith("json")
    ]
    record = RunTwin.model_validate_json(story.store.get(key)).record
    keys = next(rule for rule in record["rules"] if rule["code"] == "ORD-NAME")["failing_keys"]
    assert keys
    assert all(len(key["email"]) in (16, 64) and int(key["email"], 16) for key in keys)


def test_no_name_and_no_address_is_in_pages_twins_or_local_records(story):
    searched = 0
    for file in [*story.store.root.rglob("*"), *(story.folder / "state" / "runs").rglob("*.json")]:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            searched += 1
            assert [value for value in story.secrets if value in text] == [], file
    assert searched >= 3 * DAYS


def test_no_name_and_no_address_is_in_the_ops_tables(story):
    tables = story.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'ops'")
    text = "\n".join(str(story.ask(f"SELECT * FROM ops.{name}")) for (name,) in tables)
    assert "ORD-NAME" in text
    assert [value for value in story.secrets if value in text] == []


def test_no_name_and_no_address_is_in_artifacts_or_the_log(story):
    text = json.dumps(story.artifacts) + story.log
    assert "ORD-NAME" in text
    assert [value for value in story.secrets if value in text] == []


def test_no_name_and_no_address_is_in_prefects_database(story):
    """Parameters, results, logs and artifacts that Prefect keeps in its own file."""
    files = [file for file in (story.folder / "state").rglob("*.db*") if file.is_file()]
    assert files
    for file in files:
        data = file.read_bytes()
        assert [
            value for value in story.secrets if value.encode() in data or gzip.compress(value.encode()) in data
        ] == []


def test_the_search_would_find_what_it_looks_for(story):
    """The hidden column is stored as it is, for those who may read the table: there the names are."""
    text = str(story.ask("SELECT person FROM crm.orders"))
    assert sum(value in text for value in story.secrets) > 100


def test_artifacts_have_stable_keys_and_the_essentials(story):
    found = story.artifacts
    assert {"headgate-crm-orders-run", "headgate-crm-orders-rules", "headgate-crm-orders-report"} <= set(found)
    run, rules = found["headgate-crm-orders-run"]["data"], json.loads(found["headgate-crm-orders-rules"]["data"])
    assert "Published, but look at it" in run
    assert "extracted 60 = published 59" in run
    assert {row["Rule"].partition(":")[0] for row in rules} >= {"ORD-AMOUNT", "ORD-NAME"}
    assert "/tables/crm.orders/runs/" in found["headgate-crm-orders-report"]["data"]


def test_the_status_and_the_figures_can_be_read_by_any_tool(story):
    (row,) = story.ask("SELECT state, last_good_batch, open_items, runs, failed_runs FROM ops.table_status")
    assert row[:2] == ("warned", str(FIRST + timedelta(days=DAYS - 1)))
    assert row[3:] == (DAYS, 0)
    means = story.ask(
        "SELECT label, value FROM ops.figure WHERE figure = 'mean' AND column_name = 'amount' ORDER BY label"
    )
    assert len(means) == DAYS
    assert means[-1][1] > 50 * means[0][1]
    outcomes = story.ask("SELECT outcome FROM ops.rule_history WHERE code = 'ORD-NAME' ORDER BY label")
    assert [outcome for (outcome,) in outcomes] == ["pass"] * (DAYS - 1) + ["fail"]


def test_a_lost_report_is_made_again_from_the_warehouse(story, tmp_path):
    settings = read_settings({"HEADGATE_PROJECT": str(story.folder), "HEADGATE_STATE": str(tmp_path / "state"),
                              "HEADGATE_WAREHOUSE_URL": story.warehouse_url}, tmp_path)  # fmt: skip
    built = report.build(Workbench(settings))
    assert (built.tables, built.runs) == (1, DAYS)
    again = open_store(Workbench(settings).report_url)
    assert [key for key in again.keys("tables") if key != at.built("crm.orders")] == story.store.keys("tables")
    # Links to Prefect are known to the run only; everything else is as it was.
    twins = [RunTwin.model_validate_json(s.get(key)) for s in (again, story.store)
             for key in s.keys("tables") if "/runs/" in key and key.endswith("json")]  # fmt: skip
    assert twins[:DAYS] == twins[DAYS:]


@pytest.mark.effect("headgate report build --anew")
def test_a_build_writes_what_has_changed(story, tmp_path, monkeypatch):
    """By the command line: nothing, then the page of a run whose record is another one, then every page."""
    for name, value in {"PROJECT": str(story.folder), "STATE": str(tmp_path / "state"),
                        "WAREHOUSE_URL": story.warehouse_url}.items():  # fmt: skip
        monkeypatch.setenv(f"HEADGATE_{name}", value)

    def written(*options):
        done = CliRunner().invoke(report_command, ["build", "--json", *options], catch_exceptions=False)
        return json.loads(done.output)["written"]

    assert [written(), written()] == [DAYS, 0]
    (run_id,) = story.ask("SELECT run_id FROM ops.run ORDER BY started_at LIMIT 1 OFFSET 3")[0]
    said = "replace(body, 'One row per order', 'One row per %s')"
    with closing(psycopg2.connect(story.warehouse_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE ops.run_record SET body = {said % 'line'} WHERE run_id = %s", (run_id,))
    try:
        assert written() == 1
        twin = (tmp_path / "state" / "report" / at.run_page("crm.orders", run_id, "json")).read_text()
        assert "One row per line" in twin
    finally:
        said = "replace(body, 'One row per line', 'One row per order')"
        with closing(psycopg2.connect(story.warehouse_url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"UPDATE ops.run_record SET body = {said} WHERE run_id = %s", (run_id,))
    assert written("--anew") == DAYS


def test_the_report_is_copied_to_a_bucket_with_its_content_types(story, monkeypatch):
    state = EmbeddedStack(story.folder / "state").up(("s3",))
    for name, value in state.environment().items():
        monkeypatch.setenv(name, value)
    target = BucketStore(state.s3_bucket, "pages")
    built = report.copy_site(story.store, target)
    assert (built.runs, target.keys("")) == (DAYS, story.store.keys(""))
    import boto3

    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
    kinds = {key: client.head_object(Bucket=state.s3_bucket, Key=f"pages/{key}")["ContentType"]
             for key in ("index.html", "index.json", at.history("crm.orders"))}  # fmt: skip
    assert list(kinds.values()) == ["text/html; charset=utf-8", "application/json", "application/x-ndjson"]


def test_a_report_in_a_bucket_is_kept_up_to_date_by_runs(story, monkeypatch):
    state = EmbeddedStack(story.folder / "state").up(("s3",))
    for name, value in state.environment().items():
        monkeypatch.setenv(name, value)
    url = f"s3://{state.s3_bucket}/direct"
    settings = read_settings({"HEADGATE_PROJECT": str(story.folder), "HEADGATE_STATE": str(story.folder / "other"),
                              "HEADGATE_WAREHOUSE_URL": story.warehouse_url, "HEADGATE_REPORT_URL": url},
                             story.folder)  # fmt: skip
    bench = Workbench(settings)
    for record in report.report_facts.records_of(bench.warehouse, "crm.orders", 3):
        report.publish_report(bench, record)
    assert len(at.read_lines(open_store(url), "crm.orders")) == 3


def test_a_warehouse_that_is_down_costs_facts_not_the_page(story, tmp_path):
    (record,) = report.report_facts.records_of(story.bench.warehouse, "crm.orders", 1)
    settings = read_settings({"HEADGATE_PROJECT": str(story.folder), "HEADGATE_STATE": str(tmp_path / "state"),
                              "HEADGATE_WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none"}, tmp_path)  # fmt: skip
    bench = Workbench(settings)
    report.publish_report(bench, record)
    assert open_store(bench.report_url).keys("index.html") == ["index.html"]


def test_a_name_that_leads_elsewhere_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "runs" / "raw.items").mkdir(parents=True)
    (tmp_path / "incidents.json").write_text("{}")
    bench: Any = SimpleNamespace(settings=SimpleNamespace(state=tmp_path))
    assert [report.kept_locally(bench, name) for name in ("../../incidents", "", "*", "items-1")] == [None] * 4
