"""Where a declared address leads for a window: below its connection, with what the declaration allows of answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from deployments.addresses import DATABASES, is_s3, s3_object
from deployments.declarations.sources import AddressedSource, CsvSource, Source
from deployments.errors import SourceMissingError
from deployments.settings import Settings
from deployments.windows import Window
from expectations.contract.split import Reject
from tasks.sources.absence import MAX_PROBES, prove
from tasks.sources.address import Place, fill, join
from tasks.sources.protocol import Span

_BEFORE, _AFTER = 31, 7


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a source, `base` below which it lies, and the window it is read for."""

    url: str
    base: str | None = field(repr=False)
    span: Span
    hosts: tuple[str, ...] = ()
    until_close: bool = False
    connection: str | None = None

    @property
    def place(self) -> Place:
        return self.of(self.span.window)

    @property
    def template(self) -> Place:
        return self.of(None)

    def other_windows(self) -> Iterator[Window]:
        """Some other windows, nearest first."""
        window, grid = self.span.window, self.span.grid
        if window is None or grid is None:
            return
        length = window.end - window.start
        near = grid.between(window.start - _BEFORE * length, window.end + _AFTER * length)
        ordered = sorted((one for one in near if one != window), key=lambda one: abs(one.start - window.start))
        # The nearest ones, and then with growing steps: a holiday may be long.
        steps = (n for n in (0, 1, 2, 3, 6, 12, 20, len(ordered) - 1) if n < len(ordered))
        yield from (ordered[n] for n in islice(dict.fromkeys(steps), MAX_PROBES))

    def prove_missing(self, absent: SourceMissingError) -> None:
        """Raise unless what isn't there is proven not to be."""
        prove(absent, self.place, self.template, (self.of(window) for window in self.other_windows()))

    def of(self, window: Window | None) -> Place:
        """The place of a window."""
        return Place(
            fill(join(self.base, self.url), window, self.span.timezone), self.base, self.hosts, self.until_close,
            self.connection,
        )  # fmt: skip


def locate(source: AddressedSource, settings: Settings, span: Span) -> Location:
    """Where the source lies."""
    base = base_of(source, source.address, settings)
    return Location(
        source.address, base, span, source.allowed_hosts, isinstance(source, CsvSource) and source.until_close,
        source.connection,
    )  # fmt: skip


def locate_beside(source: Source, url: str, settings: Settings, span: Span) -> Location:
    """Where another address of the source lies, such as the one it waits for."""
    base = base_of(source, url, settings)
    return Location(url, base, span, until_close=True, connection=None if base is None else source.connection)


def base_of(source: AddressedSource | Source, url: str, settings: Settings) -> str | None:
    """The address that the URL lies below; a database's connection isn't one."""
    base = None if source.connection is None else settings.connection(source.connection)
    if base is not None:
        return None if base.partition("://")[0] in DATABASES else base
    return _local_bucket(url, settings) if is_s3(url) and (settings.embedded or settings.local_stack) else None


def _local_bucket(url: str, settings: Settings) -> str | None:
    """The local stack's own bucket, started for a command that only looks as for a run; any other bucket, and all of them
    where AWS_* name a server, are the user's."""
    from deployments.embedded.defaults import started
    from deployments.embedded.python_servers import BUCKET

    if s3_object(url).bucket != BUCKET or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        return None
    return settings.local_bucket or started(settings, parts=("s3",), sources=False).local_bucket


@dataclass(frozen=True)
class LocatedReader:
    """What readers of pages and files do alike; see `OpenSource`. Each page or file is closed when it is read."""

    location: Location
    set_aside: list[Reject] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def delimiter(self) -> str:
        return ","

    @property
    def where(self) -> str:
        return self.location.place.shown

    def fingerprint(self) -> str | None:
        return None

    def prove_missing(self, absent: SourceMissingError) -> None:
        self.location.prove_missing(absent)

    def close(self) -> None:
        """Nothing is open."""
