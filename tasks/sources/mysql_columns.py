"""Columns of a MySQL query as the server describes them, and the SQL with which it writes each as a field of CSV.

The server writes whole records, so that one value per row is all that a driver in Python has to take apart. Long texts and
bytes come as they are and are written here: to double many quotes in one takes MariaDB the square of its length. What is
written depends neither on the server's `sql_mode` nor on the character set of a table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.cursors import Cursor

ROWS = "hg_rows"
"""What the declared query is called inside of ours."""
_BINARY = 63
"""The character set of bytes and numbers."""
_CHARACTER_BYTES = 4
"""A text's length is told in bytes of utf8mb4, the connection's character set."""
_WHOLE = {
    FIELD_TYPE.TINY: "smallint", FIELD_TYPE.SHORT: "smallint", FIELD_TYPE.YEAR: "smallint", FIELD_TYPE.INT24: "integer",
    FIELD_TYPE.LONG: "integer", FIELD_TYPE.LONGLONG: "bigint",
}  # fmt: skip
_UNSIGNED = {FIELD_TYPE.SHORT: "integer", FIELD_TYPE.LONG: "bigint", FIELD_TYPE.LONGLONG: "numeric(20,0)"}
_FLOATS = {FIELD_TYPE.FLOAT: "real", FIELD_TYPE.DOUBLE: "double precision"}
_DECIMALS = (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL)
_MOST_DIGITS = 38
_TIMES = {
    FIELD_TYPE.DATE: "date", FIELD_TYPE.NEWDATE: "date", FIELD_TYPE.TIME: "time without time zone",
    FIELD_TYPE.DATETIME: "timestamp without time zone", FIELD_TYPE.TIMESTAMP: "timestamp with time zone",
}  # fmt: skip
_SHORT_TEXTS = (FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING)
_BIGINT_BITS = 63
_LONGEST_WRITTEN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class MysqlColumn:
    """One column as the server describes it. `length`: digits, bits or bytes."""

    name: str
    code: int
    charset: int
    flags: int
    length: int
    scale: int

    @property
    def sql(self) -> str:
        return of_rows(self.name)

    @property
    def is_text(self) -> bool:
        return self.charset != _BINARY or self.code == FIELD_TYPE.JSON

    @property
    def is_not_null(self) -> bool:
        return bool(self.flags & FLAG.NOT_NULL)

    @property
    def is_of_key(self) -> bool:
        return bool(self.flags & FLAG.PRI_KEY)

    @property
    def type_of_sql(self) -> str:
        """As a catalog of PostgreSQL would call it, which is what windows and drafts of tables go by."""
        if self.code in _WHOLE:
            return (_UNSIGNED if self.flags & FLAG.UNSIGNED else {}).get(self.code, _WHOLE[self.code])
        if self.code in _DECIMALS:
            # Told with a place for the sign and one for the point.
            digits = self.length - (not self.flags & FLAG.UNSIGNED) - (self.scale > 0)
            return f"numeric({digits},{self.scale})" if digits <= _MOST_DIGITS else "numeric"
        if self.code == FIELD_TYPE.BIT:
            return "bigint" if self.length <= _BIGINT_BITS else "numeric(20,0)"
        named = _FLOATS.get(self.code) or _TIMES.get(self.code)
        if named is not None:
            return named
        if not self.is_text:
            return "bytea"
        if self.code == FIELD_TYPE.JSON:
            return "json"
        if self.code in _SHORT_TEXTS:
            return f"character varying({self.length // _CHARACTER_BYTES})"
        return "text"

    @property
    def is_long(self) -> bool:
        """Whether its values are handed out as they are, to be written here."""
        return self._is_of_bytes or (self.is_text and self.length > _LONGEST_WRITTEN_BYTES)

    @property
    def field(self) -> str:
        """SQL of the field: NULL is nothing at all, and an empty text two quotes."""
        if self.code == FIELD_TYPE.NULL:
            return "''"
        if self.is_text:
            # Doubled quotes are all that CSV asks for, and no backslash stands in this SQL.
            text = f"REPLACE({self._text}, '\"', '\"\"')"
            return f"IF({self.sql} IS NULL, '', CONCAT('\"', {text}, '\"'))"
        return f"IFNULL({self._value}, '')"

    @property
    def raw(self) -> str:
        """SQL of a long value, NULL included."""
        return self._text if self.is_text else self.sql

    @property
    def hashed(self) -> str:
        """SQL of a short text that another value has another of."""
        return f"IFNULL(MD5({self.sql}), '')" if self.is_long else self.field

    @property
    def writer(self) -> Callable[[bytes | None], bytes]:
        """Writes a long value as a field of CSV; bytes as digits, which any text of a warehouse holds."""
        return _quoted_text if self.is_text else _digits

    @property
    def _text(self) -> str:
        return f"CONVERT({self.sql} USING utf8mb4)"

    @property
    def _is_of_bytes(self) -> bool:
        numbers = self.code in (*_WHOLE, *_FLOATS, *_DECIMALS, *_TIMES, FIELD_TYPE.BIT, FIELD_TYPE.NULL)
        return not self.is_text and not numbers

    @property
    def _value(self) -> str:
        if self.code in _FLOATS:
            # By itself a FLOAT is written with six digits, whatever it holds.
            return f"{self.sql} * 1e0"
        if self.code == FIELD_TYPE.BIT or self.flags & FLAG.ZEROFILL:
            return f"{self.sql} + 0"
        if self.code == FIELD_TYPE.TIMESTAMP:
            # The session's zone is UTC.
            return f"CONCAT({self.sql}, '+00')"
        return self.sql


class TooLongError(Exception):
    """A record is longer than the server hands out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one column of our SELECT holds: a run of fields that the server writes, or a long value (`column`)."""

    sql: str
    column: MysqlColumn | None = None


def of_rows(name: str) -> str:
    """A column of the declared query, inside of ours."""
    return f"{ROWS}.{quoted(name)}"


def quoted(name: str) -> str:
    """A name in backticks, which every `sql_mode` reads the same. ValueError: it holds a NUL, which no name can."""
    if "\0" in name:
        raise ValueError("a name can't hold the character NUL")
    return "`" + name.replace("`", "``") + "`"


def inside(query: str) -> str:
    """The query as a table. On lines of its own: it may end in a comment."""
    return f"(\n{query}\n) {ROWS}"


def columns_of(cursor: Cursor, query: str) -> list[MysqlColumn]:
    """The columns of a query, of which no row is read. pymysql.Error: it can't be run."""
    cursor.execute(f"SELECT {ROWS}.* FROM {inside(query)} LIMIT 0")
    # The DB-API's description has neither character sets nor flags: bytes and texts would be one.
    fields = cursor._result.fields
    return [
        MysqlColumn(item.name, item.type_code, item.charsetnr, item.flags, item.length, item.scale) for item in fields
    ]


