"""Cut a stream of CSV bytes into parts at record boundaries, and set aside records whose quoting is broken.

RFC 4180 with the quote character `"`. Where a chunk holds no quote, a newline ends a record and the work is a search
for bytes. Where it does, numpy finds which newlines lie outside quotes. Only a chunk with illegal quoting is walked
record by record: a broken record ends with its line, so that one stray quote costs one row and not the rest of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deployments.errors import UpstreamError

PART_BYTES = 16 * 1024 * 1024
FIRST_SHARE = 8
"""The first part is an eighth of the others."""
MAX_RECORD_BYTES = 4 * 1024 * 1024
"""Redshift's limit of a row. A longer record is set aside."""
MAX_LINE_BYTES = 4 * PART_BYTES
"""Where no line ends in as many bytes, the source isn't CSV, or its end is lost: the batch fails."""

PIECE_BYTES = 256 * 1024
"""What numpy makes of bytes is many times their size: it is given so many at a time."""
_QUOTE, _LF, _CR = 34, 10, 13


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that can't be read: its position in the batch (from 0), the reason code and the bytes as they came."""

    record: int
    code: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class RawPart:
    """Whole records with '\\n' line ends. `first_record` counts from 0 within the batch, `rejects` are not in `data`."""

    number: int
    data: bytes
    first_record: int
    records: int
    rejects: tuple[Reject, ...] = ()

    @property
    def extracted(self) -> int:
        """Records of the source that this part stands for."""
        return self.records + len(self.rejects)

    @property
    def ordinals(self) -> list[int]:
        """The place in the batch of each readable record."""
        unreadable = {reject.record for reject in self.rejects}
        return [n for n in range(self.first_record, self.first_record + self.extracted) if n not in unreadable]


