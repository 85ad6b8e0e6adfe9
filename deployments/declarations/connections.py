"""`connections.yaml`: what a run may do to the systems it reads from, by connection; an optional file of a project.

The address of a connection is a setting. What stands here is no secret, holds for every table that names the connection, and
changes no row: a table is not declared anew by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from deployments.declarations.model import CLOCK, Declared, Duration, Identifier, Zone
from deployments.declarations.parsing import parse
from deployments.declarations.problems import Fault, Problem, fail_on, nearest
from deployments.declarations.sources import Source
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
    """How one connection to a database may be used, as far as it is the one that is connected to: a replica has its own entry."""

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
    replica: Identifier | None = Field(
        None,
        description="The connection of a replica of it: rows are read there, once it has all that was committed here when the "
        "read began.",
    )
    catch_up: Duration = Field("5m", description="How long a read waits for the replica to have that.")
    otherwise: Literal["fail", "primary"] = Field(
        "fail",
        description="What a read does whose replica hasn't caught up in that time or can't be reached: fail, and be tried again; "
        "or read from the primary.",
    )

    @model_validator(mode="after")
    def _of_a_replica(self) -> Protection:
        for key in ("catch_up", "otherwise"):
            if self.replica is None and key in self.model_fields_set:
                raise ValueError(f"{key} says how a replica is read, and there is no `replica`")
        return self


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
    return _declared(file, file.read_bytes()).get(connection, UNPROTECTED) if file.exists() else UNPROTECTED


@lru_cache(maxsize=4)
def _declared(file: Path, _: bytes) -> Mapping[str, Protection]:
    """By name; read once for as long as it has the same bytes: each table of a project asks."""
    problems: list[Problem] = []
    content = read_yaml(file, problems)
    declared = None if content is None else parse(Connections, content, file, problems)
    fail_on(problems)
    return {} if declared is None else declared.connections


def read_from(folder: Path, connection: str) -> tuple[str, Protection]:
    """The connection that rows of `connection` are read from, itself or its replica, and what is declared of that one."""
    protection = protection_of(folder, connection)
    return (
        (connection, protection)
        if protection.replica is None
        else (
            protection.replica,
            protection_of(folder, protection.replica),
        )
    )


def with_replicas(folder: Path, source: Source) -> tuple[str, ...]:
    """The names of all connections that a source is read with, those of replicas behind their primaries'."""
    names = source.connections
    if not source.is_database:
        return names
    read = [found for name in names for found in (name, read_from(folder, name)[0])]
    return tuple(dict.fromkeys(read))


def connection_faults(declared: Connections, tables: Mapping[str, Table]) -> Iterator[Fault]:
    """Names that no source uses, and of connections that lead to no database: what is protected by mistake protects nothing.
    Replicas of replicas, and of themselves."""
    used = {name for table in tables.values() for name in table.source.connections}
    databases = {str(table.source.connection) for table in tables.values() if table.source.is_database}
    replicas = {item.replica for name, item in declared.connections.items() if item.replica and name in databases}
    for name, protection in declared.connections.items():
        if name not in used | replicas:
            listing = _listed(used | replicas) or "none is used"
            yield Fault(("connections", name), f"no source uses the connection '{name}'", listing, nearest(name, used))
        elif name not in databases | replicas:
            listing = _listed(databases | replicas) or "no source is a database"
            yield Fault(("connections", name), f"'{name}' leads to no database", listing)
        place = ("connections", name, "replica")
        if protection.replica == name:
            yield Fault(place, f"'{name}' is no replica of itself", "the connection of another server")
        elif protection.replica is not None and name in replicas:
            told = f"'{name}' is itself declared to be a replica, and rows are read from it or from its primary alone"
            yield Fault(place, told, "no `replica` there")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
