"""What the readers of all databases have in common: one SELECT, read for a span over a connection of the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from deployments.addresses import database_parameters
from deployments.declarations.columns import Column
from deployments.declarations.connections import NAME, protection_of
from deployments.declarations.model import seconds
from deployments.declarations.sources import DatabaseSource
from deployments.errors import DeclarationError, SourceMissingError, SourceUnreachableError
from deployments.settings import Settings
from expectations.contract.split import Reject
from tasks.progress import report
from tasks.sources.places import Places
from tasks.sources.protocol import Span
from tasks.sources.ranges import Walk
from tasks.sources.replica import BEHIND, Following, P, catch_up

Session = TypeVar("Session")
LOOKED_SECONDS = 5
"""How long a look waits for a replica that is behind."""


@dataclass
class Taken:
    """What a read is taken from. `told`: each server so far, for people, by its connection. Once a replica wasn't to be had,
    all that follows is taken from the primary."""

    told: dict[str, str] = field(default_factory=dict)
    from_primary: bool = False


@dataclass(frozen=True)
class SelectedRows:
    """The part of a `DatabaseReader` that asks no server. One of a replica has the reader of its `primary`."""

    source: DatabaseSource
    span: Span
    url: str = field(repr=False)
    cursor_column: Column | None = None
    """The cursor as the contract reads it."""

    places: Places | None = None
    """Among which each of its connections takes one."""

    delimiter: str = ","
    primary: Self | None = None
    _taken: Taken = field(default_factory=Taken, compare=False, repr=False)
    walks: list[Walk] = field(default_factory=list, compare=False)
    """How far `chunks` came by ranges, where it reads so."""

    @classmethod
    def of(cls, source: DatabaseSource, settings: Settings, span: Span, columns: Sequence[Column]) -> Self:
        """Ready to be asked; nothing is connected yet."""
        cursor = None if source.cursor is None else source.cursor.column
        in_contract = next((column for column in columns if column.source_name == cursor), None)
        name = source.connection
        protection = protection_of(settings.project, name)
        places = Places(name, protection, settings.state)
        found = cls(source, span, settings.connection(name), in_contract, places)
        if protection.replica is None:
            return found
        places = replace(
            places, connection=protection.replica, protection=protection_of(settings.project, protection.replica)
        )
        return replace(found, url=settings.connection(protection.replica), places=places, primary=found, _taken=Taken())

    def going_on(self) -> Self:
        """The same for what follows in a read that has begun: the hours at which one may begin are asked for no more, of any
        server that it was read from."""
        if self.places is None:
            return self
        places = replace(self.places, protection=self.places.protection.model_copy(update={"allowed": None}))
        primary = self.primary.going_on() if self.primary is not None and self._taken.from_primary else self.primary
        return replace(self, places=places, primary=primary)

    @property
    def name(self) -> str:
        """The connection that is read from."""
        return self.source.connection if self.places is None else self.places.connection

    def at(self, name: str) -> Self:
        """The reader of the server that a connection leads to: this one, or that of its primary."""
        return self.primary if self.primary is not None and self.primary.name == name else self

    def compared(self) -> str:
        """Of a replica: where it is and how long it took to have what its primary had. Raises what a read would that waits for
        `LOOKED_SECONDS` at most."""
        assert self.primary is not None
        assert self.primary.places is not None
        protection = self.primary.places.protection
        if seconds(protection.catch_up) > LOOKED_SECONDS:
            protection = protection.model_copy(update={"catch_up": f"{LOOKED_SECONDS}s"})
        protection = protection.model_copy(update={"otherwise": "fail"})
        primary = replace(self.primary, places=replace(self.primary.places, protection=protection))
        began = time.monotonic()
        replace(self, primary=primary).says_yes("SELECT 1 = 1 AS caught_up")
        return f"{self.where}, {time.monotonic() - began:.1f} s after it was asked"

    def says_yes(self, query: str) -> bool:
        """See `DatabaseReader`."""
        raise NotImplementedError

    def asked(self) -> AbstractContextManager[Any]:
        """A session for a question that reads no rows and is answered at once; errors are ours."""
        raise NotImplementedError

    def place(self, *, reads: bool = True) -> AbstractContextManager[None]:
        """A place among the connections that may be open, held for a block. `reads`: rows, for which there may be hours."""
        return nullcontext() if self.places is None else self.places.one(reads=reads)

    def entered(self, open_session: Callable[[Self, ExitStack], Session], held: ExitStack) -> tuple[Self, Session]:
        """A session for rows, and the reader of the server that it is with: the replica's, or that of its primary where
        that is declared. `open_session` opens one with the server of a reader; what has to be left is put on `held`."""
        if self._taken.from_primary and self.primary is not None:
            return self._instead(self.primary, open_session, held)
        told = dict(self._taken.told)
        try:
            with ExitStack() as begun:
                session = open_session(self, begun)
                held.push(begun.pop_all())
            return self, session
        except SourceUnreachableError as error:
            primary = self.primary
            if primary is None or primary.places is None or primary.places.protection.otherwise != "primary":
                raise
            if error.code not in (BEHIND, "SOURCE-UNREACHABLE"):
                raise
            report(f"{error.message}; the rows are read from '{primary.name}' instead (otherwise: primary)")
            self._taken.told, self._taken.from_primary = told, True
            return self._instead(primary, open_session, held)

    def _instead(
        self, primary: Self, open_session: Callable[[Self, ExitStack], Session], held: ExitStack
    ) -> tuple[Self, Session]:
        entered = primary.entered(open_session, held)
        self._taken.told[primary.name] = f"{primary.server}, since '{self.name}' was behind or away"
        return entered

    def begun_anew(self) -> None:
        """Rows are read from the beginning: what was read before is no part of it."""
        self._taken.told.clear()

    def caught_up(self, following: Following[P]) -> P:
        """Wait until this replica has what its primary has now."""
        assert self.primary is not None
        assert self.primary.places is not None
        limit = self.primary.places.protection.catch_up
        reached = catch_up(following, limit, seconds(limit))
        self._taken.told[self.name] = f"{self.server}, which had all of '{self.primary.name}' (at {reached})"
        return reached

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

    @property
    def spill(self) -> Path | None:
        """The folder of files that hold one range of rows; None: the system's."""
        if self.places is None:
            return None
        self.places.state.mkdir(parents=True, exist_ok=True)
        return self.places.state

    @property
    def read_in(self) -> str:
        chunks, passed = self.source.chunks, sum(walk.passed for walk in self.walks)
        return "" if chunks is None else f"in {passed:,} {'chunk' if passed == 1 else 'chunks'} by {chunks.said}"

    def held_too_long(self) -> DeclarationError:
        """The error of a read that was ended for its snapshot."""
        assert self.places is not None
        return DeclarationError(
            f"{self.server}: the read held its snapshot for {self.places.protection.snapshot}, as long as {NAME} allows "
            "(snapshot), and was ended; nothing of it is published",
            code="SNAPSHOT-AGE",
            next_command="read less at once (window.every, source.query), or another snapshot in "
            f"{NAME}; then: headgate retry RUN",
            connection=self.name,
        )

    @property
    def server(self) -> str:
        """What people call it, without secrets."""
        place = database_parameters(self.url)
        return f"{self.name} ({place.get('host', 'localhost')}/{place.get('dbname', '')})"

    @property
    def where(self) -> str:
        """The server, and what is known of it once it was read; several, in their order, where chunks are from several. A
        position is that of the last session."""
        return "; then ".join(self._taken.told.values()) or self.server

    @property
    def set_aside(self) -> Sequence[Reject]:
        return ()

    def prove_missing(self, absent: SourceMissingError) -> None:
        """A table that isn't there, or that this login doesn't see, says nothing of rows."""
        raise absent

    def close(self) -> None:
        """Its connection ends with the reading."""
