"""A part against its contract: what is staged, what is set aside and how its bytes are kept, whatever else is in the part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import CodeError
from expectations.contract.mask import masked
from expectations.rows.compile import RowRule

Check = Callable[..., Any]
ID = {"name": "id", "type": "integer", "nullable": False}
NAME = {"name": "name", "type": "varchar(20)"}

# The source's bytes below the header "id,name"; staged rows; what is set aside (place, code, raw).
CASES: dict[str, tuple[bytes, list[tuple[str | None, ...]], list[tuple[int, str, str]]]] = {
    "plain": (b"1,a\n2,b\n", [("1", "a"), ("2", "b")], []),
    "no line end at the end": (b"1,a\n2,b", [("1", "a"), ("2", "b")], []),
    "crlf": (b"1,a\r\n2,b\r\n", [("1", "a"), ("2", "b")], []),
    "mixed line ends": (b"1,a\r\n2,b\n3,c", [("1", "a"), ("2", "b"), ("3", "c")], []),
    "quoted newline": (b'1,"a\nb"\r\n2,"c\r\nd"\r\n', [("1", "a\nb"), ("2", "c\r\nd")], []),
    "quoted delimiter and quote": (b'1,"a,""b"""\n', [("1", 'a,"b"')], []),
    "empty is null, quoted empty is text": (b'1,\n2,""\n', [("1", None), ("2", "")], []),
    "blank line": (b"1,a\n\n2,b\n", [("1", "a"), ("2", "b")], [(1, "BLANK-LINE", "")]),
    "blank lines at the end": (b"1,a\r\n\r\n\r\n", [("1", "a")], [(1, "BLANK-LINE", ""), (2, "BLANK-LINE", "")]),
    "a space alone": (b"1,a\n \n", [("1", "a")], [(1, "TOO-FEW-FIELDS", " ")]),
    "too few fields": (b"1\n2,b\n", [("2", "b")], [(0, "TOO-FEW-FIELDS", "1")]),
    "too many fields": (b"1,a,x\n2,b\n", [("2", "b")], [(0, "TOO-MANY-FIELDS", "1,a,x")]),
    "a delimiter too many at the end": (b"1,a,\n", [], [(0, "TOO-MANY-FIELDS", "1,a,")]),
    "header again": (b"1,a\nid,name\n2,b\n", [("1", "a"), ("2", "b")], [(1, "HEADER-ROW", "id,name")]),
    "quoted header again": (b'1,a\n"id","name"\n', [("1", "a")], [(1, "HEADER-ROW", '"id","name"')]),
    "not utf-8": (b"1,a\n2,Jos\xe9\n3,b\n", [("1", "a"), ("3", "b")], [(1, "NOT-UTF8", "2,Jos\\xe9")]),
    "half a letter": (b"1,\xed\x95\n2,b\n", [("2", "b")], [(0, "NOT-UTF8", "1,\\xed\\x95")]),
    "nul byte": (b"1,a\x00b\n2,b\n", [("2", "b")], [(0, "NUL-BYTE", "1,a\\x00b")]),
    "bare cr": (b"1,a\rb\n2,b\n", [("2", "b")], [(0, "BARE-CR", "1,a\rb")]),
    "a byte order mark": (b"\xef\xbb\xbf1,a\n2,b\n", [("2", "b")], [(0, "BYTE-ORDER-MARK", "\ufeff1,a")]),
    "header again with its mark": (b"1,a\n\xef\xbb\xbfid,name\n2,b\n", [("1", "a"), ("2", "b")],
                                   [(1, "BYTE-ORDER-MARK", "\ufeffid,name")]),
    "a mark within a value": ("1,\ufeffa\n".encode(), [("1", "\ufeffa")], []),
    "cr in quotes is text": (b'1,"a\rb"\n', [("1", "a\rb")], []),
    "stray quote": (b'1,a"b\n2,b\n', [("2", "b")], [(0, "BAD-QUOTING", '1,a"b')]),
    "unclosed quote": (b'1,a\n2,"b\n3,c\n', [("1", "a"), ("3", "c")], [(1, "BAD-QUOTING", '2,"b')]),
    "required value missing": (b",a\n2,b\n", [("2", "b")], [(0, "NOT-NULL", ",a")]),
    "too long in bytes": ("1,한글한글한글한\n2,한글한글한글\n".encode(), [("2", "한글한글한글")],
                          [(0, "TOO-LONG", "1,한글한글한글한")]),
    "many at once": (
        b'x,a\n1,b\n\n2\n3,"c\nd"\n4,\xff\nid,name\n5,e"\n6,f\n',
        [("1", "b"), ("3", "c\nd"), ("6", "f")],
        [(0, "NOT-INTEGER", "x,a"), (2, "BLANK-LINE", ""), (3, "TOO-FEW-FIELDS", "2"), (5, "NOT-UTF8", "4,\\xff"),
         (6, "HEADER-ROW", "id,name"), (7, "BAD-QUOTING", '5,e"')],
    ),
    "nothing good": (b"x\ny\n", [], [(0, "TOO-FEW-FIELDS", "x"), (1, "TOO-FEW-FIELDS", "y")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("marker", "part_bytes"), [("", 1 << 20), ("~null~", 1)])
def test_case(make_table: Any, check: Check, name: str, marker: str, part_bytes: int) -> None:
    data, staged, aside = CASES[name]
    parts, rows = check(make_table(ID, NAME), b"id,name\n" + data, marker=marker, part_bytes=part_bytes)
    quarantined = [row for part in parts for row in part.quarantined]
    assert rows == staged
    assert [(row.record, row.code, row.raw) for row in quarantined] == aside
    assert sum(part.extracted for part in parts) == len(staged) + len(aside)
    assert sum(part.checksum.rows for part in parts) == len(staged)


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "^"])
def test_other_delimiters(make_table: Any, check: Check, delimiter: str) -> None:
    data = f'id{delimiter}name\n1{delimiter}"a{delimiter}b"\n2{delimiter}a,b\n3\n'.encode()
    parts, rows = check(make_table(ID, NAME), data, delimiter=delimiter, marker="")
    assert rows == [("1", f"a{delimiter}b"), ("2", "a,b")]
    assert [row.code for row in parts[0].quarantined] == ["TOO-FEW-FIELDS"]