def split(chunks: Iterable[bytes], delimiter: str = ",", part_bytes: int = PART_BYTES) -> Iterator[RawPart]:
    """Parts of about `part_bytes` from chunks of any size; memory stays within a few parts. The first of several is smaller, so
    that what comes after it begins at once.

    Which records there are does not depend on where chunks or parts end. UpstreamError: no line ends in 64 MB.
    """
    pending: list[bytes] = []
    size = number = record = 0
    wanted = part_bytes
    for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size < wanted:
            continue
        buffer, pending = b"".join(pending), []
        if number == 0:
            cut, part = _cut(buffer[: part_bytes // FIRST_SHARE], delimiter, number, record, final=False)
            if part is not None:
                number, record, buffer = 1, part.extracted, buffer[cut:]
                yield part
        cut, part = _cut(buffer, delimiter, number, record, final=False)
        pending, size = [buffer[cut:]], len(buffer) - cut
        # Neither the bytes nor the part made of them are held while the next ones come.
        buffer = b""
        if part is not None:
            number, record = number + 1, record + part.extracted
            yield part
        part = None
        # What is left has been looked at: it must grow by as much again, or a long record would be read over and over.
        wanted = max(part_bytes, 2 * size)
    buffer = b"".join(pending)
    if buffer:
        if not buffer.endswith(b"\n"):
            buffer += b"\n"
        _, part = _cut(buffer, delimiter, number, record, final=True)
        if part is not None:
            yield part


def with_rejects(parts: Iterable[RawPart], rejects: Sequence[Reject]) -> Iterator[RawPart]:
    """The parts with records put in that never were bytes of theirs, at their places among all records of the batch.

    `rejects` (in order) may grow while the parts are read, but never behind the part that is given out.
    """
    taken = number = 0
    for part in parts:
        start, end = taken, part.first_record + part.extracted
        while taken < len(rejects) and rejects[taken].record - taken <= end:
            taken += 1
        found = rejects[start:taken]
        written_before = [reject.record - index for index, reject in enumerate(found, start)]
        own = (
            Reject(reject.record + start + bisect_right(written_before, reject.record), reject.code, reject.raw)
            for reject in part.rejects
        )
        together = tuple(sorted([*own, *found], key=lambda reject: reject.record))
        number = part.number + 1
        yield RawPart(part.number, part.data, part.first_record + start, part.records, together)
        del part
    if taken < len(rejects):
        yield RawPart(number, b"", rejects[taken].record, 0, tuple(rejects[taken:]))


def first_record(buffer: bytes, delimiter: str) -> bytes | None:
    """The bytes of the first record without its line end; None when the buffer holds no whole one."""
    match = _record(delimiter).match(buffer)
    return match["record"] if match is not None and _ends_line(buffer, match) else None


def _cut(buffer: bytes, delimiter: str, number: int, record: int, *, final: bool) -> tuple[int, RawPart | None]:
    """Where the last whole record ends, and the part before it (None when there isn't one yet)."""
    if b'"' not in buffer:
        cut = buffer.rfind(b"\n") + 1
        if cut and not _has_long_line(buffer, cut):
            return cut, _part(_with_lf(buffer[:cut]), number, record)
        return _walk(buffer, delimiter, number, record, final=final)
    if not (final and count_byte(buffer, _QUOTE) % 2):
        records, cut = _legal_records(np.frombuffer(buffer, dtype=np.uint8), ord(delimiter))
        if records:
            data = buffer[:cut]
            return cut, RawPart(number, _without_cr(data) if b"\r\n" in data else data, record, records)
    return _walk(buffer, delimiter, number, record, final=final)


def _part(data: bytes, number: int, record: int) -> RawPart:
    return RawPart(number, data, record, count_byte(data, _LF))


def count_byte(data: bytes, byte: int) -> int:
    """How often a byte occurs; several times as fast as `bytes.count` where it is a common one."""
    array = np.frombuffer(data, dtype=np.uint8)
    # A piece at a time: what is compared at once is held once more.
    pieces = range(0, len(array), PIECE_BYTES)
    return sum(int(np.count_nonzero(array[start : start + PIECE_BYTES] == byte)) for start in pieces)


def _with_lf(data: bytes) -> bytes:
    """The bytes with CRLF made LF. Looking for two bytes takes fifty times as long as looking for one."""
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def _has_long_line(buffer: bytes, end: int) -> bool:
    """Whether a line before `end` is longer than a record may be; a handful of searches, not one for each line."""
    position = 0
    while end - position > MAX_RECORD_BYTES:
        position = buffer.rfind(b"\n", position, position + MAX_RECORD_BYTES) + 1
        if not position:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of the bytes, from `start` on: the places of `quotes` among all bytes, and whether it begins inside of them."""

    start: int
    array: NDArray[np.uint8]
    quotes: NDArray[np.intp]
    inside: int

    def outside(self, byte: int) -> NDArray[np.intp]:
        """Where a byte stands outside quotes."""
        places = self.start + np.flatnonzero(self.array == byte)
        kept: NDArray[np.intp] = places[(np.searchsorted(self.quotes, places) + self.inside) % 2 == 0]
        return kept


def _pieces(array: NDArray[np.uint8]) -> Iterator[_Piece]:
    inside = 0
    for start in range(0, len(array), PIECE_BYTES):
        piece = array[start : start + PIECE_BYTES]
        quotes = start + np.flatnonzero(piece == _QUOTE)
        yield _Piece(start, piece, quotes, inside)
        inside = (inside + len(quotes)) % 2


def outside_quotes(data: bytes, byte: int) -> NDArray[np.intp]:
    """Where a byte stands outside quotes."""
    found = [piece.outside(byte) for piece in _pieces(np.frombuffer(data, dtype=np.uint8))]
    return np.concatenate(found) if found else np.empty(0, dtype=np.intp)


def _legal_records(array: NDArray[np.uint8], delimiter: int) -> tuple[int, int]:
    """How many whole records there are, and where the last one ends; 0 and 0 where a quote is in a place that it can't have, or
    a record is too long."""
    records = end = 0
    for piece in _pieces(array):
        ends = piece.outside(_LF)
        if not _legal(array, piece, delimiter):
            return 0, 0
        if len(ends):
            if np.diff(ends, prepend=end - 1).max() > MAX_RECORD_BYTES:
                return 0, 0
            records, end = records + len(ends), int(ends[-1]) + 1
    return records, end


def _legal(array: NDArray[np.uint8], piece: _Piece, delimiter: int) -> bool:
    """Whether every quote of a piece opens a field, closes one, or is half of a doubled quote."""
    opening, closing = piece.quotes[piece.inside :: 2], piece.quotes[1 - piece.inside :: 2]
    # A quote right before an opening one is the closing one before it: together they are a doubled quote.
    before = array[np.maximum(opening - 1, 0)]
    opens = (opening == 0) | (before == delimiter) | (before == _LF) | (before == _QUOTE)
    last = len(array) - 1
    after, second = array[np.minimum(closing + 1, last)], array[np.minimum(closing + 2, last)]
    line_end = (after == _LF) | ((after == _CR) & ((second == _LF) | (closing + 1 == last)))
    closes = (closing == last) | line_end | (after == delimiter) | (after == _QUOTE)
    return bool(opens.all() and closes.all())


def _without_cr(data: bytes) -> bytes:
    """The bytes with CRLF line ends outside quotes made LF; inside quotes nothing is touched."""
    array = np.frombuffer(data, dtype=np.uint8)
    returns = outside_quotes(data, _CR)
    # The last byte ends a line.
    return np.delete(array, returns[array[returns + 1] == _LF]).tobytes()


def _record(delimiter: str) -> re.Pattern[bytes]:
    d, field = _field(delimiter)
    return re.compile(rb"(?P<record>" + field + rb"(?:" + d + field + rb")*)(?:\r?\n|\r?\Z)")


def _field(delimiter: str) -> tuple[bytes, bytes]:
    """Patterns of the delimiter and of a field. A carriage return is part of a field only where no line ends with it."""
    d = re.escape(delimiter.encode())
    plain = rb'[^"' + d + rb"\r\n]*+"
    # Nothing that was matched is given back: a field that doesn't end there doesn't end earlier either.
    return d, rb'(?:"[^"]*+(?:""[^"]*+)*+"|' + plain + rb"(?:\r(?!\n|\Z)" + plain + rb")*+)"


def _walk(buffer: bytes, delimiter: str, number: int, record: int, *, final: bool) -> tuple[int, RawPart | None]:
    """Record by record: legal ones are kept, a broken one is set aside with its line."""
    pattern = _record(delimiter)
    good: list[bytes] = []
    rejects: list[Reject] = []
    position = 0
    while position < len(buffer):
        match = pattern.match(buffer, position)
        if match is not None and _ends_line(buffer, match):
            end, code = match.end(), "TOO-LONG-RECORD"
            if end - position <= MAX_RECORD_BYTES:
                good.append(match["record"])
                position = end
                continue
        else:
            line_end = buffer.find(b"\n", position) + 1
            rest = len(buffer) - position
            if not final:
                # More bytes may make it legal: up to the limit of a record, or until its line ends.
                if line_end == 0 and rest > MAX_LINE_BYTES:
                    raise endless(record + len(good) + len(rejects))
                undecided = match is not None or _open_quote(buffer, position, delimiter)
                if line_end == 0 or (undecided and rest <= MAX_RECORD_BYTES):
                    break
            end = line_end or len(buffer)
            code = "TOO-LONG-RECORD" if end - position > MAX_RECORD_BYTES else "BAD-QUOTING"
        rejects.append(Reject(record + len(good) + len(rejects), code, buffer[position:end].rstrip(b"\r\n")))
        position = end
    if position == 0:
        return 0, None
    data = b"".join(part + b"\n" for part in good)
    return position, RawPart(number, data, record, len(good), tuple(rejects))


def _ends_line(buffer: bytes, match: re.Match[bytes]) -> bool:
    """Whether a matched record ends with its line, and not with the bytes that are there so far."""
    return buffer[match.end("record") : match.end()].endswith(b"\n")


def _open_quote(buffer: bytes, position: int, delimiter: str) -> bool:
    """Whether the record at `position` could still close its quote in bytes that haven't come yet."""
    d, field = _field(delimiter)
    unfinished = re.compile(rb"(?:" + field + d + rb')*+"[^"]*+(?:""[^"]*+)*+\Z')
    return unfinished.match(buffer, position) is not None


def endless(record: int) -> UpstreamError:
    """The error of a record (from 0) that goes on and on."""
    return UpstreamError(
        f"record {record + 1} has no line end within {MAX_LINE_BYTES // 1024**2} MB",
        code="RECORD-WITHOUT-END",
        next_command="look at the source: is it CSV, and is it whole?",
        record=record + 1,
    )
