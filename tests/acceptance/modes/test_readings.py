"""Spellings that two parsers read differently are set aside with a reason, never changed on their way."""

from __future__ import annotations

from typing import Any

TABLE = """
description: Spellings.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/spellings.csv"}
columns:
  - {name: whole, type: integer}
  - {name: price, type: "decimal(6,2)"}
  - {name: ratio, type: double precision}
  - {name: day, type: date}
  - {name: at, type: timestamp, source_timezone: UTC}
  - {name: seen, type: timestamptz}
  - {name: ok, type: boolean}
  - {name: opens, type: time}
  - {name: bytes, type: binary}
  - {name: doc, type: json}
  - {name: note, type: varchar(4)}
load: {mode: full_refresh, tolerance: 100%}
"""
SPELLINGS = [
    # DuckDB's cast makes 2, 1000 and 17850 of these; COPY refuses them, or drops what stands behind the point.
    ("whole", "1.6", "NOT-INTEGER"), ("whole", "1_000", "NOT-INTEGER"), ("whole", "17850.0", "NOT-INTEGER"),
    ("whole", "1e3", "NOT-INTEGER"), ("whole", " 7", "NOT-INTEGER"), ("whole", "+7", "NOT-INTEGER"),
    ("whole", "0x1F", "NOT-INTEGER"), ("whole", "2147483648", "OUT-OF-RANGE"), ("whole", "٣", "NOT-INTEGER"),
    # PostgreSQL rounds what Redshift truncates.
    ("price", "1.005", "TOO-MANY-PLACES"), ("price", "12345.6", "OUT-OF-RANGE"), ("price", "1,234.5", "NOT-DECIMAL"),
    ("price", "NaN", "NOT-DECIMAL"), ("price", "1e2", "NOT-DECIMAL"), ("price", "$5", "NOT-DECIMAL"),
    ("ratio", "NaN", "NOT-NUMBER"), ("ratio", "Infinity", "NOT-NUMBER"), ("ratio", "1e400", "OUT-OF-RANGE"),
    ("day", "01/02/2026", "NOT-DATE"), ("day", "2026-02-30", "NOT-DATE"), ("day", "2026-2-3", "NOT-DATE"),
    ("day", "infinity", "NOT-DATE"), ("day", "0000-00-00", "NOT-DATE"),
    # An offset in a timestamp without zone is dropped by PostgreSQL and applied by others.
    ("at", "2026-01-01 10:00:00+09:00", "HAS-OFFSET"), ("at", "2026-01-01", "NOT-TIMESTAMP"),
    ("at", "2026-01-01 24:00:00", "NOT-TIMESTAMP"), ("at", "1767225600", "NOT-TIMESTAMP"),
    ("seen", "2026-01-01 10:00:00", "NO-OFFSET"), ("seen", "2026-01-01 10:00:00 KST", "NOT-TIMESTAMP"),
    ("ok", "on", "NOT-BOOLEAN"), ("ok", "2", "NOT-BOOLEAN"), ("ok", "wahr", "NOT-BOOLEAN"),
    # A span of time is no time of day; PostgreSQL alone has an hour 24.
    ("opens", "24:00:00", "OUT-OF-RANGE"), ("opens", "12:00", "NOT-TIME"), ("opens", "12:00:00+09", "HAS-OFFSET"),
    ("doc", "{'a': 1}", "NOT-JSON"), ("bytes", "abc", "NOT-HEX"),
    # Lengths are bytes on Redshift, characters on PostgreSQL.
    ("note", "ééé", "TOO-LONG"), ("note", "abcde", "TOO-LONG"),
]  # fmt: skip
COLUMNS = ("whole", "price", "ratio", "day", "at", "seen", "ok", "opens", "bytes", "doc", "note")


def test_spellings_that_two_parsers_read_differently_are_set_aside(house: Any) -> None:
    table = house.declare("spellings", TABLE)
    lines = [",".join('"' + text + '"' if name == column else "" for name in COLUMNS) for column, text, _ in SPELLINGS]
    good = '7,1.5,1e2,2026-01-01,2026-01-01T10:00:00,2026-01-01T10:00:00+09:00,YES,08:30:00.5,,"null","éé"'
    house.source("spellings.csv", "\n".join([",".join(COLUMNS), *lines, good]) + "\n")
    house.load(table)
    found = house.rows(f"quarantine.{house.schema}__spellings", "record, code, column_name", "record")
    assert found == [(number, code, column) for number, (column, _, code) in enumerate(SPELLINGS)]
    loaded = house.rows(
        table, "whole, price::varchar, ratio, day::varchar, at::varchar, seen::varchar, ok, opens::varchar, note"
    )
    assert loaded in (
        [
            (
                7,
                "1.50",
                100.0,
                "2026-01-01",
                "2026-01-01 10:00:00",
                f"2026-01-01 01:00:00{zone}",
                True,
                "08:30:00.5",
                "éé",
            )
        ]
        for zone in ("+00", "+00:00")
    )


def test_declared_conversions_change_what_was_declared_and_nothing_else(house: Any) -> None:
    table = house.declare(
        "spellings",
        """
        description: Spellings.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/spellings.csv"}
        columns:
          - {name: whole, type: integer, cast: [trim, whole_number, drop_thousands], "null": [NA, "-"]}
          - {name: day, type: date, format: "%d.%m.%Y"}
          - {name: at, type: timestamp, source_timezone: Asia/Seoul}
          - {name: note, type: varchar(10), "null": [NA]}
        load: {mode: full_refresh}
        """,
    )
    house.source(
        "spellings.csv",
        'whole,day,at,note\n" 17850.0",31.12.2025,2026-01-01 08:59:59,NA\n"1,234",,,"NA "\n-,01.01.2026,,""\n',
    )
    house.load(table)
    assert house.rows(table, "whole, day::varchar, at::varchar, note", "whole NULLS LAST") == [
        (1234, None, None, "NA "),
        (17850, "2025-12-31", "2025-12-31 23:59:59", None),
        (None, "2026-01-01", None, ""),
    ]


def test_line_ends_inside_values_stay_as_they_are(house: Any) -> None:
    table = house.declare(
        "lines",
        """
        description: Lines.
        owner: a@example.com
        source: {kind: csv, url: "file://{folder}/lines.csv"}
        columns:
          - {name: id, type: integer, nullable: false}
          - {name: note, type: varchar(40)}
        key: [id]
        load: {mode: full_refresh}
        """,
    )
    notes = ["a\r\nb", "\r\n", "ends with\r", "\\\r\n\\N", "\\N", "\\", ',"\r\n",', "plain", "", None, "last\r\n"]
    lines = [f'{n},"' + note.replace('"', '""') + '"' if note is not None else f"{n}," for n, note in enumerate(notes)]
    house.source("lines.csv", "id,note\r\n" + "\r\n".join(lines) + "\r\n")
    house.load(table)
    assert [note for (note,) in house.rows(table, "note", "id")] == notes
