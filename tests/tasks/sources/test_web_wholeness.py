"""An answer is taken only when it is proven whole, whatever a server says; and what is there is read."""

from __future__ import annotations

import base64
import gzip
import hashlib
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import zstandard

from deployments.errors import HeadgateError, SourceMissingError
from tasks import pauses
from tasks.retrying import is_passing
from tests.tasks.sources.lying_web import LyingWeb, answer, chunked

Read = Callable[..., bytes]
DATA = b"id\n" + b"".join(b"%d\n" % n for n in range(5000))
MEMBERS = gzip.compress(DATA[:9000]) + gzip.compress(DATA[9000:])
HALF = DATA[: len(DATA) // 2]
MD5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
SHA = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
_deflate = zlib.compressobj(wbits=-15)
BARE = _deflate.compress(DATA) + _deflate.flush()


@pytest.fixture
def lying() -> Iterator[LyingWeb]:
    made = LyingWeb()
    yield made
    made.close()


def csv(url: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "csv", "url": url, **keys}


def packed(body: bytes, how: str, *more: str) -> bytes:
    return answer(200, body, [f"Content-Encoding: {how}", *more])


WHOLE: dict[str, bytes] = {
    "a length that is true": answer(200, DATA),
    "a length behind early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(200, DATA),
    "chunks": chunked(DATA),
    "chunks with more behind": chunked(DATA) + b"more",
    "chunks and a length that is wrong": answer(
        200, chunked(DATA).partition(b"\r\n\r\n")[2], ["Transfer-Encoding: chunked", "Content-Length: 7"], length=None),
    "gzip": packed(gzip.compress(DATA), "gzip"),
    "gzip of two members": packed(MEMBERS, "gzip"),
    "gzip of two members in chunks": chunked(MEMBERS, ["Content-Encoding: gzip"]),
    "x-gzip": packed(gzip.compress(DATA), "X-GZip"),
    "deflate as specified": packed(zlib.compress(DATA), "deflate"),
    "deflate as some send it": packed(BARE, "deflate"),
    "zstd": packed(zstandard.compress(DATA), "zstd"),
    "zstd in frames": packed(zstandard.compress(HALF) + zstandard.compress(DATA[len(HALF):]), "zstd"),
    "packed twice": packed(gzip.compress(zlib.compress(DATA)), "deflate, gzip"),
    "packed twice, in two headers": packed(gzip.compress(gzip.compress(DATA)), "gzip", "Content-Encoding: gzip"),
    "identity": packed(DATA, "identity"),
    "206 of all of it": answer(206, DATA, [f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}"]),
    "a digest": answer(200, DATA, [f"Content-MD5: {MD5}", f"Digest: sha-256={SHA}", f"Repr-Digest: sha-256=:{SHA}:"]),
    "a digest of what was packed": packed(gzip.compress(DATA), "gzip", f"Content-MD5: {MD5}"),
    "a digest nobody knows": answer(200, DATA, ["Digest: unixsum=30637, blake=:AAAA:"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_whole_is_read(lying: LyingWeb, read: Read, case: str) -> None:
    assert read(csv(lying.put("/a.csv", WHOLE[case]))) == DATA
    assert lying.asked == ["GET /a.csv"]


def test_little_never_becomes_much_at_once(lying: LyingWeb, source: Any) -> None:
    bomb = zlib.compress(b"id\n" + b"1234567\n" * (32 * 1024**2))
    assert len(bomb) < 1024**2
    reader = source(csv(lying.put("/a.csv", packed(bomb, "deflate"))))
    tracemalloc.start()
    try:
        assert sum(map(len, reader.chunks())) == 256 * 1024**2 + 3
        assert tracemalloc.get_traced_memory()[1] < 100 * 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("body", [gzip.compress(DATA), gzip.compress(gzip.compress(DATA))])
def test_a_packed_file_may_be_told_as_packed_for_the_way(lying: LyingWeb, read: Read, body: bytes) -> None:
    assert read(csv(lying.put("/a.csv.gz", packed(body, "gzip")))) == DATA


# What isn't proven whole, with its code and whether another try may help.
PARTLY: dict[str, tuple[bytes, str, bool]] = {
    "less than its length": (answer(200, HALF, length=len(DATA)), "SOURCE-CUT", True),
    "more than its length": (answer(200, DATA, length=len(DATA) - 2), "SOURCE-ANSWER", False),
    "much more than its length": (answer(200, DATA * 40, length=len(DATA)), "SOURCE-ANSWER", False),
    "more than its length of nothing": (answer(200, DATA, length=0), "SOURCE-ANSWER", False),
    "more than its length behind hints": (
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200, DATA, length=len(DATA) - 2), "SOURCE-ANSWER", False),
    "more than its packed length": (packed(gzip.compress(DATA) * 2, "gzip", f"Content-Length: {len(gzip.compress(DATA))}")
                                    .replace(b"Content-Length: %d\r\n\r\n" % (2 * len(gzip.compress(DATA))), b"\r\n"),
                                    "SOURCE-ANSWER", False),
    "nothing of its length": (answer(200, b"", length=len(DATA)), "SOURCE-CUT", True),
    "chunks without the last": (chunked(DATA, ended=False), "SOURCE-CUT", True),
    "no length, no chunks": (answer(200, DATA, length=None), "SOURCE-NO-LENGTH", False),
    "no length in HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + DATA, "SOURCE-NO-LENGTH", False),
    "two lengths": (answer(200, DATA, ["Content-Length: 5"]), "SOURCE-UNREACHABLE", True),
    "a length that is none": (answer(200, DATA, ["Content-Length: many"], length=None), "SOURCE-UNREACHABLE", True),
    "gzip cut": (packed(gzip.compress(DATA)[:-9], "gzip"), "SOURCE-CUT", True),
    "gzip cut in its second member": (packed(MEMBERS[:-5], "gzip"), "SOURCE-CUT", True),
    "gzip with more behind": (packed(gzip.compress(DATA) + b"junk", "gzip"), "SOURCE-CUT", True),
    "gzip that isn't": (packed(DATA, "gzip"), "SOURCE-CUT", True),
    "deflate cut": (packed(zlib.compress(DATA)[:-6], "deflate"), "SOURCE-CUT", True),
    "deflate with more behind": (packed(zlib.compress(DATA) + b"1\n", "deflate"), "SOURCE-CUT", True),
    "zstd cut": (packed(zstandard.compress(DATA)[:-3], "zstd"), "SOURCE-CUT", True),
    "packed without end": (packed(DATA, ", ".join(["gzip"] * 3000)), "SOURCE-ANSWER", False),
    "packed as nobody knows": (packed(DATA, "br"), "SOURCE-ANSWER", False),
    "packed as nobody knows, inside": (packed(gzip.compress(DATA), "zz, gzip"), "SOURCE-ANSWER", False),
    "206 of a part": (answer(206, HALF, [f"Content-Range: bytes 0-{len(HALF) - 1}/{len(DATA)}"]), "SOURCE-CUT", True),
    "206 of a part that says it is all": (
        answer(206, HALF, [f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}"]), "SOURCE-CUT", True),
    "the same in chunks": (
        chunked(HALF, [f"Content-Range: bytes 0-{len(DATA) - 1}/{len(DATA)}"]), "SOURCE-CUT", True),
    "206 of an unknown whole": (answer(206, HALF, ["Content-Range: bytes 0-9/*"]), "SOURCE-CUT", True),
    "206 that doesn't say": (answer(206, HALF), "SOURCE-CUT", True),
    "200 with the range of a part": (answer(200, HALF, ["Content-Range: bytes 9-18/99"]), "SOURCE-CUT", True),
    "several parts": (answer(200, DATA, ["Content-Type: multipart/mixed; boundary=x"]), "SOURCE-ANSWER", False),
    "another digest": (answer(200, DATA, ["Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="]), "SOURCE-CUT", True),
    "another digest, packed": (packed(gzip.compress(DATA), "gzip", "Digest: sha-256=AAAA"), "SOURCE-CUT", True),
    **{f"HTTP {status}": (answer(status, DATA), "SOURCE-ANSWER", False) for status in (201, 202, 203, 300, 302, 399)},
    **{f"HTTP {status}": (answer(status, length=None), "SOURCE-ANSWER", False) for status in (204, 205, 304)},
    **{f"HTTP {status}": (answer(status, DATA), "SOURCE-UNREACHABLE", True) for status in (408, 425, 429, 500, 503, 522)},
    **{f"HTTP {status}": (answer(status, DATA), "SOURCE-ANSWER", False) for status in (400, 405, 416, 451, 501)},
    **{f"HTTP {status}": (answer(status, DATA), "SOURCE-LOGIN", False) for status in (401, 403, 407)},
    "no HTTP at all": (DATA, "SOURCE-UNREACHABLE", True),
    "nothing": (b"", "SOURCE-UNREACHABLE", True),
    "half of the headers": (b"HTTP/1.1 200 OK\r\nContent-Le", "SOURCE-UNREACHABLE", True),
    "a web page": (answer(200, b"<!DOCTYPE html><html>Log in", ["Content-Type: text/html"]), "NOT-TEXT", False),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTLY)
def test_what_is_not_proven_whole_is_refused(lying: LyingWeb, read: Read, case: str) -> None:
    sent, code, again = PARTLY[case]
    with pytest.raises(HeadgateError) as caught:
        read(csv(lying.put("/a.csv", sent)))
    assert (caught.value.code, is_passing(caught.value)) == (code, again)
    assert caught.value.next_command
    assert not isinstance(caught.value, SourceMissingError)


@pytest.mark.effect("CsvSource.until_close")
def test_an_answer_without_an_end_is_taken_where_that_is_declared(lying: LyingWeb, read: Read) -> None:
    url = lying.put("/a.csv", answer(200, DATA, length=None))
    assert read(csv(url, until_close=True)) == DATA
    # A JSON document shows its end by itself; lines don't.
    body = b'[{"id": 1}]'
    assert read({"kind": "json", "url": lying.put("/a.json", answer(200, body, length=None))}) == b'"id"\n1\n'
    with pytest.raises(HeadgateError) as caught:
        read({"kind": "json", "url": lying.put("/a.jsonl", answer(200, b'{"id": 1}\n', length=None))})
    assert caught.value.code == "SOURCE-NO-LENGTH"


LEADS: dict[str, tuple[int, str, str | None]] = {
    "to another page": (302, "/there.csv", None),
    "for ever": (308, "/a.csv", "SOURCE-ANSWER"),
    "nowhere": (301, "", "SOURCE-ANSWER"),
    "to another host": (302, "http://localhost:1/there.csv", "SOURCE-ELSEWHERE"),
    "to a file": (302, "file:///etc/hostname", "SOURCE-ELSEWHERE"),
    "to what is no address": (302, "http://[::1/", "SOURCE-UNREACHABLE"),
    "into the network": (307, "http://169.254.169.254/latest/", "SOURCE-ELSEWHERE"),
}


@pytest.mark.parametrize("case", LEADS)
def test_a_redirect_leads_to_the_same_host_only(lying: LyingWeb, read: Read, case: str) -> None:
    status, target, code = LEADS[case]
    lying.put("/there.csv", answer(200, DATA))
    url = lying.put("/a.csv", answer(status, b"", [f"Location: {target}"] if target else []))
    if code is None:
        assert read(csv(url)) == DATA
        return
    with pytest.raises(HeadgateError) as caught:
        read(csv(url))
    assert caught.value.code == code


def test_a_declared_host_is_followed_without_the_login(lying: LyingWeb, read: Read) -> None:
    there = LyingWeb()
    try:
        target = there.put("/a.csv", answer(200, DATA)).replace("127.0.0.1", "localhost")
        lying.put("/a.csv?token=t", answer(302, b"", [f"Location: {target}"]))
        base = lying.base.replace("http://", "http://me:hidden@") + "?token=t"
        assert read(csv("/a.csv", connection="web", allowed_hosts=["localhost"]), web=base) == DATA
        assert "Authorization" in lying.headers[0]
        assert "Authorization" not in there.headers[0]
        assert there.asked == ["GET /a.csv"]
    finally:
        there.close()


def test_a_token_in_the_query_of_a_connection_is_sent_and_never_shown(lying: LyingWeb, read: Read) -> None:
    lying.put("/auth/v2/a.csv?day=1&auth=S3CRET%2F1&x=2", answer(200, DATA))
    base = f"{lying.base}/auth/v2?auth=S3CRET%2F1&x=2"
    assert read(csv("/a.csv?day=1", connection="api"), api=base) == DATA
    with pytest.raises(HeadgateError, match=r"/auth/v2/b\.csv\?auth=\*\*\*&x=\*\*\* isn't there"):
        read(csv("/b.csv", connection="api"), api=base)


def waits(seconds: str, *more: str, status: int = 429) -> bytes:
    return answer(status, b"", [f"Retry-After: {seconds}", *more])


DATE = datetime(2030, 1, 1, tzinfo=UTC)
ASKED: dict[str, tuple[list[bytes], list[float], str | None]] = {
    "seconds": ([waits("60"), waits("60"), answer(200, DATA)], [60, 60], None),
    "a date by the server's own clock": (
        [waits(format_datetime(DATE + timedelta(seconds=90)), f"Date: {format_datetime(DATE)}", status=503),
         answer(200, DATA)], [90], None),
    "at once": ([waits("0"), answer(200, DATA)], [1], None),
    "a date that is over": ([waits("Wed, 21 Oct 2015 07:28:00 GMT"), answer(200, DATA)], [1], None),
    "too long": ([waits("3600"), answer(200, DATA)], [], "asks to be left alone for 3,600 s; we wait 300 s at most"),
    "at once, for ever": ([waits("0", status=503)], [1] * 9, "answered HTTP 503"),
    "too often": ([waits("120"), waits("120"), waits("120"), answer(200, DATA)], [120, 120], "for 120 s"),
    "what can't be read": ([waits("soon"), answer(200, DATA)], [], "answered HTTP 429"),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_a_server_is_left_alone_as_long_as_it_asks(
    lying: LyingWeb, read: Read, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """And each time it is told, so that three minutes of silence don't look like a hang."""
    answers, waited, told = ASKED[case]
    paused: list[float] = []
    monkeypatch.setattr(pauses, "pause", paused.append)
    url = lying.put("/a.csv", *answers)
    if told is None:
        assert read(csv(url)) == DATA
    else:
        with pytest.raises(HeadgateError, match=told):
            read(csv(url))
    assert paused == waited
    assert [f"asked again in {wait} s" in line for wait, line in zip(waited, caplog.messages, strict=True)] == [
        True
    ] * len(waited)
