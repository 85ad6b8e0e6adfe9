"""COPY TO STDOUT, read while it is written: the driver's call returns when all rows are here, so a thread of its own makes it."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.sources.snapshot import Watch

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK_BYTES = 1024 * 1024
_QUEUED_CHUNKS = 16
# Seconds after which a thread that waits for its reader looks whether there still is one.
_LOOKED_AFTER = 0.5
Statements = Iterator[sql.Composed]
"""Each made when the one before has given its rows."""


def copied(
    cursor: Cursor, statements: Statements, watch: Watch, ended: Callable[[BaseException], BaseException]
) -> Iterator[bytes]:
    """What the statements give, one after the other, in the transaction of the cursor, whose connection is closed afterwards.

    `watch` holds for as long as rows come from the source. `ended`: the error to raise for the one that ended the read.
    """
    connection = cursor.connection
    pipe: queue.Queue[bytes | BaseException | None] = queue.Queue(_QUEUED_CHUNKS)
    sink = _Sink(pipe)
    thread = threading.Thread(target=_copy_out, args=(cursor, statements, sink, watch), name="copy-out", daemon=True)
    try:
        with watch:
            thread.start()
            while (item := pipe.get()) is not None:
                if isinstance(item, BaseException):
                    raise ended(item) from None
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


def _copy_out(cursor: Cursor, statements: Statements, sink: _Sink, watch: Watch) -> None:
    try:
        # The driver writes row by row: gathered in C, they cost half of what they do in Python.
        rows = io.BufferedWriter(sink, _CHUNK_BYTES)
        for statement in statements:
            cursor.copy_expert(statement, rows)
        # What is read is read: whoever takes the rest of it holds no snapshot.
        watch.leave()
        cursor.connection.rollback()
        rows.flush()
        sink.end()
    except _AbandonedError:
        return
    except Exception as error:  # noqa: BLE001 - raised where it is waited for: a thread that dies alone would hang it
        # A reader that went away closes the connection, and doesn't want to hear of it.
        with suppress(_AbandonedError):
            sink.fail(error)
    finally:
        # Rows that nobody waits for any more are dropped with the buffer.
        sink.close()


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
