"""Declared conversions: what they change, what they leave alone, and local times that happened twice or never."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Check = Callable[..., Any]
KEEPER = {"name": "k", "type": "varchar(9)"}

NO = "!NOT-DECIMAL"
# Casts, units, and what is made of what is written: exactly what a conversion describes, and nothing that looks like it.
VALUES: list[tuple[list[str], list[str], dict[str, str]]] = [
    (["decimal_comma"], [], {
        "6.252,53": "6252.53", "-6.252.252,5": "-6252252.5", "12,5": "12.5", "1.234": "1234", "12": "12", ",5": ".5",
        "0,000": "0.000",
        "1.23": NO, "1.2345": NO, "12.345.6": NO, "1,234,567": NO, "1234.567,8": NO, "1.234.5,6": NO, "1.234,": NO, "1,5e3": NO,
        "": NO, ",": NO, "6 252,53": NO, "--1,5": NO, "1.5": NO}),
    (["space_thousands"], [], {
        "1 234": "1234", "1\N{NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567.5": "1234567.5", "-12\N{THIN SPACE}345": "-12345",
        "12": "12", "1 23": NO, "1 2345": NO, "1  234": NO, " 1 234": NO, "1234 567": NO, "1 234,5": NO}),
    (["space_thousands", "decimal_comma"], [], {"1 234,5": "1234.5", "-1\N{NO-BREAK SPACE}234": "-1234",
                                                "1 234.5": NO, "12.5": NO}),
    (["apostrophe_thousands"], [], {"1'234.50": "1234.50", "1\N{RIGHT SINGLE QUOTATION MARK}234": "1234", "1'23": NO,
                                    "'1234'": NO}),
    (["percent"], [], {
        "5%": "0.05", "5 %": "0.05", "12.5%": "0.125", "-150%": "-1.50", "0%": "0.00", ".5%": "0.005", "5": NO, "%": NO,
        "5%%": NO,
        "5 percent": NO, "-.5\N{NO-BREAK SPACE}%": "-0.005", "05.0%": "0.050"}),
    (["decimal_comma", "percent"], [], {"12,5 %": "0.125", "1.250%": "12.50", "12.5%": NO, "12,5": NO}),
    (["percent_points"], [], {"5%": "5", "-12.5 %": "-12.5", "5": NO}),
    (["accounting"], [], {"(12.50)": "-12.50", "12.50-": "-12.50", "12.50": "12.50", "-12.50": "-12.50", "(-12.50)": NO,
                          "((1))": NO,
                          "(12": NO, "12)": NO, "()": NO, "-12.50-": NO, "(1)-": NO}),
    (["drop_thousands", "accounting"], ["$"], {
        "$40.68": "40.68", "$1,234.50": "1234.50", "($1,234.50)": "-1234.50", "$(1.5)": NO, "-$5": "-5", "$-5": "-5",
        "$ 5": "5",
        "5 $": "5", "5$": "5", "5": "5", "$$5": NO, "$5$": NO, "\u20ac5": NO, "USD 5": NO, "-$-5": NO, "$": NO}),
    (["decimal_comma"], ["\u20ac", "EUR"], {"1.234,50 \u20ac": "1234.50", "EUR 5": "5", "EUR5,5": "5.5", "5.5 EUR": NO,
                                            "5 eur": NO}),
    (["trim", "accounting", "space_thousands", "apostrophe_thousands", "decimal_comma", "percent", "whole_number"], ["kg"],
     {" (1 234,5 kg%) ": "-12.345", " 1 234,5% ": "12.345"}),
]  # fmt: skip

# Column, what the source writes (None: an unquoted empty field), what is staged; a reason begins with '!'.
CONVERSIONS: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"type": "integer"}, None, None),
    ({"type": "varchar(9)"}, None, None),
    ({"type": "varchar(9)"}, "", ""),
    ({"type": "varchar(9)", "nullable": False}, "", ""),
    ({"type": "varchar(9)", "nullable": False}, None, "!NOT-NULL"),
    ({"type": "varchar(9)", "null": "NA"}, "NA", None),
    ({"type": "varchar(9)", "null": ["NA", ""]}, "", None),
    ({"type": "varchar(9)", "null": "NA"}, "na", "na"),
    ({"type": "varchar(9)", "null": "NA", "nullable": False}, "NA", "!NOT-NULL"),
    ({"type": "varchar(9)", "null": "it's"}, "it's", None),
    ({"type": "integer", "null": "-1"}, "-1", None),
    ({"type": "integer", "null": "-1", "cast": "whole_number"}, "-1.0", None),
    ({"type": "integer", "null": "N/A", "cast": "trim"}, " N/A ", None),
    ({"type": "varchar(9)", "null": "N/A ", "cast": "trim"}, "N/A ", None),
    ({"type": "integer", "cast": "trim"}, " 12\t", "12"),
    ({"type": "integer", "cast": "trim"}, "1 2", "!NOT-INTEGER"),
    ({"type": "varchar(9)", "cast": "trim"}, "  ", ""),
    ({"type": "varchar(2)", "cast": "trim"}, " ab ", "ab"),
    ({"type": "varchar(9)", "cast": ["trim"]}, "\u00a0a", "\u00a0a"),
    ({"type": "integer", "cast": "whole_number"}, "17850.0", "17850"),
    ({"type": "integer", "cast": "whole_number"}, "-17850.000", "-17850"),
    ({"type": "integer", "cast": "whole_number"}, "17850", "17850"),
    ({"type": "integer", "cast": "whole_number"}, "17850.5", "!NOT-INTEGER"),
    ({"type": "integer", "cast": "whole_number"}, "17850.", "!NOT-INTEGER"),
    ({"type": "integer", "cast": "whole_number"}, "1e3", "!NOT-INTEGER"),
    ({"type": "varchar(9)", "cast": "whole_number"}, "85123.0", "85123"),
    ({"type": "varchar(9)", "cast": "whole_number"}, "85123A", "85123A"),
    ({"type": "decimal(9,2)", "cast": "drop_thousands"}, "1,234,567.50", "1234567.50"),
    ({"type": "integer", "cast": "drop_thousands"}, "1,234", "1234"),
    ({"type": "integer", "cast": "drop_thousands"}, "12,34", "!NOT-INTEGER"),
    ({"type": "integer", "cast": "drop_thousands"}, "1,2345", "!NOT-INTEGER"),
    ({"type": "integer", "cast": ["trim", "drop_thousands", "whole_number"]}, " 1,234.0 ", "1234"),
    *(({"type": "decimal(12,3)", "cast": cast, "strip": strip}, written, staged) for cast, strip, pairs in VALUES
      for written, staged in pairs.items()),
    ({"type": "integer", "cast": "decimal_comma"}, "1.234", "1234"),
    ({"type": "integer", "cast": "decimal_comma"}, "1.234,5", "!NOT-INTEGER"),
    ({"type": "double precision", "cast": "decimal_comma"}, "1.5", "!NOT-NUMBER"),
    ({"type": "decimal(5,2)", "cast": "decimal_comma"}, "1,234", "!TOO-MANY-PLACES"),
    ({"type": "decimal(9,2)", "cast": ["decimal_comma", "trim"], "null": ["-", "k.A."]}, " - ", None),
    ({"type": "decimal(9,2)", "cast": ["decimal_comma", "trim"], "null": ["-", "k.A."]}, "k.A.", None),
    ({"type": "decimal(9,2)", "cast": "decimal_comma", "nullable": False}, None, "!NOT-NULL"),
    ({"type": "varchar(9)", "cast": "upper"}, "é 한 a", "É 한 A"),
    ({"type": "varchar(9)", "cast": "lower"}, "ÀB", "àb"),
    ({"type": "boolean"}, "TRUE", "true"),
    ({"type": "boolean", "cast": "trim"}, " No ", "no"),
    ({"type": "date", "format": "%m/%d/%Y"}, "02/29/2024", "2024-02-29"),
    ({"type": "date", "format": "%m/%d/%Y"}, "02/30/2024", "!NOT-DATE"),
    ({"type": "date", "format": "%m/%d/%Y"}, "2024-02-29", "!NOT-DATE"),
    ({"type": "date", "format": "%Y%m%d"}, "20240229", "2024-02-29"),
    ({"type": "date", "format": "%Y%m%d"}, None, None),
    ({"type": "date", "format": "%Y%m%d", "null": "00000000"}, "00000000", None),
    ({"type": "date", "format": "%d.%m.%Y", "cast": "trim"}, " 1.2.2024 ", "2024-02-01"),
    ({"type": "timestamp", "format": "%m/%d/%Y %H:%M", "source_timezone": "UTC"}, "12/1/2010 8:26", "2010-12-01 08:26:00.000000"),
    ({"type": "timestamp", "format": "%Y-%m-%dT%H:%M:%SZ", "source_timezone": "UTC"}, "2024-01-01T10:00:00Z",
     "2024-01-01 10:00:00.000000"),
    ({"type": "timestamp", "format": "%Y-%m-%dT%H:%M:%SZ", "source_timezone": "UTC"}, "2024-01-01T10:00:00", "!NOT-TIMESTAMP"),
    *(({"type": "date", "format": "%d/%m/%Y"}, text, "!NOT-DATE")
      for text in ("epoch", "infinity", "today", "1/2/24", " 1/2/2024", "1/2/2024 ", "1/ 2/2024", "+1/2/2024", "")),
    ({"type": "date", "format": "%Y%m%d"}, "2024111", "!NOT-DATE"),
    ({"type": "date", "format": "%d-%b-%y"}, "01-FEB-69", "1969-02-01"),
    ({"type": "date", "format": "100%% %Y.%m.%d (UTC)"}, "100% 2024.1.2 (UTC)", "2024-01-02"),
    ({"type": "date", "format": "%Y.%m.%d"}, "2024x1x2", "!NOT-DATE"),
    ({"type": "timestamp", "format": "%I:%M %p %d %B %Y", "source_timezone": "UTC"}, "12:05 am 2 March 2024",
     "2024-03-02 00:05:00.000000"),
    ({"type": "timestamp", "format": "%Y-%m-%d %H:%M:%S.%f", "source_timezone": "UTC"}, "2024-01-01 10:00:00.5",
     "2024-01-01 10:00:00.500000"),
    ({"type": "time", "format": "%H:%M"}, "9:05", "09:05:00.000000"),
    ({"type": "time", "format": "%I:%M %p"}, "12:05 am", "00:05:00.000000"),
    ({"type": "time", "format": "%H:%M"}, "24:00", "!NOT-TIME"),
    ({"type": "time", "format": "%H:%M"}, "09:05:00", "!NOT-TIME"),
    ({"type": "timestamp", "format": "%Y-%m-%d %H:%M", "source_timezone": "UTC"}, "2024-01-01 24:00", "!NOT-TIMESTAMP"),
    ({"type": "timestamp", "source_timezone": "UTC"}, "2024-01-01T10:00:00", "2024-01-01T10:00:00"),
    ({"type": "timestamp", "source_timezone": "Asia/Seoul"}, "2024-01-01 08:00:00", "2023-12-31 23:00:00.000000"),
    ({"type": "timestamp", "source_timezone": "Asia/Seoul"}, "2024-01-01 08:00:00.25", "2023-12-31 23:00:00.250000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-07-01 12:00:00", "2024-07-01 10:00:00.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-03-31 02:30:00", "!NO-SUCH-LOCAL-TIME"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-03-31 01:59:59", "2024-03-31 00:59:59.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-03-31 03:00:00", "2024-03-31 01:00:00.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-10-27 02:30:00", "!AMBIGUOUS-LOCAL-TIME"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-10-27 01:59:59", "2024-10-26 23:59:59.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin"}, "2024-10-27 03:00:00", "2024-10-27 02:00:00.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin", "ambiguous": "first"}, "2024-10-27 02:30:00",
     "2024-10-27 00:30:00.000000"),
    ({"type": "timestamp", "source_timezone": "Europe/Berlin", "ambiguous": "second"}, "2024-10-27 02:30:00",
     "2024-10-27 01:30:00.000000"),
    ({"type": "timestamp", "source_timezone": "Australia/Lord_Howe"}, "2024-04-07 01:45:00", "!AMBIGUOUS-LOCAL-TIME"),
    ({"type": "timestamp", "source_timezone": "Australia/Lord_Howe", "ambiguous": "first"}, "2024-04-07 01:45:00",
     "2024-04-06 14:45:00.000000"),
    ({"type": "timestamp", "source_timezone": "Australia/Lord_Howe", "ambiguous": "second"}, "2024-04-07 01:45:00",
     "2024-04-06 15:15:00.000000"),
    ({"type": "timestamp", "source_timezone": "Asia/Seoul", "format": "%Y%m%d%H%M%S", "cast": "trim"}, " 20240101080000",
     "2023-12-31 23:00:00.000000"),
]  # fmt: skip


def line(value: str | None) -> bytes:
    return ("" if value is None else '"' + value.replace('"', '""') + '"').encode() + b",x\n"


@pytest.mark.parametrize(("column", "written", "staged"), CONVERSIONS)
def test_conversion(
    make_table: Any, check: Check, column: dict[str, Any], written: str | None, staged: str | None
) -> None:
    parts, rows = check(make_table({"name": "v"} | column, KEEPER), b"v,k\n" + line(written))
    if staged is not None and staged.startswith("!"):
        assert [(row.code, row.column) for row in parts[0].quarantined] == [(staged[1:], "v")]
    else:
        assert rows == [(staged, "x")], parts[0].quarantined


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Seoul",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
]


@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)), min_size=20, max_size=20),
)  # fmt: skip
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_local_times_become_the_utc_that_python_knows(
    make_table: Any, check: Check, zone: str, times: list[datetime]
) -> None:
    times = [time.replace(microsecond=0) for time in times]
    # Half of the times lie close to a change of the clocks.
    for base in [
        datetime(2024, 3, 31, 2),
        datetime(2024, 10, 27, 2),
        datetime(2024, 3, 10, 2),
        datetime(2024, 4, 7, 1, 30),
    ]:
        times += [base + timedelta(minutes=minutes) for minutes in (-61, -31, -1, 0, 29, 30, 59, 60)]
    table = make_table({"name": "v", "type": "timestamp", "source_timezone": zone}, KEEPER)
    parts, rows = check(table, b"v,k\n" + b"".join(line(str(time)) for time in times))
    expected: list[str] = []
    for time in times:
        early, late = (time.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
        if early.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != time:
            expected.append("NO-SUCH-LOCAL-TIME")
        elif early != late:
            expected.append("AMBIGUOUS-LOCAL-TIME")
        else:
            expected.append(early.strftime("%Y-%m-%d %H:%M:%S.000000"))
    codes = {row.record: row.code for row in parts[0].quarantined}
    staged = iter(rows)
    assert [codes[n] if n in codes else next(staged)[0] for n in range(len(times))] == expected


@pytest.mark.parametrize("key", [b"key", b"k" * 64, b"k" * 65, b"\x00\xff'\""])
def test_a_masked_value_is_its_hmac(make_table: Any, check: Check, key: bytes) -> None:
    table = make_table({"name": "email", "type": "varchar(64)"}, KEEPER, pii={"email": "hash"})
    values = ["a@example.com", "", "한글", 'it\'s "x"\n']
    _, rows = check(table, b"email,k\n" + b"".join(map(line, [*values, None])), key=key)
    assert [row[0] for row in rows] == [*(hmac.new(key, v.encode(), hashlib.sha256).hexdigest() for v in values), None]
