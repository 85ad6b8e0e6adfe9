"""What isn't text is told by its first bytes, with what is read and what to do; nobody parses it."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.errors import HeadgateError

Read = Callable[..., bytes]
TEXT = b"id,name\n1,a\n2,b\n"


def zipped(name: str) -> bytes:
    with io.BytesIO() as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, TEXT)
        archive.close()
        return file.getvalue()


FORMS = {
    "xlsx": (zipped("[Content_Types].xml"), r"Excel workbook \(xlsx\)", "declaration"),
    "packed twice": (bz2.compress(gzip.compress(TEXT)), "is gzip\n.*packed once", "declaration"),
    "a packed Parquet file": (gzip.compress(b"PAR1\x15\x04\x15"), "is Parquet", "declaration"),
    "parquet": (b"PAR1\x15\x04\x15", "is Parquet", "declaration"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "old Excel", "declaration"),
    "utf-16 with a mark": (TEXT.decode().encode("utf-16"), "encoding: utf-16", "declaration"),
    "utf-16 little": (TEXT.decode().encode("utf-16-le"), "encoding: utf-16-le", "declaration"),
    "utf-16 big": (TEXT.decode().encode("utf-16-be"), "encoding: utf-16-be", "declaration"),
    "a page": (b"\xef\xbb\xbf\n <!DOCTYPE html><html><body>Log in", "web page", "upstream"),
    "a page without doctype": (b"<HTML><head>", "web page", "upstream"),
    "xml": (b'<?xml version="1.0"?><rows/>', "is XML", "declaration"),
}


# JSON parsers know UTF-16 by themselves.
CASES = [
    (kind, *FORMS[form])
    for kind in ("csv", "json")
    for form in FORMS
    if kind == "csv" or "utf-16" not in FORMS[form][1]
]


@pytest.mark.parametrize(("kind", "body", "words", "family"), CASES)
def test_another_form_is_told(tmp_path: Path, read: Read, kind: str, body: bytes, words: str, family: str) -> None:
    (tmp_path / "a").write_bytes(body)
    with pytest.raises(HeadgateError, match=words) as caught:
        read({"kind": kind, "url": f"file://{tmp_path}/a"})
    assert (caught.value.code, caught.value.family) == ("NOT-TEXT", family)


@pytest.mark.parametrize("body", [
    TEXT, b"", b"PK,id\n1,2\n", b"ORCA,id\n1,2\n", b"BZh,id\n", b"id\n<html>\n", "é,id\n1,2\n".encode(), b"a\0b,c\n1,2\n",
])  # fmt: skip
def test_text_is_text(tmp_path: Path, read: Read, body: bytes) -> None:
    (tmp_path / "a").write_bytes(body)
    assert read({"kind": "csv", "url": f"file://{tmp_path}/a"}) == body


def test_a_declared_encoding_is_not_another_form(tmp_path: Path, read: Read) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        (tmp_path / "a").write_bytes(TEXT.decode().encode(encoding))
        assert read({"kind": "csv", "url": f"file://{tmp_path}/a", "encoding": encoding}) == TEXT
