"""A source that dies half-way, ends early or changes its header between pages."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg2
import pytest

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
DATA = ("id,note\n" + "".join(f"{number},text {number}\n" for number in range(5000))).encode()
COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(20)}
key: [id]
load: {mode: full_refresh}
"""
Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A web server that answers each path as it is told; `address` is where it listens."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                left = web.answers[self.path]
                (left.pop(0) if len(left) > 1 else left[0])(self)

            def do_HEAD(self) -> None:
                self.send_response(405)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def whole(body: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def dies_half_way(body: bytes) -> Answer:
    """It promises more bytes than it sends."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True

    return answer


def dies_in_chunks(body: bytes) -> Answer:
    """It sends chunks, and the last one never comes."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        half = body[: len(body) // 2]
        request.wfile.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
        request.close_connection = True

    return answer


def refuses(status: int) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def page(records: list[dict[str, object]], following: str | None = None) -> bytes:
    return json.dumps({"items": records, "next": following}).encode()


HALF_WAY = {
    "promised more bytes": (dies_half_way(DATA), "SOURCE-CUT"),
    "the last chunk never came": (dies_in_chunks(DATA), "SOURCE-CUT"),
    "500": (refuses(500), "SOURCE-UNREACHABLE"),
    "503": (refuses(503), "SOURCE-UNREACHABLE"),
}


@pytest.mark.parametrize("case", HALF_WAY)
def test_a_file_that_ends_early_once(house: Any, web: Web, case: str) -> None:
    table = house.declare(
        "rows", f"description: d\nowner: o\nsource: {{kind: csv, url: '{web.address}/a.csv'}}\n{COLUMNS}"
    )
    web.answers["/a.csv"] = [HALF_WAY[case][0], whole(DATA)]
    assert house.load(table).status == "published"
    assert len(house.rows(table)) == 5000


@pytest.mark.parametrize("case", HALF_WAY)
def test_a_file_that_always_ends_early(house: Any, web: Web, case: str, fails: Any) -> None:
    answer, code = HALF_WAY[case]
    table = house.declare(
        "rows", f"description: d\nowner: o\nsource: {{kind: csv, url: '{web.address}/a.csv'}}\n{COLUMNS}"
    )
    web.answers["/a.csv"] = [whole(b"id,note\n1,one\n")]
    house.load(table)
    web.answers["/a.csv"] = [answer]
    fails(house, table, code, "upstream")
    assert house.rows(table) == [(1, "one")]


def test_a_compressed_file_that_ends_early(house: Any, web: Web, fails: Any) -> None:
    table = house.declare(
        "rows", f"description: d\nowner: o\nsource: {{kind: csv, url: '{web.address}/a.csv.gz'}}\n{COLUMNS}"
    )
    web.answers["/a.csv.gz"] = [whole(gzip.compress(DATA)[:-2000])]
    fails(house, table, "SOURCE-CUT", "upstream")
    web.answers["/a.csv.gz"] = [whole(gzip.compress(DATA))]
    house.load(table)
    assert zlib.crc32(repr(house.rows(table)).encode()) == zlib.crc32(
        repr([(number, f"text {number}") for number in range(5000)]).encode()
    )


def test_pages_that_rename_a_column(house: Any, web: Web, fails: Any) -> None:
    """Its values would be lost as NULL, and nobody would hear of it."""
    table = house.declare(
        "rows",
        f"description: d\nowner: o\nsource: {{kind: json, url: '{web.address}/1', records: items, next: next}}\n{COLUMNS}",
    )
    web.answers = {
        "/1": [whole(page([{"id": 1, "note": "one"}], "/2"))],
        "/2": [whole(page([{"id": 2, "note": "two"}]))],
    }
    house.load(table)
    web.answers["/2"] = [whole(page([{"id": 3, "remark": "three"}]))]
    fails(house, table, "HEADER-CHANGED", "upstream")
    assert house.rows(table) == [(1, "one"), (2, "two")]


def test_pages_that_leave_out_empty_values_are_whole(house: Any, web: Web) -> None:
    table = house.declare(
        "rows",
        f"description: d\nowner: o\nsource: {{kind: json, url: '{web.address}/1', records: items, next: next}}\n{COLUMNS}",
    )
    web.answers = {"/1": [whole(page([{"id": 1, "note": "one"}], "/2"))], "/2": [whole(page([{"id": 2}]))]}
    house.load(table)
    assert house.rows(table) == [(1, "one"), (2, None)]


@pytest.mark.parametrize("second", ["dies", "is missing", "isn't JSON"])
def test_a_page_that_doesnt_come(house: Any, web: Web, fails: Any, second: str) -> None:
    table = house.declare(
        "rows",
        f"description: d\nowner: o\nsource: {{kind: json, url: '{web.address}/1', records: items, next: next, "
        f"on_missing: empty}}\n{COLUMNS}",
    )
    body = page([{"id": 2, "note": "two"}])
    web.answers = {"/1": [whole(page([{"id": 1, "note": "one"}], "/2"))], "/2": [whole(body)]}
    house.load(table)
    how = {"dies": dies_half_way(body), "is missing": refuses(404), "isn't JSON": whole(body[:-3])}[second]
    codes = {"dies": "SOURCE-CUT", "is missing": "PAGE-MISSING", "isn't JSON": "NOT-JSON"}
    web.answers["/2"] = [how]
    fails(house, table, codes[second], "upstream")
    assert house.rows(table) == [(1, "one"), (2, "two")]


def test_a_source_database_that_hangs_up_half_way(
    house: Any, wire: Any, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The COPY out of the source is cut; the batch is read again from its beginning."""
    with psycopg2.connect(str(stack.warehouse_url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS public.fault_source AS "
                       "SELECT id, repeat('x', 15) AS note FROM generate_series(1, 200000) id")  # fmt: skip
    connection.close()
    monkeypatch.setattr("tasks.sources.postgres_copy._CHUNK_BYTES", 4096)
    settings = house.place.settings
    house.place.settings = type(settings)(**{**vars(settings), "connections": {"source": str(settings.warehouse_url)}})
    table = house.declare(
        "rows",
        "description: d\nowner: o\nsource: {kind: postgres, connection: source, "
        f"query: 'SELECT id, note FROM public.fault_source'}}\n{COLUMNS}",
    )
    house.reads_warehouse("source")
    wire.cut("TO STDOUT (FORMAT csv, HEADER true)", "middle")
    assert house.load(table).status == "published"
    assert wire.fired == 1
    assert house.rows(table, "count(*)") == [(200_000,)]
