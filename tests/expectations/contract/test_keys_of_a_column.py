"""What each key of a column, and each conversion, does to a value: with it, and without it."""

from __future__ import annotations

from typing import Any

import pytest

N = {"type": "decimal(9,3)"}
Z = {"type": "timestamp", "source_timezone": "Europe/Berlin"}
TWICE = "2024-10-27 02:30:00"
"""A local time of the hour that Berlin has twice."""
# Names of what is seen; the column; what the source writes; what is staged, or the reason it isn't, with '!'.
CASES: list[tuple[tuple[str, ...], dict[str, Any], str, str | None]] = [
    (("Column.type",), {"type": "integer"}, "x", "!NOT-INTEGER"),
    (("Column.nullable",), {"type": "integer", "nullable": False}, "", "!NOT-NULL"),
    (("Column.null",), {"type": "integer", "null": ["NA"]}, "NA", None),
    (("Column.strip",), N | {"strip": ["$"]}, "$5", "5"),
    (("Column.format",), {"type": "date", "format": "%d.%m.%Y"}, "31.12.2025", "2025-12-31"),
    (("Column.source_timezone",), Z, "2026-01-01 10:00:00", "2026-01-01 09:00:00.000000"),
    (("Column.ambiguous", "Column.ambiguous=first"), Z | {"ambiguous": "first"}, TWICE, "2024-10-27 00:30:00.000000"),
    (("Column.ambiguous=second",), Z | {"ambiguous": "second"}, TWICE, "2024-10-27 01:30:00.000000"),
    (("Column.ambiguous=quarantine",), Z | {"ambiguous": "quarantine"}, TWICE, "!AMBIGUOUS-LOCAL-TIME"),
    *(
        (("Column.cast", f"Column.cast={cast}"), kind | {"cast": [cast]}, written, staged)
        for cast, kind, written, staged in (
            ("trim", N, " 5 ", "5"), ("accounting", N, "(5)", "-5"), ("percent", N, "5%", "0.05"),
            ("percent_points", N, "5%", "5"), ("space_thousands", N, "1 234", "1234"),
            ("apostrophe_thousands", N, "1'234", "1234"), ("drop_thousands", N, '"1,234"', "1234"),
            ("decimal_comma", N, '"5,5"', "5.5"), ("whole_number", {"type": "integer"}, "5.0", "5"),
            ("upper", {"type": "varchar(9)"}, "a", "A"), ("lower", {"type": "varchar(9)"}, "A", "a"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "written", "staged"), [pytest.param(*case, marks=pytest.mark.effect(*names)) for names, *case in CASES]
)
def test_what_becomes_of_a_value(
    make_table: Any, check: Any, column: dict[str, Any], written: str, staged: str
) -> None:
    table = make_table({"name": "v"} | column, {"name": "k", "type": "varchar(9)"})
    parts, rows = check(table, f"v,k\n{written},x\n".encode())
    if staged is not None and staged.startswith("!"):
        assert [row.code for row in parts[0].quarantined] == [staged[1:]]
    else:
        assert [row[0] for row in rows] == [staged], parts[0].quarantined


@pytest.mark.effect("Column.name", "Column.from", "Table.columns")
def test_a_column_is_found_by_its_name_or_the_one_it_has_there(make_table: Any, check: Any) -> None:
    table = make_table({"name": "v", "type": "integer", "from": "V v"}, {"name": "k", "type": "varchar(9)"})
    assert check(table, b"k,V v\nx,5\n")[1] == [("5", "x")]
