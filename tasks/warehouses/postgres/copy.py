"""Load staged parts into PostgreSQL: each part is streamed through COPY FROM STDIN, several sessions at once.

The candidate is not visible to anybody, so each part commits by itself. Bytes are hashed on their way: a part that isn't
what the manifest promises aborts its COPY.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import DeclarationError, RetryableError
from tasks.objects.manifest import Form, Manifest, Part
from tasks.objects.packing import Codec, PackingError, unpacked
from tasks.objects.protocol import ObjectStore
from tasks.switches import reached
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import Address, explain, session
from tasks.warehouses.stage_errors import refused_row

SESSIONS = 2
_READ_BYTES = 1024 * 1024
_PLACE = re.compile(r"line (?P<line>\d+)(?:, column (?P<column>[^:,]+))?")


class PartReader(io.RawIOBase):
    """The decompressed bytes of a staged part; reading past a wrong hash or a missing end raises.

    `failure` keeps what was raised: on its way through COPY the driver makes a cancelled query of it.
    """

    def __init__(
        self, store: ObjectStore, part: Part, codec: Codec = "zstd", form: Form = "csv", names: Sequence[str] = ()
    ) -> None:
        self._part = part
        self._codec = codec
        self._form, self._names = form, names
        self._url = store.url(part.key)
        self._hash = hashlib.sha256()
        self._size = 0
        self._pieces = self._decompressed(store.stream(part.key))
        self._rest = b""
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = _READ_BYTES if size < 0 else size
        while not self._rest:
            try:
                piece = next(self._pieces, None)
            except BaseException as error:
                self.failure = error
                raise
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:wanted], self._rest[wanted:]
        reached("copy-bytes")
        return data

    def _decompressed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            plain = unpacked(self._hashed(pieces), self._codec)
            for data in plain if self._form == "csv" else _as_csv(plain, self._form, self._names, self._url):
                if data:
                    yield data
        except FileNotFoundError:
            raise RetryableError(
                f"{self._url} is gone from the stage", code="STAGE-LOST", next_command="headgate retry RUN"
            ) from None
        except PackingError:
            self._wrong("can't be decompressed")
        # The producer's own objects (in place) carry a tag of the store instead of a hash: their size is compared.
        known = ":" in self._part.sha256 or self._hash.hexdigest() == self._part.sha256
        if self._size != self._part.bytes or not known:
            self._wrong(f"holds other bytes than were staged ({self._size} of {self._part.bytes})")

    def _hashed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._hash.update(piece)
            self._size += len(piece)
            yield piece

    def _wrong(self, how: str) -> None:
        raise RetryableError(f"{self._url} {how}", code="STAGE-CORRUPT", next_command="headgate retry RUN")


def copy(address: Address, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]) -> int:
    """Load every part; returns the rows PostgreSQL counted. The table must be empty and closed."""
    lanes = [manifest.parts[lane::SESSIONS] for lane in range(min(SESSIONS, len(manifest.parts)))]
    with ThreadPoolExecutor(max(1, len(lanes)), thread_name_prefix="copy") as pool:
        return sum(pool.map(lambda lane: _copy_lane(address, store, lane, manifest, table, columns), lanes))


def copy_within(
    cursor: Cursor, store: ObjectStore, manifest: Manifest, table: TableName, columns: Sequence[str]
) -> int:
    """Load every part inside the transaction that has made the table; returns the rows PostgreSQL counted.

    Frozen: nobody sees the table before its transaction ends, and whoever reads it then needn't ask whether that ended well.
    """
    loaded = 0
    for part in manifest.parts:
        loaded += _copy_part(cursor, store, part, manifest, table, columns, frozen=True)
        reached("copy-part")
    return loaded


def _statement(manifest: Manifest, table: TableName, columns: Sequence[str], *, frozen: bool) -> sql.Composed:
    return sql.SQL(
        "COPY {} ({}) FROM STDIN (FORMAT csv, DELIMITER {}, NULL {}, HEADER {}, QUOTE '\"', ESCAPE '\"', ENCODING 'UTF8', "
        "FREEZE {})"
    ).format(
        qualified(table),
        sql.SQL(", ").join(map(identifier, columns)),
        sql.Literal(manifest.delimiter),
        sql.Literal(manifest.null_marker),
        sql.SQL("true" if manifest.header_lines else "false"),
        sql.SQL("true" if frozen else "false"),
    )


def copy_rows(cursor: Cursor, table: TableName, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Load rows of our own inside the caller's transaction; None is NULL, an empty text stays one."""
    out, count = io.StringIO(), 0
    for row in rows:
        # Python's csv module can't tell None from '' before 3.12.
        out.write(",".join("" if value is None else _quoted(str(value)) for value in row) + "\n")
        count += 1
    out.seek(0)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        qualified(table), sql.SQL(", ").join(map(identifier, columns))
    )
    cursor.copy_expert(statement, out)
    return count


def _as_csv(pieces: Iterator[bytes], form: Form, names: Sequence[str], where: str) -> Iterator[bytes]:
    # Imported for what needs it: it brings the readers of other forms along.
    from tasks.sources.as_csv import as_csv

    return as_csv(pieces, form, names, where)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _copy_lane(
    address: Address, store: ObjectStore, parts: Sequence[Part], manifest: Manifest, table: TableName,
    columns: Sequence[str],
) -> int:  # fmt: skip
    loaded = 0
    with session(address) as connection, connection.cursor() as cursor:
        for part in parts:
            loaded += _copy_part(cursor, store, part, manifest, table, columns)
            connection.commit()
            reached("copy-part")
    return loaded


def _copy_part(
    cursor: Cursor, store: ObjectStore, part: Part, manifest: Manifest, table: TableName, columns: Sequence[str],
    *, frozen: bool = False,
) -> int:  # fmt: skip
    reader = PartReader(store, part, manifest.codec, manifest.form, columns)
    try:
        cursor.copy_expert(_statement(manifest, table, columns, frozen=frozen), reader, size=_READ_BYTES)
    except psycopg2.Error as error:
        if reader.failure is not None:
            raise reader.failure from None
        raise _explained(error, store.url(part.key), manifest.in_place) from None
    return cursor.rowcount


_TOO_LARGE = "54000"
"""SQLSTATE program_limit_exceeded."""


def _explained(error: psycopg2.Error, url: str, in_place: bool) -> Exception:
    """A refused row as file, line, column and reason; its value stays hidden."""
    place = _PLACE.search(error.diag.context or "") if error.diag else None
    if place is None or (error.pgcode or "").startswith(("08", "57", "53", "XX")):
        return explain(error, f"COPY of {url}")
    reason = re.sub(r':? ?".*"', "", error.diag.message_primary or "refused")
    column = f", column {place['column']}" if place["column"] else ""
    if error.pgcode == _TOO_LARGE:
        # Rows are written some at a time: the line it names is the last of them.
        return DeclarationError(
            f"COPY of {url}: {reason} ({error.pgcode}). A row of so many columns is more than a page of "
            "PostgreSQL holds; Redshift has no such limit.",
            code="ROW-TOO-WIDE",
            next_command="declare two tables with the key in both, half of the columns each; nothing was published",
            file=url,
        )
    said = f"COPY of {url}: line {place['line']}{column}: {reason} ({error.pgcode})"
    return refused_row(said, in_place, file=url, line=int(place["line"]), column=place["column"])
