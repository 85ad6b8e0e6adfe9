"""CSV over http(s), from a file or from S3: decompressed and decoded to UTF-8, otherwise as it came."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployments.declarations.sources import CsvSource
from deployments.errors import SourceMissingError, UpstreamError
from tasks.objects.packing import PACKING_ERRORS, codec_of, unpacked
from tasks.sources import web
from tasks.sources.address import fill, join, shown
from tasks.sources.opening import Span

_BOM = codecs.BOM_UTF8
_READ_BYTES = 1024 * 1024


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
        codec = codec_of(urlsplit(self.url).path) if how == "auto" else how
        try:
            yield from unpacked(pieces, codec)
        except PACKING_ERRORS as error:
            raise UpstreamError(
                f"{self.where} isn't whole {codec} data: {error}", code="SOURCE-CUT", next_command="headgate retry RUN"
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
