"""Connections to a warehouse: opened the same way everywhere, and their errors told apart by who must act.

Retrying follows the class of an error, not its type alone: Redshift reports a serialization conflict (1023) and a failed
COPY both as SQLSTATE XX000.
"""

from __future__ import annotations

import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.declared_settings import waiting_time
from deployments.errors import CodeError, DeclarationError, HeadgateError, RetryableError
from expectations.suites.targets import Dialect
from tasks import pauses
from tasks.driver_errors import said
from tasks.driver_waits import waits
from tasks.progress import report_wait
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import qualified
from tasks.warehouses.stage_errors import stage_error

DriverError = psycopg2.Error
"""What a warehouse's driver raises; `explain` makes an error of ours of it."""

Result = TypeVar("Result")
APPLICATION = "headgate"
SAFE_PATH = "SET search_path TO pg_catalog, pg_temp"
"""Names without a schema mean the server's own things only, and temporary tables last; on Redshift as well."""
LOST, UNREACHABLE = "CONNECTION-LOST", "WAREHOUSE-UNREACHABLE"
LOCKED = "LOCKED"
SLOW = (LOST, UNREACHABLE, LOCKED)
"""Codes of what may last: each try takes as long as a time-out. A conflict is over at once."""
_USED_UP = "53"
"""Insufficient resources: disk, memory, connections, locks and whatever else a server has a limit for."""
_BROKEN = ("58", errorcodes.DATA_CORRUPTED, errorcodes.INDEX_CORRUPTED)
"""System errors, and what the server itself calls damaged."""
_CONFLICT = re.compile(r"\s*(ERROR:\s*)?1023\b|.*Serializable isolation violation", re.S)
_LOST = ("server closed the connection", "connection already closed", "could not connect", "connection refused",
         "terminating connection", "SSL connection has been closed", "connection not open", "could not receive data",
         "could not send data", "the database system is starting up", "the database system is shutting down",
         "cursor already closed", "Connection reset", "timeout expired", "SSL SYSCALL error")  # fmt: skip


@dataclass(frozen=True)
class Address(ABC):
    """Where a warehouse is, and how its engine is signed in to. The URL holds the password and is never shown.

    `dialect`: whose SQL it speaks. `port`: where the URL has none; None is the driver's own. `can_be_read_only`: whether a
    session can be kept from changing anything.
    """

    dialect: ClassVar[Dialect]
    port: ClassVar[int | None] = None
    can_be_read_only: ClassVar[bool] = True

    url: str = field(repr=False)
    statement_timeout_seconds: int = 3600

    def options(self) -> dict[str, str]:
        """What the driver is told where the URL doesn't say otherwise."""
        return {}

    @abstractmethod
    def set_up(self, cursor: Cursor) -> None:
        """Settings of a new session: UTC, and texts of times that don't depend on the server's own."""

    @property
    def place(self) -> str:
        """Host, port and database, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or ''}{parts.path}"


_IDLE_LIMIT = 4
_IDLE_CHECK_SECONDS = 2.0
# By process: a forked one must not talk on the connections of its parent.
_idle: dict[tuple[int, Address], list[tuple[Connection, float]]] = {}
_idle_lock = Lock()


@contextmanager
def session(address: Address) -> Iterator[Connection]:
    """A connection for a while; nothing is committed unless the caller does. A healthy one is kept for the next caller,
    since signing in costs more than most of our statements."""
    connection = _take(address) or connect(address)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    _give_back(address, connection)


@contextmanager
def transaction(address: Address) -> Iterator[Cursor]:
    """One transaction on its own connection: committed at the end, rolled back on any error."""
    with session(address) as connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


@contextmanager
def reading(address: Address) -> Iterator[Cursor]:
    """One transaction that may change nothing, on its own connection; rolled back at the end."""
    with session(address) as connection:
        connection.readonly = True
        with connection.cursor() as cursor:
            yield cursor
        connection.rollback()
        connection.readonly = None


def retried(address: Address, doing: str, work: Callable[[Cursor], Result], attempts: int = 6) -> Result:
    """One transaction that is run again after a conflict, a lock or a lost connection.

    Only for work that may be done twice: after a lost connection nobody knows whether it was committed.
    """
    for attempt in range(attempts):
        try:
            with transaction(address) as cursor:
                return work(cursor)
        except (psycopg2.Error, RetryableError) as error:
            known = explain(error, doing) if isinstance(error, psycopg2.Error) else error
            if not isinstance(known, RetryableError) or attempt == attempts - 1:
                raise known from None
            if not attempt and known.code in SLOW:
                report_wait(doing, f"[{known.code}] {known.message}", f"tried {attempts - 1} times more, then it fails")
            pauses.pause(0.1 * 2**attempt)
    raise CodeError(f"{doing}: no attempt was made", next_command="report this")


def _take(address: Address) -> Connection | None:
    """An idle connection that still works; those that don't are closed."""
    while True:
        with _idle_lock:
            kept = _idle.get((os.getpid(), address))
            if not kept:
                return None
            connection, since = kept.pop()
        if time.monotonic() - since < _IDLE_CHECK_SECONDS and not connection.closed:
            return connection
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            connection.rollback()
        except psycopg2.Error:
            connection.close()
        else:
            return connection


