"""A project behind proxies that can fail, in which a fault is made to happen and commands are typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import psycopg2

from deployments.addresses import s3_connection
from tasks.objects.store import open_store
from tasks.workbench import workbench

ALWAYS = 100_000
ROWS = "id,note\n1,one\n2,two\n"
EARLIER = "id,note\n1,first\n2,second\n"
FILE = "kind: csv, url: 'file://{folder}/rows.csv'"
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
