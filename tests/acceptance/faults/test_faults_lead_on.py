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
from urllib.parse import urlencode

import psycopg2
import pytest

from deployments.addresses import s3_connection
from deployments.next_commands import is_typable, written
from flows.cli import main
from tasks.objects.store import open_store
from tasks.warehouses import exactly_once
from tasks.workbench import workbench
from tests.acceptance.operations.conftest import flows_as_functions  # noqa: F401 - a fixture

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
ALWAYS = 100_000
ROWS = "id,note\n1,one\n2,two\n"
EARLIER = "id,note\n1,first\n2,second\n"
TABLE = """
description: Rows of a fault trial.
owner: faults@example.com
source: {%s}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
load: {%s}
%s"""


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
    held: Any = None
    """Somebody else's session."""

    def __post_init__(self) -> None:
        self.address = str(self.house.place.settings.warehouse_url)

    def connect(self, name: str, url: str) -> None:
        """The connection `name` leads there from now on."""
        self.house.place.settings = replace(self.house.place.settings, connections={name: url})

    def away(self) -> None:
        self.wire.down = True
        self.wire.cut_all()

    def back(self) -> None:
        self.wire.down = False
        self.wire.forget()
        self.house.place.settings = replace(self.house.place.settings, warehouse_url=self.address)
        if self.held is not None:
            self.held.close()
            self.held = None

    def log_in(self, user: str, password: str) -> None:
        place = self.address.partition("@")[2]
        self.house.place.settings = replace(
            self.house.place.settings, warehouse_url=f"postgresql://{user}:{password}@{place}"
        )

    def stranger(self) -> None:
        """A login that may do nothing."""
        self.ask("DO $$ BEGIN CREATE ROLE led_on LOGIN PASSWORD 'r'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")

    def refer(self) -> None:
        """A table of somebody else, whose rows go with ours."""
        self.ask("ALTER TABLE HERE ADD UNIQUE (id)")
        self.ask("CREATE TABLE THERE (id integer REFERENCES HERE (id) ON DELETE CASCADE)")

    def lock(self) -> None:
        """Somebody holds the proof table until they go."""
        self.held = psycopg2.connect(self.address)
        self.held.cursor().execute(f"LOCK TABLE ops.proof__{self.house.schema}__{self.name} IN EXCLUSIVE MODE")

    def page(self, body: bytes | str, path: str = "/rows.csv", **how: Any) -> None:
        self.web.put(path, body, **how)

    def ask(self, statement: str) -> None:
        """A statement of somebody else: HERE is the table, THERE one beside it."""
        here = f"{self.house.schema}.{self.name}"
        self.house.place.ask(statement.replace("THERE", f"{here}_beside").replace("HERE", here))

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
    load: str = "mode: full_refresh"
    key: str = ""
    lasts: bool = True
    finds: bool = True
    """Whether it is one of those that `check --connect` can find: not a path of a server that answers."""
    loaded: bool = False
    """Whether the table holds other rows before it happens."""

    @property
    def declared(self) -> str:
        return TABLE % (self.source, self.load, self.key)


def database(scene: Scene, *, password: str = "", query: str = "") -> None:
    """The connection `shop` leads to the database behind the proxy."""
    url = str(scene.house.place.settings.warehouse_url)
    user, _, place = url.partition("@")
    scene.connect("shop", f"{user.rpartition(':')[0]}:{password}@{place}" if password else url)
    scene.house.reads_warehouse("shop")


def lake(scene: Scene, bucket: str = "") -> None:
    """The connection `lake` leads to the bucket behind the proxy, or to another one of its server; its own has a good object."""
    (scene.house.folder / "connections.yaml").unlink(missing_ok=True)
    stage = s3_connection(str(scene.house.place.settings.stage_url))
    options = {"endpoint_url": scene.bucket.url, "region": "us-east-1", "access_key_id": "k", "secret_access_key": "s"}
    scene.bucket.forget()
    scene.connect("lake", f"s3://{bucket or stage.bucket}/lake?{urlencode(options)}")
    if not bucket:
        open_store(scene.house.place.settings.connections["lake"]).put("rows.csv", ROWS.encode())


def undeclared(scene: Scene) -> None:
    database(scene)
    (scene.house.folder / "connections.yaml").unlink()


