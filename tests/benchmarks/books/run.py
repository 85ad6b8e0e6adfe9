"""The books at their size: how long plan, run, backfill, show, watch and report take with a million runs in `ops`.

    python tests/benchmarks/books/run.py --tables 100 --windows 10000

A PostgreSQL server in a temporary folder; so many tables of so many windows each, every one with its run and its proof. Told
are wall time and the CPU of the command itself, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor

from deployments.embedded.stack import EmbeddedStack

TABLE = """
table: raw.{name}
description: Orders.
owner: a@example.com
source: {{kind: csv, url: "file://{folder}/{name}-{{window.start:%Y-%m-%dT%H}}.csv", on_missing: empty}}
window: {{every: hour, timezone: UTC, start: {start}, end: {end}}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamp, source_timezone: UTC}}
load: {{mode: replace_window, window_column: at}}
"""
FIRST = "2024-01-01"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--windows", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headgate-books-") as folder:
        stack = EmbeddedStack(Path(folder) / "stack")
        try:
            state = stack.up(("postgres", "s3", "prefect"))
            _time(Path(folder), stack, state, arguments.tables, arguments.windows)
        finally:
            stack.down(purge=True)


def _time(folder: Path, stack: EmbeddedStack, state, tables: int, windows: int) -> None:  # type: ignore[no-untyped-def]
    url = stack.create_database("books")
    project = folder / "project"
    (project / "tables").mkdir(parents=True)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT date %s + %s * interval '1 hour'", (FIRST, windows + 1))
        (end,) = cursor.fetchone() or (None,)
    names = [f"orders_{number:03}" for number in range(tables)]
    for name in (*names, "empty"):
        text = TABLE.format(name=name, folder=folder, start=FIRST, end=f"{end:%Y-%m-%dT%H:%M}")
        (project / "tables" / f"{name}.yaml").write_text(text)
    (folder / f"{names[0]}-2024-01-01T00.csv").write_text("id,at\n1,2024-01-01 00:30:00\n")
    environment = {
        **os.environ, **state.environment(), "HEADGATE_PROJECT": str(project), "HEADGATE_STATE": str(folder / "state"),
        "HEADGATE_WAREHOUSE_URL": url, "HEADGATE_STAGE_URL": f"s3://{state.s3_bucket}/books",
    }  # fmt: skip

    def told(*command: str) -> None:
        begun, before = time.perf_counter(), _cpu_seconds()
        done = subprocess.run(
            [sys.executable, "-m", "flows", *command], env=environment, capture_output=True, text=True
        )
        took, cpu = time.perf_counter() - begun, _cpu_seconds() - before
        print(f"{' '.join(command):<54} {took:6.1f} s, CPU {cpu:6.1f} s, exit {done.returncode}   "
              f"{(done.stdout + done.stderr).strip().splitlines()[-1:]}", flush=True)  # fmt: skip

    one = names[0]
    told("run", one, "--window", "2024-01-01T00", "--no-dependents")
    told("plan", one)
    _fill(url, names, windows)
    print(f"--- {tables * windows:,} runs: {tables} tables of {windows:,} windows", flush=True)
    told("plan", one)
    told("plan", one, "--window", "2024-01-01T00")
    told("plan")
    told("plan", "empty")
    told("run", one, "--window", "2024-01-01T00", "--no-dependents")
    told("run", one, "--no-dependents")
    told("show")
    told("repair", one, "--plan")
    told("watch")
    told("report", "build", "--runs", "100", "--pages", "10")
    told("report", "build")
    told("review")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fill(url: str, names: list[str], windows: int) -> None:
    """Copies of the one real run: for each window of each table."""
    key = ("to_char(date '2024-01-01' + n * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || '/' || "
           "to_char(date '2024-01-01' + (n + 1) * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")  # fmt: skip
    begun = time.perf_counter()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        model = names[0]
        for name in names:
            proof = f"ops.proof__raw__{name}"
            if name != model:
                cursor.execute(f"CREATE TABLE raw.{name} (LIKE raw.{model} INCLUDING ALL)")
                cursor.execute(f"CREATE TABLE {proof} (LIKE ops.proof__raw__{model} INCLUDING ALL)")
            first = 1 if name == model else 0
            columns = _columns(cursor, f"proof__raw__{model}")
            shown = {"sequence": "n + 1", "batch_key": key, "run_id": f"'{name}-' || n",
                     "attempt_id": f"'{name}-a' || n"}  # fmt: skip
            cursor.execute(
                f"INSERT INTO {proof} ({', '.join(columns)}) SELECT {', '.join(shown.get(c, c) for c in columns)} "
                f"FROM ops.proof__raw__{model}, generate_series({first}, {windows - 1}) n WHERE sequence = 1"
            )
            cursor.execute(
                f"INSERT INTO ops.ledger SELECT 'raw.{name}', sequence, batch_key, kind, run_id, published_at, "
                f"extracted, inserted, quarantined, superseded, deleted, undone_by FROM {proof} WHERE sequence > {first}"
            )
            cursor.execute(f"INSERT INTO raw.{name} SELECT n + 1, timestamp '2024-01-01 00:30' + n * interval '1 hour' "
                           f"FROM generate_series({first}, {windows - 1}) n")  # fmt: skip
        cursor.execute("SELECT run_id FROM ops.run LIMIT 1")
        (first_run,) = cursor.fetchone() or (None,)
        for table in ("run", "run_record", "check_result", "alert", "figure", "profile"):
            own = {"run_id": "t.name || '-' || n", "target": "'raw.' || t.name", "batch_key": key, "sequence": "n + 1",
                   "started_at": "started_at - n * interval '1 hour'", "finished_at": "finished_at - n * interval '1 hour'",
                   "judged_at": "judged_at - n * interval '1 hour'", "measured_at": "measured_at - n * interval '1 hour'",
                   "attempt_id": "t.name || '-a' || n",
                   "body": f"replace(replace(body, '{first_run}', t.name || '-' || n), 'raw.{model}', 'raw.' || t.name)",
                   }  # fmt: skip
            chosen = ", ".join(own.get(name, name) for name in _columns(cursor, table))
            cursor.execute(
                f"INSERT INTO ops.{table} SELECT {chosen} FROM ops.{table} o, unnest(%s) t(name), "
                f"generate_series(0, {windows - 1}) n WHERE o.run_id = %s AND (t.name <> %s OR n > 0)",
                (names, first_run, model),
            )  # fmt: skip
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        (size,) = cursor.fetchone() or (None,)
        print(f"filled in {time.perf_counter() - begun:.0f} s: {size}", flush=True)


def _columns(cursor: Cursor, table: str) -> list[str]:
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema = 'ops' AND table_name = %s "
                   "ORDER BY ordinal_position", (table,))  # fmt: skip
    return [name for (name,) in cursor.fetchall()]


if __name__ == "__main__":
    main()
