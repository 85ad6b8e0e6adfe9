"""Faults of sources, stage and warehouse: how each happens, how it is mended, and the code it has to be told with."""

from __future__ import annotations

import gzip
from typing import Any

from tests.acceptance.faults.scene_of_faults import (
    ALWAYS,
    FILE,
    ROWS,
    Fault,
    Scene,
    database,
    lake,
    undeclared,
)

WEB = "kind: csv, url: '{web}/rows.csv'"
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
