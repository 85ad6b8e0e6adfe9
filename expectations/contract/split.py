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

COUNTED_BYTES = 256 * 1024
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
        buffer = b"".join(pending)
        if number == 0:
            cut, part = _cut(buffer[: part_bytes // FIRST_SHARE], delimiter, number, record, final=False)
            if part is not None:
                yield part
                number, record, buffer = 1, part.extracted, buffer[cut:]
        cut, part = _cut(buffer, delimiter, number, record, final=False)
        if part is not None:
            yield part
            number, record = number + 1, record + part.extracted
        pending, size = [buffer[cut:]], len(buffer) - cut
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
        yield RawPart(part.number, part.data, part.first_record + start, part.records, together)
        number = part.number + 1
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
    array = np.frombuffer(buffer, dtype=np.uint8)
    quotes = np.flatnonzero(array == _QUOTE)
    if _legal(array, quotes, ord(delimiter), final=final):
        newlines = np.flatnonzero(array == _LF)
        ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
        if len(ends) and np.diff(ends, prepend=-1).max() <= MAX_RECORD_BYTES:
            cut = int(ends[-1]) + 1
            data = buffer[:cut] if b"\r\n" not in buffer else _without_cr(array[:cut], quotes)
            return cut, RawPart(number, data, record, len(ends))
    return _walk(buffer, delimiter, number, record, final=final)


def _part(data: bytes, number: int, record: int) -> RawPart:
    return RawPart(number, data, record, count_byte(data, _LF))


def count_byte(data: bytes, byte: int) -> int:
    """How often a byte occurs; several times as fast as `bytes.count` where it is a common one."""
    array = np.frombuffer(data, dtype=np.uint8)
    # A piece at a time: what is compared at once is held once more.
    pieces = range(0, len(array), COUNTED_BYTES)
    return sum(int(np.count_nonzero(array[start : start + COUNTED_BYTES] == byte)) for start in pieces)


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


def _legal(array: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: int, *, final: bool) -> bool:
    """Whether every quote opens a field, closes one, or is half of a doubled quote."""
    if final and len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = array[np.maximum(opening - 1, 0)]
    opens = (opening == 0) | (before == delimiter) | (before == _LF) | (before == _QUOTE)
    last = len(array) - 1
    after, second = array[np.minimum(closing + 1, last)], array[np.minimum(closing + 2, last)]
    line_end = (after == _LF) | ((after == _CR) & ((second == _LF) | (closing + 1 == last)))
    closes = (closing == last) | line_end | np.isin(after, (delimiter, _QUOTE))
    # A quote before an opening one must be the closing one right before it: a doubled quote, not an empty field.
    doubled = (before == _QUOTE) & (opening > 0)
    return bool(opens.all() and closes.all() and np.isin(opening[doubled] - 1, closing).all())


def _without_cr(array: NDArray[np.uint8], quotes: NDArray[np.intp]) -> bytes:
    """The bytes with CRLF line ends outside quotes made LF; inside quotes nothing is touched."""
    returns = np.flatnonzero((array[:-1] == _CR) & (array[1:] == _LF))
    outside = returns[np.searchsorted(quotes, returns) % 2 == 0]
    return np.delete(array, outside).tobytes()


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
