"""JSON records, page by page, as CSV: every value keeps the spelling it had in the JSON.

null becomes NULL, "" an empty text; numbers are not parsed, so 1.10 stays 1.10; nested values become JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from deployments.declarations.sources import JsonSource
from deployments.errors import SourceMissingError, UpstreamError
from tasks.sources import web
from tasks.sources.address import fill, join, shown
from tasks.sources.opening import Span


class _Spelled(str):
    """A JSON number as it was written."""

    __slots__ = ()


@dataclass(frozen=True)
class JsonReader:
    """See `OpenSource`. The header is the contract's columns, then other keys in the order they were met on page 1."""

    source: JsonSource
    span: Span
    base: str | None = field(repr=False)
    names: Sequence[str]

    delimiter: str = ","

    @property
    def url(self) -> str:
        return join(self.base, fill(self.source.url, self.span.window, self.span.timezone))

    @property
    def where(self) -> str:
        return shown(self.url)

    def fingerprint(self) -> str | None:
        return None

    def chunks(self) -> Iterator[bytes]:
        header: list[str] | None = None
        always: set[str] = set()
        for page, records in enumerate(self._pages(), start=1):
            if header is None:
                if not records:
                    continue
                met = dict.fromkeys(key for record in records for key in record)
                # A key that no record has is a column that is missing.
                present = [name for name in self.names if name in met]
                header = [*present, *(key for key in met if key not in self.names)]
                always = {name for name in present if all(name in record for record in records)}
                yield _line(header)
            known = set(header)
            self._same_columns(page, records, known, always)
            for record in records:
                unknown = record.keys() - known
                if unknown.intersection(self.names):
                    raise UpstreamError(
                        f"{self.where}: page {page} has keys the first page didn't have: {', '.join(sorted(unknown))}",
                        code="HEADER-CHANGED",
                        next_command="ask the source's owner; then: headgate retry RUN",
                    )
                yield _line([record.get(name) for name in header])
        if header is None:
            # Without a record nothing can be said of columns.
            yield _line(list(self.names))

    def _same_columns(self, page: int, records: list[dict[str, Any]], known: set[str], always: set[str]) -> None:
        """A page that lacks a column every record of the first page had, and has a key that is new, renamed it: the
        values would be lost as NULL. Keys that some records leave out (`always` has none of them) say nothing."""
        met = {key for record in records for key in record}
        gone, new = sorted(always - met), sorted(met - known)
        if records and gone and new:
            raise UpstreamError(
                f"{self.where}: page {page} has no {', '.join(gone)}, which all records of page 1 have, but"
                f" {', '.join(new)}, which none of them has",
                code="HEADER-CHANGED",
                next_command="ask the source's owner; then: headgate retry RUN",
            )

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        url: str | None = self.url
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= self.source.max_pages:
                raise UpstreamError(
                    f"{self.where}: the paging doesn't end (page {len(seen) + 1})", code="PAGING",
                    next_command="check source.next; ask the source's owner",
                )  # fmt: skip
            document = self._document(url, first=not seen)
            seen.add(url)
            yield self._records(document, url)
            following = None if self.source.next is None else _at(document, self.source.next)
            url = None if not following else _next_address(url, str(following))

    def _document(self, url: str, *, first: bool) -> Any:
        if url.startswith("http"):
            try:
                with web.opened(url) as response:
                    body = response.read()
            except SourceMissingError as error:
                if first:
                    raise
                # Half of the pages must never pass for a source that has nothing.
                raise UpstreamError(
                    f"a page that another one names is missing: {error.message}", code="PAGE-MISSING",
                    next_command="ask the source's owner; then: headgate retry RUN",
                ) from None  # fmt: skip
        else:
            path = Path(unquote(urlsplit(url).path))
            if not path.is_file():
                raise SourceMissingError(
                    f"{shown(url)} isn't there", code="SOURCE-MISSING", next_command="ask the source's owner"
                )
            body = path.read_bytes()
        try:
            return json.loads(body, parse_float=_Spelled, parse_int=_Spelled, parse_constant=_Spelled)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise UpstreamError(
                f"{shown(url)} isn't JSON: {error}", code="NOT-JSON", next_command="ask the source's owner"
            ) from None

    def shape(self) -> tuple[list[str], list[str]]:
        """Dotted paths in the first page: of the lists of objects (what `records` may be), and of keys that are named
        like the next page's address (`next`)."""
        document = self._document(self.url, first=True)
        return sorted(_paths(document, "", _is_records)), sorted(_paths(document, "", _is_next))

    def _records(self, document: Any, url: str) -> list[dict[str, Any]]:
        records = document if self.source.records is None else _at(document, self.source.records)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            place = self.source.records or "the document"
            raise UpstreamError(
                f"{shown(url)}: {place} isn't a list of objects",
                code="NOT-RECORDS",
                next_command="check source.records",
            )
        return records


def _paths(node: Any, path: str, wanted: Callable[[str, Any], bool]) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, f"{path}.{key}" if path else key, wanted)
    if path and wanted(path.rpartition(".")[2], node):
        yield path


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


def _next_address(url: str, following: str) -> str:
    """The next page's address; user and password go along to the same host, and to no other."""
    here, there = urlsplit(url), urlsplit(urljoin(url, following))
    if there.username is None and (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port):
        there = there._replace(netloc=here.netloc)
    return urlunsplit(there)


def _line(values: Sequence[Any]) -> bytes:
    return (",".join(map(_field, values)) + "\n").encode("utf-8", errors="surrogatepass")


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, _Spelled):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else _nested(value)
    return '"' + text.replace('"', '""') + '"'


def _nested(value: Any) -> str:
    """An object or a list as JSON without blanks; numbers stay as they were written, which `json.dumps` can't do."""
    if isinstance(value, _Spelled):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_nested(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_nested, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
