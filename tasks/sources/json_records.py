"""JSON records, page by page or line by line, as CSV: every value keeps the spelling it had in the JSON.

null becomes NULL, "" an empty text; numbers are not parsed, so 1.10 stays 1.10; nested values become JSON text. A record that
can't be written so without a guess (a key twice, half a character) is set aside.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from deployments.declarations.columns import Column
from deployments.declarations.problems import nearest
from deployments.declarations.sources import JsonSource
from deployments.errors import ContractError, SourceMissingError, UpstreamError
from deployments.foreign_text import one_line
from deployments.settings import Settings
from expectations.contract.layout import listing
from expectations.contract.split import MAX_LINE_BYTES, Reject
from tasks.sources import json_text
from tasks.sources.address import Place, following
from tasks.sources.hosts import check_next_page
from tasks.sources.json_text import Parsed, Spelled, fault_of, nested_text
from tasks.sources.location import Location, locate
from tasks.sources.protocol import Span
from tasks.sources.stored import plain

MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""A document is held in memory as a whole; JSON lines and pages aren't."""
_AT_ONCE = 1_000
_OWNER = "ask the source's owner; then: headgate retry RUN"


@dataclass(frozen=True, slots=True)
class _Unfit:
    """A record that can't be written as CSV: the reason code and the record as it came."""

    code: str
    raw: bytes


_Records = list[dict[str, Any] | _Unfit]


