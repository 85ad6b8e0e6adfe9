"""CSV over http(s), from a file or from S3: decompressed and decoded to UTF-8, otherwise as it came."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from deployments.declarations.sources import CsvSource
from deployments.errors import UpstreamError
from expectations.contract.split import Reject
from tasks.sources import web
from tasks.sources.address import fill, join, shown
from tasks.sources.opening import Span
from tasks.sources.stored import plain

_BOM = codecs.BOM_UTF8


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

    @property
    def set_aside(self) -> Sequence[Reject]:
        return ()

    def fingerprint(self) -> str | None:
        if self.url.startswith("http"):
            etag = web.head(self.url).get("ETag")
            # A weak tag promises only that pages look alike.
            return None if etag is None or etag.startswith("W/") else f"etag:{etag.strip(chr(34))}"
        return None

    def chunks(self) -> Iterator[bytes]:
        source = self.source
        yield from _without_bom(self._utf8(plain(self.url, source.compression, encoding=source.encoding)))

    def _utf8(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        encoding = codecs.lookup(self.source.encoding).name
        if encoding in ("utf-8", "ascii"):
            yield from pieces
            return
        # What the encoding has no letter for stays a byte that UTF-8 doesn't have either: its record is set aside.
        wide = encoding.startswith(("utf-16", "utf-32"))
        decoder = codecs.getincrementaldecoder(encoding)("strict" if wide else "surrogateescape")
        try:
            for piece in pieces:
                yield _encoded(decoder.decode(piece))
            yield _encoded(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            raise UpstreamError(
                f"{self.where} isn't {self.source.encoding}: {error.reason}",
                code="ENCODING",
                next_command="mend source.encoding, or the source",
            ) from None


_ESCAPED = re.compile("[\udc80-\udcff]+")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b"".join(_run(run) for run in re.split("([\udc80-\udcff]+)", text))


def _run(text: str) -> bytes:
    """Bytes of a stretch of text, or of escaped bytes as they came; those that happen to be UTF-8 are made not to be."""
    if not _ESCAPED.fullmatch(text):
        return text.encode("utf-8", "surrogatepass")
    raw = text.encode("ascii", "surrogateescape")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw
    return text.encode("utf-8", "surrogatepass")


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
