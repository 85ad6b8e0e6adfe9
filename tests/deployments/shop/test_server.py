"""The shop's web server, as its own process over real HTTP: file, pages, revalidation, errors, start and stop."""

from __future__ import annotations

import csv
import io
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from deployments.shop.world.server import make_server
from deployments.shop.world.sources import fingerprint, web_rows

PATIENCE_SECONDS = 120.0
SEPTEMBER = {"from": "2019-09-01T00:00:00Z", "to": "2019-10-01T00:00:00Z"}


def start(port_file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deployments.shop.world.server", "--port", "0", "--port-file", str(port_file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port_file = tmp_path_factory.mktemp("server") / "port"
    process = start(port_file)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("ready ").strip()
        assert url == f"http://127.0.0.1:{port_file.read_text().strip()}"
        with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as http:
            yield http
    finally:
        process.kill()
        process.wait()


def pages(client: httpx.Client, **limits: str) -> list[dict[str, object]]:
    answer = client.get("/api/nps", params=limits).json()
    found = [answer]
    while answer["next"] is not None:
        answer = client.get(answer["next"]).json()
        found.append(answer)
    return found


def test_the_file_is_the_worlds_rows(client: httpx.Client) -> None:
    answer = client.get("/name_gender.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["name", "gender"]
    assert [tuple(row) for row in rows[1:]] == list(web_rows()["name_gender"].rows)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_following_the_pages_gives_every_answer_once(client: httpx.Client) -> None:
    found = pages(client)
    records = [record for page in found for record in page["data"]]  # type: ignore[attr-defined]
    assert len(found) == -(-len(records) // 100)
    assert [record["id"] for record in records] == [row[0] for row in web_rows()["nps"].rows]


def test_a_window_is_half_open(client: httpx.Client) -> None:
    records = [record for page in pages(client, **SEPTEMBER) for record in page["data"]]  # type: ignore[attr-defined]
    expected = [
        row[0]
        for row in web_rows()["nps"].rows
        if isinstance(row[1], datetime) and datetime(2019, 9, 1) <= row[1] < datetime(2019, 10, 1)
    ]
    assert [record["id"] for record in records] == expected
    first = records[0]["created_at"]
    assert pages(client, **{"from": first, "to": first}) == [{"data": [], "next": None}]
    assert client.get("/api/nps", params={"from": first}).json()["data"][0]["created_at"] == first


def test_a_record_keeps_null_and_empty_text_apart(client: httpx.Client) -> None:
    records = [record for page in pages(client) for record in page["data"]]  # type: ignore[attr-defined]
    assert set(records[0]) == {"id", "created_at", "score", "email", "comment"}
    assert [record["comment"] for record in records] == [row[4] for row in web_rows()["nps"].rows]


@pytest.mark.parametrize(
    ("limits", "rows"),
    [({"page": "999"}, 0), ({"from": "2020-01-01"}, 0), ({"from": "2019-10-01", "to": "2019-09-01"}, 0),
     ({"to": "2019-06-01T00:00:00+09:00"}, 100), ({"from": "2019-11-30"}, None)],
)  # fmt: skip
def test_odd_limits_are_answered(client: httpx.Client, limits: dict[str, str], rows: int | None) -> None:
    answer = client.get("/api/nps", params=limits)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == rows if rows is not None else 0 < len(answer.json()["data"]) < 100


@pytest.mark.parametrize(
    ("params", "text"),
    [({"page": "0"}, "page=0"), ({"page": "x"}, "page=x"), ({"page": "1e3"}, "page=1e3"), ({"page": "٣"}, "page"),
     ({"from": "yesterday"}, "from=yesterday"), ({"since": "2019-05-01"}, "unknown parameter since")],
)  # fmt: skip
def test_a_bad_parameter_is_told(client: httpx.Client, params: dict[str, str], text: str) -> None:
    answer = client.get("/api/nps", params=params)
    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_it_says_which_world_it_serves(client: httpx.Client) -> None:
    assert client.get("/").json() == {"serves": "the shop", "world": fingerprint()}


def test_an_unknown_path_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/orders").status_code == 404


@pytest.mark.parametrize("path", ["/name_gender.csv", "/api/nps?page=2"])
def test_an_unchanged_document_is_not_sent_again(client: httpx.Client, path: str) -> None:
    first = client.get(path)
    assert int(first.headers["content-length"]) == len(first.content)
    by_tag = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    by_date = client.get(path, headers={"If-Modified-Since": first.headers["last-modified"]})
    assert [by_tag.status_code, by_date.status_code, by_tag.content, by_date.content] == [304, 304, b"", b""]
    assert by_tag.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "headers",
    [{"If-None-Match": '"other"'}, {"If-Modified-Since": "Sat, 30 Nov 2019 00:00:00 GMT"},
     {"If-Modified-Since": "soon"}, {"If-None-Match": '"other"', "If-Modified-Since": "Sun, 01 Dec 2030 00:00:00 GMT"}],
)  # fmt: skip
def test_a_document_the_client_lacks_is_sent(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.get("/name_gender.csv", headers=headers).status_code == 200


def test_head_tells_the_length_without_a_body(client: httpx.Client) -> None:
    head, got = client.head("/name_gender.csv"), client.get("/name_gender.csv")
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_though_a_client_holds_on(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path / "port")
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("ready ").strip()
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        assert client.get("/name_gender.csv").status_code == 200
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert process.stdout.read() == ""


def test_it_stops_when_its_port_file_is_gone(tmp_path: Path) -> None:
    process = start(tmp_path / "port")
    assert process.stdout is not None
    process.stdout.readline()
    (tmp_path / "port").unlink()
    assert process.wait(PATIENCE_SECONDS) == 0


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with make_server() as first, make_server(first.server_address[1]) as second:
        assert first.server_address[1] != second.server_address[1]


def test_a_client_that_hangs_up_is_not_complained_about(tmp_path: Path) -> None:
    process = start(tmp_path / "port")
    assert process.stdout is not None
    port = int(process.stdout.readline().rpartition(":")[2])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as hanging:
            # Closing with a zero linger time resets the connection under the answer.
            hanging.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hanging.sendall(b"GET /api/nps HTTP/1.1\r\nHost: shop\r\n\r\n" * 50)
    assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=PATIENCE_SECONDS).status_code == 200
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 0
    assert process.stdout.read() == ""


def test_it_serves_on_without_a_reader_of_its_output(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    process = start(port_file)
    assert process.stdout is not None
    process.stdout.close()
    try:
        while not port_file.exists():
            assert process.poll() is None
            time.sleep(0.02)
        url = f"http://127.0.0.1:{port_file.read_text().strip()}/name_gender.csv"
        assert httpx.get(url, trust_env=False, timeout=PATIENCE_SECONDS).status_code == 200
    finally:
        process.kill()
        process.wait()
