"""Any text, number, date or NULL makes the trip source -> stage -> warehouse unchanged, or is set aside with a reason."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

NOTE_BYTES = 24
EXAMPLES = int(os.environ.get("HEADGATE_TEST_EXAMPLES", "5"))
TABLE = f"""
description: Values.
owner: a@example.com
source: {{kind: csv, url: "file://{{folder}}/values.csv", delimiter: "%s"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: note, type: varchar({NOTE_BYTES})}}
  - {{name: amount, type: "decimal(18,4)"}}
  - {{name: ratio, type: double precision}}
  - {{name: day, type: date}}
  - {{name: at, type: timestamp, source_timezone: UTC}}
  - {{name: seen, type: timestamptz}}
  - {{name: ok, type: boolean}}
  - {{name: other, type: varchar(300)}}
  - {{name: opens, type: time}}
  - {{name: bytes, type: binary}}
  - {{name: doc, type: json}}
key: [id]
load: {{mode: full_refresh, tolerance: 100%%, shrink_guard: 100%%, generations: 0}}
"""
PLAIN = "id, note, amount, ratio, day, at, seen, ok, other, opens"
ALPHABET = ['"', "'", ",", ";", "|", "\t", "\n", "\r", "\r\n", "\\", "\\N", "\\.", " ", "", "~null~", "NULL", "a", "é",
            "\u200b", "\ufeff", "\u2028", "😀", "\U0010ffff", "\x01", "\x1f", "\x7f", "--", "%s", "%",
            "'); DROP TABLE x; --"]  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A JSON value, as a text or a number may be one, too."""

    value: Any


texts = st.none() | st.lists(st.sampled_from(ALPHABET), max_size=8).map("".join)
moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
documents = st.none() | st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.lists(st.sampled_from(ALPHABET), max_size=4).map("".join),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ALPHABET), inner, max_size=3),
    max_leaves=6,
).map(Document)
rows = st.lists(
    st.tuples(
        texts,
        st.none() | st.decimals(-99999999999999, 99999999999999, places=4),
        st.none() | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
        st.none() | st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
        st.none() | moments,
        st.none() | moments,
        st.none() | st.booleans(),
        texts,
        st.none() | st.times(),
        st.none() | st.binary(max_size=40),
        documents,
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def field(value: object, delimiter: str, quoted: bool) -> str:
    """A CSV field as RFC 4180 has it; nothing at all is NULL, quotes with nothing between them are an empty text."""
    if value is None:
        return ""
    text = {True: "true", False: "f"}[value] if isinstance(value, bool) else spelled(value)
    if quoted or not text or any(c in text for c in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def spelled(value: object) -> str:
    if isinstance(value, dt.datetime):
        local = value.replace(tzinfo=None, fold=0).isoformat("T" if value.second % 2 else " ")
        return local + ("Z" if value.tzinfo else "")
    if isinstance(value, Document):
        return json.dumps(value.value, ensure_ascii=len(str(value.value)) % 2 == 0)
    if isinstance(value, bytes):
        return ("", "0x", "\\x")[len(value) % 3] + value.hex()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def is_tiny(ratio: float | None) -> bool:
    """Smaller than a double with full precision: PostgreSQL refuses some of those, so the contract does."""
    return ratio is not None and 0 < abs(ratio) < 2.2250738585072014e-308


def same(loaded: tuple[Any, ...] | None, expected: tuple[Any, ...] | None) -> bool:
    """Equal in every value; a double is compared in the 15 digits that a Redshift session shows of it."""
    if loaded is None or expected is None:
        return loaded == expected
    return all(a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-14))
               for a, b in zip(loaded, expected, strict=True))  # fmt: skip


def _read(digits: str | None, text: str | None) -> tuple[bytes | None, Document | None]:
    return (
        None if digits is None else bytes.fromhex(digits),
        None if text is None else Document(json.loads(text)),
    )


@pytest.mark.parametrize("delimiter", [",", "|"])
def test_values_arrive_unchanged_or_are_set_aside(house: Any, delimiter: str) -> None:
    table = house.declare("values", TABLE % delimiter)
    told = "to_hex(bytes), json_serialize(doc)" if house.place.is_redshift else "encode(bytes, 'hex'), doc::text"

    # Every example is a whole load: shrinking one would take minutes.
    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(rows)
    def trip(found: list[tuple[Any, ...]]) -> None:
        expected, aside, lines = {}, {}, []
        for number, (note, amount, ratio, day, at, seen, ok, other, opens, data, doc, quoted) in enumerate(found):
            seen = None if seen is None else seen.replace(tzinfo=dt.UTC)
            values = (note, amount, ratio, day, at, seen, ok, other, opens, data, doc)
            lines.append(delimiter.join(field(value, delimiter, quoted) for value in (number, *values)))
            if note is not None and len(note.encode()) > NOTE_BYTES:
                aside[number] = "TOO-LONG"
            elif is_tiny(ratio):
                aside[number] = "OUT-OF-RANGE"
            elif data == b"" and house.place.is_redshift:
                aside[number] = "EMPTY-BYTES"
            else:
                expected[number] = values
        # One row that always fits: a table may not be emptied.
        lines.append(delimiter.join(["-1", *[""] * 11]))
        expected[-1] = (None,) * 11
        head = delimiter.join(
            ("id", "note", "amount", "ratio", "day", "at", "seen", "ok", "other", "opens", "bytes", "doc")
        )
        house.source("values.csv", "\n".join([head, *lines]) + "\n")
        house.load(table, reprocess=True)
        loaded = {row[0]: (*row[1:-2], *_read(*row[-2:])) for row in house.rows(table, f"{PLAIN}, {told}")}
        differing = [n for n in loaded.keys() | expected.keys() if not same(loaded.get(n), expected.get(n))]
        assert [(n, loaded.get(n), expected.get(n)) for n in differing] == []
        quarantine = f"quarantine.{house.schema}__values"
        if (
            aside
            or house.place.ask("SELECT count(*) FROM pg_class WHERE relname = %s", (f"{house.schema}__values",))[0][0]
        ):
            assert dict(house.rows(quarantine, "record, code")) == aside

    trip()
