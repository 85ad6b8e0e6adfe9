"""Which spellings of a value each type accepts without a declared conversion, and under which code others are set aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ACCEPTED: dict[str, list[str]] = {
    "smallint": ["0", "-1", "32767", "-32768", "007", "-0"],
    "integer": ["2147483647", "-2147483648", "00000000000012"],
    "bigint": ["9223372036854775807", "-9223372036854775808"],
    "decimal(5,2)": ["0", "1.5", "1.50", "-999.99", "999.99", ".5", "-.5", "000999.99", "-0.00", "0.00"],
    "decimal(38,10)": ["1234567890123456789012345678.0123456789", "-1234567890123456789012345678"],
    "decimal(3,3)": [".999", "0.999", "-0.5"],
    "double precision": ["1", "-1.5", "1e10", "1E-10", "2.5e+3", "1.7976931348623157e308", "2.2250738585072014e-308", "0.0",
                         "0e5", ".5"],
    "boolean": ["true", "FALSE", "t", "F", "yes", "No", "1", "0", "y", "N"],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31", "1900-01-01"],
    "timestamp": ["2024-02-29 23:59:59", "2024-02-29T00:00:00", "2024-01-01 00:00:00.123456", "2024-01-01 00:00:00.1"],
    "timestamptz": ["2024-01-01T00:00:00Z", "2024-01-01 00:00:00+09", "2024-01-01 00:00:00-05:30", "2024-01-01T00:00:00.5+0900"],
    "time": ["00:00:00", "23:59:59.999999", "09:30:00.5", "12:00:00.120"],
    "binary": ["\\x", "\\x00ff", "\\xdeadbeef", "\\x" + "ab" * 32767],
    "json": ["{}", "[]", '""', "0", "-1.50", "true", '{"a": null, "b": [1, {"a": "x"}]}', '"' + "a" * 65533 + '"'],
    "varchar(6)": ["abcdef", "한글", "é", " a ", "NULL", "null", "\\N", "", "~nul~", 'a"b', "a\nb", "a,b", "😀"],
}  # fmt: skip

SET_ASIDE: dict[str, list[tuple[str, str]]] = {
    "smallint": [("32768", "OUT-OF-RANGE"), ("-32769", "OUT-OF-RANGE"), ("1.0", "NOT-INTEGER")],
    "integer": [
        ("1.6", "NOT-INTEGER"), ("17850.0", "NOT-INTEGER"), ("1_000", "NOT-INTEGER"), ("1,000", "NOT-INTEGER"),
        ("1e3", "NOT-INTEGER"), (" 1", "NOT-INTEGER"), ("1 ", "NOT-INTEGER"), ("+1", "NOT-INTEGER"), ("0x1F", "NOT-INTEGER"),
        ("", "NOT-INTEGER"), ("-", "NOT-INTEGER"), ("--1", "NOT-INTEGER"), ("NaN", "NOT-INTEGER"), ("true", "NOT-INTEGER"),
        ("１", "NOT-INTEGER"), ("٣", "NOT-INTEGER"), ("2147483648", "OUT-OF-RANGE"), ("-2147483649", "OUT-OF-RANGE"),
        ("1\n", "NOT-INTEGER"), ("99999999999999999999999999999999999999999", "OUT-OF-RANGE"),
    ],
    "bigint": [("9223372036854775808", "OUT-OF-RANGE"), ("1.", "NOT-INTEGER")],
    "decimal(5,2)": [
        ("1.555", "TOO-MANY-PLACES"), ("1.500", "TOO-MANY-PLACES"), ("1000", "OUT-OF-RANGE"), ("-1000.00", "OUT-OF-RANGE"),
        ("1e2", "NOT-DECIMAL"), ("1,5", "NOT-DECIMAL"), ("$1", "NOT-DECIMAL"), ("1.", "NOT-DECIMAL"), (".", "NOT-DECIMAL"),
        ("1_0", "NOT-DECIMAL"), ("", "NOT-DECIMAL"), ("NaN", "NOT-DECIMAL"), ("+1.5", "NOT-DECIMAL"), (" 1.5", "NOT-DECIMAL"),
        ("1.2.3", "NOT-DECIMAL"),
    ],
    "decimal(3,3)": [("1.000", "OUT-OF-RANGE"), ("1", "OUT-OF-RANGE")],
    "double precision": [
        ("1e309", "OUT-OF-RANGE"), ("1e-400", "OUT-OF-RANGE"), ("4e-310", "OUT-OF-RANGE"), ("NaN", "NOT-NUMBER"),
        ("inf", "NOT-NUMBER"), ("Infinity", "NOT-NUMBER"), ("1d5", "NOT-NUMBER"), ("", "NOT-NUMBER"), ("1_0", "NOT-NUMBER"),
        ("0x10", "NOT-NUMBER"), ("1e", "NOT-NUMBER"), ("-1e999", "OUT-OF-RANGE"),
    ],
    "boolean": [
        ("2", "NOT-BOOLEAN"), ("on", "NOT-BOOLEAN"), ("", "NOT-BOOLEAN"), (" true", "NOT-BOOLEAN"), ("tru", "NOT-BOOLEAN"),
    ],
    "date": [
        ("2024-02-30", "NOT-DATE"), ("2023-02-29", "NOT-DATE"), ("24-01-01", "NOT-DATE"), ("01/02/2024", "NOT-DATE"),
        ("2024-1-1", "NOT-DATE"), ("2024-01-01 00:00:00", "NOT-DATE"), ("", "NOT-DATE"), ("infinity", "NOT-DATE"),
        ("20240101", "NOT-DATE"), ("0000-01-01", "OUT-OF-RANGE"), ("2024-00-10", "NOT-DATE"), ("2024-13-01", "NOT-DATE"),
        ("10000-01-01", "NOT-DATE"), ("today", "NOT-DATE"), ("epoch", "NOT-DATE"),
    ],
    "timestamp": [
        ("2024-01-01T00:00:00Z", "HAS-OFFSET"), ("2024-01-01 00:00:00+09", "HAS-OFFSET"),
        ("2024-01-01 00:00:00 -05:00", "HAS-OFFSET"), ("2024-01-01", "NOT-TIMESTAMP"), ("2024-01-01 24:00:00", "NOT-TIMESTAMP"),
        ("2024-01-01 12:00", "NOT-TIMESTAMP"), ("2024-01-01 12:60:00", "NOT-TIMESTAMP"), ("2024-01-01 23:59:60", "NOT-TIMESTAMP"),
        ("2024-01-01 00:00:00.1234567", "NOT-TIMESTAMP"), ("2024-01-01  00:00:00", "NOT-TIMESTAMP"), ("now", "NOT-TIMESTAMP"),
        ("2024-01-01 12:00:00 PM", "NOT-TIMESTAMP"), ("1704067200", "NOT-TIMESTAMP"), ("", "NOT-TIMESTAMP"),
        ("0000-12-31 00:00:00", "OUT-OF-RANGE"),
    ],
    "timestamptz": [
        ("2024-01-01 00:00:00", "NO-OFFSET"), ("2024-01-01T00:00:00", "NO-OFFSET"), ("2024-01-01 00:00:00 KST", "NOT-TIMESTAMP"),
        ("2024-01-01T24:00:00Z", "NOT-TIMESTAMP"), ("2024-01-01 00:00:00+25:00", "NOT-TIMESTAMP"), ("", "NOT-TIMESTAMP"),
        ("2024-01-01 00:00:00+09:61", "NOT-TIMESTAMP"), ("2024-01-01 00:00:00 +09:00", "NOT-TIMESTAMP"),
        ("0001-01-01T00:00:00+09", "OUT-OF-RANGE"),
        ("0000-06-01T00:00:00Z", "OUT-OF-RANGE"),
    ],
    "time": [
        ("24:00:00", "OUT-OF-RANGE"), ("-01:00:00", "OUT-OF-RANGE"), ("838:59:59", "OUT-OF-RANGE"), ("25:00:00", "OUT-OF-RANGE"),
        ("-838:59:59.000001", "OUT-OF-RANGE"), ("12:60:00", "NOT-TIME"), ("23:59:60", "NOT-TIME"), ("12:00", "NOT-TIME"),
        ("1:00:00", "NOT-TIME"), ("12:00:00.1234567", "NOT-TIME"), ("12:00:00 PM", "NOT-TIME"), ("12:00:00Z", "HAS-OFFSET"),
        ("12:00:00+09", "HAS-OFFSET"), ("", "NOT-TIME"), (" 12:00:00", "NOT-TIME"), ("2024-01-01 12:00:00", "NOT-TIME"),
        ("noon", "NOT-TIME"), ("allballs", "NOT-TIME"), ("99:99:99", "NOT-TIME"),
    ],
    "binary": [
        ("0", "NOT-HEX"), ("0g", "NOT-HEX"), ("\\X00", "NOT-HEX"), ("00 ff", "NOT-HEX"), (" 00", "NOT-HEX"), ("x'00'", "NOT-HEX"),
        ("ab" * 32768, "TOO-LONG"), ("AP8=", "NOT-HEX"), ("00\n", "NOT-HEX"),
    ],
    "json": [
        ("", "NOT-JSON"), ("text", "NOT-JSON"), ("{'a': 1}", "NOT-JSON"), ('{"a": 1, "a": 2}', "NOT-JSON"), ("NaN", "NOT-JSON"),
        ('"\\u0000"', "NOT-JSON"), ('"' + "a" * 65534 + '"', "TOO-LONG"), ("nulls", "NOT-JSON"), ("[" * 5000, "NOT-JSON"),
    ],
    "varchar(6)": [("abcdefg", "TOO-LONG"), ("한글é", "TOO-LONG"), ("😀é1", "TOO-LONG")],
}  # fmt: skip


def line(value: str) -> bytes:
    return ('"' + value.replace('"', '""') + '",x\n').encode()


def column(kind: str) -> dict[str, Any]:
    return {"name": "v", "type": kind} | ({"source_timezone": "UTC"} if kind == "timestamp" else {})


KEEPER = {"name": "k", "type": "varchar(9)"}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_accepted_spellings_are_staged_as_they_came(make_table: Any, check: Callable[..., Any], kind: str) -> None:
    table = make_table(column(kind), KEEPER)
    parts, rows = check(table, b"v,k\n" + b"".join(map(line, ACCEPTED[kind])))
    assert [row.code for row in parts[0].quarantined] == []
    if kind == "boolean":
        assert [value for value, _ in rows] == [value.lower() for value in ACCEPTED[kind]]
    elif kind != "timestamptz":
        assert [value for value, _ in rows] == ACCEPTED[kind]


@pytest.mark.parametrize("kind", SET_ASIDE)
def test_other_spellings_are_set_aside_with_a_reason(make_table: Any, check: Callable[..., Any], kind: str) -> None:
    table = make_table(column(kind), KEEPER)
    parts, rows = check(table, b"v,k\n" + b"".join(line(value) for value, _ in SET_ASIDE[kind]))
    told = {row.record: (row.code, row.column) for row in parts[0].quarantined}
    found = [(value, told.get(place, ("accepted", "v"))) for place, (value, _) in enumerate(SET_ASIDE[kind])]
    assert found == [(value, (code, "v")) for value, code in SET_ASIDE[kind]]
    assert rows == []


def test_every_code_has_a_sentence_that_names_the_column() -> None:
    from expectations.contract.reasons import reasons, sentence

    codes = {code for told in SET_ASIDE.values() for _, code in told}
    assert codes <= reasons().keys()
    assert all("'" not in sentence(code, "amount") or "n't" in sentence(code, "amount") for code in codes)
    assert sentence("NOT-INTEGER", "amount") == "amount isn't written as a whole number"
    # The encoding is what is declared, not UTF-8 alone.
    assert sentence("NOT-UTF8", None) == "bytes that are no text in the source's encoding"
    assert sentence("MY-RULE", None, "score is between 0 and 10") == "breaks the rule: score is between 0 and 10"


@pytest.mark.parametrize(("written", "utc"), [
    ("2024-01-01T00:00:00Z", "2024-01-01 00:00:00.000000+00"), ("2024-01-01 00:00:00+09", "2023-12-31 15:00:00.000000+00"),
    ("2024-01-01 00:00:00-05:30", "2024-01-01 05:30:00.000000+00"),
    ("2024-01-01T00:00:00.5+0900", "2023-12-31 15:00:00.500000+00"),
])  # fmt: skip
def test_an_offset_is_read_and_staged_as_utc(
    make_table: Any, check: Callable[..., Any], written: str, utc: str
) -> None:
    _, rows = check(make_table(column("timestamptz"), KEEPER), b"v,k\n" + line(written))
    assert rows == [(utc, "x")]
