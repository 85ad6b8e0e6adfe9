"""What every kind of source is when it is ready to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.errors import SourceMissingError
from deployments.windows import Grid, Window
from expectations.contract.split import Reject


@dataclass(frozen=True, slots=True)
class Span:
    """The window a source is read for, the zone its placeholders are written in, and the windows it is one of."""

    window: Window | None
    timezone: str
    grid: Grid | None = None


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