def pieces_of(columns: Sequence[MysqlColumn]) -> list[Piece]:
    """The columns in as few pieces as can be: taking values apart is what costs here."""
    pieces = []
    for is_long, found in groupby(columns, key=lambda column: column.is_long):
        if is_long:
            pieces += [Piece(column.raw, column) for column in found]
        else:
            pieces.append(Piece(_joined([column.field for column in found])))
    return pieces


def hashed(columns: Sequence[MysqlColumn]) -> str:
    """SQL of a whole number of 64 bits that another row has another of."""
    # Where it is NULL, the record is longer than the server hands out, and the rows can't be read either.
    line = _joined([column.hashed for column in columns])
    return f"CAST(CONV(LEFT(MD5({line}), 16), 16, 10) AS UNSIGNED)"


def records(rows: Iterable[tuple[bytes | None, ...]], pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Records of CSV. TooLongError: the server makes NULL of one."""
    if len(pieces) == 1 and pieces[0].column is None:
        for (line,) in rows:
            if line is None:
                raise TooLongError
            yield line
        return
    writers = [_as_it_is if piece.column is None else piece.column.writer for piece in pieces]
    for row in rows:
        yield b",".join([write(value) for write, value in zip(writers, row, strict=True)])


def _as_it_is(value: bytes | None) -> bytes:
    if value is None:
        raise TooLongError
    return value


def _quoted_text(value: bytes | None) -> bytes:
    return b"" if value is None else b'"' + value.replace(b'"', b'""') + b'"'


def _digits(value: bytes | None) -> bytes:
    return b"" if value is None else b'"' + value.hex().encode() + b'"'


def _joined(fields: Sequence[str]) -> str:
    between = ", ',', "
    return f"CONCAT({between.join(fields)})"


def header(columns: Sequence[MysqlColumn]) -> bytes:
    """The names as the first record of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([column.name for column in columns])
    return text.getvalue().encode()
