"""A SELECT on a PostgreSQL source, read by COPY TO STDOUT as CSV in one read-only transaction.

The window is put around the query with bound values. Nothing is parsed on the way: the server writes the CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, Self

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as PgCursor

from deployments.addresses import database_parameters
from deployments.declarations.columns import Column
from deployments.declarations.sources import Cursor, PostgresSource
from deployments.declared_settings import connection_setting
from deployments.errors import DeclarationError, HeadgateError, SourceUnreachableError
from deployments.settings import Settings
from tasks.driver_errors import said
from tasks.driver_waits import waits
from tasks.one_select import inside, one_row, prove_one_select
from tasks.sources.cursor import CUT_BY, bounds
from tasks.sources.postgres_catalog import described, first_day
from tasks.sources.postgres_copy import Statements, copied
from tasks.sources.postgres_errors import told
from tasks.sources.postgres_fingerprint import figures_of, fingerprint_of
from tasks.sources.postgres_ranges import bound, condition, prove_key
from tasks.sources.postgres_replica import SERVER, Streaming
from tasks.sources.protocol import SourceShape, Span
from tasks.sources.ranges import Walk, asked, one_by_one
from tasks.sources.replica import another_server
from tasks.sources.selected import SelectedRows
from tasks.sources.snapshot import Watch, hang_up
from tasks.warehouses.quoting import identifier
from tasks.within import within


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
        self.begun_anew()
        if self.source.chunks is None:
            with self._computing() as cursor:
                return fingerprint_of([figures_of(cursor, inside(self.source.query))])
        return fingerprint_of(asked(self.source.chunks, self._computing, self._walk, self._figures))

    def chunks(self) -> Iterator[bytes]:
        self.begun_anew()
        chunks = self.source.chunks
        if chunks is None:
            yield from self._copied(lambda cursor: iter([self._statement(cursor.connection)]))
        elif chunks.snapshot == "batch":
            yield from self._copied(self._all_ranges)
        else:
            yield from self._copied(lambda cursor: iter([self._begun(cursor)[1]]))
            yield from one_by_one(self.walks[-1], lambda: self._copied(self._next_range, goes_on=True), self.spill)

    def prove_chunks(self) -> int:
        assert self.source.chunks is not None
        with self.connected(reads=False) as connection, connection.cursor() as cursor:
            return prove_key(cursor, self.source.query, self.source.chunks, self.server)

    def _copied(self, plan: Callable[[PgCursor], Statements], *, goes_on: bool = False) -> Iterator[bytes]:
        """What the statements of a plan give, one after the other, in one session and one snapshot. `goes_on`: in a read that
        has begun."""
        with ExitStack() as held:
            here, connection = self._entered(held, goes_on=goes_on)
            yield from here._answer(connection, plan)

    def _answer(self, connection: Connection, plan: Callable[[PgCursor], Statements]) -> Iterator[bytes]:
        with closing_on_error(connection):
            try:
                cursor = connection.cursor()
                statements = plan(cursor)
            except psycopg2.Error as error:
                raise self.told(error) from None
            watch = self._watch(connection)
        yield from copied(cursor, statements, watch, partial(self._ended, watch))

    def _all_ranges(self, cursor: PgCursor) -> Statements:
        """The header and every range, in the order in which they are read."""
        walk, header = self._begun(cursor)
        return chain([header], self._ranges(cursor, walk))

    def _ranges(self, cursor: PgCursor, walk: Walk) -> Statements:
        while not walk.is_done:
            yield from self._next_range(cursor, walk)
            walk.end()

    def _next_range(self, cursor: PgCursor, walk: Walk | None = None) -> Statements:
        walk = walk or self.walks[-1]
        yield sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(self._range(cursor, walk))
        walk.of_current = cursor.rowcount

    def _range(self, cursor: PgCursor, walk: Walk) -> sql.Composed:
        """The rows of the next range, in parentheses."""
        chunks, query = self.source.chunks, self.source.query
        assert chunks is not None
        of = walk.begin(partial(bound, cursor, query, chunks))
        return sql.SQL("(SELECT hg_rows.* FROM {} hg_rows WHERE {})").format(inside(query), condition(chunks, of))

    def _begun(self, cursor: PgCursor) -> tuple[Walk, sql.Composed]:
        """A read by ranges, and the statement of its header."""
        self.walks.append(self._walk(cursor))
        header = "COPY (SELECT hg_rows.* FROM {} hg_rows LIMIT 0) TO STDOUT (FORMAT csv, HEADER true)"
        return self.walks[-1], sql.SQL(header).format(inside(self.source.query))

    def _walk(self, cursor: PgCursor) -> Walk:
        assert self.source.chunks is not None
        expected = prove_key(cursor, self.source.query, self.source.chunks, self.server)
        return Walk(self.name, expected)

    def _figures(self, cursor: PgCursor, walk: Walk) -> tuple[int, int]:
        return figures_of(cursor, self._range(cursor, walk))

    @contextmanager
    def _computing(self, goes_on: bool = False) -> Iterator[PgCursor]:
        """A session in which the source computes over its rows, in a snapshot that is watched; errors are ours. `goes_on`: in a
        read that has begun."""
        with ExitStack() as held:
            here, connection = self._entered(held, goes_on=goes_on)
            with closing(connection), connection.cursor() as cursor:
                watch = here._watch(connection)
                try:
                    with watch:
                        yield cursor
                except psycopg2.Error as error:
                    raise here._ended(watch, error) from None

    def _watch(self, connection: Connection) -> Watch:
        return Watch(self.snapshot_seconds, partial(self._end, connection, self._process(connection)))

    def _ended(self, watch: Watch, error: BaseException) -> BaseException:
        """The error of a read that was watched."""
        if watch.over:
            return self.held_too_long()
        return self.told(error) if isinstance(error, psycopg2.Error) else error

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
                next_command=f"mend {connection_setting(self.name)}; may this user log in?",
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
            here, connection = self._entered(held, reads=reads)
            with closing(connection):
                try:
                    yield connection
                except psycopg2.Error as error:
                    raise here.told(error) from None

    def _entered(self, held: ExitStack, *, reads: bool = True, goes_on: bool = False) -> tuple[Self, Connection]:
        """As `entered`, with `_logged_in`."""
        reader = self.going_on() if goes_on else self
        return reader.entered(lambda here, held: here._logged_in(held, reads=reads), held)

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
            error, self.server, self.source.statement_timeout, connection_setting(self.name),
            may_be_replica=not self.url.startswith("redshift://"),
        )  # fmt: skip


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
