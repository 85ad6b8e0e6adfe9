"""Packed bytes: gzip and zstd as producers write them, undone piece by piece."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import zstandard

Codec = Literal["none", "gzip", "zstd"]
PACKING_ERRORS = (zlib.error, zstandard.ZstdError, EOFError)
_PACKED_BYTES = 64 * 1024
ENDINGS: dict[Codec, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}
"""How the names of our own files end."""
_ENDINGS: dict[str, Codec] = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}


class _Inflater(Protocol):
    """What zlib's and zstandard's decompression objects have in common."""

    @property
    def eof(self) -> bool:
        """Whether a member or frame has ended."""

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""

    def decompress(self, data: bytes, /) -> bytes:
        """What these bytes stand for, as far as it is known."""


_NEW_INFLATER: dict[Codec, Callable[[], _Inflater]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


def codec_of(path: str) -> Codec:
    """The codec that a name's ending says."""
    return next((codec for ending, codec in _ENDINGS.items() if path.endswith(ending)), "none")


def unpacked(pieces: Iterable[bytes], codec: Codec) -> Iterator[bytes]:
    """Members (gzip) or frames (zstd) one after the other, as some tools write them.

    Raises one of PACKING_ERRORS when the bytes aren't of that codec, EOFError when the last member isn't whole.
    """
    if codec == "none":
        yield from pieces
        return
    inflater, begun = _NEW_INFLATER[codec](), False
    for piece in pieces:
        # Small steps: a thousandfold compression must not become a thousandfold piece.
        for start in range(0, len(piece), _PACKED_BYTES):
            rest = piece[start : start + _PACKED_BYTES]
            while rest:
                yield inflater.decompress(rest)
                begun, rest = True, b""
                if inflater.eof:
                    rest, inflater, begun = inflater.unused_data, _NEW_INFLATER[codec](), False
    if begun:
        raise EOFError("it ends in the middle")
