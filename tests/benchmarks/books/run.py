"""The books at their size: how long plan, run, show, watch and report take with a million runs in `ops`.

    python tests/benchmarks/books/run.py --runs 1000000 --windows 10000

A PostgreSQL server in a temporary folder; one table of so many windows, and runs of a hundred others beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

from deployments.embedded.stack import EmbeddedStack

TABLE = """
table: raw.orders
description: Orders.
owner: a@example.com
source: {{kind: csv, url: "file://{folder}/{{window.start:%Y-%m-%dT%H}}.csv", on_missing: empty}}
window: {{every: hour, timezone: UTC, start: {start}, end: {end}}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamp, source_timezone: UTC}}
load: {{mode: replace_window, window_column: at}}
"""
FIRST = "2024-01-01"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--windows", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headgate-books-") as folder:
        stack = EmbeddedStack(Path(folder) / "stack")
        try:
            state = stack.up(("postgres", "s3", "prefect"))
            _time(Path(folder), stack, state, arguments.runs, arguments.windows)
        finally:
            stack.down(purge=True)


def _time(folder: Path, stack: EmbeddedStack, state, runs: int, windows: int) -> None:  # type: ignore[no-untyped-def]
    url = stack.create_database("books")
    project = folder / "project"
    (project / "tables").mkdir(parents=True)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT date %s + %s * interval '1 hour'", (FIRST, windows + 1))
        (end,) = cursor.fetchone() or (None,)
    text = TABLE.format(folder=folder, start=FIRST, end=f"{end:%Y-%m-%dT%H:%M}")
    (project / "tables" / "orders.yaml").write_text(text)
    (folder / "2024-01-01T00.csv").write_text("id,at\n1,2024-01-01 00:30:00\n")
    environment = {
        **os.environ, **state.environment(), "HEADGATE_PROJECT": str(project), "HEADGATE_STATE": str(folder / "state"),
        "HEADGATE_WAREHOUSE_URL": url, "HEADGATE_STAGE_URL": f"s3://{state.s3_bucket}/books",
    }  # fmt: skip

    def told(*command: str) -> float:
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "flows", *command], env=environment, capture_output=True, text=True
        )
        took = time.perf_counter() - begun
        print(f"{' '.join(command):<44} {took:6.1f} s   exit {done.returncode}   "
              f"{(done.stdout + done.stderr).strip().splitlines()[-1:]}", flush=True)  # fmt: skip
        return took

    told("run", "orders", "--window", "2024-01-01T00", "--no-dependents")
    told("plan", "orders")
    _fill(url, runs, windows)
    print(f"--- {runs:,} runs, {windows:,} windows", flush=True)
    told("plan", "orders")
    told("run", "orders", "--window", "2024-01-01T00", "--no-dependents")
    told("show")
    told("repair", "orders", "--plan")
    told("watch")
    told("report", "build")


def _fill(url: str, runs: int, windows: int) -> None:
    """Copies of the one real run: of its windows, and of a hundred other tables."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        begun = time.perf_counter()
        proof = "ops.proof__raw__orders"
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = 'ops' "
                       "AND table_name = 'proof__raw__orders' ORDER BY ordinal_position")  # fmt: skip
        columns = [name for (name,) in cursor.fetchall()]
        key = ("to_char(date '2024-01-01' + n * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || '/' || "
               "to_char(date '2024-01-01' + (n + 1) * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")  # fmt: skip
        shown = {"sequence": "n + 1", "batch_key": key, "run_id": "'orders-' || n", "attempt_id": "'a' || n"}
        cursor.execute(f"INSERT INTO {proof} ({', '.join(columns)}) SELECT {', '.join(shown.get(c, c) for c in columns)} "
                       f"FROM {proof}, generate_series(1, {windows - 1}) n WHERE sequence = 1")  # fmt: skip
        cursor.execute(
            f"INSERT INTO ops.ledger SELECT 'raw.orders', sequence, batch_key, kind, run_id, published_at, "
            f"extracted, inserted, quarantined, superseded, deleted, undone_by FROM {proof} WHERE sequence > 1"
        )
        cursor.execute("INSERT INTO raw.orders SELECT n + 1, timestamp '2024-01-01 00:30' + n * interval '1 hour' "
                       f"FROM generate_series(1, {windows - 1}) n")  # fmt: skip
        cursor.execute("SELECT run_id FROM ops.run LIMIT 1")
        (first,) = cursor.fetchone() or (None,)
        for table in ("run", "run_record", "check_result", "alert", "figure"):
            cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = 'ops' "
                           "AND table_name = %s ORDER BY ordinal_position", (table,))  # fmt: skip
            names = [name for (name,) in cursor.fetchall()]
            own = {"run_id": f"CASE WHEN n < {windows} THEN 'orders-' || n ELSE 'other-' || n END",
                   "target": f"CASE WHEN n < {windows} THEN 'raw.orders' ELSE 'raw.other_' || n %% 100 END",
                   "batch_key": key, "started_at": "started_at - n * interval '1 minute'",
                   "finished_at": "finished_at - n * interval '1 minute'", "attempt_id": "'a' || n"}  # fmt: skip
            cursor.execute(f"INSERT INTO ops.{table} SELECT {', '.join(own.get(name, name) for name in names)} "
                           f"FROM ops.{table}, generate_series(1, {runs}) n WHERE run_id = %s", (first,))  # fmt: skip
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE")
        print(f"filled in {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
