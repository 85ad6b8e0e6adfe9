"""Find the records of a part that can't be read: bytes that aren't UTF-8, NULs, blank lines, wrong field counts.

Used only when the fast reader refuses a part; it costs one pass of numpy over the bytes and names every bad record.
"""

from __future__ import annotations

import codecs

import numpy as np
from numpy.typing import NDArray

from expectations.contract.split import RawPart, Reject, count_byte, outside_quotes

_LF, _CR = 10, 13
_BOM = codecs.BOM_UTF8


def scan(part: RawPart, delimiter: str, fields: int) -> RawPart:
    """The part without its unreadable records, which become rejects (codes BLANK-LINE, BARE-CR, NUL-BYTE, NOT-UTF8,
    BYTE-ORDER-MARK, TOO-FEW-FIELDS, TOO-MANY-FIELDS)."""
    if not part.data:
        return part
    array = np.frombuffer(part.data, dtype=np.uint8)
    ends = outside_quotes(part.data, _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    delimiters = outside_quotes(part.data, ord(delimiter))
    counts = np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1

    faults: dict[int, str] = {}
    faults.update(dict.fromkeys(np.flatnonzero(counts < fields).tolist(), "TOO-FEW-FIELDS"))
    faults.update(dict.fromkeys(np.flatnonzero(counts > fields).tolist(), "TOO-MANY-FIELDS"))
    returns = outside_quotes(part.data, _CR)
    faults.update(dict.fromkeys(np.searchsorted(ends, returns).tolist(), "BARE-CR"))
    nulls = np.flatnonzero(array == 0)
    faults.update(dict.fromkeys(np.searchsorted(ends, nulls).tolist(), "NUL-BYTE"))
    if _has_mark(part.data):
        marked = [i for i, start in enumerate(starts.tolist()) if part.data.startswith(_BOM, start)]
        faults.update(dict.fromkeys(marked, "BYTE-ORDER-MARK"))
    faults.update(dict.fromkeys(_not_utf8(part.data, starts, ends), "NOT-UTF8"))
    faults.update(dict.fromkeys(np.flatnonzero(ends == starts).tolist(), "BLANK-LINE"))
    if not faults:
        return part

    known = {reject.record for reject in part.rejects}
    ordinals = [n for n in range(part.first_record, part.first_record + part.extracted) if n not in known]
    good: list[bytes] = []
    rejects = list(part.rejects)
    position = 0
    for index in sorted(faults):
        start, end = int(starts[index]), int(ends[index])
        good.append(part.data[position:start])
        rejects.append(Reject(ordinals[index], faults[index], part.data[start:end]))
        position = end + 1
    good.append(part.data[position:])
    return RawPart(
        number=part.number,
        data=b"".join(good),
        first_record=part.first_record,
        records=part.records - len(faults),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.record)),
    )


def hides_faults(part: RawPart, delimiter: str, fields: int) -> bool:
    """Whether the fast reader might pass over something in silence: a NUL, a carriage return at the start of a line, a
    byte order mark where it begins to read, or empty fields beyond the header's at the end of a record."""
    mark = delimiter.encode()
    extras = mark + b"\n" in part.data and count_byte(part.data, mark[0]) != part.records * (fields - 1)
    return extras or b"\0" in part.data or b"\r" in part.data or _has_mark(part.data)


def raw_records(part: RawPart, indexes: list[int]) -> list[bytes]:
    """The bytes of the records at these places (from 0) among the part's readable ones."""
    if not indexes:
        return []
    ends = outside_quotes(part.data, _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    return [part.data[int(starts[index]) : int(ends[index])] for index in indexes]


def _has_mark(data: bytes) -> bool:
    """Whether a record may begin with a byte order mark: concatenated files leave them among the data."""
    # Its first byte, which few texts have, is found faster than all of it.
    return _BOM[:1] in data and (data.startswith(_BOM) or b"\n" + _BOM in data)


def _not_utf8(data: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> list[int]:
    """Indexes of records that hold bytes no UTF-8 text has."""
    if _is_utf8(data):
        return []
    records = enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    return [index for index, (start, end) in records if not _is_utf8(data[start:end])]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
