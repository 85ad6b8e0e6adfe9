"""An HTTP API, read page by page into CSV for one window: memory holds a page, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from deployments.declarations.columns import Column
from deployments.declarations.sources import RestSource
from deployments.errors import HeadgateError, SourceMissingError
from deployments.quantities import plural
from deployments.settings import Settings
from deployments.windows import Window
from tasks.sources.absence import unproven
from tasks.sources.address import Place, fill_text
from tasks.sources.json_document import records_at
from tasks.sources.json_rows import Records, Rows, judged
from tasks.sources.location import LocatedReader, Location, base_of
from tasks.sources.protocol import Span
from tasks.sources.rest_fields import Fields
from tasks.sources.rest_login import without_login
from tasks.sources.rest_pages import Pages
from tasks.sources.rest_requests import Api, Page, Request


def open_reader(source: RestSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> RestReader:
    optional = frozenset(column.source_name for column in columns if column.nullable)
    base = base_of(source, source.url, settings)
    zoned = span if source.timezone is None else replace(span, timezone=source.timezone)
    location = Location(source.url, base, zoned, source.allowed_hosts, True, source.connection)
    return RestReader(location, source, settings, [column.source_name for column in columns], optional)


@dataclass(frozen=True)
class RestReader(LocatedReader):
    """See `OpenSource`; how records become lines, `names` and `optional`: see `Rows`."""

    source: RestSource
    settings: Settings
    names: Sequence[str]
    optional: frozenset[str] = frozenset()

    def chunks(self) -> Iterator[bytes]:
        self.set_aside.clear()
        fields = Fields(self.source.fields, self.source.expand)
        rows = Rows(self.where, self.names, self.optional, self.set_aside)
        yield from rows.lines(self._pages(fields))
        fields.check_met(self.where)

    def _pages(self, fields: Fields) -> Iterator[Records]:
        source, place = self._filled(self.location.span.window)
        with closing(Api(source, self.settings, place)) as api:
            for records, suspect in Pages(source, place, api.page).walk(_first(source, place)):
                yield fields.rows(judged(records, suspect))

    def first_page(self, window: Window | None) -> Page:
        """The first page for a window, asked for as it is when it is loaded."""
        source, place = self._filled(window)
        with closing(Api(source, self.settings, place)) as api:
            return api.page(Pages(source, place, api.page).begun(_first(source, place)))

    def ping(self) -> str:
        page = self.first_page(self.location.span.window)
        records = records_at(page.parsed.document, self.source.records, self.where)
        return f"{plural(len(records), 'record')} on the first page"

    def prove_missing(self, absent: SourceMissingError) -> None:
        """A 404 counts where the API answers for another window."""
        if absent.facts.get("status") == 410:
            return
        if not any(self._answers(window) for window in self.location.other_windows()):
            raise unproven(absent, "so is what it has for the windows beside it: that may be a wrong address as well")

    def _answers(self, window: Window) -> bool:
        try:
            self.first_page(window)
        except HeadgateError:
            return False
        return True

    def _filled(self, window: Window | None) -> tuple[RestSource, Place]:
        """The source with a window in place of its placeholders, and its address."""
        zone = self.location.span.timezone

        def filled(value: Any) -> Any:
            if isinstance(value, str):
                return fill_text(value, window, zone)
            if isinstance(value, dict):
                return {name: filled(item) for name, item in value.items()}
            return [filled(item) for item in value] if isinstance(value, list) else value

        source = self.source
        told = {"params": filled(source.params), "headers": filled(source.headers), "body": filled(source.body)}
        return source.model_copy(update=told), self.location.of(window)


def _first(source: RestSource, place: Place) -> Request:
    return Request(without_login(place.url), source.body).with_query(source.params)