def _give_back(address: Address, connection: Connection) -> None:
    try:
        connection.rollback()
    except psycopg2.Error:
        connection.close()
        return
    with _idle_lock:
        kept = _idle.setdefault((os.getpid(), address), [])
        if len(kept) < _IDLE_LIMIT:
            kept.append((connection, time.monotonic()))
            return
    connection.close()


def connect(address: Address) -> Connection:
    """Open a connection; a failure says whether waiting may help or a setting is wrong."""
    parts = urlsplit(address.url)
    given: dict[str, Any] = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options = waits() | {"application_name": APPLICATION} | address.options() | given
    try:
        connection: Connection = psycopg2.connect(
            host=parts.hostname, port=parts.port or address.port, dbname=parts.path.lstrip("/"), user=_plain(parts.username),
            password=_plain(parts.password), **options,
        )  # fmt: skip
    except psycopg2.OperationalError as error:
        raise _connect_error(address, error) from None
    try:
        _set_up(address, connection)
    except psycopg2.Error as error:
        connection.close()
        if is_lost(error):
            raise _connect_error(address, error) from None
        raise
    return connection


def _set_up(address: Address, connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = %s", (address.statement_timeout_seconds * 1000,))
        # A function in another schema may have the types of its arguments more exactly than the server's own, and would run.
        cursor.execute(SAFE_PATH)
        address.set_up(cursor)
    connection.commit()


def judging(address: Address) -> type[Connection]:
    """Connections for a library that opens its own: set up as ours are, and they change nothing where a session can be
    told so."""

    class Judging(Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            _set_up(address, self)
            if address.can_be_read_only:
                self.set_session(readonly=True)

    return Judging


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """A driver's error in the block is raised as ours."""
    try:
        yield
    except psycopg2.Error as error:
        raise explain(error, doing) from None


def explain(error: psycopg2.Error, doing: str) -> HeadgateError:
    """Our error for a driver's: its family says whether a retry can help. It repeats neither values nor the statement."""
    text = said(error)
    message = f"{doing}: {text}"
    state = error.pgcode
    if is_lost(error):
        return RetryableError(
            f"{doing}: the connection was lost ({text})",
            code=LOST,
            next_command="headgate check --connect",
        )
    if is_conflict(error):
        return RetryableError(
            f"{doing}: another transaction got in the way (serialization conflict)",
            code="CONFLICT",
            next_command="headgate retry RUN",
        )
    about_stage = stage_error(str(error), doing)
    if about_stage is not None:
        return about_stage
    if state in (errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED):
        return RetryableError(
            f"{message} (HEADGATE_LOCK_TIMEOUT_SECONDS is {waiting_time('LOCK_TIMEOUT_SECONDS')})",
            code=LOCKED,
            next_command="headgate retry RUN",
        )
    if state == errorcodes.QUERY_CANCELED:
        return RetryableError(message, code="STATEMENT-TIMEOUT", next_command="headgate retry RUN")
    if (state or "").startswith(_USED_UP) or "disk full" in text.lower():
        return RetryableError(
            message, code="WAREHOUSE-FULL", next_command="free space in the warehouse; headgate retry RUN"
        )
    if state == errorcodes.READ_ONLY_SQL_TRANSACTION:
        return RetryableError(
            f"{message}: the address leads to a replica, or the server may not be written to for now",
            code="WAREHOUSE-READ-ONLY",
            next_command="HEADGATE_WAREHOUSE_URL of the primary, where it is a replica's; headgate retry RUN",
        )
    if (state or "").startswith(_BROKEN):
        return RetryableError(
            f"{message}: the warehouse can't read or write its own files",
            code="WAREHOUSE-FAULT",
            next_command="ask whoever runs the warehouse: its log says more; headgate retry RUN",
        )
    if state in (errorcodes.INSUFFICIENT_PRIVILEGE, errorcodes.INVALID_SCHEMA_NAME, errorcodes.UNDEFINED_OBJECT):
        return DeclarationError(
            message, code="WAREHOUSE-RIGHTS",
            next_command="headgate check --connect   (what the loader needs: deployments/grants); headgate provision --plan",
        )  # fmt: skip
    if (state or "").startswith("23"):
        return DeclarationError(
            f"{message}: a constraint that somebody put on the table refuses these rows",
            code="LIVE-CONSTRAINT",
            next_command="mend the rows or the constraint; headgate retry RUN",
        )
    return CodeError(message, code=f"SQL-{state or 'UNKNOWN'}", next_command="headgate show RUN")


def is_conflict(error: psycopg2.Error) -> bool:
    """A serialization conflict: 40001, or Redshift's 1023 under XX000."""
    return error.pgcode == errorcodes.SERIALIZATION_FAILURE or (
        error.pgcode == errorcodes.INTERNAL_ERROR and _CONFLICT.match(str(error)) is not None
    )


def is_lost(error: psycopg2.Error) -> bool:
    """Whether the connection itself failed, so that a COMMIT under way is in doubt."""
    if isinstance(error, psycopg2.InterfaceError):
        return True
    state = error.pgcode or ""
    if state.startswith(("08", "57P")):
        return True
    return isinstance(error, psycopg2.OperationalError) and any(word in str(error) for word in _LOST)


def rows(cursor: Cursor, statement: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
    """All rows of a query whose result is small."""
    cursor.execute(statement, parameters)
    return list(cursor.fetchall())


def count_rows(cursor: Cursor, table: TableName) -> int:
    """Rows of a table or view."""
    return int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(qualified(table)))[0])


def one(cursor: Cursor, statement: Any, parameters: Any = None) -> tuple[Any, ...]:
    """The only row of a query."""
    cursor.execute(statement, parameters)
    row = cursor.fetchone()
    if row is None:
        raise CodeError("a query that must return one row returned none", next_command="headgate show RUN")
    return tuple(row)


def _connect_error(address: Address, error: psycopg2.Error) -> HeadgateError:
    # libpq's hints are indented lines below what happened.
    lines = [line.strip() for line in str(error).strip().splitlines() if not line.startswith(("\t", " "))]
    text = lines[-1] if lines else "no answer"
    where = f"can't connect to the warehouse at {address.place}"
    if any(word in text for word in ("authentication failed", "does not exist", "no password")):
        return DeclarationError(
            f"{where}: {text}",
            code="WAREHOUSE-LOGIN",
            next_command="check HEADGATE_WAREHOUSE_URL; headgate check --connect",
        )
    if any(word in text for word in ("certificate", "does not support SSL", "SSL error", "root.crt")):
        return DeclarationError(
            f"{where}: {text}",
            code="WAREHOUSE-TLS",
            next_command="sslrootcert=FILE in HEADGATE_WAREHOUSE_URL, when the server's certificate is one of your own",
        )
    if "timeout" in text:
        text += " (a security group or an IP allow-list?)"
    return RetryableError(f"{where}: {text}", code=UNREACHABLE, next_command="headgate check --connect")


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text)
