"""CSV from a real web server: as it came, decompressed and decoded; and every way in which that can fail, by its code."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from deployments.errors import HeadgateError, RetryableError, SourceMissingError, SourceUnreachableError
from expectations.contract.scan import scan
from expectations.contract.split import split
from tasks.retrying import is_passing

if TYPE_CHECKING:
    from tests.conftest import Web

Read = Callable[..., bytes]
DATA = "id\n1\n한글\n".encode()


def csv(url: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "csv", "url": url, **keys}


def test_bytes_come_as_they_are(web: Web, read: Read) -> None:
    data = b"\r\n".join(b"%d,\xff" % n for n in range(200_000))
    assert read(csv(web.put("/a.csv", data))) == data


PACKED: dict[str, tuple[bytes, str, str, dict[str, str]]] = {
    "gzip by its name": (gzip.compress(DATA), "/a.csv.gz", "auto", {}),
    "gzip as declared": (gzip.compress(DATA), "/a.csv", "gzip", {}),
    "gzip in members": (gzip.compress(DATA[:5]) + gzip.compress(b"") + gzip.compress(DATA[5:]), "/a.gz", "auto", {}),
    "zstd by its name": (zstandard.compress(DATA), "/a.csv.zst", "auto", {}),
    "zstd in frames": (zstandard.compress(DATA[:5]) + zstandard.compress(DATA[5:]), "/a", "zstd", {}),
    "gzip on the way": (gzip.compress(DATA), "/a.csv", "auto", {"Content-Encoding": "gzip"}),
    "a name that lies, as declared": (DATA, "/a.csv.gz", "none", {}),
    "a query behind the name": (gzip.compress(DATA), "/a.csv.gz?v=1", "auto", {}),
}


@pytest.mark.parametrize("case", PACKED)
def test_compressed(web: Web, read: Read, case: str) -> None:
    body, path, how, headers = PACKED[case]
    assert read(csv(web.put(path, body, headers=headers), compression=how)) == DATA


@pytest.mark.parametrize(("encoding", "text"), [
    ("latin-1", "id\nJosé\n"), ("cp949", "id\n한글\n"), ("utf-16", "id\n한글😀\n"), ("utf-8-sig", "id\n1\n"),
    ("shift_jis", "id\n日本\n"),
])  # fmt: skip
def test_other_encodings_become_utf8(web: Web, read: Read, encoding: str, text: str) -> None:
    assert read(csv(web.put("/a.csv", text.encode(encoding)), encoding=encoding)) == text.encode()


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfid\n1\n", b"\xef\xbb\xbf", b"", b"\xef\xbb", b"i"])
def test_a_byte_order_mark_is_taken_off(web: Web, read: Read, data: bytes) -> None:
    assert read(csv(web.put("/a.csv", data))) == data.removeprefix(b"\xef\xbb\xbf")


def test_redirects_are_followed(web: Web, read: Read) -> None:
    web.put("/new.csv", DATA)
    assert read(csv(web.put("/old.csv", b"", status=302, headers={"Location": "/new.csv"}))) == DATA


def test_user_and_password_of_the_connection_become_basic_authentication(web: Web, read: Read) -> None:
    web.put("/files/a.csv", DATA)
    base = web.base.replace("http://", "http://me:p%40ss@") + "/files"
    assert read(csv("/a.csv", connection="files"), files=base) == DATA
    assert web.asked[-1][2]["Authorization"] == "Basic bWU6cEBzcw=="


def test_the_window_stands_in_the_address_in_the_tables_zone(web: Web, read: Read) -> None:
    web.put("/2024/03-01.csv?to=2024-03-02T00:00:00%2B09:00", DATA)
    assert read(csv(web.base + "/{window.start:%Y/%m-%d}.csv?to={window.end}"), day="2024-03-01") == DATA


FAILURES: list[tuple[dict[str, Any], str, type[HeadgateError], bool]] = [
    ({"status": 404}, "SOURCE-MISSING", SourceMissingError, False),
    ({"status": 410}, "SOURCE-MISSING", SourceMissingError, False),
    ({"status": 401}, "SOURCE-LOGIN", HeadgateError, False),
    ({"status": 403}, "SOURCE-LOGIN", HeadgateError, False),
    ({"status": 500}, "SOURCE-UNREACHABLE", SourceUnreachableError, True),
    ({"status": 503}, "SOURCE-UNREACHABLE", SourceUnreachableError, True),
    ({"cut": 3}, "SOURCE-CUT", HeadgateError, True),
    ({"cut": 0}, "SOURCE-CUT", HeadgateError, True),
]


@pytest.mark.parametrize(("page", "code", "kind", "again"), FAILURES)
def test_failures_say_what_and_whether_to_try_again(
    web: Web, read: Read, page: dict[str, Any], code: str, kind: type[HeadgateError], again: bool
) -> None:
    web.put("/a.csv?token=secret", DATA, **page)
    base = web.base.replace("http://", "http://me:hidden@")
    with pytest.raises(kind) as caught:
        read(csv("/a.csv?token=secret", connection="files"), files=base)
    assert caught.value.code == code
    assert is_passing(caught.value) == again
    if code == "SOURCE-LOGIN":
        assert caught.value.next_command == "mend HEADGATE_CONNECTION_FILES; then: headgate check --connect"
    assert web.base + "/a.csv?token=***" in str(caught.value)
    assert "secret" not in str(caught.value) + repr(caught.value.facts)
    assert "hidden" not in str(caught.value) + repr(caught.value.facts)


@pytest.mark.parametrize(("body", "how"), [
    (gzip.compress(DATA)[:-4], "gzip"), (gzip.compress(DATA)[:6], "gzip"),
    (DATA, "gzip"), (zstandard.compress(DATA)[:-3], "zstd"),
    (DATA, "zstd"), (gzip.compress(DATA) + b"junk", "gzip"),
])  # fmt: skip
def test_data_that_is_not_whole_is_told(web: Web, read: Read, body: bytes, how: str) -> None:
    with pytest.raises(HeadgateError) as caught:
        read(csv(web.put("/a.csv", body), compression=how))
    assert caught.value.code == "SOURCE-CUT"


@pytest.mark.parametrize(("encoding", "line", "left"), [
    ("cp949", b"\xff\xff", b"\xff\xff"),
    ("cp1252", b"a\x81b\xe9", b"a\x81b\xc3\xa9"),
    # Two bytes without a letter that would be one of UTF-8 together: they must not become it.
    ("iso8859-3", b"\xc3\xa5", b"\xed\xb3\x83\xed\xb2\xa5"),
])  # fmt: skip
def test_a_byte_without_a_letter_spoils_its_record_only(
    web: Web, read: Read, encoding: str, line: bytes, left: bytes
) -> None:
    data = read(csv(web.put("/a.csv", b"id\n1\n" + line + b"\n2\n"), encoding=encoding))
    assert data == b"id\n1\n" + left + b"\n2\n"
    (part,) = split([data.removeprefix(b"id\n")])
    assert [(reject.record, reject.code) for reject in scan(part, ",", 1).rejects] == [(1, "NOT-UTF8")]


def test_text_that_is_not_utf16_is_told(web: Web, read: Read) -> None:
    with pytest.raises(HeadgateError, match="isn't utf-16") as caught:
        read(csv(web.put("/a.csv", "id\n1\n".encode("utf-16")[:-1]), encoding="utf-16"))
    assert caught.value.code == "ENCODING"


@pytest.mark.effect("HEADGATE_SOURCE_TIMEOUT_SECONDS")
def test_a_server_that_hangs_is_given_up(web: Web, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SOURCE_TIMEOUT_SECONDS", "1")
    with pytest.raises(SourceUnreachableError, match="didn't answer within") as caught:
        read(csv(web.put("/a.csv", DATA, hang=threading.Event())))
    assert caught.value.code == "SOURCE-TIMEOUT"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/a.csv", "http://no-such-host.invalid/a.csv"])
def test_nobody_there(read: Read, address: str) -> None:
    with pytest.raises((SourceUnreachableError, RetryableError)) as caught:
        read(csv(address))
    assert caught.value.code == "SOURCE-UNREACHABLE"
    assert is_passing(caught.value)


@pytest.mark.parametrize(("headers", "fingerprint"), [
    ({"ETag": '"abc"'}, "etag:abc:12"), ({"ETag": 'W/"abc"'}, None), ({}, None), ({"ETag": '""'}, None),
    ({"ETag": '"abc"', "Last-Modified": "Mon"}, "etag:abc:12:Mon"),
])  # fmt: skip
def test_a_strong_etag_is_the_fingerprint_of_the_very_page_that_is_read(
    web: Web, source: Callable[..., Any], headers: dict[str, str], fingerprint: str | None
) -> None:
    reader = source(csv(web.put("/a.csv", DATA, headers=headers)))
    assert reader.fingerprint() == fingerprint
    web.put("/a.csv", b"id\n2\n", headers={"ETag": '"def"'})
    assert b"".join(reader.chunks()) == DATA
    assert [method for method, _, _ in web.asked] == ["GET"]
    reader.close()


@pytest.mark.effect("HEADGATE_SOURCE_READ_SECONDS")
def test_a_server_that_gives_a_byte_now_and_then_is_given_up(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SOURCE_READ_SECONDS", "1")
    done = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not done.wait(0.1):
                self.wfile.write(b"x")

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    begun = time.monotonic()
    try:
        with pytest.raises(SourceUnreachableError, match="HEADGATE_SOURCE_READ_SECONDS") as caught:
            read(csv(f"http://127.0.0.1:{server.server_address[1]}/a.csv"))
    finally:
        done.set()
        server.shutdown()
    assert caught.value.code == "SOURCE-TIMEOUT"
    assert time.monotonic() - begun < 10
