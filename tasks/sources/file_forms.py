"""Which form a file really has, by its first bytes: packed files, binary ones and web pages are told from text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

from deployments.errors import DeclarationError, HeadgateError, UpstreamError

START_BYTES = 4096
"""So many first bytes are looked at."""
MAGIC_BYTES = 10
"""So many tell how a file is packed."""
Packing = Literal["none", "gzip", "zstd", "bzip2", "xz", "zip"]
PARQUET = "Parquet"
_READ = (
    "headgate reads Parquet, CSV, JSON and JSON lines (the text plain, or packed once by gzip, zstd, bzip2, xz or zip)"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is, and what to do about it. `owners`: whether the source's owner has to act, not the engineer."""

    name: str
    remedy: str
    owners: bool = False


_PACKED = (
    "leave out `compression`, which is recognised; a file that is packed twice must be packed once, one that is loaded"
    " in place by gzip or zstd (declared, or as its name ends in .gz or .zst)"
)
_UNPACK = f"{_READ}: have it unpacked, or packed as one of these"
_EXPORT = f"{_READ}: have it exported as one of these"
_MAGIC: tuple[tuple[bytes, Form], ...] = (
    (b"\x1f\x8b", Form("gzip", _PACKED)),
    (b"\x28\xb5\x2f\xfd", Form("zstd", _PACKED)),
    (b"PK\x03\x04", Form("zip", _PACKED)),
    (b"PK\x05\x06", Form("zip", _PACKED)),
    (b"\xfd7zXZ\x00", Form("xz", _PACKED)),
    (b"7z\xbc\xaf\x27\x1c", Form("a 7z file", _UNPACK)),
    (b"\x04\x22\x4d\x18", Form("lz4", _UNPACK)),
    (
        b"PAR1",
        Form(PARQUET, "declare `kind: parquet` and leave out `compression`; a packed Parquet file must be unpacked"),
    ),
    (b"ORC", Form("ORC", _EXPORT)),
    (b"Obj\x01", Form("Avro", _EXPORT)),
    (b"ARROW1", Form("Arrow", _EXPORT)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Form("an old Excel file (xls)", _EXPORT)),
    (b"SQLite format 3\x00", Form("a SQLite database", _EXPORT)),
    (b"%PDF-", Form("a PDF", _EXPORT)),
)
SHEET = Form("an Excel workbook (xlsx)", _EXPORT)
_SHEET_NAMES = re.compile(rb"\[Content_Types\]\.xml|_rels/|xl/")
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_PAGE = Form(
    "a web page (HTML)", "the address answers with a page, often one to log in: open it in a browser", owners=True
)
_XML = Form("XML", _EXPORT)


def form_of(start: bytes) -> Form | None:
    """The form that the first bytes of a file tell, when it isn't text that is read as UTF-8."""
    for magic, form in _MAGIC:
        if start.startswith(magic) and (len(magic) > 3 or form.name != "ORC" or not start[3:4].isalnum()):
            return SHEET if form.name == "zip" and _SHEET_NAMES.search(start) else form
    if _BZIP2.match(start):
        return Form("bzip2", _PACKED)
    wide = _utf16(start)
    if wide is not None:
        return Form(f"UTF-16 text ({wide})", f"declare `encoding: {wide}`, or have it written as UTF-8")
    head = start.removeprefix(codecs.BOM_UTF8).lstrip()[:200].lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _PAGE
    if head.startswith(b"<?xml"):
        return _PAGE if b"<html" in head else _XML
    return None


def packing_of(start: bytes) -> Packing:
    """How a file is packed, by its first MAGIC_BYTES."""
    form = form_of(start[:MAGIC_BYTES])
    return cast(Packing, form.name) if form is not None and form.name in get_args(Packing) else "none"


def is_workbook(names: Iterable[str]) -> bool:
    """Whether the members of a zip file are those of an Excel workbook."""
    return any(_SHEET_NAMES.match(name.encode()) for name in names)


def refuse_other_forms(pieces: Iterable[bytes], where: str, encoding: str = "utf-8") -> Iterator[bytes]:
    """The same pieces; DeclarationError or UpstreamError (NOT-TEXT) when they begin like something else than text."""
    start, known = b"", False
    for piece in pieces:
        if known:
            yield piece
            continue
        start += piece
        if len(start) >= START_BYTES:
            known = True
            _refuse(start, where, encoding)
            yield start
    if not known:
        _refuse(start, where, encoding)
        if start:
            yield start


def _refuse(start: bytes, where: str, encoding: str) -> None:
    form = form_of(start[:START_BYTES])
    if form is None or (form.name.startswith("UTF-16") and _is_wide(encoding)):
        return
    raise other_form(where, form)


def other_form(where: str, form: Form) -> HeadgateError:
    """The error that tells what is there instead."""
    family = UpstreamError if form.owners else DeclarationError
    return family(
        f"{where} is {form.name}\n  {form.remedy}",
        code="NOT-TEXT",
        next_command="headgate peek SOURCE   (when that is done)",
        form=form.name,
    )


def _is_wide(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _utf16(start: bytes) -> str | None:
    """The name of the encoding, by the mark or by the zeros that stand beside every letter."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    some = start[:400]
    if len(some) < 8:
        return None
    even, odd = some[0::2].count(0), some[1::2].count(0)
    if odd > 0.4 * len(some) / 2 and even == 0:
        return "utf-16-le"
    if even > 0.4 * len(some) / 2 and odd == 0:
        return "utf-16-be"
    return None
