"""Thirteen kinds of failures on a Prefect server: the notice comes by mail, and each command in it is typed as it is printed.

A command has to do what the remark behind it says: what looks shows the failure, what mends ends with published rows, what
answers is kept. Each story has a warehouse of its own, so that its failures are told one by one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import MailServer

_file = Path(__file__).parents[1] / "prefect" / "conftest.py"
_spec = importlib.util.spec_from_file_location("prefect_site", _file)
assert _spec is not None
assert _spec.loader is not None
_site = importlib.util.module_from_spec(_spec)
sys.modules["prefect_site"] = _site
_spec.loader.exec_module(_site)
servers, site = _site.servers, _site.site

TABLE = """\
table: {schema}.{name}
description: Rows.
owner: owner@example.com
tier: core
source: {{kind: csv, url: "{url}"}}
columns: [{{name: id, type: integer, nullable: false}}, {{name: day, type: date}}, {{name: amount, type: integer}}]
load: {{{load}}}
schedule: {{cron: "0 2 1 1 *", timezone: UTC}}
retries: {{count: 0}}
{more}
"""
SUITE = """\
table: {schema}.{name}
expectations:
  - {{code: AMOUNT, type: expect_column_values_to_be_between, kwargs: {{column: amount, min_value: 0}}, rows: quarantine,
     tolerance: 5%}}
  - {{code: MOST, type: expect_column_max_to_be_between, kwargs: {{column: amount, max_value: 1000}}, severity: critical}}
