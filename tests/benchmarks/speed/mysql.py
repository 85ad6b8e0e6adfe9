"""What it takes to load a table of MariaDB, beside the server's own dump of it, in the same run on the same server.

    python tests/benchmarks/speed/mysql.py [--rows 1000000,5000000] [--texts]

Of each: CPU seconds of the client and of MariaDB meanwhile, seconds that passed, and the most memory the client held. "dump" is
mariadb-dump to nowhere, "read" our reader alone to nowhere, "load" the whole command from its start to the published table.
CPU seconds are the same on a busy machine; seconds that passed aren't. `--texts` makes the note a TEXT instead of a VARCHAR.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from deployments.embedded.stack import StackState, ephemeral_stack
from tests.mariadb import Database, MariaDb, started

REPOSITORY = Path(__file__).parents[3]
TABLE = """\
table: raw_data.sales
description: One row per sale.
owner: bench@example.com
source: {kind: mysql, connection: shop, query: SELECT * FROM sales}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: customer, type: integer}
  - {name: amount, type: "decimal(12,2)"}
  - {name: note, type: varchar(80)}
  - {name: country, type: varchar(2)}
  - {name: at, type: timestamp, source_timezone: UTC}
  - {name: changed, type: timestamptz}
  - {name: score, type: double precision}
load: {mode: full_refresh, generations: 1}
"""
READ = """\
import sys
from deployments.declarations.sources import MysqlSource
from tasks.sources.mysql import MysqlReader
from tasks.sources.protocol import Span
source = MysqlSource(kind="mysql", connection="shop", query="SELECT * FROM sales")
print(sum(map(len, MysqlReader(source, Span(None, "UTC"), sys.argv[1]).chunks())))
"""


def fill(database: Database, rows: int, note: str) -> None:
    """A table of eight columns, about 110 bytes a row as CSV."""
    database.run(
        f"CREATE OR REPLACE TABLE sales (id BIGINT PRIMARY KEY, customer INT, amount DECIMAL(12,2), note {note}, country CHAR(2),"
        " at DATETIME(6), changed TIMESTAMP NULL, score DOUBLE)",
        "INSERT INTO sales SELECT seq, seq % 50000, seq / 7, CASE WHEN seq % 10 = 0 THEN NULL WHEN seq % 11 = 0 THEN"
        " 'he said \"x\", ok' ELSE CONCAT('note of the sale ', seq) END, 'KR', '2024-01-01' + INTERVAL seq SECOND,"
        f" '2024-01-01' + INTERVAL seq SECOND, seq / 3 FROM seq_1_to_{rows}",
    )


def timed(name: str, server: MariaDb, command: list[str], environment: dict[str, str]) -> None:
    """Run a command and print what it took; SystemExit when it fails."""
    before, begun = server.cpu_seconds(), time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed: {os.waitstatus_to_exitcode(status)}")
    own = usage.ru_utime + usage.ru_stime
    print(
        f"  {name:5s} CPU {own:6.2f} s, of MariaDB {server.cpu_seconds() - before:6.2f} s, "
        f"{time.perf_counter() - begun:6.1f} s, {usage.ru_maxrss / 1024:5.0f} MB"
    )


def measure(server: MariaDb, state: StackState, folder: Path, rows: int, note: str) -> None:
    """All three works on one table."""
    database = Database(server, server.new_database())
    fill(database, rows, note)
    url = f"{database.url}?ssl-mode=DISABLED"
    project = folder / f"project-{rows}"
    (project / "tables").mkdir(parents=True)
    (project / "tables" / "sales.yaml").write_text(TABLE, encoding="utf-8")
    environment = {
        **os.environ, **state.environment(), "HEADGATE_PROJECT": str(project), "HEADGATE_STATE": str(project / "state"),
        "HEADGATE_WAREHOUSE_URL": str(state.warehouse_url), "HEADGATE_CONNECTION_SHOP": url,
        "HEADGATE_STAGE_URL": f"file://{project / 'stage'}", "PREFECT_LOGGING_LEVEL": "WARNING",
    }  # fmt: skip
    dump = shutil.which("mariadb-dump") or "mariadb-dump"
    print(f"{rows:,} rows, note {note}")
    timed("dump", server, [dump, "--no-defaults", "--skip-ssl", "--quick", "--no-create-info", "--host=127.0.0.1",
                           f"--port={server.port}", "--user=root", database.name, "sales"], environment)  # fmt: skip
    timed("read", server, [sys.executable, "-c", READ, url], environment)
    timed("load", server, [sys.executable, "-m", "flows", "run", "sales", "--full-refresh", "--json"], environment)
    server.run(f"DROP DATABASE {database.name}")


def main() -> None:
    """Measure each number of rows that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", default="1000000,5000000")
    asked.add_argument("--texts", action="store_true")
    options = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hg-my-") as folder,
        ephemeral_stack() as (_, state),
        started(Path(folder)) as server,
    ):
        for rows in map(int, options.rows.split(",")):
            measure(server, state, Path(folder), rows, "TEXT" if options.texts else "VARCHAR(80)")


if __name__ == "__main__":
    main()
