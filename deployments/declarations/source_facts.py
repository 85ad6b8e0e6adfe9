"""What every kind of source has: its connection, what is waited for, its cursor, and the facts that are asked about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from deployments.addresses import FILES
from deployments.declarations.model import CLOCK, Declared, Duration, Identifier, Zone, seconds
from deployments.declarations.one_statement import one_select

OnMissing = Literal["fail", "empty", "wait"]
Told = tuple[tuple[str, ...], str, str]
"""A key's path below `source`, what is wrong with it, what is allowed."""


class Cursor(Declared):
    """The source column that says when a row was made or last changed."""

    column: str = Field(description="Column of the source.")
    kind: Literal["immutable", "mutable"] = Field(description="mutable: rows change after they were first written.")
    timezone: Zone | None = Field(
        None,
        description="Zone of a time without one that isn't a column of the contract, where source_timezone says it.",
    )
    nulls: Literal["warn", "fail", "load"] = Field(
        "warn",
        description="Rows without a value lie in no window. warn: told with every batch; fail: nothing is loaded; load: read "
        "with every window (merge only).",
    )
    lag: Duration = Field("0s", description="How late a commit may become visible; windows are read that much later.")


class WaitFor(Declared):
    """What must be there before a batch is read; until then the batch is waiting, not failed."""

    query: str | None = Field(None, description="A SELECT on the source's connection that returns true when ready.")
    url: str | None = Field(None, description="An object or page that must exist; may hold window placeholders.")
    table: str | None = Field(None, description="A table of this project that must have published the window.")
    until: str = Field(description="Local time of the day ('05:30') at which waiting becomes a late-upstream incident.")
    every: Duration = Field("5m", description="How often to look.")

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str | None) -> str | None:
        return None if value is None else one_select(value)

    @model_validator(mode="after")
    def _one_thing(self) -> WaitFor:
        if sum(value is not None for value in (self.query, self.url, self.table)) != 1:
            raise ValueError("wait_for needs exactly one of query, url, table")
        if not re.fullmatch(CLOCK, self.until):
            raise ValueError(f"until '{self.until}' isn't a time of day such as 05:30")
        return self


class SourceFacts(Declared):
    """What every kind has. Whatever is asked about a source is asked of the facts below, never of its kind."""

    schemes: ClassVar[tuple[str, ...]] = FILES
    """What the address of its connection may start with; none: anything."""
    has_header: ClassVar[bool] = False
    """Whether its files name their columns, also those without a row: all files of a folder can be one source."""
    is_database: ClassVar[bool] = False
    """Whether its reader answers questions besides: see `DatabaseReader`."""
    has_catalog: ClassVar[bool] = False
    """Whether it says what types its columns have: see `CatalogReader`."""
    gives_stable_bytes: ClassVar[bool] = True
    """Whether the same content comes as the same bytes: a database may give its rows in another order."""
    can_list_keys: ClassVar[bool] = False
    """Whether all keys can be read without the rest of the rows."""
    is_asked: ClassVar[bool] = False
    """Whether an answer says what there is: `check --connect` asks for a first page, see `PageReader`."""
    without_rows: ClassVar[tuple[str, str] | None] = None
    """The code and the words for a window that is there and has no row, where that is a window without data."""
    keeps_state: ClassVar[bool] = False
    """Whether it tells with its rows from where it goes on the next time: see `StatefulReader`."""
    window_goes_to: ClassVar[str] = "the url"
    """The keys that may hold the window's placeholders."""

    connection: Identifier | None = Field(None, description="Name of a connection in the settings.")
    on_missing: OnMissing = Field("fail", description="A window without data: fail, empty (publish nothing) or wait.")
    wait_for: WaitFor | None = Field(None, description="What must be there before the batch is read.")

    @property
    def connections(self) -> tuple[str, ...]:
        """The names of all connections it is read with."""
        return () if self.connection is None else (self.connection,)

    @property
    def address(self) -> str | None:
        """Where its files or pages are, as declared: placeholders and all. None: it has no address of its own."""
        return None

    @property
    def statement(self) -> str | None:
        """The SELECT that a database is asked."""
        return None

    @property
    def cut_by(self) -> Cursor | None:
        """The cursor that cuts its rows into windows; None where the address names the window, or there is none."""
        return None

    @property
    def is_templated(self) -> bool:
        """Whether its address has a place for the window."""
        return "{window." in (self.address or "")

    @property
    def lag(self) -> timedelta:
        """How long after a window's end it is read."""
        return timedelta(seconds=0 if self.cut_by is None else seconds(self.cut_by.lag))

    @property
    def is_mutable(self) -> bool:
        """Whether rows that were read may change and be read with a later window."""
        return self.cut_by is not None and self.cut_by.kind == "mutable"

    @property
    def read_in(self) -> str:
        """For people: how its rows are cut into statements by ranges of a key; '' where they aren't."""
        return ""

    @property
    def has_objects(self) -> bool:
        """Whether each object below its address is a batch of its own."""
        return False

    @property
    def place(self) -> str:
        """For people: its connection, or the host: never an address with a password."""
        return self.connection or urlsplit(self.address or "").hostname or "file"

    def only(self, columns: Sequence[str]) -> Self:
        """The same source with these columns of all its rows, where keys can be listed."""
        raise NotImplementedError(self.__class__.__name__)

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        """What doesn't go together in it: path below `source`, what is wrong, what is allowed. `columns`: the names that the
        contract has at the source."""
        yield from ()


class AddressedSource(SourceFacts):
    """Files or pages at an address."""

    allowed_hosts: tuple[str, ...] = Field(
        (), description="Other hosts that redirects and next pages may lead to: a name, or *.example.com."
    )

    @property
    def address(self) -> str:
        raise NotImplementedError


class FileSource(AddressedSource):
    """Files, of which an address that ends in '/' may hold any number."""

    objects: Literal["together", "each"] = Field(
        "together",
        description="Of an address that ends in /: all files below it as one source, or each a batch of its own, loaded once.",
    )
    pattern: str | None = Field(
        None, min_length=1, max_length=200,
        description="Of an address that ends in /: only files whose path below it is like this: *.csv.gz, */orders-*.csv.",
    )  # fmt: skip

    @property
    def has_objects(self) -> bool:
        return self.objects == "each"

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        below = self.address.endswith("/") and not self.address.startswith("http")
        for key in ("objects", "pattern"):
            if key in self.model_fields_set and not below:
                yield (
                    (key,),
                    "is about the files below an address that ends in '/' (s3, file)",
                    "url: s3://bucket/prefix/",
                )
        # Of a path below a connection only the settings tell whether it leads to files or to a page.
        if below and "://" in self.address and not (self.has_header or self.has_objects):
            yield ("url",), f"{self.kind} files of a folder aren't read together", "objects: each"  # type: ignore[attr-defined]
