"""What every kind of source is when it is ready to be read, and what a database's reader can do besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from deployments.errors import SourceMissingError
from deployments.windows import Grid, Window
from expectations.contract.split import Reject
from expectations.draft.facts import SourceColumn

OWNER = "ask the source's owner; then: headgate retry RUN"
"""What to do about content that only the source's owner can mend."""
NO_SUCH_WINDOW = "ask the source's owner; `on_missing: empty` if such windows are normal"
"""What to do about data that aren't there; of a table without windows `with_source` says it otherwise."""


@dataclass(frozen=True, slots=True)
class Span:
    """The window a source is read for, the zone its placeholders are written in, and the windows it is one of. `masked`: values
    of a record appear nowhere, since the table masks columns."""

    window: Window | None
    timezone: str
    grid: Grid | None = None
    masked: bool = False


class OpenSource(Protocol):
    """A source that is ready to be read once."""

    @property
    def delimiter(self) -> str:
        """Between the fields of `chunks`."""

    @property
    def where(self) -> str:
        """What people call it, without secrets."""

    @property
    def set_aside(self) -> Sequence[Reject]:
        """Records that can't be written as CSV, in their order among all; those that `chunks` has met so far."""

    def fingerprint(self) -> str | None:
        """What identifies the content without reading all of it; None when only reading tells."""

    def chunks(self) -> Iterator[bytes]:
        """UTF-8 CSV bytes, header first. Raises SourceMissingError and SourceUnreachableError."""

    def prove_missing(self, absent: SourceMissingError) -> None:
        """Raise unless what `chunks` or `fingerprint` didn't find is proven to have nothing for the window."""

    def close(self) -> None:
        """Leave the source, read or not."""


@dataclass(frozen=True, slots=True)
class SourceShape:
    """What a database's catalog says: columns by name, and the primary key if the query delivers all of it from one table."""

    columns: Mapping[str, SourceColumn]
    key: tuple[str, ...] = ()


class ShapelessReader(OpenSource, Protocol):
    """A source whose records lie somewhere in a document."""

    def shape(self) -> tuple[list[str], list[str]]:
        """Dotted paths in its first page: what `records` may be, and what `next` may be."""


class PageReader(OpenSource, Protocol):
    """An API that is ready to be asked."""

    def ping(self) -> str:
        """Ask for the first page, as a load does; what it holds, for people. Raises what a load would raise there."""


class StatefulReader(OpenSource, Protocol):
    """A source that goes on from where it was, for declarations with `keeps_state`. Its state is its own, as text."""

    def resume(self, state: str) -> None:
        """Give only what came since; to be said before `chunks`."""

    def state(self) -> str:
        """From where it goes on, once `chunks` has come to its end."""


class CatalogReader(OpenSource, Protocol):
    """A source that knows the types of its columns, for declarations with `has_catalog`."""

    def describe(self) -> SourceShape:
        """What the source itself says of its columns."""


class DatabaseReader(CatalogReader, Protocol):
    """A database that is ready to be asked, for `DatabaseSource`. Each question is a read-only session of its own."""

    @property
    def url(self) -> str:
        """Its address, which holds the password: never shown."""

    @property
    def read_in(self) -> str:
        """For people: by how many ranges `chunks` has read so far; '' where it reads by one statement."""

    def prove_chunks(self) -> int | None:
        """About how many rows there are to be read by ranges; None: it can't tell.

        DeclarationError CHUNK-KEY: `source.chunks.by` can't cut them.
        """

    def ping(self) -> str:
        """Log in; 'user in database', for people. Raises a HeadgateError that says who must act."""

    @property
    def primary(self) -> DatabaseReader | None:
        """Of a replica: the reader of the server that it follows."""

    def at(self, name: str) -> DatabaseReader:
        """The reader of the server that a connection leads to: this one, or that of its primary."""

    def compared(self) -> str:
        """Of a replica: how far it is, for people. Raises what a read would that waits for a few seconds only."""

    def first_day(self, column: str) -> date | None:
        """The day of the least value of a date or time column of the query; None when it has no rows."""

    def unplaced(self) -> int:
        """Rows whose cursor has no value: no window has them."""

    def says_yes(self, query: str) -> bool:
        """Whether one SELECT (`wait_for.query`, placeholders filled) returns true.

        Raises DeclarationError WAIT-FOR where it can't be asked, SourceUnreachableError.
        """
