"""What a failed load says to type next is typed as it is printed: while the fault lasts, and when it is mended.

While it lasts, `check --connect` finds it where it is a fault of a connection, and a retry ends as the load did. Once what the
text says is mended, the same words end with everything working and the rows published.
"""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deployments.next_commands import is_typable, written
from flows.cli import main
from tasks.warehouses import exactly_once
from tasks.workbench import workbench
from tests.acceptance.operations.conftest import flows_as_functions  # noqa: F401 - a fixture

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
ALWAYS = 100_000
ROWS = "id,note\n1,one\n2,two\n"
TABLE = """
description: Rows of a fault trial.
owner: faults@example.com
source: {%s}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
load: {mode: %s}
"""


@dataclass
class Scene:
    """A project behind proxies that can fail, and what was typed in it: (fault, command, exit code)."""

    house: Any
    web: Any
    wire: Any
    bucket: Any
    at_point: Callable[[str, Callable[[], None]], None]
    said: Callable[..., tuple[int, str]]
    typed: list[tuple[str, str, int]] = field(default_factory=list)
    name: str = ""
    """The table whose load fails."""

    def connect(self, name: str, url: str) -> None:
        """The connection `name` leads there from now on."""
        self.house.place.settings = replace(self.house.place.settings, connections={name: url})

    def away(self) -> None:
        self.wire.down = True
        self.wire.cut_all()

    def back(self) -> None:
        self.wire.down = False
        self.wire.forget()

    def page(self, body: bytes | str, path: str = "/rows.csv", **how: Any) -> None:
        self.web.put(path, body, **how)

    def ask(self, statement: str) -> None:
        """A statement of somebody else, about TABLE."""
        self.house.place.ask(statement.replace("TABLE", f"{self.house.schema}.{self.name}"))

    def sweep(self) -> None:
        """The staged parts are deleted when the copy begins."""
        self.at_point("candidate-made", lambda: workbench().stage.delete(f"{self.house.schema}.{self.name}/"))


@dataclass(frozen=True)
class Fault:
    """`source` is what is declared; `found`: what `check --connect` says of it while it lasts, where that is printed."""

    code: str
    source: str
    happen: Callable[[Scene], object]
    mend: Callable[[Scene], object]
    found: str = ""
    mode: str = "full_refresh"
    lasts: bool = True
    before: Callable[[Scene], object] | None = None
    """What is done once the table has been loaded; None: it isn't loaded before."""


def database(scene: Scene, *, password: str = "", query: str = "") -> None:
    """The connection `shop` leads to the database behind the proxy."""
    url = str(scene.house.place.settings.warehouse_url)
    user, _, place = url.partition("@")
    scene.connect("shop", f"{user.rpartition(':')[0]}:{password}@{place}" if password else url)


WEB = "kind: csv, url: '{web}/rows.csv'"
FILE = "kind: csv, url: 'file://{folder}/rows.csv'"
API = "kind: rest, connection: api, url: '/rows', records: items"
SHOP = "kind: postgres, connection: shop, query: \"SELECT 1 AS id, 'one' AS note\""
GOOD_PAGE = '{"items": [{"id": 1, "note": "one"}, {"id": 2, "note": "two"}]}'


def whole(scene: Scene) -> None:
    scene.page(ROWS)


def whole_file(scene: Scene) -> None:
    scene.house.source("rows.csv", ROWS)


def api(scene: Scene, **how: Any) -> None:
    scene.connect("api", scene.web.base)
    scene.page(GOOD_PAGE, "/rows", **how)