drift: {{policy: stop}}
"""
WINDOW = "window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-09}\n"


def rows(day: int = 1, times: int = 1, count: int = 60, **first: int) -> str:
    """A file: amounts around 100, `times` as large; keywords give the first amounts by number of rows (`bad`, `most`)."""
    amounts = [(100 + (7 * n + 3 * day) % 40) * times for n in range(count)]
    amounts[: first.get("bad", 0)] = [-5] * first.get("bad", 0)
    if first.get("most"):
        amounts[-1] = first["most"]
    lines = (f"{day * 1000 + n},2026-01-{day:02},{amount}" for n, amount in enumerate(amounts))
    return "id,day,amount\n" + "\n".join(lines) + "\n"


class Answering(BaseHTTPRequestHandler):
    """A source over HTTP that refuses the login until it is mended."""

    mended = False

    def do_GET(self) -> None:
        body = rows().encode() if Answering.mended else b"who are you?"
        self.send_response(200 if Answering.mended else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def refusing() -> Iterator[str]:
    Answering.mended = False
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/login.csv"
        server.shutdown()


@dataclass
class Story:
    """A site, its mailbox, and what was typed: (failure, command, what came of it)."""

    site: Any
    mail: MailServer
    typed: list[tuple[str, str, str]] = field(default_factory=list)
    mends: dict[str, Callable[[], object]] = field(default_factory=dict)

    def table(self, name: str, content: str | None, *, url: str = "", window: bool = False, more: str = "") -> str:
        where = self.site.folder / "project"
        files = self.site.folder / "files"
        files.mkdir(exist_ok=True)
        load = "mode: replace_window, window_column: day" if window else "mode: full_refresh"
        url = url or f"file://{files}/{name}{'-{window.start:%d}' if window else ''}.csv"
        for folder, text in (
            (
                "tables",
                TABLE.format(schema=self.site.schema, name=name, url=url, load=load, more=more + WINDOW * window),
            ),
            ("suites", SUITE.format(schema=self.site.schema, name=name)),
        ):
            (where / folder).mkdir(parents=True, exist_ok=True)
            (where / folder / f"{name}.yaml").write_text(text)
        if content is not None:
            self.source(name, content)
        return f"{self.site.schema}.{name}"

    def source(self, name: str, content: str) -> None:
        (self.site.folder / "files" / f"{name}.csv").write_text(content)

    def failing(self, name: str, content: str | None, mended: str, **how: Any) -> str:
        """A table whose load fails until its source is `mended`."""
        self.mends[name] = lambda: self.source(name, mended)
        return self.table(name, content, **how)

    def run(self, *names: str, state: str = "FAILED") -> None:
        """Runs of the worker, side by side, until all have ended."""
        runs = [self.site.start(f"load/{self.site.schema}.{name}") for name in names]
        for run in runs:
            assert self.site.ended(run, 500)["type"] == state

    def look(self, **environment: str) -> None:
        before = dict(self.site.more)
        self.site.more.update(environment)
        self.site.headgate("watch", check=False)
        self.site.more = before

    def minutes_pass(self, minutes: int) -> None:
        """What this machine knows of incidents while the warehouse is away is so much older than it was."""
        file = Path(self.site.environment["HEADGATE_STATE"]) / "incidents.json"
        known = json.loads(file.read_text())
        assert known
        for item, name in product(known, ("opened_at", "begun_at")):
            item[name] = (datetime.fromisoformat(item[name]) - timedelta(minutes=minutes)).isoformat()
        file.write_text(json.dumps(known))

    def notice(self, title: str) -> str:
        """The only mail that opened with this title; its text."""
        found = [
            str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]
            for message in self.mail.messages
            if title in str(message["Subject"]).replace("\n", "")
        ]
        assert len(found) == 1, (title, [str(message["Subject"]) for message in self.mail.messages])
        return found[0]

    def type_all(self, what: str, title: str, name: str, **environment: str) -> None:
        """Every command of the notice, in its order, in a shell."""
        text = self.notice(title)
        lines = [line.strip() for line in text.splitlines() if line.strip().startswith("headgate ")]
        assert lines, text
        for line in lines:
            command = line.partition("   # ")[0]
            words = command.split()
            if words[1] in ("retry", "run") and name in self.mends:
                self.mends[name]()
            done = subprocess.run(
                ["bash", "-c", line], cwd=self.site.folder, capture_output=True, text=True, timeout=500,
                env=self.site.environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | environment,
            )  # fmt: skip
            why = self.wrong(words, done, name)
            self.typed.append((what, line, why))
            print(
                f"TYPED | {what} | {line} | {why or 'right'} | {done.returncode} {' '.join(done.stdout.split())[:160]}"
            )

    def wrong(self, words: list[str], done: subprocess.CompletedProcess[str], name: str) -> str:
        """What is wrong with what came of it; '' for nothing."""
        said = done.stdout + done.stderr
        table = f"{self.site.schema}.{name}"
        if "Traceback" in said or "Usage:" in said:
            return said[-300:]
        if words[1:3] == ["check", "--connect"]:
            # It looks for what is wrong, and says so by its exit code where it finds it.
            return "" if said.strip() else "nothing is said"
        if words[1] == "resume":
            return "" if done.returncode == 0 and f"switched on in Prefect: {table}" in said else said[-300:]
        if words[1:3] == ["drift", "accept"]:
            return "" if done.returncode == 0 and "accepted" in said else said[-300:]
        if words[1:3] == ["incident", "ack"]:
            return "" if done.returncode == 0 and "(acknowledged" in said else said[-300:]
        if words[1] == "show" or words[1:3] == ["drift", "explain"]:
            return "" if done.returncode == 0 and (table in said or words[-1] in said) else said[-300:]
        if words[1] in ("retry", "run"):
            if done.returncode not in (0, 3):
                return said[-300:]
            found = self.site.ask(f"SELECT count(*) FROM ops.ledger WHERE target = '{table}' AND undone_by IS NULL")
            return "" if found[0][0] else f"nothing was published: {said[-300:]}"
        return "" if done.returncode == 0 else f"exit {done.returncode}: {said[-300:]}"

    def all_right(self, failures: int) -> None:
        assert len({what for what, *_ in self.typed}) == failures
        wrong = [f"{what}: {line}: {why}" for what, line, why in self.typed if why]
        assert not wrong, "\n".join(wrong)


@pytest.fixture
def story(site: Any, mail: MailServer) -> Story:
    """A warehouse of its own beside the Prefect server, and a mailbox."""
    base = site.state.warehouse_url
    with closing(psycopg2.connect(base)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {site.schema}")
    site.state = replace(site.state, warehouse_url=urlsplit(base)._replace(path=f"/{site.schema}").geturl())
    site.more |= {"HEADGATE_NOTIFY_OPS": mail.address(to="oncall@example.com"), "PREFECT_LOGGING_LEVEL": "ERROR"}
    return Story(site, mail)


@pytest.mark.crash
def test_what_comes_from_the_source(story: Story, free_port: Callable[[], int]) -> None:
    """The contract, the tolerance, a rule, a file that isn't there, a server that refuses."""
    story.failing("header", "id,day,price\n1,2026-01-01,5\n", rows())
    story.failing("tolerance", rows(bad=20), rows())
    story.failing("rule", rows(most=5000), rows())
    story.failing("missing", None, rows())
    down = f"http://127.0.0.1:{free_port()}/down.csv"
    table = story.table("down", rows(), url=down)
    declared = story.site.folder / "project" / "tables" / "down.yaml"
    there = declared.read_text().replace(down, f"file://{story.site.folder}/files/down.csv")
    story.mends["down"] = lambda: declared.write_text(there)
    story.site.headgate("deploy")
    story.site.worker("first")
    story.run("header", "tolerance", "rule", "missing", "down")
    story.look()
    for what, name, code in (
        ("contract", "header", "HEADER"), ("tolerance", "tolerance", "TOLERANCE"), ("rule", "rule", "CHECK-FAILED"),
        ("missing file", "missing", "SOURCE-MISSING"), ("source refused", "down", "SOURCE-UNREACHABLE"),
    ):  # fmt: skip
        story.type_all(what, f"[{code}]", name)
    story.all_right(5)
    assert story.site.ask(f"SELECT count(*) FROM {table}") == [(60,)]


