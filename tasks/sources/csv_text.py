"""CSV over http(s), from a file or from S3: decompressed and decoded to UTF-8, otherwise as it came."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import zstandard

from deployments.declarations.sources import CsvSource
from deployments.errors import SourceMissingError, UpstreamError
from tasks.sources import web
from tasks.sources.address import fill, join, shown
from tasks.sources.opening import Span

_BOM = codecs.BOM_UTF8
_READ_BYTES = 1024 * 1024
_PACKED_BYTES = 64 * 1024


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


_NEW_INFLATER: dict[str, Callable[[], _Inflater]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


@dataclass(frozen=True)
class CsvReader:
    """See `OpenSource`."""

    source: CsvSource
    span: Span
    base: str | None = field(repr=False)

    @property
    def delimiter(self) -> str:
        return self.source.delimiter

    @property
    def url(self) -> str:
        return join(self.base, fill(self.source.url, self.span.window, self.span.timezone))

    @property
    def where(self) -> str:
        return shown(self.url)

    def fingerprint(self) -> str | None:
        if self.url.startswith("http"):
            etag = web.head(self.url).get("ETag")
            # A weak tag promises only that pages look alike.
            return None if etag is None or etag.startswith("W/") else f"etag:{etag.strip(chr(34))}"
        return None

    def chunks(self) -> Iterator[bytes]:
        yield from _without_bom(self._utf8(self._unpacked(self._stored())))

    def _stored(self) -> Iterator[bytes]:
        url = self.url
        if url.startswith("http"):
            with web.opened(url) as response:
                # iter_raw: what Content-Encoding hides is part of the transport only when the server says so.
                encoded = "Content-Encoding" in response.headers
                yield from response.iter_bytes(_READ_BYTES) if encoded else response.iter_raw(_READ_BYTES)
        elif url.startswith("s3://"):
            from tasks.objects.store import open_store

            base, _, key = url.rpartition("/")
            try:
                yield from open_store(base).stream(key)
            except FileNotFoundError:
                raise self._missing() from None
        else:
            path = Path(unquote(urlsplit(url).path))
            if not path.is_file():
                raise self._missing()
            with path.open("rb") as file:
                while piece := file.read(_READ_BYTES):
                    yield piece

    def _missing(self) -> SourceMissingError:
        return SourceMissingError(
            f"{self.where} isn't there",
            code="SOURCE-MISSING",
            next_command="ask the source's owner; `on_missing: empty` if such windows are normal",
        )

    def _unpacked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        how = self.source.compression
        if how == "auto":
            path = urlsplit(self.url).path
            how = "gzip" if path.endswith((".gz", ".gzip")) else "zstd" if path.endswith((".zst", ".zstd")) else "none"
        if how == "none":
            yield from pieces
            return
        try:
            yield from _inflated(pieces, _NEW_INFLATER[how])
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise UpstreamError(
                f"{self.where} isn't whole {how} data: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
            ) from None

    def _utf8(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        if codecs.lookup(self.source.encoding).name in ("utf-8", "ascii"):
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(self.source.encoding)()
        try:
            for piece in pieces:
                yield decoder.decode(piece).encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeDecodeError as error:
            raise UpstreamError(
                f"{self.where} isn't {self.source.encoding}: {error.reason} at byte {error.start} of a piece",
                code="ENCODING",
                next_command="mend source.encoding, or the source",
            ) from None


def _without_bom(pieces: Iterable[bytes]) -> Iterator[bytes]:
    start = b""
    started = False
    for piece in pieces:
        if started:
            yield piece
            continue
        start += piece
        if len(start) >= len(_BOM):
            started = True
            yield start.removeprefix(_BOM)
    if not started and start:
        yield start


def _inflated(pieces: Iterable[bytes], new: Callable[[], _Inflater]) -> Iterator[bytes]:
    """Members (gzip) or frames (zstd) one after the other, as some tools write them; EOFError when the last isn't whole."""
    inflater = new()
    begun = False
    for piece in pieces:
        # Small steps: a thousandfold compression must not become a thousandfold piece.
        for start in range(0, len(piece), _PACKED_BYTES):
            rest = piece[start : start + _PACKED_BYTES]
            while rest:
                yield inflater.decompress(rest)
                begun, rest = True, b""
                if inflater.eof:
                    rest, inflater, begun = inflater.unused_data, new(), False
    if begun:
        raise EOFError("it ends in the middle")
