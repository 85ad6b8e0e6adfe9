"""For all tests: the local stack, started once for those that ask for it; and in CI a skip must be true.

With `HEADGATE_CI=1` a skipped test fails, unless what its reason says is really absent from this machine and can't be
installed by `.ci/run`. The reasons that may be true are listed here, each with the way to look.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.effects import observers

if TYPE_CHECKING:
    from deployments.embedded.stack import EmbeddedStack, StackState
    from tests.mariadb import Database, MariaDb

REPOSITORY = Path(__file__).parents[1]


def _namespaces_are_forbidden() -> bool:
    probe = "from deployments.embedded import launch; launch.enter_user_namespace(1, 1)"
    return subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True).returncode != 0


def _no_disk_can_be_mounted() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
            return True
        subprocess.run(["umount", "-l", folder], check=True)
    return False


MAY_BE_TRUE: dict[str, Callable[[], bool]] = {
    "../shared/": lambda: not (REPOSITORY.parent / "shared").is_dir(),
    "not root": lambda: os.geteuid() != 0,
    "user namespaces are forbidden": _namespaces_are_forbidden,
    "a small disk can't be mounted here": _no_disk_can_be_mounted,
    # Not among what tests need: pandas keeps texts in another way where it is there, and most who use this don't have it.
    "pyarrow": lambda: find_spec("pyarrow") is None,
    # Root's interpreter in a closed home: nothing that could be installed.
    "readable for another user": lambda: (
        not all(folder.stat().st_mode & 0o001 for folder in Path(sys.executable).resolve().parents)
    ),
}


def skip_is_true(reason: str) -> bool:
    """Whether the reason of a skip is one that can be true, and is."""
    return any(text in reason and is_absent() for text, is_absent in MAY_BE_TRUE.items())


def refuse_untrue_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, turn a skip that isn't true into a failure that says so. Expected failures stay what they are."""
    if not os.environ.get("HEADGATE_CI") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not skip_is_true(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where this must run: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_untrue_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_untrue_skip(report)
    return report


LONG = ("acceptance/prefect/test_stops", "crash/test_killed_loads", "acceptance/prefect/test_runbook_typed",
        "acceptance/operations/reconcile/test_found", "acceptance/prefect/test_forms", "acceptance/prefect/test_all_waits",
        "tasks/incidents/test_a_month", "acceptance/shop", "acceptance/prefect", "acceptance/operations/test_same_verdicts",
        "acceptance/modes/test_names_of_users", "acceptance/operations/reconcile/test_looking_again",
        "acceptance/operations/test_machine", "acceptance/operations/test_erase", "acceptance/oncall", "acceptance/wheel",
        "acceptance/modes/test_dlt", "expectations/rows/test_same_verdict_as_library", "expectations/contract/test_wide",
        "expectations/contract/test_clocks", "flows/cli/test_fuzz", "tasks/test_hostile_texts", "tasks/test_report",
        "flows/deploy", "test_release")  # fmt: skip
"""Files that take long begin first, in this order, so that no worker waits for another's last one at the end."""
TRIALS = ("acceptance/bad_input", "acceptance/faults", "acceptance/prefect", "acceptance/shop", "acceptance/online_retail",
          "acceptance/operations/reconcile/test_", "acceptance/operations/test_meaning_changed",
          "acceptance/operations/test_machine", "acceptance/operations/test_erase_after_kills", "crash",
          "tasks/incidents/test_a_month", "acceptance/redshift",
          "acceptance/modes/test_names_of_users", "acceptance/operations/test_chunks",
          "acceptance/operations/test_declared_otherwise", "expectations/contract/test_clocks", "expectations/contract/test_wide",
          "expectations/rows/test_same_verdict_as_library", "acceptance/operations/test_same_verdicts",
          "acceptance/operations/test_from_replica", "tasks/sources/test_chunks",
          "deployments/embedded/test_accounts")  # fmt: skip
"""Tests that take minutes each (`make trials`): whole stories, with servers broken on purpose, kills and days of clocks, and what
is tried of every value, name or width there is. There the stories of PostgreSQL are told of another of its versions and of the
Redshift-like server, too."""


ON_TWO_WAREHOUSES = (
    "acceptance/bad_input/",
    "acceptance/modes/test_dlt",
    "acceptance/modes/test_key_rotation",
    "acceptance/modes/test_names_of_users",
    "acceptance/oncall/",
    "acceptance/operations/reconcile",
    "acceptance/operations/test_decisions_kept",
    "acceptance/operations/test_declared_otherwise",
    "acceptance/operations/test_erase_after_kills",
    "acceptance/operations/test_held",
    "acceptance/operations/test_keys_of_an_alarm",
    "acceptance/operations/test_listen",
    "acceptance/operations/test_machine",
    "acceptance/operations/test_metrics",
    "acceptance/operations/test_output_contract",
    "acceptance/operations/test_summary_try",
)
"""Of these, which take minutes and ask little that another version could answer otherwise, PostgreSQL 15 is spared."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes make no name: packed ones hold the second they were packed in, and all workers must have the same names."""
    return argname if isinstance(val, bytes) else None


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("HEADGATE_TEST_FORGET") or os.environ.get("HEADGATE_TEST_TRACE"):
        from tests.effects import forgetting

        forgetting.begin(config)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="files, and the tests of each, in an order of chance")


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Tests in an order drawn from a seed, file by file; those of a file that tells a story by numbers keep theirs."""
    dice = random.Random(seed)
    files = [list(found) for _, found in itertools.groupby(items, key=lambda item: item.path)]
    dice.shuffle(files)
    for found in files:
        if not any(re.match(r"test_\d\d", item.name) for item in found):
            dice.shuffle(found)
    return [item for found in files for item in found]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    spared = [
        item for item in items if "postgresql-15" in item.name and below_tests(item).startswith(ON_TWO_WAREHOUSES)
    ]
    config.hook.pytest_deselected(items=spared)
    items[:] = [item for item in items if item not in spared]
    observers.keep(config, items)
    seed = config.getoption("--shuffle")
    if seed is not None:
        items[:] = shuffled(items, seed)
    else:
        items.sort(key=lambda item: turn(below_tests(item)))
    for item in items:
        if below_tests(item).startswith(TRIALS) or on_another_warehouse(item):
            item.add_marker(pytest.mark.trial)


def below_tests(item: pytest.Item) -> str:
    return item.path.relative_to(REPOSITORY / "tests").as_posix()


def on_another_warehouse(item: pytest.Item) -> bool:
    others = ("postgresql-15", "redshift-like")
    return any(name in item.name for name in others) and below_tests(item).startswith("acceptance/")


def turn(file: str) -> int:
    """The place of a file among those that take long; all others come after them, as they were collected."""
    return next((place for place, long in enumerate(LONG) if file.startswith(long)), len(LONG))


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What a command puts into the environment (`.env`, addresses of servers) ends with the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[EmbeddedStack, StackState]]:
    """PostgreSQL, S3 and Prefect in a temporary folder, for the whole session."""
    from deployments.embedded.stack import EmbeddedStack
    from tests import throwaway

    with tempfile.TemporaryDirectory(prefix="headgate-stack-") as folder:
        stack = EmbeddedStack(Path(folder))
        try:
            yield stack, throwaway.up(stack, request.config)
        finally:
            stack.down(purge=True)


@pytest.fixture(scope="session")
def new_database(servers: tuple[EmbeddedStack, StackState]) -> Callable[[], str]:
    """Makes an empty database; returns its address."""
    numbers = itertools.count(1)
    return lambda: servers[0].create_database(f"test_{os.getpid()}_{next(numbers)}")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server in a temporary folder, for the whole session."""
    from tests import mariadb as server

    if not server.is_installed():
        pytest.skip("mariadb-server isn't installed")
    # Not pytest's own folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="hg-my-") as folder, server.started(Path(folder)) as started:
        yield started


