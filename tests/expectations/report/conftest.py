"""Headless Chromium over the DevTools protocol: what a page requests, what it logs, how it looks and answers keys."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from expectations.record import RunRecord
from expectations.report.about import Column, DeclaredRule, Described, Promise, WindowGrid
from expectations.report.site import Site
from tasks.objects.store import FolderStore

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
         # Whatever a page asks for by name or address ends here; file:// needs no resolving.
         "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--remote-debugging-port=0")  # fmt: skip


DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = (
    Column(name="id", type="integer", nullable=False, key=True),
    Column(name="amount", type="decimal(12,2)", unit="USD", description="Paid amount"),
    Column(name="email", type="varchar(128)", masked=True),
)
SALES = Described(
    table="raw_data.sales", description="One row per sale.", owner="sales@example.com", tier="core",
    mode="replace_window", columns=COLUMNS,
    rules=(
        DeclaredRule(code="SAL-AMOUNT", sentence="amount is at least 0 in every row", severity="critical",
                     owner="sales@example.com", sets_aside=True, tolerance=0.01),
        DeclaredRule(code="SAL-FULL", sentence="amount has a value in every row", severity="warning"),
    ),
    promises=(Promise(stakeholder="finance", fresh_by="06:00"),),
    window=WindowGrid(every="day", timezone="UTC", start=FIRST.replace(tzinfo=None)),
)  # fmt: skip


def sale(day: int, **changes: Any) -> RunRecord:
    """The record of a day's run, two hours after its window ended."""
    start = FIRST + day * DAY
    rows = changes.pop("rows", 100)
    mean = changes.pop("mean", 20.0)
    values: dict[str, Any] = {
        "run_id": f"sales-{start:%Y-%m-%d}-aa{day:04d}", "table": SALES.table, "kind": "ingest", "mode": "replace_window",
        "batch_key": f"{start:%Y-%m-%dT%H:%M:%SZ}/{start + DAY:%Y-%m-%dT%H:%M:%SZ}", "label": f"{start:%Y-%m-%d}",
        "window_start": start, "window_end": start + DAY, "status": "published", "owner": SALES.owner, "tier": "core",
        "started_at": start + DAY + timedelta(hours=2), "finished_at": start + DAY + timedelta(hours=2, seconds=30),
        "counts": {"extracted": rows, "published": rows, "quarantined": 0, "superseded": 0},
        "schema_columns": tuple(column.model_dump() for column in COLUMNS),
        "profile": {"rows": rows, "columns": {
            "id": {"nulls": 0, "distinct": rows}, "amount": {"nulls": 5, "distinct": 60, "numbers": {"mean": mean}},
            "email": {"nulls": 1, "distinct": 40, "numbers": {"mean": 7.0}},
        }},
    }  # fmt: skip
    return RunRecord.model_validate(values | changes)


@pytest.fixture
def sales() -> Described:
    return SALES


@pytest.fixture
def run_of() -> Callable[..., RunRecord]:
    """Make the record of day n's run; keywords replace fields (`rows` and `mean` the measured figures)."""
    return sale


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(FolderStore((tmp_path / "report").as_uri()))


@pytest.fixture
def soon() -> Callable[[RunRecord], datetime]:
    """The moment a run's report is written."""
    return lambda record: record.started_at + timedelta(minutes=1)


class Page:
    """One tab. `requests` are the addresses it asked for, `faults` what it logged or threw."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._number = connection, 0
        self.requests: list[str] = []
        self.faults: list[str] = []
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := self._next()).get("id") != number:
            pass
        assert "error" not in answer, answer
        found: dict[str, Any] = answer["result"]
        return found

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a page, without what the browser asked for before."""
        self.requests.clear()
        self.faults.clear()
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        self.go(file)
        # What a page asks for after it was loaded must be seen too.
        self.run("new Promise(done => setTimeout(done, 150))")

    def go(self, file: Path) -> None:
        """Load a page and wait until it is there."""
        self._events.clear()
        self.call("Page.navigate", url=file.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._next()

    def run(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def key(self, name: str, text: str = "") -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        common = {"key": name, "windowsVirtualKeyCode": codes.get(name, ord(name[0].upper())), "text": text}
        if name == "Enter":
            common["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, file: Path) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))
        return file

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=120))
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(str(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.faults.append(str(parameters["entry"]["text"]))
        elif method == "Runtime.consoleAPICalled":
            self.faults.append(f"console: {parameters['args']}")
        if method:
            self._events.append(message)
        return message


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    """A browser with an empty profile of its own, and one tab."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="hg-chromium-", ignore_cleanup_errors=True) as folder:
        browser = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with _attached(Path(folder)) as connection:
                yield Page(connection)
        finally:
            browser.terminate()
            with suppress(subprocess.TimeoutExpired):
                browser.wait(60)
            browser.kill()
            browser.wait(60)


def _attached(folder: Path) -> ClientConnection:
    """The DevTools socket of the first tab."""
    port_file = folder / "DevToolsActivePort"
    end = time.monotonic() + 240
    while time.monotonic() < end:
        with suppress(OSError, ValueError, IndexError, StopIteration):
            port = int(port_file.read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=60) as answer:
                tab = next(item for item in json.load(answer) if item["type"] == "page")
            return connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None, open_timeout=120)
        time.sleep(0.1)
    raise RuntimeError("Chromium did not start within a minute")
