"""The pages of an API, one after the other, and what proves that they are all of them and each once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from deployments.declarations.rest import CursorPaging, LinkPaging, NextPaging, OffsetPaging, PagePaging
from deployments.declarations.sources import RestSource
from deployments.errors import HeadgateError, SourceMissingError, UpstreamError
from deployments.quantities import plural
from tasks.sources.address import Place, following
from tasks.sources.hosts import check_leads_to
from tasks.sources.json_document import at, records_at
from tasks.sources.json_text import Spelled, nested_text
from tasks.sources.protocol import OWNER
from tasks.sources.rest_login import without_login
from tasks.sources.rest_requests import Page, Request

_CODE, _PAGING = "PAGING", "headgate peek SOURCE   (what does a page hold?); mend source.paging; ask the source's owner"


class Pages:
    """A walk over the pages of one batch. Each is held while its records are used, and not longer."""

    def __init__(self, source: RestSource, first: Place, ask: Callable[[Request], Page]) -> None:
        self._source, self._first, self._ask = source, first, ask
        self._number = self._count = self._before = 0
        self._total: int | None = None
        self._digests: dict[bytes, int] = {}
        self._marks: set[str] = set()

    def walk(self, start: Request) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """The records of each page, and whether something in its document is suspect. UpstreamError when the pages don't end,
        repeat, or aren't as many records as the source says there are."""
        request: Request | None = self.begun(start)
        self._marks.add(start.url)
        while request is not None:
            self._number += 1
            if self._number > self._source.max_pages:
                raise self._wrong(f"the paging doesn't end (page {self._number:,}; source.max_pages)")
            page = self._page(request)
            if page is None:
                break
            records = records_at(page.parsed.document, self._source.records, self._told)
            self._check_is_new(records)
            self._count += len(records)
            self._read_total(page)
            yield records, page.parsed.suspect
            request = self._next(request, page, records)
        if self._total is not None and self._total != self._count:
            raise UpstreamError(
                f"{self._first.shown}: {plural(self._count, 'record')} came on {self._number:,} pages, and source.total"
                f" ({self._source.total}) says {self._total:,}",
                code="PAGING-TOTAL", next_command="headgate retry RUN   (did it change while it was read?)",
                found=self._count, expected=self._total,
            )  # fmt: skip

    @property
    def _told(self) -> str:
        return self._first.shown if self._source.paging is None else f"{self._first.shown}, page {self._number:,}"

    def begun(self, start: Request) -> Request:
        """The request for the first page."""
        paging = self._source.paging
        if not isinstance(paging, PagePaging | OffsetPaging):
            return start
        asked: dict[str, int] = {paging.param: paging.first}
        if paging.size_param is not None and paging.size is not None:
            asked[paging.size_param] = paging.size
        return start.with_params(asked, paging.in_)

    def _page(self, request: Request) -> Page | None:
        try:
            return self._ask(request)
        except SourceMissingError as error:
            if self._number == 1:
                raise
            if self._number == 2 and self._ends_short and self._was_short:
                # Asked for only to see that the first page was all.
                self._number = 1
                return None
            # Half of the pages must never pass for a source that has nothing.
            raise UpstreamError(
                f"page {self._number:,} is missing: {error.message}", code="PAGE-MISSING", next_command=OWNER
            ) from None

    def _check_is_new(self, records: list[dict[str, Any]]) -> None:
        if not records or self._source.paging is None:
            return
        digest = hashlib.blake2b(_written(records), digest_size=16).digest()
        before = self._digests.setdefault(digest, self._number)
        if before != self._number:
            raise UpstreamError(
                f"{self._told} holds the same {plural(len(records), 'record')} as page {before:,}: does the API know"
                f" {self._parameter}?", code="PAGE-REPEATED", next_command=_PAGING,
            )  # fmt: skip

    @property
    def _parameter(self) -> str:
        param = getattr(self._source.paging, "param", None)
        return "the next page's address" if param is None else f"the parameter '{param}'"

    def _read_total(self, page: Page) -> None:
        if self._source.total is None:
            return
        said = at(page.parsed.document, self._source.total)
        try:
            self._total = int(str(said)) if isinstance(said, Spelled | str) else -1
        except ValueError:
            self._total = -1
        if self._total < 0:
            raise self._wrong(f"{self._source.total} (source.total) isn't a number of records")

    def _next(self, request: Request, page: Page, records: list[dict[str, Any]]) -> Request | None:
        paging = self._source.paging
        if isinstance(paging, PagePaging | OffsetPaging):
            return self._counted(paging, request, page, len(records))
        if isinstance(paging, CursorPaging):
            return self._marked(paging, request, page, records)
        if isinstance(paging, NextPaging):
            return self._named(page, at(page.parsed.document, paging.path))
        return self._named(page, page.next_link) if isinstance(paging, LinkPaging) else None

    def _counted(self, paging: PagePaging | OffsetPaging, request: Request, page: Page, came: int) -> Request | None:
        if self._is_last(paging, page, came):
            return None
        at_next = self._number if isinstance(paging, PagePaging) else self._count
        return request.with_params({paging.param: paging.first + at_next}, paging.in_)

    def _is_last(self, paging: PagePaging | OffsetPaging, page: Page, came: int) -> bool:
        if paging.more is not None:
            return not self._has_more(paging.more, page, came)
        if paging.ends == "total":
            return came == 0 or self._count >= (self._total or 0)
        if self._ends_short and self._number == 2 and self._was_short and came:
            raise self._wrong(
                f"page 1 held {self._before:,} records of {paging.size:,} (source.paging.size), and there are more: the API gives"
                " smaller pages than that, so that a short one isn't the last"
            )
        self._before = came
        # A first page that is short may be all there is, or of an API that gives fewer than it is asked for: the second tells.
        return came == 0 or (self._ends_short and self._number > 1 and came < (paging.size or 0))

    @property
    def _ends_short(self) -> bool:
        return getattr(self._source.paging, "ends", None) == "short"

    @property
    def _was_short(self) -> bool:
        return self._before < getattr(self._source.paging, "size", 0)

    def _has_more(self, path: str, page: Page, came: int) -> bool:
        said = at(page.parsed.document, path)
        if not isinstance(said, bool):
            raise self._wrong(f"{path} (source.paging.more) isn't true or false")
        if said and not came:
            raise self._wrong(f"no records, and {path} says that there are more")
        return said

    def _marked(
        self, paging: CursorPaging, request: Request, page: Page, records: list[dict[str, Any]]
    ) -> Request | None:
        if paging.more is not None and not self._has_more(paging.more, page, len(records)):
            return None
        if paging.last is not None:
            if not records:
                return None
            mark, place = at(records[-1], paging.last), f"{paging.last} of its last record"
        else:
            mark, place = at(page.parsed.document, str(paging.path)), str(paging.path)
        if mark is None or mark == "":
            if paging.more is None and paging.last is None:
                return None
            raise self._wrong(f"there are more pages, and {place} (source.paging) holds no mark of the next one")
        if not isinstance(mark, str):
            raise self._wrong(f"{place} (source.paging) isn't a text or a number")
        if mark in self._marks:
            raise self._wrong(f"{place} (source.paging) is a mark that was given before: the paging goes round")
        self._marks.add(mark)
        return request.with_params({paging.param: str(mark)}, paging.in_)

    def _named(self, page: Page, named: Any) -> Request | None:
        if named is None or named == "":
            return None
        if not isinstance(named, str) or isinstance(named, Spelled):
            raise self._wrong("the next page's address (source.paging) isn't a text")
        url = following(self._first, page.url, named)
        check_leads_to(self._first, page.url, url, "the next page")
        url = without_login(url)
        if url in self._marks:
            raise self._wrong("the next page's address was given before: the paging goes round")
        self._marks.add(url)
        return Request(url)

    def _wrong(self, how: str) -> HeadgateError:
        return UpstreamError(f"{self._told}: {how}", code=_CODE, next_command=_PAGING)


def _written(records: list[dict[str, Any]]) -> bytes:
    """Bytes that are the same for the same records, and for no others."""
    try:
        return orjson.dumps(records)
    except TypeError:
        # Half a character, or nested deeper than it goes.
        return _spelled(records).encode("utf-8", "surrogatepass")


def _spelled(records: list[dict[str, Any]]) -> str:
    try:
        return repr(records)
    except RecursionError:
        return nested_text(records)