@pytest.mark.parametrize(("data", "staged", "codes"), [
    (b'a\n""\n\nb\n', [("a",), ("",), (None,), ("b",)], []), (b"a,b\n", [], ["TOO-MANY-FIELDS"]), (b"name\n", [], ["HEADER-ROW"]),
    (b'"a\n\nb"\n', [("a\n\nb",)], []),
])  # fmt: skip
def test_a_single_column(
    make_table: Any, check: Check, data: bytes, staged: list[tuple[str]], codes: list[str]
) -> None:
    parts, rows = check(make_table(NAME), b"name\n" + data)
    assert rows == staged
    assert [row.code for row in parts[0].quarantined] == codes


def test_columns_are_found_by_name_in_any_order_and_others_left_out(make_table: Any, check: Check) -> None:
    table = make_table(ID, {**NAME, "from": "Full Name"})
    parts, rows = check(table, b"extra,Full Name,id\nx,a,1\ny,,2\nz,b\nextra,Full Name,id\n")
    assert rows == [("1", "a"), ("2", None)]
    assert [(row.code, row.raw) for row in parts[0].quarantined] == [
        ("TOO-FEW-FIELDS", "z,b"),
        ("HEADER-ROW", "extra,Full Name,id"),
    ]


def test_bytes_pass_untouched_where_nothing_has_to_change(make_table: Any, check: Check) -> None:
    data = b'1,"a ""b"""\n2,\n'
    parts, _ = check(make_table(ID, NAME), b"id,name\n" + data, marker="")
    assert (parts[0].rewritten, parts[0].path.read_bytes()) == (False, data)


def test_the_raw_bytes_are_kept_bounded_and_hashed_whole(make_table: Any, check: Check) -> None:
    raw = b"x," + b"y" * 40_000
    parts, _ = check(make_table(ID, NAME), b"id,name\n" + raw + b"\n")
    [row] = parts[0].quarantined
    assert (row.raw, row.raw_sha256) == (raw[:16_000].decode(), hashlib.sha256(raw).hexdigest())


