"""A SELECT on a PostgreSQL source, read by COPY TO STDOUT as CSV in one read-only transaction.

The window is put around the query with bound values. Nothing is parsed on the way: the server writes the CSV.
"""

from __future__ import annotations

import io
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import connection as Connection

from deployments.addresses import database_parameters
from deployments.declarations.columns import Column
from deployments.declarations.sources import Cursor, PostgresSource
from deployments.errors import DeclarationError, HeadgateError, SourceUnreachableError
from deployments.settings import Settings
from tasks.driver_errors import said
from tasks.driver_waits import waits
from tasks.one_select import inside, one_row, prove_one_select
from tasks.sources.cursor import CUT_BY, bounds
from tasks.sources.postgres_catalog import described, first_day
from tasks.sources.postgres_errors import told
from tasks.sources.postgres_fingerprint import fingerprint_of
from tasks.sources.postgres_replica import SERVER, Streaming
from tasks.sources.protocol import SourceShape, Span
from tasks.sources.replica import another_server
from tasks.sources.selected import SelectedRows
from tasks.sources.snapshot import Watch, hang_up
from tasks.warehouses.quoting import identifier
from tasks.within import within

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK_BYTES = 1024 * 1024
_QUEUED_CHUNKS = 16
# Seconds after which a thread that waits for its reader looks whether there still is one.
_LOOKED_AFTER = 0.5


def open_reader(
    source: PostgresSource, settings: Settings, span: Span, columns: Sequence[Column] = ()
) -> PostgresReader:
    return PostgresReader.of(source, settings, span, columns)


