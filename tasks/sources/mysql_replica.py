"""How far a replica of MySQL or MariaDB is: global transaction ids, which both servers count alike.

https://mariadb.com/docs/server/ha-and-performance/standard-replication/gtid
https://dev.mysql.com/doc/refman/en/replication-gtids.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER
from pymysql.cursors import DictCursor

from tasks.sources.mysql_errors import said
from tasks.sources.mysql_session import all_rows
from tasks.sources.replica import Standing, not_a_replica

_SERVER = "@@GLOBAL.hostname, @@GLOBAL.port, @@GLOBAL.server_id"
_NOT_ASKED = (ER.UNKNOWN_SYSTEM_VARIABLE, ER.SP_DOES_NOT_EXIST, ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.PARSE_ERROR)
_SYSTEM_SCHEMAS = ("mysql", "information_schema", "performance_schema", "sys")
Domains = Mapping[int, tuple[int, int]]
"""Of MariaDB: by domain the server that wrote the newest transaction, and its number."""


@dataclass(frozen=True, slots=True)
class Gtids:
    """What a server has. `text`: as it says it; `server`: which one it is; `domains`: of MariaDB."""

    database: str
    text: str
    server: tuple[Any, ...] = ()
    domains: Domains = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(self.text.split())


def domains_of(*positions: str) -> Domains:
    """`0-1-100,5-2-7` by domain; of several positions the newest of each domain."""
    found: dict[int, tuple[int, int]] = {}
    for text in filter(None, ",".join(positions).split(",")):
        domain, server, number = map(int, text.split("-"))
        if domain not in found or found[domain][1] < number:
            found[domain] = server, number
    return found


def _written(domains: Domains) -> str:
    return ",".join(f"{domain}-{server}-{number}" for domain, (server, number) in sorted(domains.items()))


@dataclass(frozen=True)
class Replicating:
    """See `Following`. `at_primary` opens a session with the primary, `connection` is the one that will read."""

    primary: str
    replica: str
    at_primary: Callable[[], AbstractContextManager[Connection]]
    connection: Connection

    @property
    def _is_mariadb(self) -> bool:
        return "mariadb" in str(self.connection.get_server_info()).lower()

    def wanted(self) -> Gtids:
        with self.at_primary() as connection:
            if not self._is_mariadb:
                database, text = self._told(connection, "DATABASE(), @@GLOBAL.gtid_executed")
                found = Gtids(database, text)
            else:
                # A primary that was a replica has changes of its own primary that its own log may not hold.
                database, written, replayed, keeps_log = self._told(
                    connection, "DATABASE(), @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos, @@GLOBAL.log_bin"
                )
                if keeps_log != "1":
                    raise self._other(f"'{self.primary}' keeps no binary log (log_bin), so that nothing follows it")
                domains = domains_of(written, replayed)
                found = Gtids(database, _written(domains), (), domains)
        if not found.text:
            raise self._other(f"'{self.primary}' has no global transaction ids yet (gtid_mode of MySQL, log_bin)")
        return found

    def standing(self, wanted: Gtids) -> Standing[Gtids]:
        all_rows(self.connection)
        reached = self._reached()
        if reached.database != wanted.database:
            raise self._other(f"it leads to the database '{reached.database}', the primary to '{wanted.database}'")
        if self._is_mariadb:
            self._refuse_filters()
            lacks = self._behind(reached, wanted)
        else:
            (missing,) = self._told(self.connection, f"GTID_SUBTRACT({_quoted(wanted)}, {_quoted(reached)})")
            lacks = f"it hasn't {' '.join(missing.split())}" if missing else ""
        return Standing(reached, lacks, self._notes())

    def exceeds(self, reached: Gtids, has: Gtids) -> str:
        if self._is_mariadb:
            further = {domain: at for domain, at in reached.domains.items() if has.domains.get(domain, at)[1] < at[1]}
            return f"it is at {_written(further)}, and the primary only at {has}" if further else ""
        (own,) = self._told(self.connection, f"GTID_SUBTRACT({_quoted(reached)}, {_quoted(has)})")
        return f"it has changes that aren't its primary's: {' '.join(own.split())}" if own else ""

    def _reached(self) -> Gtids:
        if not self._is_mariadb:
            database, text, *server = self._told(self.connection, f"DATABASE(), @@GLOBAL.gtid_executed, {_SERVER}")
            return Gtids(database, text, tuple(server))
        database, text, current, *server = self._told(
            self.connection, f"DATABASE(), @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_current_pos, {_SERVER}"
        )
        domains = domains_of(text)
        if not domains:
            raise self._other("it has replicated nothing (gtid_slave_pos is empty)")
        if domains_of(current) != domains:
            raise self._other(f"it has changes of its own ({current}, replicated up to {text}): was it promoted?")
        return Gtids(database, text, tuple(server), domains)

    def _behind(self, reached: Gtids, wanted: Gtids) -> str:
        for domain, (server, number) in wanted.domains.items():
            at = reached.domains.get(domain)
            if at is None:
                return f"it has nothing of domain {domain}, of {wanted}"
            if at[1] < number:
                return f"it is at {reached} of {wanted} ({number - at[1]:,} transaction{'s' * (number - at[1] != 1)} behind)"
            if at[0] != server:
                # The same numbers of another server: its own history since a failover, unless that one is the primary again.
                return f"it is at {reached}, written by server {at[0]}, and its primary at {wanted}"
        return ""

    def _refuse_filters(self) -> None:
        """A replica that leaves tables out is never behind by them."""
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name REGEXP '^replicate_.*(do|ignore|rewrite)_'")
            found = {name.decode(): value.decode() for name, value in cursor.fetchall()}
        for name, value in found.items():
            listed = [item.strip().partition(".")[0] for item in value.split(",") if item.strip()]
            if listed and not ("ignore" in name and set(listed) <= set(_SYSTEM_SCHEMAS)):
                raise self._other(f"it leaves a part of its primary out ({name} = {value})")

    def _notes(self) -> tuple[str, ...]:
        """Why it doesn't go on, where the login may see that."""
        channels: list[dict[str, Any]] = []
        with self.connection.cursor(DictCursor) as cursor, suppress(pymysql.ProgrammingError, pymysql.OperationalError):
            cursor.execute("SHOW ALL SLAVES STATUS" if self._is_mariadb else "SHOW REPLICA STATUS")
            channels = list(cursor.fetchall())
            if not channels:
                raise self._other("it replicates from nobody: was it promoted?")
        return tuple(note for channel in channels for note in _stopped(channel))

    def _told(self, connection: Connection, fields: str) -> tuple[str, ...]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {fields}")
                return tuple(map(_text, cursor.fetchone()))
        except pymysql.Error as error:
            if error.args and error.args[0] in _NOT_ASKED:
                raise self._other(f"its position can't be asked for: {said(error)}") from None
            raise

    def _other(self, why: str) -> Exception:
        return not_a_replica(self.replica, self.primary, why)


def answering(connection: Connection) -> tuple[str, ...]:
    """What tells the server that answers from others behind the same address."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_SERVER}")
        return tuple(map(_text, cursor.fetchone()))


def _stopped(channel: Mapping[str, Any]) -> Iterator[str]:
    """What doesn't run of a replication, with the number of its error: its text may hold values."""
    for thread, told in (("IO", "nothing comes from its primary"), ("SQL", "what came isn't replayed")):
        running = _text(channel.get(f"Slave_{thread}_Running", channel.get(f"Replica_{thread}_Running")))
        number = _text(channel.get(f"Last_{thread}_Errno"))
        if running != "Yes":
            why = "" if number in ("", "0") else f", error {number}"
            yield f"{told} (its {thread} thread: {running or 'unknown'}{why})"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


def _quoted(found: Gtids) -> str:
    """As digits: how a text is written depends on the server's mode."""
    return f"CONVERT(0x{found.text.encode().hex()} USING utf8mb4)"