@pytest.fixture
def mysql(mariadb: MariaDb) -> Iterator[Database]:
    """An empty database of the MariaDB server, gone after the test."""
    from tests.mariadb import Database

    database = Database(mariadb, mariadb.new_database())
    yield database
    mariadb.run(f"DROP DATABASE {database.name}")


@pytest.fixture(scope="module")
def clients(servers: tuple[EmbeddedStack, StackState]) -> Iterator[StackState]:
    """The servers, with boto3 and Prefect in this process pointed at them for the tests of a module."""
    from prefect.settings import PREFECT_LOGGING_LEVEL

    from tests import throwaway

    state = servers[1]
    quiet = {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (state.environment() | quiet).items():
            patch.setenv(name, value)
        # Prefect read the environment when it was imported; threads of a flow read it again.
        with throwaway.in_process(state, {PREFECT_LOGGING_LEVEL: "ERROR"}):
            yield state


@dataclass
class Page:
    """What the server answers at a path. `cut` ends the body after so many bytes; `hang` answers nothing for so long."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: threading.Event | None = None


class Web:
    """An HTTP server on loopback whose pages a test writes; `asked` is what was asked of it: (method, path, headers)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, path: str, body: bytes | str, **page: object) -> str:
        """Answer `path` (with its query) with these bytes; returns the address."""
        self.pages[path] = Page(body.encode() if isinstance(body, str) else body, **page)  # type: ignore[arg-type]
        return self.base + path

    def close(self) -> None:
        for page in self.pages.values():
            if page.hang is not None:
                page.hang.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(with_body=True)

            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def answer(self, *, with_body: bool) -> None:
                web.asked.append((self.command, self.path, dict(self.headers)))
                page = web.pages.get(self.path, Page(status=404))
                if page.hang is not None:
                    page.hang.wait(30)
                self.send_response(page.status)
                for name, value in ({"Content-Length": str(len(page.body))} | page.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body:
                    self.wfile.write(page.body[: page.cut])

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server whose pages the test writes."""
    server = Web()
    yield server
    server.close()


@pytest.fixture(scope="session")
def new_web() -> Callable[[], Web]:
    """Makes a web server that outlives a test; whoever asks closes it."""
    return Web