@pytest.mark.crash
def test_a_run_that_is_killed_and_a_login_that_is_refused(story: Story, refusing: str) -> None:
    site = story.site
    story.table("killed", rows())
    story.table("login", None, url=refusing)
    story.mends["login"] = lambda: setattr(Answering, "mended", True)
    site.headgate("deploy")
    site.more["HEADGATE_KILL_AT"] = "stage-part"
    worker = site.worker("killing")
    del site.more["HEADGATE_KILL_AT"]
    story.run("killed", state="CRASHED")
    _site.kill_group(worker)
    site.worker("first")
    story.run("login")
    story.look()
    story.type_all("killed run", "the run was killed", "killed")
    story.type_all("credentials", "[SOURCE-LOGIN]", "login")
    story.all_right(2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many MB, or makes it so large; its folder. A file system in memory, which only root may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def size(megabytes: int) -> Path:
        again = "remount," if folder.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}size={megabytes}m,mode=700", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small disk can't be mounted here: {done.stderr.strip()}")
        return folder

    yield size
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.crash
def test_what_comes_from_the_machine_and_the_data(story: Story, small_disk: Callable[[int], Path]) -> None:
    """A stage that can't be used, a disk that is full, a batch that is stopped because it is far from usual."""
    site = story.site
    site.more["HEADGATE_STATE"] = str(small_disk(3))
    story.table("stage", rows())
    story.failing("full", rows(count=400_000), rows(count=400_000))
    story.mends["full"] = lambda: small_disk(300)
    story.failing("drift", None, rows(), window=True)
    for day in range(1, 9):
        story.source(f"drift-{day:02}", rows(day, times=1000 if day == 8 else 1))
    story.mends["drift"] = lambda: story.source("drift-08", rows(8))
    suite = site.folder / "project" / "suites" / "drift.yaml"
    suite.write_text("\n".join(line for line in suite.read_text().splitlines() if "MOST" not in line))
    site.headgate("deploy")
    worker = site.worker("nowhere", HEADGATE_STAGE_URL="file:///proc/stage")
    story.run("stage")
    _site.kill_group(worker)
    site.worker("first")
    story.run("drift")
    story.run("full")
    story.look()
    story.type_all("stage", "stage failed", "stage")
    story.type_all("disk full", "[DISK-FULL]", "full")
    story.type_all("drift", "[DRIFT]", "drift")
    story.all_right(3)


@pytest.mark.trial
def test_servers_that_are_away_and_a_schedule_that_is_off(story: Story, free_port: Callable[[], int]) -> None:
    """What the watch sees itself: the warehouse, Prefect, a schedule that somebody has switched off."""
    import httpx

    site = story.site
    story.table("off", rows())
    site.headgate("deploy")
    down = f"127.0.0.1:{free_port()}"
    story.look()
    away = {"HEADGATE_WAREHOUSE_URL": f"postgresql://nobody@{down}/none", "PREFECT_API_URL": f"http://{down}/api"}
    story.look(**away)
    # A server that is away for less than two minutes may only be starting again.
    story.minutes_pass(3)
    story.look(**away)
    with httpx.Client(base_url=str(site.state.prefect_api_url), trust_env=False, auth=site.login) as client:
        found = client.get(f"deployments/name/load/{site.schema}.off").json()
        client.post(f"deployments/{found['id']}/pause_deployment").raise_for_status()
    story.look()
    for what, title, lost in (
        ("warehouse", "the warehouse can't be reached", "HEADGATE_WAREHOUSE_URL"),
        ("Prefect", "Prefect can't be reached", "PREFECT_API_URL"),
    ):
        story.type_all(what, title, "off", **{lost: away[lost]})
    story.type_all("schedule", "its schedule is switched off", "off")
    story.all_right(3)
