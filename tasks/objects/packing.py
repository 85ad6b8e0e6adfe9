"""Packed bytes as producers write them, undone piece by piece: a thousandfold compression never becomes a thousandfold piece."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import zstandard

Codec = Literal["none", "gzip", "zstd"]
"""How our own files are packed, and those that a warehouse reads as they lie."""
Stream = Literal["none", "gzip", "zstd", "bzip2", "xz", "lzma"]
"""What is undone from a stream of bytes; lzma: as zip archives have it."""
_PIECE_BYTES = 1024 * 1024
_ZSTD_STEP = 4 * 1024
_XZ_MEMORY = 512 * 1024 * 1024
ENDINGS: dict[Codec, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}
"""How the names of our own files end."""
_ENDINGS: dict[str, Codec] = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}


class PackingError(Exception):
    """Bytes that aren't of the codec, or not whole."""


class _Inflater(Protocol):
    """One member, frame or stream, as the decompressors of bz2 and lzma have it."""

    @property
    def eof(self) -> bool:
        """Whether it has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more bytes."""

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most so many of the bytes that these, and those before, stand for."""


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail and not self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


class _Zstd:
    """zstandard can't be told how much to give: it gets few bytes at a time (4 of them may stand for 128 KB)."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting and not self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        given: list[bytes] = []
        self._waiting, size, start = self._waiting + data, 0, 0
        while start < len(self._waiting) and size < max_length and not self._frame.eof:
            given.append(self._frame.decompress(self._waiting[start : start + _ZSTD_STEP]))
            size, start = size + len(given[-1]), start + _ZSTD_STEP
        self._waiting = self._waiting[start:]
        return b"".join(given)


_NEW_INFLATER: dict[Stream, Callable[[], _Inflater]] = {
    "gzip": _Gzip,
    "zstd": _Zstd,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY),
}


def codec_of(path: str) -> Codec:
    """The codec that a name's ending says."""
    return next((codec for ending, codec in _ENDINGS.items() if path.endswith(ending)), "none")


def unpacked(pieces: Iterable[bytes], codec: Stream) -> Iterator[bytes]:
    """Members (gzip), frames (zstd) or streams (bzip2, xz) one after the other, as some tools write them.

    PackingError when the bytes aren't of that codec, or the last member isn't whole.
    """
    if codec == "none":
        yield from pieces
        return
    inflater, begun, ended = _NEW_INFLATER[codec](), False, False
    for piece in pieces:
        rest = piece
        while rest or (begun and not inflater.needs_input):
            if ended and not begun and codec in ("gzip", "xz") and not (rest := rest.lstrip(b"\0")):
                # Zeros behind a member fill up a block of its medium.
                break
            yield _inflated(inflater, rest)
            begun, rest = True, b""
            if inflater.eof:
                rest, inflater, begun, ended = inflater.unused_data, _NEW_INFLATER[codec](), False, True
    if begun:
        raise PackingError("it ends in the middle")


def _inflated(inflater: _Inflater, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _PIECE_BYTES)
    except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise PackingError(str(error)) from None