WEB = "kind: csv, url: '{web}/rows.csv'"
FILE = "kind: csv, url: 'file://{folder}/rows.csv'"
API = "kind: rest, connection: api, url: '/rows', records: items"
SHOP = "kind: postgres, connection: shop, query: \"SELECT 1 AS id, 'one' AS note\""
LAKE = "kind: csv, connection: lake, url: '/rows.csv'"
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
    "a login of an interface": Fault("SOURCE-LOGIN", API, lambda s: api(s, status=401), api, "401"),
    "a request it doesn't take": Fault("SOURCE-REQUEST", API, lambda s: api(s, status=422), api, "422"),
    "a document that is cut off": Fault("NOT-JSON", API, lambda s: (api(s), s.page(GOOD_PAGE[:-3], "/rows")), api),
    "a name that changed": Fault(
        "HEADER", API + ", fields: {note: text}", lambda s: (api(s), s.page(GOOD_PAGE.replace("note", "texts"), "/rows")),
        lambda s: s.page(GOOD_PAGE.replace("note", "text"), "/rows"),
    ),
    "fewer records than told": Fault(
        "PAGING-TOTAL", API + ", total: count", lambda s: (api(s), s.page('{"count": 3, ' + GOOD_PAGE[1:], "/rows")),
        lambda s: s.page('{"count": 2, ' + GOOD_PAGE[1:], "/rows"),
    ),
    "packed another way": Fault(
        "NOT-TEXT", WEB + ", compression: zip", lambda s: s.page(gzip.compress(ROWS.encode())),
        lambda s: s.house.declare(s.name, Fault("", WEB, whole, whole).declared.replace("{web}", s.web.base)),
    ),
    "nothing proves that it is empty": Fault(
        "NOT-PROVEN-EMPTY", WEB + ", on_missing: empty", lambda s: s.page("", status=404), whole, "127.0.0.1", finds=False
    ),
    "a page that is gone": Fault("SOURCE-MISSING", WEB, lambda s: s.page("", status=404), whole, finds=False),
    "more rows that don't fit": Fault(
        "TOLERANCE", FILE, lambda s: s.house.source("rows.csv", ROWS + "x,three\n" * 20), whole_file,
        load="mode: full_refresh, tolerance: 5%", loaded=True,
    ),
    "fewer rows": Fault(
        "SHRINK-GUARD", FILE, lambda s: s.house.source("rows.csv", ROWS[:14]), whole_file,
        load="mode: full_refresh, shrink_guard: 20%", loaded=True,
    ),
    "nobody listens": Fault(
        "SOURCE-UNREACHABLE", API, lambda s: s.connect("api", "http://127.0.0.1:9"), api, "127.0.0.1:9"
    ),
    "a database that is away": Fault(
        "SOURCE-UNREACHABLE", SHOP, lambda s: s.connect("shop", "postgresql://a:b@127.0.0.1:9/c"), database, "127.0.0.1:9"
    ),
    "a database's login": Fault(
        "SOURCE-LOGIN", SHOP, lambda s: database(s, password="wrong"), database, "authentication failed"
    ),
    "a table that is gone": Fault(
        "SOURCE-MISSING", SHOP.replace("AS note", "AS note FROM {schema}.gone"), database,
        lambda s: s.ask(f"CREATE TABLE {s.house.schema}.gone AS SELECT 1"), finds=False,
    ),
    "a bucket that isn't there": Fault("SOURCE", LAKE, lambda s: lake(s, "no-such-bucket"), lake, "NoSuchBucket"),
    "a bucket that refuses us": Fault(
        "SOURCE-LOGIN", LAKE, lambda s: (lake(s), s.bucket.fail("GET", "lake", "denied", ALWAYS)), lake, "AccessDenied",
    ),
    "a bucket that is busy": Fault(
        "SOURCE-UNREACHABLE", LAKE, lambda s: (lake(s), s.bucket.fail("GET", "/lake/rows", "503", ALWAYS)), lake,
    ),
    "the warehouse's own database": Fault("SAME-DATABASE", SHOP, undeclared, database, "shop"),
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
    "a login that is refused": Fault(
        "WAREHOUSE-LOGIN", FILE, lambda s: (whole_file(s), s.log_in("headgate", "wrong")), Scene.back, "authentication failed",
    ),
    "a login without rights": Fault(
        "WAREHOUSE-RIGHTS", FILE, lambda s: (whole_file(s), s.stranger(), s.log_in("led_on", "r")), Scene.back,
        "no right to make tables",
    ),
    "a lock of somebody": Fault("LOCKED", FILE, Scene.lock, Scene.back, loaded=True),
    "rows elsewhere": Fault(
        "ROWS-ELSEWHERE", FILE, Scene.refer,
        lambda s: s.ask("DROP TABLE THERE"), load="mode: merge", key="key: [id]\n", loaded=True,
    ),
    "a publication": Fault(
        "NO-REPLICA-IDENTITY", FILE, lambda s: s.ask("CREATE PUBLICATION led_on FOR TABLE HERE"),
        lambda s: s.ask("DROP PUBLICATION led_on"), loaded=True,
    ),
    "a constraint of somebody": Fault(
        "LIVE-CONSTRAINT", FILE, lambda s: s.ask("ALTER TABLE HERE ADD CONSTRAINT small CHECK (id < 2) NOT VALID"),
        lambda s: s.ask("ALTER TABLE HERE DROP CONSTRAINT small"), load="mode: append", loaded=True,
    ),
}  # fmt: skip