def test_masked_values_never_stand_in_quarantine(make_table: Any, check: Check) -> None:
    table = make_table(ID, {"name": "email", "type": "varchar(64)"}, pii={"email": "hash"})
    parts, _ = check(table, b'id,email\nx,a@example.com\n1,b@example.com,\n2,"c@example.com\n', key=b"k")
    told = [(row.code, row.raw) for row in parts[0].quarantined]
    assert told == [
        ("NOT-INTEGER", f"x,{masked('a@example.com', b'k')}"),
        ("TOO-MANY-FIELDS", None),
        ("BAD-QUOTING", None),
    ]
    assert "example" not in repr(parts)


def test_a_hash_set_aside_is_the_one_that_would_have_been_staged(make_table: Any, check: Check) -> None:
    """A replay must store what a load would have stored: converted before it is hashed, every other byte as it came."""
    email = {"name": "email", "type": "varchar(64)", "cast": ["trim", "lower"], "null": ["-"]}
    table = make_table(ID, email, NAME, pii={"email": "hash"})
    parts, _ = check(table, b'id,email,name\nx, A@Example.com ,""\ny,-,"a,""b"\n', key=b"k")
    assert [row.raw for row in parts[0].quarantined] == [f'x,{masked("a@example.com", b"k")},""', 'y,,"a,""b"']


def test_a_long_field_is_masked_as_well(make_table: Any, check: Check) -> None:
    table = make_table(ID, {"name": "email", "type": "varchar(64)"}, pii={"email": "hash"})
    long = "a@example.com" * 20_000
    parts, _ = check(table, f"id,email\nx,{long}\n".encode(), key=b"k")
    assert [(row.code, row.raw) for row in parts[0].quarantined] == [("NOT-INTEGER", f"x,{masked(long, b'k')}")]


def test_rules_of_the_suite_come_after_the_contract(make_table: Any, check: Check) -> None:
    rule = RowRule("POSITIVE", "id", ("id",), '"id" <= 0')
    parts, rows = check(make_table(ID, NAME), b"id,name\n0,a\nx,b\n1,c\n", rules=(rule,))
    assert [(row.record, row.code, row.column) for row in parts[0].quarantined] == [
        (0, "POSITIVE", "id"),
        (1, "NOT-INTEGER", "id"),
    ]
    assert rows == [("1", "c")]


def test_a_value_that_is_the_marker_of_null_is_refused(make_table: Any, check: Check) -> None:
    with pytest.raises(CodeError, match="marker for NULL occurs in the data"):
        check(make_table(ID, NAME), b"id,name\n1,~null~\n2,\n")


def test_checking_again_gives_the_same(make_table: Any, check: Check) -> None:
    data = b"id,name\n" + CASES["many at once"][0]
    first, again = (check(make_table(ID, NAME), data)[0][0] for _ in range(2))
    assert (first.checksum, first.quarantined) == (again.checksum, again.quarantined)


@pytest.mark.parametrize(
    ("predicate", "failing"),
    [
        ("NOT regexp_matches(\"email\", '^mark')", [1]),
        ("regexp_matches(\"email\", '^mark')", [0]),
        ("regexp_full_match(\"email\", '[0-9a-f]{64}')", []),
        ('length("email") > 20', [2]),
        ('"email" = \'mark@x.example\' AND "id" = 1', [0]),
    ],
)
def test_rules_judge_what_a_hashed_column_says(
    make_table: Any, check: Check, predicate: str, failing: list[int]
) -> None:
    email = {"name": "email", "type": "varchar(64)", "cast": ["trim", "lower"]}
    table = make_table(ID, email, pii={"email": "hash"})
    rule = RowRule("MAIL", "email", ("email",), predicate)
    data = b"id,email\n1, MARK@x.example\n2,other@x.example\n3,others.with.a.long.name@x.example\n"
    if failing == [1]:
        data = data.replace(b"others", b"markers")
    parts, rows = check(table, data, key=b"k", rules=(rule,))
    assert [row.record for row in parts[0].quarantined] == failing
    said = {"1": "mark@x.example", "2": "other@x.example", "3": data.decode().splitlines()[3].partition(",")[2]}
    assert rows == [(number, masked(said[number], b"k")) for number, _ in rows]
    assert parts[0].checksum.sums[1] == 64 * len(rows)
