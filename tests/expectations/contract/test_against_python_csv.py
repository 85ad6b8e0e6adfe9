"""Any bytes: a row is staged exactly when Python's csv module reads the contract's number of fields from it, and as those."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Check = Callable[..., Any]
COLUMNS = [{"name": name, "type": "varchar(60)"} for name in ("h1", "h2", "h3")]
PIECES = [b"a", b"7", b",", b",", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b'"x,\n"', b"\xed\x95\x9c", b"\xff", b"\x00",
          b"\xef\xbb\xbf", b"h1,h2,h3\n", b" ", b"\\", b"#", b"b,c,d\n", b"1,,\n", b',,""\n']  # fmt: skip
BYTES = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def fields_of(raw: bytes) -> list[str] | None:
    """The fields of one record as Python reads them; None when it can't be a row of the table."""
    try:
        text = raw.decode()
        [record] = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (UnicodeDecodeError, ValueError, csv.Error):
        return None
    outside_quotes = "".join(text.split('"')[::2])
    sound = (
        len(record) == 3
        and not text.startswith("\ufeff")
        and "\x00" not in text
        and "\r" not in outside_quotes
        and record != ["h1", "h2", "h3"]
    )
    return record if sound else None


@given(BYTES, st.sampled_from([1, 16, 1 << 20]), st.sampled_from(["", "~null~"]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(b"a,b,c,\n", 1 << 20, "")
@example(b'a,b,"c\rd"\n', 1 << 20, "")
@example(b"\rb,c,d\n", 1, "")
@example(b"a,b,c\n\rb,c,d\n", 1 << 20, "")
@example(b'"x,\n",,\n1,2,3,,\n', 16, "~null~")
def test_staged_rows_are_the_readable_ones(
    make_table: Any, check: Check, data: bytes, part_bytes: int, marker: str
) -> None:
    parts, rows = check(make_table(*COLUMNS), b"h1,h2,h3\n" + data, part_bytes=part_bytes, marker=marker)
    aside = {row.record: row for part in parts for row in part.quarantined}
    total = sum(part.extracted for part in parts)
    assert len(rows) + len(aside) == total
    # What was set aside can't be read (Python takes some quotes that can't stand there); the rest is, in order, what can.
    readable = [row.code for row in aside.values() if fields_of(row.raw.encode()) is not None]
    assert set(readable) <= {"NOT-UTF8", "NUL-BYTE", "BAD-QUOTING"}
    expected = [fields for raw in records(data, aside, total) if (fields := fields_of(raw)) is not None]
    assert [[value or "" for value in row] for row in rows] == expected


def records(data: bytes, aside: dict[int, Any], total: int) -> list[bytes]:
    """The good records in the data, by taking out what was set aside, line by line from the front."""
    found, rest = [], data
    for place in range(total):
        if place in aside:
            lines = 1 + (aside[place].raw.count("\n"))
            for _ in range(lines):
                rest = rest.partition(b"\n")[2]
            continue
        end, open_quotes = 0, False
        while end < len(rest) and (open_quotes or rest[end : end + 1] != b"\n"):
            open_quotes ^= rest[end : end + 1] == b'"'
            end += 1
        found.append(rest[:end].removesuffix(b"\r"))
        rest = rest[end + 1 :]
    assert rest.strip(b"\r\n") == b""
    return found
