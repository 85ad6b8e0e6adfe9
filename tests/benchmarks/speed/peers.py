"""Beside other loaders: their commands and ours through one harness, which looks at what each has left in the table.

    python tests/benchmarks/speed/peers.py BENCH [--works A,B,B2,C,D] [--peers psql,dlt-import] [--rows 2000000] [--repeat 3]

BENCH is the folder of the harness: its `run.py` (`--config`, `--work`, `--peers`), `peers.toml`, and servers that its `setup.sh`
has started. Ours is added to its list as `headgate`, by the declarations of the other benchmark; the results are the harness's.
Whole processes are timed, from an empty state and with no table there (B2: the first load isn't timed). A Prefect server runs
beside, as in production.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from works import declarations

from deployments.embedded.stack import ephemeral_stack

TABLES = {"A": "plain", "B": "copied", "B2": "merged", "C": "small", "D": "checked"}
"""The table that a work loads, by its name in the other benchmark."""
PEERS = {
    "A": "psql,duckdb,dlt-import,dlt-csv,ingestr,sling",
    "B": "psql,duckdb,dlt-csv,dlt-parquet,ingestr,sling",
    "B2": "psql,dlt-csv,dlt-parquet,ingestr,sling",
    "C": "psql,dlt-import,ingestr,sling",
    "D": "psql,polars-adbc,dlt-import,ingestr,sling",
}
HEADGATE = Path(sys.executable).with_name("headgate")
# The n-th change of the harness carries the n-th day after the first one of the year.
NEXT_DAY = "n=$(($(cat $WORK/n) + 1)); echo $n >$WORK/n; "


def write_projects(folder: Path, csv: str, url: str) -> None:
    """A project for each work, since the harness looks for the same table after all of them."""
    for work, name in TABLES.items():
        project = folder / work
        table = "name_gender" if work == "C" else "sessions"
        found = declarations(csv, url)
        texts = {kind: text for kind, text in found.items() if Path(kind).stem == name}
        for kind, text in texts.items():
            path = project / Path(kind).with_stem(table)
            path.parent.mkdir(parents=True)
            path.write_text(text.replace(f"raw_data.{name}\n", f"raw_data.{table}\n"), encoding="utf-8")
    # What B2 merges into is loaded as a whole: the harness's rows are of six years.
    first = folder / "B2_init" / "tables" / "sessions.yaml"
    first.parent.mkdir(parents=True)
    first.write_text((folder / "B" / "tables" / "sessions.yaml").read_text() + "key: [sessionid]\n", encoding="utf-8")


def config(bench: Path, projects: Path, prefect: dict[str, str]) -> str:
    """The harness's list of peers with ours at its end."""

    def command(work: str, *words: str, before: str = "") -> str:
        settings = " ".join(f"{name}={value}" for name, value in (
            *((name, shlex.quote(value)) for name, value in prefect.items()),
            ("HEADGATE_PROJECT", projects / work), ("HEADGATE_STATE", "$WORK/state"), ("HEADGATE_STAGE_URL", "file://$WORK/stage"),
            ("HEADGATE_WAREHOUSE_URL", "$WH_DSN"), ("HEADGATE_CONNECTION_PRODUCTION", "$SRC_DSN"),
            ("PREFECT_LOGGING_LEVEL", "WARNING"), ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"), ("DO_NOT_TRACK", "1"),
        ))  # fmt: skip
        table = "name_gender" if work == "C" else "sessions"
        # The harness drops the table before each run, of which headgate warns (exit code 3).
        return f"{before}{settings} {HEADGATE} run {table} {' '.join(words)} --no-dependents || test $? -eq 3"

    ours = {work: command(work, "--full-refresh") for work in TABLES if work != "B2"}
    ours["B2_init"] = command("B2_init", "--full-refresh", before="echo 1 >$WORK/n; ")
    ours["B2"] = command("B2", "--window", "2026-01-$(printf %02d $n)", before=NEXT_DAY)
    lines = [f"{work} = '''{text}'''" for work, text in ours.items()]
    return "\n".join(((bench / "peers.toml").read_text(encoding="utf-8"), "[peers.headgate]", *lines, ""))


def main() -> None:
    """Run the harness for each work that is asked for; its exit code is ours when one fails."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("bench", type=Path)
    asked.add_argument("--works", default=",".join(TABLES))
    asked.add_argument("--peers", help="by default the known loaders of each work")
    asked.add_argument("--rows", type=int, default=2_000_000)
    asked.add_argument("--repeat", type=int, default=3)
    options = asked.parse_args()
    lab = os.environ.get("LAB", "/tmp/etl-bench")
    url = f"http://127.0.0.1:{os.environ.get('HTTPPORT', '5571')}/name_gender.csv"
    with ephemeral_stack(("prefect",)) as (_, state), tempfile.TemporaryDirectory(prefix="headgate-peers-") as folder:
        projects = Path(folder) / "projects"
        write_projects(projects, f"{lab}/data/sessions_{options.rows}.csv", url)
        listed = Path(folder) / "peers.toml"
        listed.write_text(config(options.bench.resolve(), projects, state.environment()), encoding="utf-8")
        for work in options.works.split(","):
            peers = f"{options.peers or PEERS[work]},headgate"
            done = subprocess.run(
                [sys.executable, options.bench / "run.py", "--config", listed, "--work", work, "--peers", peers,
                 "--rows", str(options.rows), "--repeat", str(options.repeat)], check=False,
            )  # fmt: skip
            if done.returncode:
                raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
