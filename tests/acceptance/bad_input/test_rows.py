"""Bad rows through the whole flow: each is set aside under a reason code, the rest is published, nothing is lost or changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.bad_input.conftest import Small
    from tests.conftest import Web

TABLE = """\
table: raw.orders
description: Orders.
owner: data@example.com
source: {{kind: csv, url: "{url}"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: name, type: varchar(12)}}
  - {{name: price, type: "decimal(8,2)"}}
  - {{name: at, type: timestamp, source_timezone: UTC}}
load: {{mode: full_refresh, tolerance: 100%, shrink_guard: 100%}}
"""
AT = "2024-01-01 00:00:00"
GOOD = f"1,good,1.50,{AT}"
ROW = (1, "good", Decimal("1.50"), datetime(2024, 1, 1))

# Bytes below the header, rows published beside the good one, and (place, code, column, raw) of what is set aside.
CASES: dict[str, tuple[bytes, list[tuple[Any, ...]], list[tuple[int, str, str | None, str]]]] = {
    "1.6 for an integer": (f"1.6,a,1,{AT}\n".encode(), [], [(1, "NOT-INTEGER", "id", f"1.6,a,1,{AT}")]),
    "1_000 for an integer": (f"1_000,a,1,{AT}\n".encode(), [], [(1, "NOT-INTEGER", "id", f"1_000,a,1,{AT}")]),
    "17850.0 for an integer": (f"17850.0,a,1,{AT}\n".encode(), [], [(1, "NOT-INTEGER", "id", f"17850.0,a,1,{AT}")]),
    "a timestamp with an offset": (f"2,a,1,{AT}+09\n".encode(), [], [(1, "HAS-OFFSET", "at", f"2,a,1,{AT}+09")]),
    "too many decimal places": (f"2,a,1.505,{AT}\n".encode(), [], [(1, "TOO-MANY-PLACES", "price", f"2,a,1.505,{AT}")]),
    "a value missing": (f",a,1,{AT}\n".encode(), [], [(1, "NOT-NULL", "id", f",a,1,{AT}")]),
    "too few fields": (b"2,a\n", [], [(1, "TOO-FEW-FIELDS", None, "2,a")]),
    "too many fields": (f"2,a,1,{AT},\n".encode(), [], [(1, "TOO-MANY-FIELDS", None, f"2,a,1,{AT},")]),
    "not UTF-8": (f"2,Jos\xe9,1,{AT}\n".encode("latin-1"), [], [(1, "NOT-UTF8", None, f"2,Jos\\xe9,1,{AT}")]),
    "a blank line": (f"\n2,,,{AT}\n".encode(), [(2, None, None, ROW[3])], [(1, "BLANK-LINE", None, "")]),
    "a header in the middle": (f"id,name,price,at\n2,,,{AT}\n".encode(), [(2, None, None, ROW[3])],
                               [(1, "HEADER-ROW", None, "id,name,price,at")]),
    "Korean too long in bytes": (f"2,한글한글,1,{AT}\n3,한글한글한,1,{AT}\n".encode(), [(2, "한글한글", Decimal(1), ROW[3])],
                                 [(2, "TOO-LONG", "name", f"3,한글한글한,1,{AT}")]),
    "a quoted newline": (f'2,"a\nb",1,{AT}\n'.encode(), [(2, "a\nb", Decimal(1), ROW[3])], []),
    "a quoted CRLF": (f'2,"a\r\nb",1,{AT}\r\n'.encode(), [(2, "a\r\nb", Decimal(1), ROW[3])], []),
    "empty and NULL": (f'2,"",1,{AT}\n3,,1,{AT}\n'.encode(), [(2, "", Decimal(1), ROW[3]), (3, None, Decimal(1), ROW[3])], []),
    "a stray quote": (f'2,a"b,1,{AT}\n3,,,\n'.encode(), [(3, None, None, None)], [(1, "BAD-QUOTING", None, f'2,a"b,1,{AT}')]),
    "text that looks like something else": (f"2,\\N,,\n3,NULL,,\n4,\\.,,\n5,~null~x,,\n6, x ,,{AT}\n".encode(),
        [(2, "\\N", None, None), (3, "NULL", None, None), (4, "\\.", None, None), (5, "~null~x", None, None),
         (6, " x ", None, ROW[3])], []),
    "a NUL byte": (b"2,a\x00b,,\n", [], [(1, "NUL-BYTE", None, "2,a\\x00b,,")]),
    "everything at once": (
        f"x,a,1,{AT}\n\n2,b\n3,\xff,,\nid,name,price,at\n4,c,9999999.99,{AT}\n5,d,-1.00,{AT}\n".encode("latin-1"),
        [(5, "d", Decimal("-1.00"), ROW[3])],
        [(1, "NOT-INTEGER", "id", f"x,a,1,{AT}"), (2, "BLANK-LINE", None, ""), (3, "TOO-FEW-FIELDS", None, "2,b"),
         (4, "NOT-UTF8", None, "3,\\xff,,"), (5, "HEADER-ROW", None, "id,name,price,at"),
         (6, "OUT-OF-RANGE", "price", f"4,c,9999999.99,{AT}")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_rows_are_set_aside_and_the_rest_is_published(small: Small, web: Web, name: str) -> None:
    data, rows, aside = CASES[name]
    start = b"\xef\xbb\xbfid,name,price,at\r\n" if b"\r\n" in data else b"id,name,price,at\n"
    small.declare("tables/orders.yaml", TABLE.format(url=web.put("/orders.csv", start + GOOD.encode() + b"\n" + data)))
    record = small.ingest("orders")
    assert small.ask("SELECT id, name, price, at FROM raw.orders ORDER BY id") == [ROW, *rows]
    counts = record.counts
    assert (counts["extracted"], counts["published"], counts["quarantined"]) == (
        1 + len(rows) + len(aside), 1 + len(rows), len(aside),
    )  # fmt: skip
    # Cases are batches of one table that have nothing in common: that is told as unusual by now, and not asked here.
    assert (record.status, bool(record.quarantine)) in (
        (("warned", True),) if aside else (("published", False), ("warned", False))
    )
    query = "SELECT record, code, NULLIF(column_name, ''), raw FROM quarantine.raw__orders WHERE state = 'open' ORDER BY record"
    there = small.ask("SELECT to_regclass('quarantine.raw__orders') IS NOT NULL")[0][0]
    assert (small.ask(query) if there else []) == aside


# Each of them has an address of its own, so a declaration that has never worked: what a declaration causes as easily as a source
# is the engineer's then.
FAILURES: dict[str, tuple[Callable[[Web], str], str, str]] = {
    "a missing source": (lambda web: web.base + "/absent.csv", "SOURCE-MISSING", "upstream"),
    "a source that fails": (lambda web: web.put("/a", b"", status=500), "SOURCE-UNREACHABLE", "upstream"),
    "a source that refuses us": (lambda web: web.put("/a", b"", status=403), "SOURCE-LOGIN", "declaration"),
    "nobody there": (lambda web: "http://127.0.0.1:1/a.csv", "SOURCE-UNREACHABLE", "upstream"),
    "a source cut off": (
        lambda web: web.put("/a", b"id,name,price,at\n" + b"1,a,1,\n" * 9, cut=40),
        "SOURCE-CUT",
        "upstream",
    ),
    "a source that hangs": (lambda web: web.put("/a", b"", hang=threading.Event()), "SOURCE-TIMEOUT", "upstream"),
    "an empty file": (lambda web: web.put("/a", b""), "EMPTY-SOURCE", "upstream"),
    "a file of blank lines": (lambda web: web.put("/a", b"\n\n"), "HEADER", "declaration"),
    "another header": (lambda web: web.put("/a", b"id,nam,price,at\n1,a,1,\n"), "HEADER", "declaration"),
    "no header": (lambda web: web.put("/a", f"{GOOD}\n".encode()), "HEADER", "declaration"),
    "another delimiter": (lambda web: web.put("/a", b"id;name;price;at\n1;a;1;\n"), "HEADER", "declaration"),
    "a page of HTML": (lambda web: web.put("/a", b"<html><body>please log in</body></html>"), "NOT-TEXT", "upstream"),
    "bytes in the header": (lambda web: web.put("/a", b"id,\xff\n"), "BAD-HEADER", "declaration"),
    "not gzip": (lambda web: web.put("/a.csv.gz", b"id,name,price,at\n"), "SOURCE-CUT", "upstream"),
    "a header alone": (lambda web: web.put("/a", b"id,name,price,at\n"), "SHRINK-GUARD", "upstream"),
    "too many bad rows": (
        lambda web: web.put("/a", b"id,name,price,at\n1,a,1,\n" + b"x,a,1,\n" * 9),
        "TOLERANCE",
        "declaration",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_code_and_leaves_the_live_table_alone(
    small: Small, web: Web, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from deployments.errors import HeadgateError
    from tasks.warehouses import ops
    from tasks.workbench import workbench

    monkeypatch.setenv("HEADGATE_SOURCE_TIMEOUT_SECONDS", "1")
    make, code, family = FAILURES[name]
    text = TABLE.replace("raw.orders", "raw.steady").replace("tolerance: 100%", "tolerance: 1%")
    if small.ask("SELECT to_regclass('raw.steady')") == [(None,)]:
        small.declare("tables/steady.yaml", text.format(url=web.put("/good.csv", f"id,name,price,at\n{GOOD}\n")))
        small.ingest("steady")
    before = small.ask("SELECT xmin, * FROM raw.steady")
    small.declare("tables/steady.yaml", text.format(url=make(web)))
    with pytest.raises(HeadgateError) as caught:
        small.ingest("steady")
    assert (caught.value.code, caught.value.family) == (code, family)
    assert caught.value.next_command
    assert small.ask("SELECT xmin, * FROM raw.steady") == before
    # The story of the failure is kept, and no candidate is left for a reader to stumble over.
    last = ops.last_runs(workbench().warehouse, "raw.steady", limit=1)[0]
    assert (last["status"], last["failure_code"]) == ("failed", code)
    assert small.ask("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'steady\\_\\_hg\\_c%%'") == [(0,)]


GOOD_FILE = f"id,name,price,at\n{GOOD}\n".encode()
MOST_BAD = b"id,name,price,at\n1,a,1,\n" + b"x,a,1,\n" * 9
ACTORS: dict[str, tuple[bytes, str, str]] = {
    "the source, when the declaration has worked": (MOST_BAD, "", "upstream"),
    "the engineer, when the declaration was changed since": (
        MOST_BAD,
        "# none\nphysical: {diststyle: even}\n",
        "declaration",
    ),
    "the engineer, when no row fits": (b"id,name,price,at\n" + b"x,a,1,\n" * 9, "", "declaration"),
    "the source, when it has another header all at once": (b"id,nam,price,at\n1,a,1,\n", "", "upstream"),
    "the engineer, when the header never fitted": (
        b"id,nam,price,at\n1,a,1,\n",
        "physical: {diststyle: all}\n",
        "declaration",
    ),
}


@pytest.mark.parametrize(("body", "change", "family"), ACTORS.values(), ids=ACTORS.keys())
def test_who_must_act_depends_on_what_has_worked_before(
    small: Small, web: Web, body: bytes, change: str, family: str
) -> None:
    from deployments.errors import HeadgateError

    text = TABLE.replace("raw.orders", "raw.acted").replace("tolerance: 100%", "tolerance: 1%")
    text = text.format(url=web.put("/acted.csv", GOOD_FILE))
    small.declare("tables/acted.yaml", text)
    small.ingest("acted")
    web.put("/acted.csv", body)
    small.declare("tables/acted.yaml", text.rstrip() + "\n" + change)
    with pytest.raises(HeadgateError) as caught:
        small.ingest("acted")
    assert caught.value.family == family, caught.value
