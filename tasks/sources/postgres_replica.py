"""How far a streaming replica of PostgreSQL is: positions in the log that both servers write and replay.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection

from tasks.driver_errors import said
from tasks.one_select import one_row
from tasks.sources.replica import Standing, not_a_replica

_SHORT_HEADER, _LONG_HEADER = 24, 40
"""Bytes at the beginning of each page of the log, and of the first page of each of its files."""
SERVER = "extract(epoch FROM pg_postmaster_start_time())::text"
"""What tells the server that answers from others behind the same address."""
# The place where the next record goes: a commit that waits for no disk (synchronous_commit = off) is seen before it is written.
_PRIMARY = """
SELECT current_database(), (SELECT system_identifier FROM pg_catalog.pg_control_system()), NOT pg_is_in_recovery(),
 CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END,
 CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END,
 current_setting('wal_block_size')::bigint, pg_size_bytes(current_setting('wal_segment_size'))
"""
# The timeline is what was received (told to roles that may see it), or what was replayed at the last restart point: a replica
# that had replayed another one beyond its end can follow no further.
_REPLICA = f"""
SELECT current_database(), (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_is_in_recovery(),
 pg_last_wal_replay_lsn()::text,
 greatest((SELECT max(received_tli) FROM pg_catalog.pg_stat_wal_receiver),
          (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
          (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery())),
 CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END,
 EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver),
 date_trunc('second', now() - pg_last_xact_replay_timestamp())::text, {SERVER}
"""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log. `database`, `system`: whose log it is; `server`: of a replica, its `SERVER`."""

    database: str
    system: int
    timeline: int
    place: int
    server: str = ""

    def __str__(self) -> str:
        return spelled(self.place)


def spelled(place: int) -> str:
    """As PostgreSQL spells it: 16/B374D848."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


def place_of(text: str) -> int:
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def end_of_records(place: int, page_bytes: int, file_bytes: int) -> int:
    """Where the last record before `place` ends, which is how a replica counts. Behind a full page the next record begins after
    that page's header; on an idle primary the replica would wait for bytes that nobody writes."""
    header = _LONG_HEADER if place % file_bytes < page_bytes else _SHORT_HEADER
    return place - header if place % page_bytes == header else place


@dataclass(frozen=True)
class Streaming:
    """See `Following`. `at_primary` opens a session with the primary, `connection` is the one that will read."""

    primary: str
    replica: str
    at_primary: Callable[[], AbstractContextManager[Connection]]
    connection: Connection

    def wanted(self) -> Position:
        with self.at_primary() as connection:
            row = self._told(connection, _PRIMARY)
        database, system, is_primary, place, timeline, page_bytes, file_bytes = row
        if not is_primary:
            raise not_a_replica(
                self.replica, self.primary, f"'{self.primary}' is a replica itself, and not the primary"
            )
        return Position(database, system, int(timeline, 16), end_of_records(place_of(place), page_bytes, file_bytes))

    def standing(self, wanted: Position) -> Standing[Position]:
        database, system, is_replica, place, timeline, is_paused, receives, age, server = self._told(
            self.connection, _REPLICA
        )
        if system != wanted.system:
            raise self._other("it is another server, with a history of its own (another system identifier)")
        if database != wanted.database:
            raise self._other(f"it leads to the database '{database}', the primary to '{wanted.database}'")
        if not is_replica:
            raise self._other("it replays nothing: it was promoted, or is the primary itself")
        if place is None:
            raise self._other("it doesn't say how far it has replayed (pg_last_wal_replay_lsn)")
        if timeline > wanted.timeline:
            raise self._other(
                f"it follows timeline {timeline}, and '{self.primary}' is on {wanted.timeline}, an older one"
            )
        reached = Position(database, system, timeline, place_of(place), server)
        lacks = ""
        if timeline < wanted.timeline:
            lacks = f"as far as it says it is on timeline {timeline}, its primary on {wanted.timeline}"
        elif reached.place < wanted.place:
            lacks = f"it has replayed up to {reached} of {wanted} ({wanted.place - reached.place:,} bytes are missing)"
        notes = [f"its newest transaction is {age} old"] if age else []
        if is_paused:
            notes.append("replay is paused there (pg_wal_replay_pause)")
        if not receives:
            notes.append("nothing comes from its primary (no WAL receiver runs)")
        return Standing(reached, lacks, tuple(notes))

    def exceeds(self, reached: Position, has: Position) -> str:
        return f"it is at {reached}, and the primary only at {has}" if reached.place > has.place else ""

    def _told(self, connection: Connection, statement: str) -> tuple[Any, ...]:
        try:
            with connection.cursor() as cursor:
                return one_row(cursor, statement)
        except (psycopg2.errors.UndefinedFunction, psycopg2.errors.InsufficientPrivilege,
                psycopg2.errors.FeatureNotSupported) as error:  # fmt: skip
            raise self._other(f"its position can't be asked for: {said(error)}") from None

    def _other(self, why: str) -> Exception:
        return not_a_replica(self.replica, self.primary, why)