SOURCES = {
    "a server's fault": Fault("SOURCE-UNREACHABLE", WEB, lambda s: s.page("", status=503), whole),
    "a body that is cut off": Fault("SOURCE-CUT", WEB, lambda s: s.page(ROWS, cut=9), whole),
    "a server that is busy": Fault(
        "SOURCE-BUSY", WEB, lambda s: s.page("", status=429, headers={"Retry-After": "86400"}), whole
    ),
    "a compressed file that is cut off": Fault(
        "SOURCE-CUT", WEB.replace(".csv'", ".csv.gz'"),
        lambda s: s.page(gzip.compress(ROWS.encode())[:-9], "/rows.csv.gz"),
        lambda s: s.page(gzip.compress(ROWS.encode()), "/rows.csv.gz"),
    ),
    "another header": Fault("HEADER", FILE, lambda s: s.house.source("rows.csv", "id,text\n1,one\n"), whole_file),
    "no file": Fault("SOURCE-MISSING", FILE, lambda s: None, whole_file),
    "a login of an interface": Fault("SOURCE-LOGIN", API, lambda s: api(s, status=401), api, "401"),
    "a request it doesn't take": Fault("SOURCE-REQUEST", API, lambda s: api(s, status=422), api, "422"),
    "a document that is cut off": Fault("NOT-JSON", API, lambda s: (api(s), s.page(GOOD_PAGE[:-3], "/rows")), api),
    "a database's login": Fault(
        "SOURCE-LOGIN", SHOP, lambda s: database(s, password="wrong"), database, "authentication failed"
    ),
}  # fmt: skip
STAGE = {
    "a stage that refuses": Fault(
        "STAGE-RIGHTS", FILE, lambda s: (whole_file(s), s.bucket.fail("PUT", "", "expired", ALWAYS)),
        lambda s: s.bucket.forget(), "ExpiredToken",
    ),
    "a stage that is slow to answer": Fault(
        "STAGE-UNREACHABLE", FILE, lambda s: (whole_file(s), s.bucket.fail("PUT", "part-0", "503", ALWAYS)),
        lambda s: s.bucket.forget(),
    ),
    "parts that are gone": Fault(
        "STAGE-LOST", FILE, lambda s: (whole_file(s), s.sweep()), lambda s: None, lasts=False,
    ),
    "parts that are other bytes": Fault(
        "STAGE-CORRUPT", FILE, lambda s: (whole_file(s), s.bucket.fail("GET", "part-0", "wrong bytes", ALWAYS)),
        lambda s: s.bucket.forget(),
    ),
}  # fmt: skip
FULL = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
WAREHOUSE = {
    "a warehouse that is away": Fault(
        "WAREHOUSE-UNREACHABLE", FILE, lambda s: (whole_file(s), s.away()), Scene.back, "warehouse: "
    ),
    "a connection that is lost": Fault(
        "CONNECTION-LOST", FILE, lambda s: (whole_file(s), s.wire.cut("COPY ", "before", ALWAYS)), Scene.back,
    ),
    "a disk that is full": Fault(
        "WAREHOUSE-FULL", FILE, lambda s: (whole_file(s), s.wire.swap("COPY ", FULL, ALWAYS)), Scene.back,
    ),
    "a constraint of somebody": Fault(
        "LIVE-CONSTRAINT", FILE, lambda s: s.ask("ALTER TABLE TABLE ADD CONSTRAINT small CHECK (id < 2) NOT VALID"),
        lambda s: s.ask("ALTER TABLE TABLE DROP CONSTRAINT small"), mode="append", before=whole_file,
    ),
}  # fmt: skip


@pytest.fixture
def scene(
    house: Any, web: Any, wire: Any, bucket: Any, at_point: Any, monkeypatch: pytest.MonkeyPatch, flows_as_functions: None,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Scene]:  # fmt: skip
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    monkeypatch.setattr("tasks.warehouses.session.time.sleep", lambda _: None)
    monkeypatch.setenv("HEADGATE_STATE", str(house.place.settings.state))
    monkeypatch.setattr("deployments.settings.read_settings", lambda: house.place.settings)

    def opened(**_: object) -> Any:
        house.open()
        return workbench()

    def said(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main(words)
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out + told.err

    monkeypatch.setattr("flows.cli.settings.workbench", opened)
    made = Scene(house, web, wire, bucket, at_point, said)
    # One table stays, or the stage would seem another project's with each new one.
    house.declare("stays", (TABLE % (FILE.replace("rows", "stays"), "full_refresh")))
    house.source("stays.csv", ROWS)
    yield made
    made.back()
    bucket.forget()


def played(scene: Scene, name: str, fault: Fault) -> Iterator[str]:
    """Make a fault happen, type what it prints, mend it, type it again; yields what was wrong."""
    for file in scene.house.folder.glob("tables/*.yaml"):
        if file.stem != "stays":
            file.unlink()
    scene.house.folder.joinpath("rows.csv").unlink(missing_ok=True)
    scene.name = re.sub(r"\W", "_", name)
    table = scene.house.declare(scene.name, (TABLE % (fault.source, fault.mode)).replace("{web}", scene.web.base))
    if fault.before is not None:
        fault.before(scene)
        assert scene.said("run", table)[0] == 0
    fault.happen(scene)
    code, said = scene.said("run", table)
    if code == 0 or f"[{fault.code}]" not in said:
        yield f"{name}: no {fault.code}: {said}"
        return
    steps = [step for line in re.findall(r"next: (.*)", said) for step, _ in written(line)]
    commands = [step for step in dict.fromkeys(steps) if is_typable(step)]
    if not commands:
        yield f"{name}: nothing to type: {said}"
    print(name, commands)
    for mended in (False, True)[not fault.lasts :]:
        if mended:
            fault.mend(scene)
        for command in commands:
            ended, told = scene.said(*shlex.split(command)[1:])
            scene.typed.append((name, command, ended))
            right = as_told(fault, command, mended, ended, told)
            if not right or "[UNFORESEEN]" in told or "Traceback" in told:
                yield f"{name}: {command}, {'mended' if mended else 'while it lasts'}: {ended} {told}"
    if any(" retry " in command or " run " in command for command in commands):
        if len(scene.house.rows(table)) != 2:
            yield f"{name}: nothing was published"


def as_told(fault: Fault, command: str, mended: bool, ended: int, told: str) -> bool:
    if command == "headgate check":
        return ended == 0
    if command.split()[1] == "check":
        return (ended, "everything works" in told) == (0, True) if mended else ended == 1 and fault.found in told
    if mended:
        return ended == 0
    return ended == 1 and f"[{fault.code}]" in told


def test_faults_of_sources(scene: Scene) -> None:
    wrong = [line for name, fault in SOURCES.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_the_stage(scene: Scene) -> None:
    wrong = [line for name, fault in STAGE.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_the_warehouse(scene: Scene) -> None:
    wrong = [line for name, fault in WAREHOUSE.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)
