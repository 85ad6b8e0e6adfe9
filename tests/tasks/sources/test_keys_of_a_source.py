"""What each key of a source on the web or in a file does: what is read with it, and what without."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import HeadgateError

if TYPE_CHECKING:
    from tests.conftest import Web

effect = pytest.mark.effect
ROWS = b"id\n1\n"
LINES = b'{"id": 1}\n{"id": 2}\n'
CSV, JSON = {"kind": "csv"}, {"kind": "json"}
READ = b'"id"\n1\n'


def of(kind: str, *keys: str) -> pytest.MarkDecorator:
    return effect(*(f"{kind}Source.{key}" for key in keys))


# What lies at which path, the source, and what is read; None: it is refused.
CASES: list[Any] = [
    pytest.param("/a.csv", ROWS, CSV, ROWS, marks=of("Csv", "kind", "url")),
    pytest.param("/a.csv", "id\nü\n".encode("cp1252"), CSV | {"encoding": "cp1252"}, "id\nü\n".encode(),
                 marks=of("Csv", "encoding")),
    pytest.param("/a", ROWS, CSV | {"compression": "gzip"}, None,
                 marks=of("Csv", "compression", "compression=gzip")),
    pytest.param("/a", ROWS, CSV | {"compression": "zstd"}, None, marks=of("Csv", "compression=zstd")),
    pytest.param("/a.csv", gzip.compress(ROWS), CSV | {"compression": "none"}, None, marks=of("Csv", "compression=none")),
    pytest.param("/a.csv.gz", gzip.compress(ROWS), CSV | {"compression": "auto"}, ROWS, marks=of("Csv", "compression=auto")),
    pytest.param("/a.json", b'[{"id":1}]', JSON, READ, marks=of("Json", "kind", "url")),
    pytest.param("/a.json", b'{"x":[{"id":1}]}', JSON | {"records": "x"}, READ, marks=of("Json", "records")),
    pytest.param("/a", LINES, JSON | {"format": "lines"}, READ + b"2\n", marks=of("Json", "format", "format=lines")),
    pytest.param("/a.jsonl", b'[{"id":1}]', JSON | {"format": "document"}, READ, marks=of("Json", "format=document")),
    pytest.param("/a.jsonl", LINES, JSON | {"format": "auto"}, READ + b"2\n", marks=of("Json", "format=auto")),
    pytest.param("/a", b'[{"id":1}]', JSON | {"compression": "gzip"}, None,
                 marks=of("Json", "compression", "compression=gzip")),
    pytest.param("/a", b'[{"id":1}]', JSON | {"compression": "zstd"}, None,
                 marks=of("Json", "compression=zstd")),
    pytest.param("/a", gzip.compress(b'[{"id":1}]'), JSON | {"compression": "none"}, None, marks=of("Json", "compression=none")),
    pytest.param("/a.json.gz", gzip.compress(b'[{"id":1}]'), JSON | {"compression": "auto"}, READ,
                 marks=of("Json", "compression=auto")),
    pytest.param("/a.json", b'{"x":[{"id":1}],"next":"/a.json"}', JSON | {"records": "x", "next": "next", "max_pages": 3}, None,
                 marks=of("Json", "next")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "keys", "rows"), CASES)
def test_what_is_read(
    web: Web, read: Callable[..., bytes], path: str, body: bytes, keys: Any, rows: bytes | None
) -> None:
    declared = keys | {"url": web.put(path, body)}
    if rows is None:
        with pytest.raises(HeadgateError):
            read(declared)
    else:
        assert read(declared) == rows


@of("Json", "max_pages")
def test_a_paging_that_never_ends(web: Web, read: Callable[..., bytes]) -> None:
    for number in range(6):
        web.put(f"/{number}", f'{{"x": [{{"id": {number}}}], "next": "/{number + 1}"}}')
    web.put("/6", '{"x": [], "next": null}')
    paged = JSON | {"records": "x", "next": "next", "url": f"{web.base}/0"}
    assert read(paged).count(b"\n") == 7
    with pytest.raises(HeadgateError, match="doesn't end"):
        read(paged | {"max_pages": 2})


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=of(kind, "connection")) for kind in ("Csv", "Json")])
def test_the_connection_gives_the_host(web: Web, read: Callable[..., bytes], kind: str) -> None:
    web.put("/in/a", ROWS if kind == "Csv" else b'[{"id":1}]')
    declared = {"kind": kind.lower(), "connection": "files", "url": "/a"}
    assert read(declared, files=f"{web.base}/in") == (ROWS if kind == "Csv" else READ)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=of(kind, "allowed_hosts")) for kind in ("Csv", "Json")])
def test_hosts_that_redirects_may_lead_to(
    web: Web, new_web: Callable[[], Web], read: Callable[..., bytes], kind: str
) -> None:
    web.put("/b", ROWS if kind == "Csv" else b'[{"id":1}]')
    away = web.base.replace("127.0.0.1", "localhost") + "/b"
    url = web.put("/a", b"", status=302, headers={"Location": away})
    with pytest.raises(HeadgateError, match="localhost"):
        read({"kind": kind.lower(), "url": url})
    assert read({"kind": kind.lower(), "url": url, "allowed_hosts": ["localhost"]}) == (ROWS if kind == "Csv" else READ)
