"""CSV over http(s), from a file or from S3: decompressed and decoded to UTF-8, otherwise as it came."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from deployments.declarations.columns import Column
from deployments.declarations.sources import CsvSource
from deployments.errors import UpstreamError
from deployments.settings import Settings
from tasks.sources import web
from tasks.sources.dialect import as_rfc4180
from tasks.sources.location import LocatedReader, locate
from tasks.sources.protocol import Span
from tasks.sources.stored import plain

_BOM = codecs.BOM_UTF8


def open_reader(source: CsvSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> CsvReader:
    return CsvReader(locate(source, settings, span), source)


@dataclass(frozen=True)
class CsvReader(LocatedReader):
    """See `OpenSource`."""

    source: CsvSource
    _asked: list[tuple[ExitStack, web.Answer]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def delimiter(self) -> str:
        return self.source.delimiter

    def fingerprint(self) -> str | None:
        """The page's version; its answer is kept for `chunks`, so that what is read is what was named."""
        place = self.location.place
        if not place.url.startswith("http"):
            return None
        with ExitStack() as asked:
            answer = asked.enter_context(web.opened(place))
            self._asked.append((asked.pop_all(), answer))
        return answer.version

    def chunks(self) -> Iterator[bytes]:
        asked, answer = self._asked.pop() if self._asked else (ExitStack(), None)
        source = self.source
        with asked:
            pieces = plain(self.location.place, source.compression, encoding=source.encoding, answer=answer)
            self.set_aside.clear()
            yield from as_rfc4180(_without_bom(self._utf8(pieces)), source, self.set_aside, self.where)

    def close(self) -> None:
        while self._asked:
            self._asked.pop()[0].close()

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