class PostgresReader(SelectedRows):
    """See `DatabaseReader`."""

    def fingerprint(self) -> str | None:
        """Rows and an order-free hash of them, computed by the source; only for a table without windows."""
        if self.span.window is not None:
            return None
        with self.connected() as connection:
            return fingerprint_of(connection, self.source.query)

    def chunks(self) -> Iterator[bytes]:
        with ExitStack() as held:
            here, connection = self.entered(lambda here, held: here._logged_in(held), held)
            yield from here._copied(connection)

    def _copied(self, connection: Connection) -> Iterator[bytes]:
        try:
            statement = self._statement(connection)
            process = self._process(connection)
        except BaseException:
            connection.close()
            raise
        pipe: queue.Queue[bytes | BaseException | None] = queue.Queue(_QUEUED_CHUNKS)
        sink = _Sink(pipe)
        watch = Watch(self.snapshot_seconds, partial(self._end, connection, process))
        # COPY TO writes into a file object until it ends: a thread of its own, so that rows flow while they are read.
        thread = threading.Thread(
            target=self._copy_out, args=(connection, statement, sink, watch), name="copy-out", daemon=True
        )
        try:
            with watch:
                thread.start()
                while (item := pipe.get()) is not None:
                    if isinstance(item, BaseException):
                        raise self.held_too_long() if watch.over else item
                    yield item
        finally:
            sink.abandoned.set()
            # Within that time a thread that has rows to hand over sees that nobody wants them.
            thread.join(timeout=2 * _LOOKED_AFTER)
            if thread.is_alive():
                # It waits for the source, which is asked to stop. Only a connection that no thread is in may be closed: freed
                # under a call to the client library it ends the process.
                with suppress(psycopg2.Error):
                    connection.cancel()
                thread.join(timeout=10)
            if not thread.is_alive():
                connection.close()

    def _copy_out(self, connection: Connection, statement: sql.Composed, sink: _Sink, watch: Watch) -> None:
        try:
            with connection.cursor() as cursor:
                # The driver writes row by row: gathered in C, they cost half of what they do in Python.
                rows = io.BufferedWriter(sink, _CHUNK_BYTES)
                cursor.copy_expert(statement, rows)
            # What is read is read: whoever takes the rest of it holds no snapshot.
            watch.leave()
            connection.rollback()
            rows.flush()
            sink.end()
        except psycopg2.Error as error:
            # A reader that went away closes the connection, and doesn't want to hear of it.
            with suppress(_AbandonedError):
                sink.fail(self.told(error))
        except _AbandonedError:
            return
        except Exception as error:  # noqa: BLE001 - raised where it is waited for: a thread that dies alone would hang it
            sink.fail(error)
        finally:
            # Rows that nobody waits for any more are dropped with the buffer.
            sink.close()

    def _process(self, connection: Connection) -> int:
        """The server's process that reads, as it calls itself: a pooler in between has numbers of its own."""
        with connection.cursor() as cursor:
            try:
                return int(one_row(cursor, "SELECT pg_backend_pid()")[0])
            except psycopg2.Error as error:
                raise self.told(error) from None

    def _end(self, connection: Connection, process: int) -> None:
        """End a read that another thread is in. A server that waits for us to take its rows hears of no canceling, nor of a
        line that is hung up: it is asked to end the session, as everybody may ask it for his own."""
        with suppress(psycopg2.Error, DeclarationError):
            asking = connect(self.url, self.name, "headgate")
            with closing(asking), asking.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", (process,))
        with suppress(psycopg2.Error):
            hang_up(connection.fileno())

    def _statement(self, connection: Connection) -> sql.Composed:
        query: sql.Composable = inside(self.source.query)
        window, cursor = self.span.window, self.source.cursor
        if window is not None and cursor is not None:
            column = identifier("hg_rows", cursor.column)
            rows = within(column, bounds(self._kind(connection, cursor), cursor, self.cursor_column, self.span))
            if cursor.nulls == "load":
                rows = sql.SQL("({} OR {})").format(rows, _without_moment(column))
            query = sql.SQL("(SELECT hg_rows.* FROM {} hg_rows WHERE {})").format(query, rows)
        return sql.SQL("COPY {} TO STDOUT (FORMAT csv, HEADER true)").format(query)

    def unplaced(self) -> int:
        assert self.source.cursor is not None
        column = identifier("hg_rows", self.source.cursor.column)
        statement = sql.SQL("SELECT count(*) FROM {} hg_rows WHERE {}").format(
            inside(self.source.query), _without_moment(column)
        )
        with self.connected() as connection, connection.cursor() as cursor:
            if self._kind(connection, self.source.cursor) not in CUT_BY:
                # Refused when the window is read, in better words than the database's.
                return 0
            return int(one_row(cursor, statement)[0])

    def ping(self) -> str:
        try:
            with (
                self.place(reads=False),
                closing(connect(self.url, self.name, "headgate check")) as connection,
            ):
                connection.set_session(readonly=True)
                with connection.cursor() as cursor:
                    user, database = one_row(cursor, "SELECT current_user, current_database()")
        except psycopg2.Error as error:
            raise DeclarationError(
                said(error),
                code="SOURCE-LOGIN",
                next_command="check the connection's setting; may this user log in?",
            ) from None
        return f"{user} in {database}"

    def describe(self) -> SourceShape:
        with self.connected(reads=False) as connection, connection.cursor() as cursor:
            return described(cursor, self.source.query)

    def first_day(self, column: str) -> date | None:
        with self.connected() as connection, connection.cursor() as cursor:
            return first_day(cursor, self.source.query, column)

    def says_yes(self, query: str) -> bool:
        try:
            with ExitStack() as held:
                _, connection = self.entered(lambda here, held: here._session(held, "headgate wait_for"), held)
                with closing(connection), connection.cursor() as cursor:
                    cursor.execute("SET statement_timeout = '60s'")
                    prove_one_select(cursor, query)
                    cursor.execute(query)
                    row = cursor.fetchone()
        except psycopg2.OperationalError as error:
            raise SourceUnreachableError(
                f"{self.name}: {said(error)}", code="SOURCE-UNREACHABLE", next_command="headgate check --connect"
            ) from None
        except psycopg2.Error as error:
            raise DeclarationError(
                f"wait_for.query: {said(error)}", code="WAIT-FOR", next_command="mend source.wait_for.query"
            ) from None
        return bool(row and row[0])

    def _kind(self, connection: Connection, cursor: Cursor) -> str:
        """The cursor's type at the source."""
        statement = sql.SQL("SELECT {} FROM {} hg_rows LIMIT 0").format(
            identifier("hg_rows", cursor.column), inside(self.source.query)
        )
        with connection.cursor() as asked:
            try:
                asked.execute(statement)
                (column,) = asked.description or ()
                return str(one_row(asked, "SELECT format_type(%s, NULL)", (column.type_code,))[0])
            except psycopg2.Error as error:
                raise self.told(error) from None

    @contextmanager
    def connected(self, *, reads: bool = True) -> Iterator[Connection]:
        """As `_logged_in`, for a block. `reads`: rows, and not the catalog alone."""
        with ExitStack() as held:
            here, connection = self.entered(lambda here, held: here._logged_in(held, reads=reads), held)
            with closing(connection):
                try:
                    yield connection
                except psycopg2.Error as error:
                    raise here.told(error) from None

    def _logged_in(self, held: ExitStack, *, reads: bool = True) -> Connection:
        """A session that writes values as they are declared to be read, its query proven; errors are ours."""
        try:
            connection = self._session(held, "headgate", reads=reads)
            with closing_on_error(connection), connection.cursor() as cursor:
                cursor.execute("SET datestyle = 'ISO, YMD'; SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8'")
                cursor.execute("SET bytea_output = 'hex'; SET extra_float_digits = 1; SET intervalstyle = 'iso_8601'")
                cursor.execute("SET statement_timeout = %s", (self.statement_seconds * 1000,))
                prove_one_select(cursor, self.source.query)
            return connection
        except psycopg2.Error as error:
            raise self.told(error) from None

    def _session(self, held: ExitStack, application: str, *, reads: bool = False) -> Connection:
        """A read-only session with one snapshot; with a replica, of what it had once it had all that its primary had. `held`
        gets its place, and not the session: a thread may be in it. psycopg2.Error: it can't be begun."""
        held.enter_context(self.place(reads=reads))
        connection = connect(self.url, self.name, application)
        with closing_on_error(connection):
            if self.primary is None:
                connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
                return connection
            connection.autocommit = True
            reached = self.caught_up(Streaming(self.primary.name, self.name, self.primary.asked, connection))
            connection.set_session(readonly=True, isolation_level="REPEATABLE READ", autocommit=False)
            with connection.cursor() as cursor:
                if one_row(cursor, f"SELECT {SERVER}")[0] != reached.server:
                    raise another_server(self.name)
        return connection

    @contextmanager
    def asked(self) -> Iterator[Connection]:
        """A session for a question that reads no rows and is answered at once."""
        try:
            with self.place(reads=False), closing(connect(self.url, self.name, "headgate")) as connection:
                connection.set_session(readonly=True, autocommit=True)
                yield connection
        except psycopg2.Error as error:
            raise self.told(error) from None

    def told(self, error: psycopg2.Error) -> HeadgateError:
        """Our error, by who must act. It holds no value of a row, and never the password."""
        if error.pgcode == errorcodes.QUERY_CANCELED and self.statement_seconds == self.snapshot_seconds:
            return self.held_too_long()
        return told(
            error, self.server, self.source.statement_timeout, may_be_replica=not self.url.startswith("redshift://")
        )


