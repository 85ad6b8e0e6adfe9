"""A read by ranges of a key (`source.chunks`): which range comes next, and what is read again after a lost connection.

Ranges follow each other without gap or overlap, by the source's own order of the key: each goes from beyond the last value of
the one before to a value that the source finds so many rows further on. Values that are equal to the source, as 'a' and 'A' may
be, are never parted. Rows without a value come last. Nothing here needs the values to be unique, nor knows their type.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeVar

from deployments.declarations.database_sources import Chunks
from deployments.errors import DeclarationError, SourceUnreachableError
from tasks import pauses
from tasks.progress import again_in, report_wait

CODE = "CHUNK-KEY"
PAUSES = (2.0, 10.0, 30.0)
"""Seconds before one chunk is read again whose connection was lost."""
_AGAIN = ("SOURCE-UNREACHABLE", "REPLICA-CONFLICT")
_PIECE_BYTES = 1024 * 1024
C = TypeVar("C")
T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Range:
    """Values beyond `after` up to `upto`, itself included, as literals of SQL; None: no bound. `nulls`: no value instead."""

    after: str | None = None
    upto: str | None = None
    nulls: bool = False


class Walk:
    """How far a read has come. `rows`: of the ranges that were passed; `of_current`: of the one that is being read."""

    def __init__(self, where: str, expected: int | None) -> None:
        self.rows = self.of_current = self.passed = 0
        self._where, self._expected = where, expected
        self._next: Range | None = Range()
        self._current = Range()

    @property
    def is_done(self) -> bool:
        return self._next is None

    def begin(self, bound: Callable[[str | None], str | None]) -> Range:
        """The next range, or the one that was begun last and not passed. `bound`: from the value before a range (None: it is the
        first one) to the value of the last of its rows, or None where the source has fewer."""
        assert self._next is not None
        self._current = self._next if self._next.nulls else Range(self._next.after, bound(self._next.after))
        self.of_current = 0
        return self._current

    def end(self) -> None:
        """The range that was begun is read: all of its rows are here."""
        self.passed += 1
        self.rows += self.of_current
        if self._current.nulls:
            self._next = None
        else:
            upto = self._current.upto
            self._next = Range(nulls=True) if upto is None else Range(upto)
        if self.rows:
            known = "" if self._expected is None else f" of about {max(self._expected, self.rows):,}"
            logger.info("%s: %d chunks read, %s rows%s", self._where, self.passed, f"{self.rows:,}", known)


def one_by_one(walk: Walk, read: Callable[[], Iterator[bytes]], folder: Path | None) -> Iterator[bytes]:
    """Each range that is left in a session of its own (`read`), which ends before a byte is handed on: whoever takes the rows
    slowly holds no snapshot. Of a range whose connection is lost, nothing was handed on, and it is read again."""
    while not walk.is_done:
        # Without a name: gone with the process, however that ends.
        with TemporaryFile(dir=folder) as held:
            _keep(read, held)
            walk.end()
            held.seek(0)
            while piece := held.read(_PIECE_BYTES):
                yield piece


def asked(
    chunks: Chunks,
    session: Callable[[bool], AbstractContextManager[C]],
    begin: Callable[[C], Walk],
    one: Callable[[C, Walk], T],
) -> Iterator[T]:
    """The answer of the source for each range: in one session, or in one for each. `session`: told whether it goes on with a
    read that has begun."""
    with session(False) as cursor:
        walk = begin(cursor)
        while chunks.snapshot == "batch" and not walk.is_done:
            yield one(cursor, walk)
            walk.end()

    def alone() -> T:
        with session(True) as cursor:
            return one(cursor, walk)

    while not walk.is_done:
        yield again(alone)
        walk.end()


def again(read: Callable[[], T]) -> T:
    """The answer of a read that is its own from beginning to end: asked for again when the connection was lost."""
    for number in range(len(PAUSES) + 1):
        try:
            return read()
        except SourceUnreachableError as error:
            left = PAUSES[number:]
            if not left or error.code not in _AGAIN:
                raise
            report_wait(
                "the chunk", f"[{error.code}] {error.message.splitlines()[0]}", again_in(left, "the read fails")
            )
            pauses.pause(left[0])
    raise AssertionError


def _keep(read: Callable[[], Iterator[bytes]], held: IO[bytes]) -> None:
    def kept() -> None:
        held.seek(0)
        held.truncate()
        for piece in read():
            held.write(piece)

    again(kept)


def unfit(where: str, chunks: Chunks, why: str, allowed: str) -> DeclarationError:
    """The error of a column that ranges can't be cut by."""
    return DeclarationError(
        f"{where}: source.chunks.by: {chunks.by} {why}", code=CODE,
        next_command=f"{allowed}; or no source.chunks; then: headgate check --connect",
    )  # fmt: skip
