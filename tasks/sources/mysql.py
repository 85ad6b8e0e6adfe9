"""A SELECT on a MySQL or MariaDB source, streamed as CSV that the server writes, from one consistent snapshot.

The window is put around the query. Nothing is parsed on the way: each row comes as one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from deployments.bounds import Bound
from deployments.declarations.columns import Column
from deployments.declarations.sources import MysqlSource
from deployments.declared_settings import connection_setting
from deployments.errors import DeclarationError, SourceMissingError, SourceUnreachableError
from deployments.settings import Settings
from tasks.sources.cursor import bounds
from tasks.sources.mysql_catalog import described, first_day
from tasks.sources.mysql_columns import (
    MysqlColumn,
    TooLongError,
    columns_of,
    hashed,
    header,
    inside,
    of_rows,
    pieces_of,
    records,
)
from tasks.sources.mysql_driver import STRANGE, GuardedRows, strange
from tasks.sources.mysql_errors import is_timeout, told
from tasks.sources.mysql_ranges import bound, condition, key_of, prove_index
from tasks.sources.mysql_replica import Replicating, answering
from tasks.sources.mysql_session import all_rows, begin, connect, leave, prove_one_select
from tasks.sources.places import TAKEN
from tasks.sources.protocol import SourceShape, Span
from tasks.sources.ranges import Walk, asked, one_by_one
from tasks.sources.replica import another_server
from tasks.sources.selected import SelectedRows
from tasks.sources.snapshot import Watch, hang_up

_CHUNK_BYTES = 1024 * 1024
_ASKED_SECONDS = 60
"""For what should be answered at once."""


def open_reader(source: MysqlSource, settings: Settings, span: Span, columns: Sequence[Column] = ()) -> MysqlReader:
    return MysqlReader.of(source, settings, span, columns)


class MysqlReader(SelectedRows):
    """See `DatabaseReader`."""

    def fingerprint(self) -> str | None:
        """Rows and an order-free hash of them, computed by the source; only for a table without windows."""
        if self.span.window is not None:
            return None
        self.begun_anew()
        if self.source.chunks is None:
            with self._asked() as cursor:
                figures = [self._figures(cursor, "")]
        else:
            figures = list(asked(self.source.chunks, self._asked, self._walk, self._figures_of_range))
        rows, total = map(sum, zip(*figures, strict=True))
        return f"rows:{rows}:hash:{total}"

    def chunks(self) -> Iterator[bytes]:
        self.begun_anew()
        chunks = self.source.chunks
        with self._asked() as cursor:
            columns = columns_of(cursor, self.source.query)
            if chunks is None:
                selected = self._selected(cursor, columns, self._condition(columns))
                yield header(columns)
                yield from self._records(selected, columns)
                return
            self.walks.append(self._walk(cursor))
            if chunks.snapshot == "batch":
                yield header(columns)
                yield from self._all_ranges(cursor, columns)
                return
        yield header(columns)
        yield from one_by_one(self.walks[-1], partial(self._range_alone, columns), self.spill)

    def prove_chunks(self) -> int | None:
        with self._asked(reads=False) as cursor:
            return self._proven(cursor)

    def _selected(self, cursor: Cursor, columns: Sequence[MysqlColumn], condition: str) -> GuardedRows:
        """The query's rows that fulfil a condition, ready to come."""
        selected = ", ".join(piece.sql for piece in pieces_of(columns))
        rows = GuardedRows(cursor.connection)
        rows.execute(f"SELECT {selected} FROM {inside(self.source.query)}{condition}")
        return rows

    def _records(self, rows: GuardedRows, columns: Sequence[MysqlColumn], walk: Walk | None = None) -> Iterator[bytes]:
        """The rows as records of CSV; `walk` is told of how many."""
        pieces = pieces_of(columns)
        pending: list[bytes] = []
        size = 0
        try:
            # One by one: a row may have as many bytes as a server hands out at once.
            for line in records(iter(rows.read_next, None), pieces):
                pending.append(line)
                size += len(line)
                if size >= _CHUNK_BYTES:
                    if walk is not None:
                        walk.of_current += len(pending)
                    yield b"\n".join([*pending, b""])
                    pending, size = [], 0
        except TooLongError:
            raise self._too_long() from None
        if walk is not None:
            walk.of_current += len(pending)
        yield b"\n".join([*pending, b""])

    def _all_ranges(self, cursor: Cursor, columns: Sequence[MysqlColumn]) -> Iterator[bytes]:
        walk = self.walks[-1]
        while not walk.is_done:
            yield from self._range(cursor, columns)
            walk.end()

    def _range_alone(self, columns: Sequence[MysqlColumn]) -> Iterator[bytes]:
        with self._asked(goes_on=True) as cursor:
            yield from self._range(cursor, columns)

    def _range(self, cursor: Cursor, columns: Sequence[MysqlColumn]) -> Iterator[bytes]:
        """Records of the next range."""
        walk = self.walks[-1]
        yield from self._records(self._selected(cursor, columns, self._of_range(cursor, walk, columns)), columns, walk)

    def _of_range(self, cursor: Cursor, walk: Walk, columns: Sequence[MysqlColumn]) -> str:
        chunks, query = self.source.chunks, self.source.query
        assert chunks is not None
        key = key_of(columns, chunks, self.server)
        return f" WHERE {condition(key, walk.begin(partial(bound, cursor, query, key, chunks)))}"

    def _walk(self, cursor: Cursor) -> Walk:
        return Walk(self.name, self._proven(cursor))

    def _proven(self, cursor: Cursor) -> int | None:
        """About how many rows there are to be read by ranges, where the source can tell."""
        chunks, query = self.source.chunks, self.source.query
        assert chunks is not None
        key = key_of(columns_of(cursor, query), chunks, self.server)
        return prove_index(cursor, query, key, chunks, self.server)

    def _figures_of_range(self, cursor: Cursor, walk: Walk) -> tuple[int, int]:
        return self._figures(cursor, self._of_range(cursor, walk, columns_of(cursor, self.source.query)))

    def _figures(self, cursor: Cursor, condition: str) -> tuple[int, int]:
        """How many rows fulfil a condition, and the sum of their hashes."""
        one = hashed(columns_of(cursor, self.source.query))
        cursor.execute(f"SELECT COUNT(*), SUM({one}) FROM {inside(self.source.query)}{condition}")
        rows, total = cursor.fetchone()
        return int(rows), int(total or 0)

    def unplaced(self) -> int:
        assert self.source.cursor is not None
        with self._asked() as cursor:
            missing = _without_moment(of_rows(self.source.cursor.column))
            cursor.execute(f"SELECT COUNT(*) FROM {inside(self.source.query)} WHERE {missing}")
            return int(cursor.fetchone()[0])

    def ping(self) -> str:
        try:
            with replace(self, primary=None)._own_session(_ASKED_SECONDS, reads=False) as cursor:
                cursor.execute("SELECT CURRENT_USER(), DATABASE()")
                user, database = cursor.fetchone()
        except SourceUnreachableError as error:
            if error.code == TAKEN:
                raise
            # The port answered: what is wrong now is known to whoever runs the server.
            raise DeclarationError(
                error.message,
                code="SOURCE-LOGIN",
                next_command=f"mend {connection_setting(self.name)}; may this user log in?",
            ) from None
        return f"{user.decode()} in {'no database' if database is None else database.decode()}"

    def describe(self) -> SourceShape:
        with self._asked(reads=False) as cursor:
            return described(cursor, self.source.query)

    def first_day(self, column: str) -> date | None:
        with self._asked() as cursor:
            return first_day(cursor, self.source.query, column)

    def says_yes(self, query: str) -> bool:
        try:
            with self._session(_ASKED_SECONDS, reads=False) as cursor:
                prove_one_select(cursor, query)
                first = columns_of(cursor, query)[0]
                cursor.execute(f"SELECT {first.sql} IS TRUE FROM {inside(query)} LIMIT 1")
                row = cursor.fetchone()
        except (DeclarationError, SourceMissingError) as error:
            if error.code not in ("SOURCE-QUERY", "SOURCE-MISSING"):
                raise
            raise DeclarationError(
                f"wait_for.query: {error.message}", code="WAIT-FOR", next_command="mend source.wait_for.query"
            ) from None
        return row is not None and row[0] == b"1"

    def _condition(self, columns: Sequence[MysqlColumn]) -> str:
        """The window, behind the query's rows."""
        cursor = self.source.cursor
        if self.span.window is None or cursor is None:
            return ""
        kind = next((column.type_of_sql for column in columns if column.name.lower() == cursor.column.lower()), None)
        if kind is None:
            raise DeclarationError(
                f"{self.server}: source.cursor.column: the query has no {cursor.column}",
                code="SOURCE-QUERY",
                next_command="mend source.cursor or source.query",
            )
        name = of_rows(cursor.column)
        low, high = (_literal(bound) for bound in bounds(kind, cursor, self.cursor_column, self.span))
        rows = f"{name} >= {low} AND {name} < {high}"
        return f" WHERE {rows}" if cursor.nulls != "load" else f" WHERE ({rows}) OR {_without_moment(name)}"

    @contextmanager
    def _asked(self, goes_on: bool = False, *, reads: bool = True) -> Iterator[Cursor]:
        """A session in which the query is proven. `reads`: rows, and not the catalog alone; `goes_on`: in a read that has
        begun."""
        with (self.going_on() if goes_on else self)._session(None, reads=reads) as cursor:
            prove_one_select(cursor, self.source.query)
            yield cursor

    @contextmanager
    def _session(self, limit: int | None, *, reads: bool = True) -> Iterator[Cursor]:
        """A read-only session with one snapshot; with a replica, of what it had once it had all that its primary had."""
        with ExitStack() as held:
            _, cursor = self.entered(lambda here, own: own.enter_context(here._own_session(limit, reads=reads)), held)
            yield cursor

    @contextmanager
    def _own_session(self, limit: int | None, *, reads: bool) -> Iterator[Cursor]:
        """The same with this reader's server. Statements take so many seconds at most (None: as declared); errors are ours."""
        limit = limit or self.statement_seconds
        connection: Connection | None = None
        watch = Watch(self.snapshot_seconds if reads else None, lambda: self._end(connection))
        try:
            with self.place(reads=reads):
                try:
                    connection = connect(self.url, self.name, "headgate", limit)
                    server = self._caught_up(connection)
                    with watch:
                        begin(connection, limit)
                        if server != () and answering(connection) != server:
                            raise another_server(self.name)
                        yield connection.cursor()
                finally:
                    if connection is not None:
                        leave(connection)
        except pymysql.Error as error:
            if watch.over or (reads and limit == self.snapshot_seconds and is_timeout(error)):
                raise self.held_too_long() from None
            raise told(error, self.server, self.source.statement_timeout, connection_setting(self.name)) from None
        except STRANGE as error:
            # An answer of another shape than that statement has: everything in here reads what the server says.
            raise told(
                strange(error), self.server, self.source.statement_timeout, connection_setting(self.name)
            ) from error

    def _caught_up(self, connection: Connection) -> tuple[str, ...]:
        """Which server a session with a replica is with, once it has what its primary had; () of a primary."""
        if self.primary is None:
            return ()
        return self.caught_up(Replicating(self.primary.name, self.name, self.primary.asked, connection)).server

    @contextmanager
    def asked(self) -> Iterator[Connection]:
        """A session for a question that reads no rows and is answered at once."""
        try:
            with self.place(reads=False):
                connection = connect(self.url, self.name, "headgate", _ASKED_SECONDS)
                try:
                    all_rows(connection)
                    yield connection
                finally:
                    leave(connection)
        except pymysql.Error as error:
            raise told(error, self.server, self.source.statement_timeout, connection_setting(self.name)) from None

    def _end(self, connection: Connection | None) -> None:
        """End a read that another thread is in. A server that waits for us to take its rows sees nothing of a line that is hung
        up: it is asked, as everybody may ask it to end his own sessions."""
        assert connection is not None
        with suppress(pymysql.Error, DeclarationError):
            asking = connect(self.url, self.name, "headgate", _ASKED_SECONDS)
            try:
                asking.kill(connection.thread_id())
            finally:
                leave(asking)
        hang_up(connection._sock.fileno())

    def _too_long(self) -> DeclarationError:
        return DeclarationError(
            f"{self.server}: a record is longer than the server's max_allowed_packet",
            code="SOURCE-QUERY",
            next_command="leave its longest column out of source.query, or ask the source's owner to raise max_allowed_packet",
        )


def _without_moment(name: str) -> str:
    """Of a date or time: whether no window has it. To MySQL 0000-00-00 is a value."""
    return f"({name} IS NULL OR {name} < DATE'0001-01-01')"


def _literal(bound: Bound) -> str:
    """A date or a time as SQL; a moment in UTC, which is the session's zone."""
    if not isinstance(bound, datetime):
        return f"DATE'{bound.isoformat()}'"
    return f"TIMESTAMP'{bound.replace(tzinfo=None).isoformat(sep=' ')}'"
