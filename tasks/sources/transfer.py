"""What proves that an HTTP answer arrived whole, and undoing what the transport did to it.

Proof is a Content-Length that the bytes on the wire match, or the last chunk of a chunked answer. What is packed must end where
its packing says, and a digest that is sent must be the bytes'. The end of a connection proves nothing: it ends the same way
when a server dies.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from deployments.errors import DeclarationError, SourceUnreachableError, UpstreamError
from tasks.objects.packing import PackingError, unpacked
from tasks.sources.address import Place
from tasks.sources.surplus import goes_on

ACCEPTED = "gzip, deflate, zstd"
CHUNK_BYTES = 1024 * 1024
MOST_PACKINGS = 3
"""Packings within packings of one answer: each multiplies what a few bytes become."""
_ALGORITHMS = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
_RANGE = re.compile(r"bytes\s+0-(\d+)/(\d+)")


def check_is_whole(response: httpx.Response, place: Place) -> None:
    """Raise unless the status and the headers are those of one whole page."""
    headers, status, where = response.headers, response.status_code, place.shown
    if status not in (200, 206):
        raise _strange(where, f"answered HTTP {status}, which isn't data")
    if (status == 206 or "Content-Range" in headers) and _of_range(response) is None:
        raise _cut(where, f"answered with a part: {headers.get('Content-Range', 'which one it does not say')}")
    kind = headers.get("Content-Type", "").strip().lower()
    if kind.startswith("multipart/"):
        raise _strange(where, f"answered in several parts ({kind.partition(';')[0]})")
    encodings = _encodings(response)
    if len(encodings) > MOST_PACKINGS:
        raise _strange(where, f"is packed {len(encodings):,} times for the way; {MOST_PACKINGS} are undone at most")
    for encoding in encodings:
        if encoding not in _UNDONE:
            raise _strange(where, f"is packed for the way as {encoding!r}, which we didn't ask for and can't undo")
    if not has_end(response) and not place.until_close:
        raise DeclarationError(
            f"{where} says neither how long it is nor where it ends: half of it would look like all of it",
            code="SOURCE-NO-LENGTH",
            next_command="ask the source's owner for Content-Length; if it can't have one: source.until_close: true",
        )


def _of_range(response: httpx.Response) -> int | None:
    """How many bytes there are by a Content-Range that is of all of them; None for another, or none."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return int(match[2]) if match is not None and int(match[1]) + 1 == int(match[2]) else None


def _as_many(pieces: Iterator[bytes], promised: int | None, place: Place) -> Iterator[bytes]:
    """The pieces, which must be as many bytes as a range promises: its length may be that of a part all the same."""
    came = 0
    for piece in pieces:
        came += len(piece)
        yield piece
    if promised is not None and came != promised:
        raise _cut(place.shown, f"answered with {came:,} of the {promised:,} bytes that its Content-Range promises")


def has_end(response: httpx.Response) -> bool:
    """Whether the answer says how long it is, or where it ends."""
    headers = response.headers
    return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "").lower()


def whole(response: httpx.Response, place: Place) -> Iterator[bytes]:
    """The bytes of the page, unpacked; raises at the end when they aren't whole."""
    digests = _Digests(response.headers)
    promised = _of_range(response)
    pieces: Iterator[bytes] = digests.over(_as_many(response.iter_raw(CHUNK_BYTES), promised, place))
    encodings = _encodings(response)
    for encoding in reversed(encodings):
        pieces = _UNDONE[encoding](pieces)
    try:
        yield from digests.over_plain(pieces) if encodings else pieces
    except (PackingError, _BrokenError) as error:
        raise _cut(place.shown, f"isn't whole {' and '.join(encodings)} data: {error}") from None
    if goes_on(response):
        promised = int(response.headers["Content-Length"])
        raise _strange(place.shown, f"goes on behind the {promised:,} bytes that its Content-Length promises")
    if digests.differ:
        raise _cut(place.shown, f"arrived as other bytes than its {digests.differ} says")


class _BrokenError(Exception):
    """Deflated bytes that end too early or don't end."""


class _Digests:
    """The digests that a server sent, computed over the bytes: as they came, or unpacked, as servers differ in that."""

    def __init__(self, headers: httpx.Headers) -> None:
        self._wanted = list(_sent(headers))
        self._raw = [hashlib.new(_ALGORITHMS[name], usedforsecurity=False) for _, name, _ in self._wanted]
        self._plain = [hashlib.new(_ALGORITHMS[name], usedforsecurity=False) for _, name, _ in self._wanted]
        self._packed = False

    def over(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        return self._counted(pieces, self._raw)

    def over_plain(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._packed = True
        return self._counted(pieces, self._plain)

    @property
    def differ(self) -> str | None:
        """The header whose digest is another than that of the bytes."""
        for (header, _, digest), raw, plain in zip(self._wanted, self._raw, self._plain, strict=True):
            if digest != raw.digest() and not (self._packed and digest == plain.digest()):
                return header
        return None

    def _counted(self, pieces: Iterator[bytes], hashes: list[Any]) -> Iterator[bytes]:
        for piece in pieces:
            for one in hashes:
                one.update(piece)
            yield piece


def _sent(headers: httpx.Headers) -> Iterator[tuple[str, str, bytes]]:
    """Header, algorithm and digest of each digest that is sent and readable."""
    said = [("Content-MD5", f"md5={headers['Content-MD5']}")] if "Content-MD5" in headers else []
    said += [(name, part) for name in ("Digest", "Content-Digest", "Repr-Digest") if name in headers
             for part in headers[name].split(",")]  # fmt: skip
    for header, part in said:
        algorithm, _, value = part.strip().partition("=")
        try:
            digest = base64.b64decode(value.strip().strip(":"), validate=True)
        except ValueError:
            continue
        if algorithm.lower() in _ALGORITHMS:
            yield header, algorithm.lower(), digest


def _encodings(response: httpx.Response) -> list[str]:
    said = response.headers.get("Content-Encoding", "").lower().split(",")
    return [name.strip() for name in said if name.strip() not in ("", "identity")]


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`deflate` undone: with zlib's head as it is specified, or bare, as some servers send it. At most CHUNK_BYTES at a time."""
    inflater, begun = zlib.decompressobj(), False
    for piece in pieces:
        if not piece:
            continue
        if not begun:
            begun = True
            if piece[0] & 0x0F != 8:
                inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while piece:
            try:
                yield inflater.decompress(piece, CHUNK_BYTES)
            except zlib.error as error:
                raise _BrokenError(str(error)) from None
            if inflater.unused_data:
                raise _BrokenError("something stands behind its end")
            piece = inflater.unconsumed_tail
    # What is still inside when the last piece is used up comes out without more of them.
    while begun and not inflater.eof and (rest := inflater.decompress(b"", CHUNK_BYTES)):
        yield rest
    if begun and not inflater.eof:
        raise _BrokenError("it ends in the middle")


_UNDONE: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": lambda pieces: unpacked(pieces, "gzip"), "x-gzip": lambda pieces: unpacked(pieces, "gzip"),
    "zstd": lambda pieces: unpacked(pieces, "zstd"), "deflate": _inflated,
}  # fmt: skip


def _cut(where: str, how: str) -> SourceUnreachableError:
    return SourceUnreachableError(f"{where} {how}", code="SOURCE-CUT", next_command="headgate retry RUN")


def _strange(where: str, how: str) -> UpstreamError:
    return UpstreamError(f"{where} {how}", code="SOURCE-ANSWER", next_command="ask the source's owner")
