"""A place among the connections that may be open to one source: locks in the state folder, that end with their holder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from deployments.declarations.connections import NAME, Protection
from deployments.declarations.model import seconds
from deployments.embedded import filelock
from deployments.errors import OUTSIDE_HOURS, RetryableError, SourceUnreachableError
from tasks import pauses
from tasks.progress import report_wait

TAKEN = "CONNECTIONS-TAKEN"
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a connection, counted over all processes that have the same state folder."""

    connection: str
    protection: Protection
    state: Path

    @contextmanager
    def one(self, *, reads: bool = True) -> Iterator[None]:
        """Hold a place for the block; wait for one, and say so. SourceUnreachableError CONNECTIONS-TAKEN after `wait`.

        RetryableError OUTSIDE-HOURS at an hour at which no rows may be read; `reads` False: no rows are.
        """
        if reads:
            self._refuse_hour(datetime.now(UTC))
        taken = self._taken()
        try:
            yield
        finally:
            if taken is not None:
                os.close(taken)

    def _refuse_hour(self, now: datetime) -> None:
        hours = self.protection.allowed
        if hours is None or (opening := hours.opening(now)) is None:
            return
        begins = f"{opening.astimezone(ZoneInfo(hours.timezone)):%Y-%m-%d %H:%M}"
        raise RetryableError(
            f"rows of '{self.connection}' may be read {hours} ({NAME}): next from {begins}",
            code=OUTSIDE_HOURS,
            next_command=f"the same command from {begins} ({hours.timezone}) on; a schedule goes on by itself",
            connection=self.connection,
            opening=opening.isoformat(),
        )

    def _taken(self) -> int | None:
        most = self.protection.max_connections
        if most is None:
            return None
        folder = self.state / "connections" / self.connection
        folder.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + seconds(self.protection.wait)
        waits = False
        while True:
            for number in range(1, most + 1):
                taken = filelock.take(folder / f"{number}.lock")
                if taken is not None:
                    return taken
            in_use = f"all of max_connections: {most} of '{self.connection}' ({NAME}) are in use here"
            if not waits:
                report_wait("the read", in_use, f"it goes on when one is free, for {self.protection.wait} at most")
                waits = True
            if time.monotonic() >= end:
                raise SourceUnreachableError(
                    f"{in_use}, and none was free within {self.protection.wait}",
                    code=TAKEN,
                    next_command=f"headgate retry RUN   (when what else reads from '{self.connection}' has ended; "
                    f"or another max_connections or wait in {NAME})",
                    connection=self.connection,
                )
            pauses.pause(_POLL_SECONDS)
