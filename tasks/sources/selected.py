"""What the readers of all databases have in common: one SELECT, read for a span over a connection of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Self

from deployments.addresses import database_parameters
from deployments.declarations.columns import Column
from deployments.declarations.connections import NAME, protection_of
from deployments.declarations.model import seconds
from deployments.declarations.sources import DatabaseSource
from deployments.errors import DeclarationError, SourceMissingError
from deployments.settings import Settings
from expectations.contract.split import Reject
from tasks.sources.places import Places
from tasks.sources.protocol import Span


@dataclass(frozen=True)
class SelectedRows:
    """The part of a `DatabaseReader` that asks no server."""

    source: DatabaseSource
    span: Span
    url: str = field(repr=False)
    cursor_column: Column | None = None
    """The cursor as the contract reads it."""

    places: Places | None = None
    """Among which each of its connections takes one."""

    delimiter: str = ","

    @classmethod
    def of(cls, source: DatabaseSource, settings: Settings, span: Span, columns: Sequence[Column]) -> Self:
        """Ready to be asked; nothing is connected yet."""
        cursor = None if source.cursor is None else source.cursor.column
        in_contract = next((column for column in columns if column.source_name == cursor), None)
        name = source.connection
        places = Places(name, protection_of(settings.project, name), settings.state)
        return cls(source, span, settings.connection(name), in_contract, places)

    def place(self, *, reads: bool = True) -> AbstractContextManager[None]:
        """A place among the connections that may be open, held for a block. `reads`: rows, for which there may be hours."""
        return nullcontext() if self.places is None else self.places.one(reads=reads)

    @property
    def snapshot_seconds(self) -> int | None:
        """How long a read may hold its snapshot; None: as long as it takes."""
        limit = None if self.places is None else self.places.protection.snapshot
        return None if limit is None else seconds(limit)

    @property
    def statement_seconds(self) -> int:
        """How long a statement may take: each holds a snapshot."""
        declared = seconds(self.source.statement_timeout)
        return declared if self.snapshot_seconds is None else min(declared, self.snapshot_seconds)

    def held_too_long(self) -> DeclarationError:
        """The error of a read that was ended for its snapshot."""
        assert self.places is not None
        return DeclarationError(
            f"{self.where}: the read held its snapshot for {self.places.protection.snapshot}, as long as {NAME} allows "
            "(snapshot), and was ended; nothing of it is published",
            code="SNAPSHOT-AGE",
            next_command="read less at once (window.every, source.query), or another snapshot in "
            f"{NAME}; then: headgate retry RUN",
            connection=self.source.connection,
        )

    @property
    def where(self) -> str:
        place = database_parameters(self.url)
        return f"{self.source.connection} ({place.get('host', 'localhost')}/{place.get('dbname', '')})"

    @property
    def set_aside(self) -> Sequence[Reject]:
        return ()

    def prove_missing(self, absent: SourceMissingError) -> None:
        """A table that isn't there, or that this login doesn't see, says nothing of rows."""
        raise absent

    def close(self) -> None:
        """Its connection ends with the reading."""
