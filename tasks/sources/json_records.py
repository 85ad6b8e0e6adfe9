"""JSON at an address: a list of records, in pages if there are any, or a record on each line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from deployments.declarations.columns import Column
from deployments.declarations.sources import JsonSource
from deployments.errors import SourceMissingError, UpstreamError
from deployments.quantities import plural
from deployments.settings import Settings
from expectations.contract.split import MAX_LINE_BYTES
from tasks.sources import json_text
from tasks.sources.address import Place, following
from tasks.sources.hosts import check_next_page
from tasks.sources.json_document import at, document_of, gathered, lists_in, next_addresses_in, records_at
from tasks.sources.json_rows import AT_ONCE, Records, Rows, Unfit, is_whole, judged
from tasks.sources.json_text import Parsed, fault_of, nested_text
from tasks.sources.location import LocatedReader, locate
from tasks.sources.protocol import OWNER, Span
from tasks.sources.stored import plain


def open_reader(source: JsonSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> JsonReader:
    optional = frozenset(column.source_name for column in columns if column.nullable)
    return JsonReader(locate(source, settings, span), source, [column.source_name for column in columns], optional)


@dataclass(frozen=True)
class JsonReader(LocatedReader):
    """See `OpenSource`; how records become lines, `names` and `optional`: see `Rows`."""

    source: JsonSource
    names: Sequence[str]
    optional: frozenset[str] = frozenset()

    @property
    def _place(self) -> Place:
        """A document shows by itself whether it is whole, lines don't."""
        return replace(self.location.place, until_close=not self._is_lines or self.location.until_close)

    @property
    def _is_lines(self) -> bool:
        return self.source.format == "lines" or (self.source.format == "auto" and is_lines(self.location.place.name))

    def chunks(self) -> Iterator[bytes]:
        self.set_aside.clear()
        page = f"block of {AT_ONCE:,} lines" if self._is_lines else "page"
        rows = Rows(self.where, self.names, self.optional, self.set_aside, page)
        yield from rows.lines(self._pages())

    def _pages(self) -> Iterator[Records]:
        if self._is_lines:
            yield from self._lines()
            return
        place, seen = self._place, set[str]()
        while True:
            if place.url in seen or len(seen) >= self.source.max_pages:
                raise UpstreamError(
                    f"{self.where}: the paging doesn't end (page {len(seen) + 1})", code="PAGING",
                    next_command="check source.next; ask the source's owner",
                )  # fmt: skip
            parsed = self._document(place, first=not seen)
            seen.add(place.url)
            yield judged(records_at(parsed.document, self.source.records, place.shown), parsed.suspect)
            named = None if self.source.next is None else at(parsed.document, self.source.next)
            if not named:
                return
            place = self._following(place, str(named))

    def _following(self, place: Place, named: str) -> Place:
        """The next page. A file leads to files of its folder only."""
        url = following(self.location.place, place.url, named)
        check_next_page(self.location.place, place.url, url)
        is_file = place.url.startswith("file://")
        return replace(place, url=url, base=place.base or (place.url.rpartition("/")[0] if is_file else None))

    def _document(self, place: Place, *, first: bool) -> Parsed:
        try:
            # json.loads knows UTF-16 and UTF-32 by itself.
            body = gathered(plain(place, self.source.compression, encoding="utf-16"), place.shown)
        except SourceMissingError as error:
            if first:
                raise
            # Half of the pages must never pass for a source that has nothing.
            raise UpstreamError(
                f"a page that another one names is missing: {error.message}", code="PAGE-MISSING", next_command=OWNER
            ) from None
        try:
            return document_of(body, place.shown, (self.source.records, self.source.next))
        except UpstreamError as error:
            if not looks_like_lines(body):
                raise
            raise UpstreamError(
                f"{place.shown} isn't a JSON document, but JSON lines: declare `format: lines`",
                code=error.code,
                next_command=error.next_command,
            ) from None

    def _lines(self) -> Iterator[Records]:
        lines = split_lines(plain(self._place, self.source.compression), self.where)
        first = True
        while batch := list(islice(lines, AT_ONCE)):
            items = [record_of(line) for line in batch]
            if first and all(isinstance(item, Unfit) and item.code == "NOT-JSON-LINE" for item in items):
                raise UpstreamError(
                    f"{self.where} isn't JSON lines: none of its first {plural(len(items), 'line')} is a JSON object",
                    code="NOT-JSON",
                    next_command="headgate peek SOURCE --format json   (`format: document` when it is one list)",
                )
            first = False
            yield items

    def shape(self) -> tuple[list[str], list[str]]:
        """Dotted paths in the first page: what `records` may be, and what `next` may be."""
        if self._is_lines:
            return [], []
        document = self._document(self._place, first=True).document
        return lists_in(document), next_addresses_in(document)


def is_lines(name: str) -> bool:
    """Whether the ending of a path or key says that each line is a record."""
    path = name.lower()
    for packed in (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip"):
        path = path.removesuffix(packed)
    return path.endswith((".jsonl", ".ndjson"))


def looks_like_lines(start: bytes) -> bool:
    """Whether the first line with text on it is a JSON object, and there is more behind it."""
    lines = [line for line in start[: 256 * 1024].removeprefix(codecs.BOM_UTF8).split(b"\n", 20) if line.strip()]
    return len(lines) > 1 and isinstance(record_of(lines[0].strip()), dict)


def record_of(line: bytes) -> dict[str, Any] | Unfit:
    try:
        parsed = json_text.parse(line.decode())
    except UnicodeDecodeError:
        return Unfit("NOT-UTF8", line)
    except json_text.TooDeepError:
        raise
    except ValueError:
        return Unfit("NOT-JSON-LINE", line)
    record = parsed.document
    if not isinstance(record, dict):
        return Unfit("NOT-JSON-LINE", line)
    code = fault_of(record) if parsed.suspect else None
    if code is None and b"\\u" in line and not is_whole(nested_text(record)):
        code = "HALF-CHARACTER"
    return record if code is None else Unfit(code, line)


def split_lines(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Lines with something on them, without their ends."""
    rest, first = b"", True
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            text = (line.removeprefix(codecs.BOM_UTF8) if first else line).strip()
            first = False
            if text:
                yield text
        if len(rest) > MAX_LINE_BYTES:
            raise UpstreamError(
                f"{where} has a line of more than {MAX_LINE_BYTES // 1024**2} MB", code="RECORD-WITHOUT-END",
                next_command="headgate peek SOURCE   (is it JSON lines, and is it whole?)",
            )  # fmt: skip
    text = (rest.removeprefix(codecs.BOM_UTF8) if first else rest).strip()
    if text:
        yield text