THEIRS = "kind: mysql, connection: shop, query: \"SELECT 1 AS id, 'one' AS note\""
RESOURCE = "kind: dlt, resource: 'led_on_resource:notes', arguments: {base: '{web}'}"
MODULE = """
import dlt
import requests

@dlt.resource
def notes(base):
    said = requests.get(f"{base}/rows")
    said.raise_for_status()
    yield said.json()["items"]
"""


def resource(scene: Scene, **how: Any) -> None:
    """A module of the project with a resource whose server answers so."""
    scene.house.folder.joinpath("led_on_resource.py").write_text(MODULE)
    scene.page(GOOD_PAGE, "/rows", **how)


RESOURCES = {
    "a resource whose server has a fault": Fault(
        "SOURCE-UNREACHABLE", RESOURCE, lambda s: resource(s, status=503), resource
    ),
    "a resource whose login is refused": Fault("SOURCE-LOGIN", RESOURCE, lambda s: resource(s, status=401), resource, "401"),
}  # fmt: skip


@pytest.fixture
def scene(
    house: Any, web: Any, wire: Any, bucket: Any, at_point: Any, monkeypatch: pytest.MonkeyPatch, flows_as_functions: None,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Scene]:  # fmt: skip
    monkeypatch.setattr(exactly_once, "ATTEMPTS", 2)
    monkeypatch.setattr("tasks.pauses.pause", lambda _: None)
    monkeypatch.setenv("HEADGATE_LOCK_TIMEOUT_SECONDS", "1")
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
    house.declare("stays", TABLE % (FILE.replace("rows", "stays"), "mode: full_refresh", ""))
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
    table = scene.house.declare(scene.name, fault.declared.replace("{web}", scene.web.base))
    if fault.loaded:
        scene.house.source("rows.csv", EARLIER)
        assert scene.said("run", table)[0] == 0
        whole_file(scene)
    fault.happen(scene)
    code, said = scene.said("run", table)
    if code == 0 or f"[{fault.code}]" not in said:
        yield f"{name}: no {fault.code}: {said}"
        return
    steps = [step for line in re.findall(r"next: (.*)", said) for step, _ in written(line)]
    commands = [step for step in dict.fromkeys(steps) if is_typable(step)]
    if not commands:
        yield f"{name}: nothing to type: {said}"
    for mended in (False, True)[not fault.lasts :]:
        if mended:
            fault.mend(scene)
        for command in commands:
            ended, told = scene.said(*shlex.split(command)[1:])
            scene.typed.append((name, command, ended))
            right = as_told(fault, command, mended, ended, told)
            if not right or re.search(r"\[UNFORESEEN\]|Traceback|\bRUN\b", told):
                yield f"{name}: {command}, {'mended' if mended else 'while it lasts'}: {ended} {told}"
    again = any(command.split()[1] in ("retry", "run") for command in commands)
    if again and (1, "one") not in scene.house.rows(table):
        yield f"{name}: nothing was published"


def as_told(fault: Fault, command: str, mended: bool, ended: int, told: str) -> bool:
    if command == "headgate check":
        return ended == 0
    if command.split()[1] == "check":
        works = mended or not fault.finds
        return (ended, "everything works" in told) == ((0, True) if works else (1, False)) and (
            mended or fault.found in told
        )
    if mended or command.split()[1] not in ("run", "retry"):
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


def test_faults_of_a_mysql_server(scene: Scene, mysql: Any) -> None:
    def good(scene: Scene) -> None:
        scene.connect("shop", mysql.url)

    faults = {
        "a login of theirs": Fault(
            "SOURCE-LOGIN", THEIRS, lambda s: s.connect("shop", mysql.url.replace("reader", "nobody")), good, "nobody"
        ),
        "a server of theirs": Fault(
            "SOURCE-UNREACHABLE", THEIRS, lambda s: s.connect("shop", "mysql://a:b@127.0.0.1:9/c"), good, "127.0.0.1:9"
        ),
    }  # fmt: skip
    wrong = [line for name, fault in faults.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)


def test_faults_of_resources(scene: Scene) -> None:
    wrong = [line for name, fault in RESOURCES.items() for line in played(scene, name, fault)]
    assert not wrong, "\n".join(wrong)
