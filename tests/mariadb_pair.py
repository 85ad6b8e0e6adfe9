"""A MariaDB server and a replica of it: on loopback, in temporary folders, gone after the tests."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mariadb import MariaDb, started

_SECONDS = 60


@dataclass(frozen=True)
class Followed:
    """The server that is written to, and the one that follows it."""

    primary: MariaDb
    replica: MariaDb

    def caught_up(self) -> None:
        """Wait until the replica has all that the primary has."""
        ((reached,),) = self.primary.run("SELECT @@GLOBAL.gtid_binlog_pos")
        assert self.replica.run(f"SELECT MASTER_GTID_WAIT('{reached}', {_SECONDS})") == [(0,)]

    def going_on(self) -> None:
        """Let the replica replicate again, whatever stopped it."""
        self.replica.run("STOP SLAVE", "START SLAVE")
        end = time.monotonic() + _SECONDS
        while "Yes" not in self.replica.run("SHOW SLAVE STATUS")[0]:
            assert time.monotonic() < end
            time.sleep(0.05)
        self.caught_up()


@contextmanager
def followed() -> Iterator[Followed]:
    """A pair of servers. The folders are closed to others, and short: they hold sockets."""
    with tempfile.TemporaryDirectory(prefix="hgm") as first, tempfile.TemporaryDirectory(prefix="hgm") as second:
        log = ("--log-bin=log", "--binlog-format=ROW")
        with (
            started(Path(first), *log, "--server-id=1") as primary,
            started(Path(second), *log, "--server-id=2", follows=primary.port) as replica,
        ):
            pair = Followed(primary, replica)
            pair.caught_up()
            yield pair
