"""What it takes to load a table of a paged API, beside a loop that downloads the same pages to a file, in the same run.

    python tests/benchmarks/speed/pages.py [--rows 1000000,10000000] [--gzip] [--works dump,read,load]

Of each: CPU seconds of the client and of the API meanwhile, seconds that passed, and the most memory the client held. "dump" is
the loop (one connection, each page as it comes into a file), "read" our reader alone to nowhere, "load" the whole command from
its start to the published table. The API is a process of its own: JSON pages of 10,000 records, each with the mark of the next;
every 97th answer is 429, every 131st 503, each with Retry-After. CPU seconds are the same on a busy machine; seconds that passed
aren't.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parents[3]))

REPOSITORY = Path(__file__).parents[3]
PAGE_ROWS = 10_000
THROTTLED, BROKEN = 97, 131
TABLE = """\
table: raw_data.sales
description: One row per sale.
owner: bench@example.com
source:
  kind: rest
  connection: api
  url: /sales
  records: data
  paging: {kind: cursor, param: after, path: next}
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
from pathlib import Path
from deployments.project import load_project
from deployments.settings import Settings
from tasks.sources.opening import open_source
folder = Path(sys.argv[1])
table = load_project(folder).table("raw_data.sales")
reader = open_source(table, None, Settings(project=folder, state=folder / "state", connections={"api": sys.argv[2]}))
print(sum(map(len, reader.chunks())))
"""


def record(number: int) -> dict[str, object]:
    """A record of eight fields, about 190 bytes as JSON and 110 as CSV."""
    note = (
        None
        if number % 10 == 0
        else f'he said "x", ok ({number})'
        if number % 11 == 0
        else f"note of the sale {number}"
    )
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_704_067_200 + number))
    return {
        "id": number, "customer": number % 50_000, "amount": f"{number / 7:.2f}", "note": note, "country": "KR",
        "at": moment, "changed": f"{moment}Z", "score": number / 3,
    }  # fmt: skip


def serve(rows: int, *, packed: bool) -> None:
    """The API, until it is ended; writes its port first."""
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal asked
            asked += 1
            if asked % THROTTLED == 0 or asked % BROKEN == 0:
                self._say(429 if asked % THROTTLED == 0 else 503, b"", {"Retry-After": "1"})
                return
            after = int(parse_qs(urlsplit(self.path).query).get("after", ["0"])[0])
            last = min(after + PAGE_ROWS, rows)
            page = {"next": str(last) if last < rows else None, "data": [record(n) for n in range(after + 1, last + 1)]}
            body, headers = json.dumps(page).encode(), {"Content-Type": "application/json"}
            if packed and "gzip" in self.headers.get("Accept-Encoding", ""):
                body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
            self._say(200, body, headers)

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def dump(port: int, file: Path) -> None:
    """Download all pages to a file, one after the other on one connection."""
    line = http.client.HTTPConnection("127.0.0.1", port)
    after = "0"
    with file.open("wb") as out:
        while True:
            line.request("GET", f"/sales?after={after}", headers={"Accept-Encoding": "gzip"})
            answer = line.getresponse()
            body = answer.read()
            if answer.status != http.HTTPStatus.OK:
                time.sleep(int(answer.headers["Retry-After"]))
                continue
            if answer.headers.get("Content-Encoding") == "gzip":
                body = zlib.decompress(body, 31)
            out.write(body)
            found = re.match(rb'\{"next": "(\d+)"', body)
            if found is None:
                return
            after = found[1].decode()


def timed(name: str, api: subprocess.Popen[str], command: list[str], environment: dict[str, str]) -> None:
    """Run a command and print what it took; SystemExit when it fails."""
    before, begun = cpu_seconds(api.pid), time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed: {os.waitstatus_to_exitcode(status)}")
    print(
        f"  {name:5s} CPU {usage.ru_utime + usage.ru_stime:6.2f} s, of the API {cpu_seconds(api.pid) - before:6.2f} s, "
        f"{time.perf_counter() - begun:6.1f} s, {usage.ru_maxrss / 1024:5.0f} MB",
        flush=True,
    )


def cpu_seconds(process: int) -> float:
    """What a process has used since it started."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, rows: int, works: list[str], *, packed: bool) -> None:
    """The works, one after the other, on one API."""
    from deployments.embedded.stack import ephemeral_stack

    project = folder / f"project-{rows}"
    (project / "tables").mkdir(parents=True)
    (project / "tables" / "sales.yaml").write_text(TABLE, encoding="utf-8")
    here = str(Path(__file__))
    serving = [sys.executable, here, "--serve", str(rows), *(["--gzip"] if packed else [])]
    with (
        ephemeral_stack() as (_, state),
        subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as api,
    ):
        try:
            assert api.stdout is not None
            port = int(api.stdout.readline())
            environment = {
                **os.environ, **state.environment(), "HEADGATE_PROJECT": str(project), "HEADGATE_STATE": str(project / "state"),
                "HEADGATE_WAREHOUSE_URL": str(state.warehouse_url), "HEADGATE_CONNECTION_API": f"http://127.0.0.1:{port}",
                "HEADGATE_STAGE_URL": f"file://{project / 'stage'}", "PREFECT_LOGGING_LEVEL": "ERROR",
            }  # fmt: skip
            print(f"{rows:,} rows{', packed' if packed else ''}", flush=True)
            pages = project / "pages"
            commands = {
                "dump": [sys.executable, here, "--dump", str(port), str(pages)],
                "read": [sys.executable, "-c", READ, str(project), f"http://127.0.0.1:{port}"],
                "load": [sys.executable, "-m", "flows", "run", "sales", "--full-refresh", "--json"],
            }
            for work in works:
                timed(work, api, commands[work], environment)
                if work == "dump":
                    print(f"        {pages.stat().st_size:,} bytes", flush=True)
                    pages.unlink()
        finally:
            api.terminate()


def main() -> None:
    """Measure each number of rows that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", default="1000000")
    asked.add_argument("--gzip", action="store_true")
    asked.add_argument("--works", default="dump,read,load")
    asked.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked.add_argument("--dump", nargs=2, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.serve is not None:
        serve(options.serve, packed=options.gzip)
    elif options.dump is not None:
        dump(int(options.dump[0]), Path(options.dump[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="hg-pages-") as folder:
            for rows in map(int, options.rows.split(",")):
                measure(Path(folder), rows, options.works.split(","), packed=options.gzip)


if __name__ == "__main__":
    main()
