"""A real shop's sixty days on two workers of a Prefect server on PostgreSQL; one of them is killed half-way."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import tarfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.standby import SYSTEM_POSTGRES

ARCHIVE = Path(__file__).parents[4] / "shared" / "data" / "online_retail_by_day.tar.gz"
pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(not ARCHIVE.exists(), reason="../shared/data/online_retail_by_day.tar.gz is absent"),
    pytest.mark.skipif(not SYSTEM_POSTGRES.is_dir(), reason="postgresql-15 isn't installed"),
]
FIRST, DAYS = date(2010, 12, 1), 60
TABLE = """\
table: {schema}.sales
description: One row per line of an invoice.
owner: data@example.com
source: {{kind: csv, url: "file://{folder}/files/{{window.start:%Y-%m-%d}}.csv", on_missing: empty}}
window: {{every: day, timezone: Europe/London, start: {start}, end: {end}}}
schedule: {{cron: "0 3 1 1 *"}}
columns:
  - {{name: invoice, from: InvoiceNo, type: varchar(10), nullable: false}}
  - {{name: stock_code, from: StockCode, type: varchar(20), nullable: false}}
  - {{name: description, from: Description, type: varchar(60)}}
  - {{name: quantity, from: Quantity, type: integer, nullable: false}}
  - {{name: invoiced_at, from: InvoiceDate, type: timestamp, source_timezone: Europe/London, nullable: false}}
  - {{name: unit_price, from: UnitPrice, type: "decimal(12,3)", nullable: false}}
  - {{name: customer, from: CustomerID, type: integer, cast: whole_number}}
  - {{name: country, from: Country, type: varchar(40), nullable: false}}
load: {{mode: replace_window, window_column: invoiced_at}}
"""
SUMMARY = """\
/*
target: {schema}_sums.by_country
description: Lines by country.
owner: data@example.com
inputs:
  - table: {schema}.sales
key: [country]
*/
SELECT country, COUNT(*) AS lines, SUM(quantity) AS quantity FROM {schema}.sales GROUP BY country
"""


def test_sixty_days_of_a_real_shop(site: Any) -> None:
    counted = [0, 0, Decimal(0)]
    end = FIRST + timedelta(days=DAYS)
    files = site.folder / "files"
    files.mkdir()
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if not member.name.endswith(".csv") or not FIRST <= date.fromisoformat(Path(member.name).stem) < end:
                continue
            data = archive.extractfile(member)
            assert data is not None
            body = data.read()
            (files / Path(member.name).name).write_bytes(body)
            for row in csv.DictReader(io.StringIO(body.decode(), newline="")):
                counted[0] += 1
                counted[1] += int(row["Quantity"])
                counted[2] += int(row["Quantity"]) * Decimal(row["UnitPrice"])
    project = site.folder / "project"
    for name, text in (("tables/sales.yaml", TABLE), ("summaries/by_country.sql", SUMMARY)):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text.format(schema=site.schema, folder=site.folder, start=FIRST, end=end))

    site.headgate("deploy")
    doomed, _ = site.worker("first"), site.worker("second")
    command = [sys.executable, "-P", "-m", "flows", "backfill", "sales", "--spread", "--parallel", "4", "--json"]
    with (site.folder / "backfill.log").open("wb") as log:
        running = subprocess.Popen(command, env=site.environment, cwd=site.folder, stdout=subprocess.PIPE, stderr=log)
    ledger = f"SELECT count(DISTINCT batch_key) FROM ops.ledger WHERE target = '{site.table}'"

    def half() -> bool:
        return bool(site.ask("SELECT to_regclass('ops.ledger') IS NOT NULL")[0][0]) and site.ask(ledger)[0][0] >= 30

    site.wait(half, seconds=1200)
    os.killpg(doomed.pid, signal.SIGKILL)
    out, _ = running.communicate(timeout=1800)
    # 3: days on which the shop was closed are told, as declared.
    assert running.returncode in (0, 3), (site.folder / "backfill.log").read_text() + out.decode()
    assert site.ask(f"SELECT count(*), sum(quantity), sum(quantity * unit_price) FROM {site.table}") == [tuple(counted)]
    assert site.ask(f"SELECT sum(lines), sum(quantity) FROM {site.summary.replace('by_day', 'by_country')}") == [
        tuple(counted[:2])
    ]
    once = f"SELECT count(*), count(DISTINCT batch_key) FROM ops.ledger WHERE target = '{site.table}'"
    assert site.ask(once) == [(DAYS, DAYS)]
