"""`connections.yaml`: what a run may do to the systems it reads from, by connection; an optional file of a project.

The address of a connection is a setting. What stands here is no secret, holds for every table that names the connection, and
changes no row: a table is not declared anew by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from deployments.declarations.model import CLOCK, Declared, Duration, Identifier, Zone
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Fault, Problem, fail_on, nearest
from deployments.declarations.table import Table
from deployments.declarations.yaml_source import read_yaml

NAME = "connections.yaml"


class Hours(Declared):
    """Hours of each day, by the clocks of a zone; over midnight where they end earlier than they begin."""

    start: str = Field(alias="from", description="Time of day (22:00) from which on it may be read.")
    to: str = Field(description="Time of day (06:00) from which on no read begins any more.")
    timezone: Zone = Field(description="Zone of both.")

    @model_validator(mode="after")
    def _times(self) -> Hours:
        for key, moment in (("from", self.start), ("to", self.to)):
            if not re.fullmatch(CLOCK, moment):
                raise ValueError(f"{key} '{moment}' isn't a time of day such as 22:00")
        if self.start == self.to:
            raise ValueError(
                f"from and to are both {self.to}: that is no hour or all of them; leave `allowed` out for all"
            )
        return self

    def opening(self, now: datetime) -> datetime | None:
        """The next moment from which on it may be read; None within the hours."""
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        begins, ends = time.fromisoformat(self.start), time.fromisoformat(self.to)
        moments = []
        for day in (today + timedelta(days=number) for number in (-1, 0, 1, 2)):
            last = day if ends > begins else day + timedelta(days=1)
            begin = datetime.combine(day, begins, zone).astimezone(UTC)
            if begin <= now < datetime.combine(last, ends, zone).astimezone(UTC):
                return None
            moments.append(begin)
        return min(moment for moment in moments if moment > now)

    def __str__(self) -> str:
        return f"{self.start} to {self.to} ({self.timezone})"


class Protection(Declared):
    """How one connection to a database may be used."""

    is_warehouse: bool = Field(
        False,
        description="It leads to the warehouse's own database, and that is meant. Without it nothing is loaded from there: "
        "more often one of the two addresses is the wrong one.",
    )

    max_connections: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="So many may be open to it at once, by all processes that have the same state folder; others wait.",
    )
    allowed: Hours | None = Field(
        None, description="When its rows may be read; what would begin to read at another hour waits or is refused."
    )
    snapshot: Duration | None = Field(
        None,
        description="How long one read may hold a snapshot, for which the source keeps old versions of rows; then it is ended.",
    )
    wait: Duration = Field("1h", description="How long a read waits for one of `max_connections` before it fails.")


class Connections(Declared):
    """What connections may be used for, by name."""

    stands_in: ClassVar = NAME
    connections: dict[Identifier, Protection] = Field(
        description="By the name that `source.connection` has; `HEADGATE_CONNECTION_<NAME>` holds its address."
    )


UNPROTECTED = Protection()


def protection_of(folder: Path, connection: str) -> Protection:
    """What a project's file says of a connection. DeclarationError: the file isn't right."""
    file = folder / NAME
    if not file.exists():
        return UNPROTECTED
    problems: list[Problem] = []
    content = read_yaml(file, problems)
    declared = None if content is None else parse(Connections, content, file, problems)
    fail_on(problems)
    return UNPROTECTED if declared is None else declared.connections.get(connection, UNPROTECTED)


def connection_faults(declared: Connections, tables: Mapping[str, Table]) -> Iterator[Fault]:
    """Names that no source uses, and of connections that lead to no database: what is protected by mistake protects nothing."""
    used = {name for table in tables.values() for name in table.source.connections}
    databases = {table.source.connection for table in tables.values() if table.source.is_database}
    for name in declared.connections:
        if name not in used:
            listing = ", ".join(sorted(used)) or "none is used"
            yield Fault(("connections", name), f"no source uses the connection '{name}'", listing, nearest(name, used))
        elif name not in databases:
            listing = ", ".join(sorted(filter(None, databases))) or "no source is a database"
            yield Fault(("connections", name), f"'{name}' leads to no database", listing)