@contextmanager
def closing_on_error(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def connect(url: str, name: str, application: str) -> Connection:
    """Log in to the connection `name`. psycopg2.Error: it can't be done; DeclarationError: libpq takes its address for none,
    and says so with parts of it that may be secret."""
    parameters: dict[str, Any] = waits() | {"application_name": application}
    try:
        connection: Connection = psycopg2.connect(**parameters | database_parameters(url))
    except psycopg2.Error as error:
        if error.pgcode is None and re.match(r"invalid |missing |could not parse|unrecognized", str(error)):
            raise DeclarationError(
                f"HEADGATE_CONNECTION_{name.upper()} isn't an address a PostgreSQL client takes (its options, or its port?)",
                code="SETTING",
                next_command="mend the environment or .env; then: headgate check --connect",
            ) from None
        raise
    return connection


def _without_moment(column: sql.Composable) -> sql.Composed:
    """Of a date or time: whether no window has it. To PostgreSQL infinity is a value; one that an index finds, where a function
    would be asked of every row of the source."""
    return sql.SQL("({c} IS NULL OR {c} IN ('infinity', '-infinity'))").format(c=column)


class _AbandonedError(Exception):
    """The reader went away."""


class _Sink(io.RawIOBase):
    """What COPY TO writes into, below a buffer: chunks are handed to the reading thread."""

    def __init__(self, pipe: queue.Queue[bytes | BaseException | None]) -> None:
        self._pipe = pipe
        self.abandoned = threading.Event()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        chunk = bytes(data)
        self._put(chunk)
        return len(chunk)

    def end(self) -> None:
        self._put(None)

    def fail(self, error: BaseException) -> None:
        self._put(error)

    def _put(self, item: bytes | BaseException | None) -> None:
        while not self.abandoned.is_set():
            try:
                self._pipe.put(item, timeout=_LOOKED_AFTER)
                return
            except queue.Full:
                continue
        raise _AbandonedError
