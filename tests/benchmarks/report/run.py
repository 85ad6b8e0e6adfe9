"""How long a run's update of the report takes, and how large the pages are, at many tables and runs.

    python tests/benchmarks/report/run.py [--tables 20] [--runs 1000] [--columns 12] [--json]

`--runs` are runs of each table. Prints seconds per update (median and worst of the last ones) and bytes of the pages.
Everything happens in a temporary folder; the report's own store is a folder there.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from expectations.record import Drift, DriftAlert, QuarantineReason, RuleResult, RunRecord, Step
from expectations.report.about import Column, DeclaredRule, Described, Promise, WindowGrid
from expectations.report.model import Facts
from expectations.report.site import Site
from tasks.objects.store import FolderStore

DAY = timedelta(days=1)
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
TIMED = 10


def table(number: int, columns: int) -> Described:
    return Described(
        table=f"raw_data.table_{number:03d}", description="One row per thing that happened. " * 2,
        owner=f"team-{number % 6}@example.com", tier="core" if number % 3 == 0 else "standard", mode="replace_window",
        columns=tuple(Column(name=f"column_{n}", type="integer", description="A figure") for n in range(columns)),
        rules=tuple(
            DeclaredRule(code=f"RULE-{n}", sentence=f"column_{n} is between 0 and 1,000 in every row", severity="critical")
            for n in range(15)
        ),
        promises=(Promise(stakeholder="finance", fresh_by="06:00"),),
        window=WindowGrid(every="day", timezone="UTC", start=FIRST.replace(tzinfo=None)),
    )  # fmt: skip


def record(of: Described, day: int, dice: random.Random) -> RunRecord:
    start = FIRST + day * DAY
    rows = dice.randint(90_000, 110_000)
    aside = dice.choice((0, 0, 0, 3))
    columns = {
        column.name: {"nulls": dice.randint(0, 900), "distinct": dice.randint(10, 5000), "numbers": {"mean": dice.gauss(50, 5)}}
        for column in of.columns
    }  # fmt: skip
    bands = [
        {"column": c, "kind": kind, "figure": f"share of empty values in {c}", "low": 0.0, "high": 0.02, "expected": 0.01,
         "observed": 0.009, "score": 0.3}
        for c in columns
        for kind in ("completeness", "values", "format")
    ]  # fmt: skip
    alert = DriftAlert(column="column_1", kind="completeness", level="digest", score=1.2, expected="1 % (0 % to 2 %)",
                       observed="4 %",
                       message="Share of empty values in column_1: expected 1 % (0 % to 2 %), seen 4 %.")  # fmt: skip
    return RunRecord(
        run_id=f"{of.table.partition('.')[2]}-{start:%Y-%m-%d}-{dice.getrandbits(24):06x}", table=of.table, kind="ingest",
        mode=of.mode, batch_key=f"{start:%Y-%m-%dT%H:%M:%SZ}/{start + DAY:%Y-%m-%dT%H:%M:%SZ}", label=f"{start:%Y-%m-%d}",
        window_start=start, window_end=start + DAY, status="warned" if aside else "published",
        started_at=start + DAY + timedelta(hours=3), finished_at=start + DAY + timedelta(hours=3, seconds=40),
        owner=of.owner, tier=of.tier, steps=tuple(Step(name=n, seconds=1.0, line="rows") for n in ("extract", "publish")),
        counts={"extracted": rows, "published": rows - aside, "quarantined": aside, "superseded": 0},
        quarantine=(QuarantineReason(code="RULE-3", column="column_3", rows=aside, sentence="breaks the rule"),) if aside else (),
        rules=tuple(
            RuleResult(code=r.code, type="expect_column_values_to_be_between", sentence=r.sentence, severity="critical",
                       outcome="pass", place="batch", rows_checked=rows, rows_failed=0)
            for r in of.rules
        ),
        drift=Drift(verdict="pass", score=0.4, history=28, alerts=(alert,) if day % 50 == 49 else (), bands={"figures": bands}),
        schema_columns=tuple(c.model_dump() for c in of.columns), profile={"rows": rows, "columns": columns},
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    dice = random.Random(7)
    tables = [table(n, asked.columns) for n in range(asked.tables)]
    with tempfile.TemporaryDirectory(prefix="headgate-report-") as folder:
        site = Site(FolderStore(f"file://{folder}"))
        began = time.perf_counter()
        for of in tables:
            records = [record(of, day, dice) for day in range(asked.runs - TIMED)]
            site.rebuild_table(of, records, Facts(), records[-1].started_at)
        building = time.perf_counter() - began
        updates = []
        for n in range(TIMED):
            last = record(tables[n % asked.tables], asked.runs - TIMED + n, dice)
            begin = time.perf_counter()
            site.add(last, tables[n % asked.tables], last.started_at + timedelta(minutes=1), declared=tables)
            updates.append(time.perf_counter() - begin)
        sizes = {name: max(f.stat().st_size for f in Path(folder).glob(pattern)) for name, pattern in {
            "start_page": "index.html", "table_page": "tables/*/index.html", "run_page": "tables/*/runs/*.html",
            "table_index": "tables/*/history.jsonl",
        }.items()}  # fmt: skip
        objects = sum(1 for f in Path(folder).rglob("*") if f.is_file())
    result = {
        "tables": asked.tables, "runs": asked.tables * asked.runs, "objects": objects,
        "build_seconds": round(building, 1), "update_seconds_median": round(statistics.median(updates), 3),
        "update_seconds_worst": round(max(updates), 3), "bytes": sizes,
    }  # fmt: skip
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