def open_reader(source: JsonSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> JsonReader:
    optional = frozenset(column.source_name for column in columns if column.nullable)
    return JsonReader(source, locate(source, settings, span), [column.source_name for column in columns], optional)


@dataclass(frozen=True)
class JsonReader:
    """See `OpenSource`. The header is the contract's columns (`names`), then other keys in the order they were met on page 1.

    A column that no record has is NULL where it may be (`optional`), else ContractError at the end: only then it is known.
    """

    source: JsonSource
    location: Location
    names: Sequence[str]
    optional: frozenset[str] = frozenset()
    set_aside: list[Reject] = field(default_factory=list, init=False, repr=False, compare=False)

    delimiter: str = ","

    @property
    def _place(self) -> Place:
        """A document shows by itself whether it is whole, lines don't."""
        return replace(self.location.place, until_close=not self._is_lines or self.location.until_close)

    @property
    def _is_lines(self) -> bool:
        return self.source.format == "lines" or (self.source.format == "auto" and is_lines(self.location.place.name))

    @property
    def where(self) -> str:
        return self.location.place.shown

    def fingerprint(self) -> str | None:
        return None

    def prove_missing(self, absent: SourceMissingError) -> None:
        self.location.prove_missing(absent)

    def close(self) -> None:
        """Each page is closed when it is read."""

    def chunks(self) -> Iterator[bytes]:
        try:
            yield from self._chunks()
        except json_text.TooDeepError as error:
            raise UpstreamError(f"{self.where} isn't JSON: {error}", code="NOT-JSON", next_command=_OWNER) from None

    def _chunks(self) -> Iterator[bytes]:
        self.set_aside.clear()
        header: list[str] = []
        always: set[str] = set()
        met: dict[str, None] = {}
        count = 0
        for page, items in enumerate(self._pages(), start=1):
            records = [item for item in items if not isinstance(item, _Unfit)]
            on_page = dict.fromkeys(key for record in records for key in record)
            met.update(on_page)
            if records and not header:
                header = [*self.names, *(key for key in on_page if key not in self.names)]
                always = {name for name in self.names if all(name in record for record in records)}
                yield _line(header)
            self._same_columns(page, set(on_page), set(header), always)
            lines = []
            for place, item in enumerate(items, start=count):
                unfit = item if isinstance(item, _Unfit) else None
                try:
                    lines += [_line([item.get(name) for name in header])] if isinstance(item, dict) else []
                except UnicodeEncodeError:
                    unfit = _Unfit("HALF-CHARACTER", _raw(item))
                if unfit is not None:
                    self.set_aside.append(Reject(place, unfit.code, unfit.raw))
                if len(lines) >= _AT_ONCE:
                    yield b"".join(lines)
                    lines = []
            count += len(items)
            yield b"".join(lines)
        if not header:
            # Without a record nothing can be said of columns.
            yield _line(list(self.names))
        else:
            self._check_met(met)

    def _check_met(self, met: dict[str, None]) -> None:
        """ContractError when a column that must have values, or that was renamed, is in no record."""
        others = [key for key in met if key not in self.names]
        for name in self.names:
            meant = None if name in met else nearest(name, others)
            if name not in met and (meant is not None or name not in self.optional):
                hint = f" (found '{one_line(meant)}': renamed? then declare `from: {one_line(meant)}`)" if meant else ""
                raise ContractError(
                    f"{self.where}: no record has the column '{name}'{hint}\n  found:    {listing(list(met))}\n"
                    f"  expected: {listing(self.names)}",
                    code="HEADER",
                    next_command="mend the source, or the columns in the declaration; then: headgate retry RUN",
                    found=list(met)[:200],
                    expected=list(self.names),
                )

    def _same_columns(self, page: int, met: set[str], known: set[str], always: set[str]) -> None:
        """A page that lacks a column every record of the first page had, and has a key that is new, renamed it: the
        values would be lost as NULL. Keys that some records leave out (`always` has none of them) say nothing."""
        gone, new = sorted(always - met), sorted(met - known)
        if met and gone and new:
            what = f"block of {_AT_ONCE:,} lines" if self._is_lines else "page"
            raise UpstreamError(
                f"{self.where}: {what} {page} has no {listing(gone)}, which all records of {what} 1 have, but"
                f" {listing(new)}, which none of them has",
                code="HEADER-CHANGED",
                next_command=_OWNER,
            )

    def _pages(self) -> Iterator[_Records]:
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
            yield _judged(self._records(parsed.document, place), parsed.suspect)
            named = None if self.source.next is None else _at(parsed.document, self.source.next)
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
            body = self._body(place)
        except SourceMissingError as error:
            if first:
                raise
            # Half of the pages must never pass for a source that has nothing.
            raise UpstreamError(
                f"a page that another one names is missing: {error.message}", code="PAGE-MISSING", next_command=_OWNER
            ) from None
        try:
            parsed = json_text.parse(body)
        except ValueError as error:
            hint = ", but JSON lines: declare `format: lines`" if looks_like_lines(body) else f": {error}"
            raise UpstreamError(
                f"{place.shown} isn't {'a JSON document' if 'format' in hint else 'JSON'}{hint}",
                code="NOT-JSON",
                next_command="headgate peek SOURCE   (look at what the source sends)",
            ) from None
        places = [path for path in (self.source.records, self.source.next) if path is not None]
        if parsed.suspect and any(_twice_above(parsed.document, path) for path in places):
            raise UpstreamError(
                f"{place.shown}: a key stands twice in the document beside its records, and which one is meant can't be known",
                code="NOT-JSON",
                next_command=_OWNER,
            )
        return parsed

    def _body(self, place: Place) -> bytes:
        pieces, size = [], 0
        # json.loads knows UTF-16 and UTF-32 by itself.
        for piece in plain(place, self.source.compression, encoding="utf-16"):
            size += len(piece)
            if size > MAX_DOCUMENT_BYTES:
                raise UpstreamError(
                    f"{place.shown} is longer than {MAX_DOCUMENT_BYTES // 1024**2} MB, the most a JSON document may have",
                    code="TOO-LARGE",
                    next_command="ask the source's owner for pages, or for JSON lines (`format: lines`)",
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _lines(self) -> Iterator[_Records]:
        lines = _split_lines(plain(self._place, self.source.compression), self.where)
        first = True
        while batch := list(islice(lines, _AT_ONCE)):
            items = [_record_of(line) for line in batch]
            if first and all(isinstance(item, _Unfit) and item.code == "NOT-JSON-LINE" for item in items):
                raise UpstreamError(
                    f"{self.where} isn't JSON lines: none of its first {len(items):,} lines is a JSON object",
                    code="NOT-JSON",
                    next_command="headgate peek SOURCE --format json   (`format: document` when it is one list)",
                )
            first = False
            yield items

    def shape(self) -> tuple[list[str], list[str]]:
        """Dotted paths in the first page: of the lists of objects (what `records` may be), and of keys that are named
        like the next page's address (`next`)."""
        if self._is_lines:
            return [], []
        document = self._document(self._place, first=True).document
        return sorted(json_text.paths(document, _is_records)), sorted(json_text.paths(document, _is_next))

    def _records(self, document: Any, place: Place) -> list[dict[str, Any]]:
        records = document if self.source.records is None else _at(document, self.source.records)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            named = self.source.records or "the document"
            raise UpstreamError(
                f"{place.shown}: {named} isn't a list of objects",
                code="NOT-RECORDS",
                next_command="headgate peek SOURCE   (it tells the lists there are: source.records)",
            )
        return records


def is_lines(name: str) -> bool:
    """Whether the ending of a path or key says that each line is a record."""
    path = name.lower()
    for packed in (".gz", ".gzip", ".zst", ".zstd"):
        path = path.removesuffix(packed)
    return path.endswith((".jsonl", ".ndjson"))


def looks_like_lines(start: bytes) -> bool:
    """Whether the first line with text on it is a JSON object, and there is more behind it."""
    lines = [line for line in start[: 256 * 1024].removeprefix(codecs.BOM_UTF8).split(b"\n", 20) if line.strip()]
    return len(lines) > 1 and isinstance(_record_of(lines[0].strip()), dict)


def _judged(records: list[dict[str, Any]], suspect: bool) -> _Records:
    """The records, those set aside that aren't what was written, or have a key that no text can hold."""
    halves = {key for record in records for key in record if not _is_whole(key)}
    if not suspect and not halves:
        return [*records]
    judged: _Records = []
    for record in records:
        code = fault_of(record) or ("HALF-CHARACTER" if halves.intersection(record) else None)
        judged.append(record if code is None else _Unfit(code, _raw(record)))
    return judged


def _record_of(line: bytes) -> dict[str, Any] | _Unfit:
    try:
        parsed = json_text.parse(line.decode())
    except UnicodeDecodeError:
        return _Unfit("NOT-UTF8", line)
    except json_text.TooDeepError:
        raise
    except ValueError:
        return _Unfit("NOT-JSON-LINE", line)
    record = parsed.document
    if not isinstance(record, dict):
        return _Unfit("NOT-JSON-LINE", line)
    code = fault_of(record) if parsed.suspect else None
    if code is None and b"\\u" in line and not _is_whole(nested_text(record)):
        code = "HALF-CHARACTER"
    return record if code is None else _Unfit(code, line)


def _is_whole(text: str) -> bool:
    """Whether a text holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split_lines(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
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


def _twice_above(document: Any, path: str) -> bool:
    """Whether an object on the way to the records has a key twice."""
    for part in path.split("."):
        if isinstance(document, json_text.KeyTwice):
            return True
        document = document.get(part) if isinstance(document, dict) else None
    return False


def _is_records(_: str, node: Any) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(item, dict) for item in node)


def _is_next(name: str, node: Any) -> bool:
    named = name.lower().replace("_", "").replace("-", "") in ("next", "nexturl", "nextpage", "nextpageurl", "nextlink")
    return named and (node is None or (isinstance(node, str) and node.startswith(("http", "/", "?"))))


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _raw(record: Any) -> bytes:
    """A record of a document as JSON, with every key it had."""
    return nested_text(record).encode("utf-8", "backslashreplace")


def _line(values: Sequence[Any]) -> bytes:
    """UnicodeEncodeError when a value holds half of a surrogate pair."""
    return (",".join(map(_field, values)) + "\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else nested_text(value)
    return '"' + text.replace('"', '""') + '"'
