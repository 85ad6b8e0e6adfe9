"""The batch as a whole: keys that occur twice across parts, rows delivered twice, and how much may fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.suite import Suite
from deployments.errors import ToleranceError
from expectations.contract.batch_check import judge_tolerance, key_repeats, repeated_rows, unique_rules
from expectations.contract.engine import connect
from expectations.contract.layout import lay_out
from expectations.contract.quarantined import Quarantined
from expectations.rows.compile import UniqueRule

COLUMNS = [{"name": "id", "type": "integer", "nullable": False}, {"name": "v", "type": "varchar(9)"},
           {"name": "at", "type": "timestamp", "source_timezone": "UTC"}]  # fmt: skip
KEEP = {"mode": "merge", "keep": {"latest_by": "at"}}
T1, T2 = "2024-01-01 00:00:00", "2024-01-02 00:00:00"


def found(
    table: Any, check: Callable[..., Any], tmp_path: Path, rows: list[str], *rules: UniqueRule
) -> tuple[Any, bool]:
    """(row, code) of what is set aside, rows counted over all parts, which hold about two rows each."""
    parts, _ = check(table, b"id,v,at\n" + "".join(f"{row}\n" for row in rows).encode(), part_bytes=50, marker="")
    assert len(parts) > 1 or len(rows) < 3
    starts = {part.number: sum(p.accepted for p in parts if p.number < part.number) for part in parts}
    with connect(tmp_path / "batch") as connection:
        repeated = repeated_rows(connection, table, parts, unique_rules(table, rules), ",", "")
        keys = key_repeats(connection, table, parts, ",", "")
    return [(starts[item.part] + item.index, item.code) for item in repeated], keys


@pytest.mark.parametrize(("rows", "aside", "repeats"), [
    ([f"1,a,{T1}", f"2,b,{T1}", f"3,c,{T1}"], [], False),
    ([f"1,a,{T1}", f"2,b,{T1}", f"3,c,{T1}", f"1,d,{T2}"], [0, 3], True),
    ([f"1,a,{T1}", f"1,a,{T1}", f"1,a,{T1}", f"2,b,{T1}"], [0, 1, 2], True),
    ([f"1,a,{T1}", f"x,a,{T1}", f"1,b,{T1}"], [0, 1], True),
])  # fmt: skip
def test_all_rows_of_a_repeated_key_are_set_aside(
    make_table: Any, check: Any, tmp_path: Path, rows: list[str], aside: list[int], repeats: bool
) -> None:
    table = make_table(*COLUMNS, key=["id"], load={"mode": "append"})
    assert found(table, check, tmp_path, rows) == ([(row, "DUPLICATE-KEY") for row in aside], repeats)


@pytest.mark.parametrize(("rows", "aside"), [
    ([f"1,a,{T1}", f"2,b,{T1}", f"1,c,{T2}"], []),
    ([f"1,a,{T1}", f"1,b,{T2}", f"1,c,{T2}", f"2,d,{T2}", f"2,e,{T1}"], [0, 1, 2]),
    ([f"1,a,{T1}", f"1,b,{T2}", f"1,b,{T2}", f"2,d,{T2}"], []),
    ([f"1,a,{T1}", f"2,b,{T1}", f"1,a,{T1}"], []),
    ([f"1,a,{T1}", f"2,b,{T1}", f"1,c,{T1}"], [0, 2]),
    ([f"1,a,{T1}", f"1,b,{T1}", f"1,c,{T2}"], [0, 1]),
    ([f"1,a,{T1}", f"2,b,{T1}", f"1,,{T1}"], [0, 2]),
    ([f"1,,{T1}", f"2,b,{T1}", f'1,"",{T1}'], [0, 2]),
])  # fmt: skip
def test_with_latest_by_only_ties_of_different_rows_are_set_aside(
    make_table: Any, check: Any, tmp_path: Path, rows: list[str], aside: list[int]
) -> None:
    table = make_table(*COLUMNS, key=["id"], load=KEEP)
    assert found(table, check, tmp_path, rows) == ([(row, "KEY-TIE") for row in aside], True)


@pytest.mark.parametrize(("load", "rows", "aside"), [
    ("merge", [f"1,a,{T1}", "2,b,", f"3,c,{T2}"], [1]),
    ("merge", [f"1,a,{T1}", "1,b,", f"1,c,{T2}", f"3,d,{T1}"], [0, 1, 2]),
    ("merge", ["1,a,", "1,a,", f"2,c,{T2}", f"3,d,{T2}"], [0, 1]),
    ("append", [f"1,a,{T1}", "2,b,", f"3,c,{T2}"], []),
    ("append", ["1,a,", "1,a,", f"2,c,{T2}", f"3,d,{T2}"], []),
    ("append", ["1,a,", "1,b,", f"2,c,{T2}", f"3,d,{T2}"], [0, 1]),
    ("append", [f"2,c,{T2}", "1,b,", f"1,a,{T1}"], [1, 2]),
])  # fmt: skip
def test_what_has_no_time_is_neither_older_nor_newer(
    make_table: Any, check: Any, tmp_path: Path, load: str, rows: list[str], aside: list[int]
) -> None:
    table = make_table(*COLUMNS, key=["id"], load=KEEP | {"mode": load})
    assert found(table, check, tmp_path, rows)[0] == [(row, "KEY-UNDATED") for row in aside]


def test_a_rule_of_the_suite_has_its_own_code_and_condition(make_table: Any, check: Any, tmp_path: Path) -> None:
    table = make_table(*COLUMNS, load={"mode": "append"})
    rows = [f"1,a,{T1}", f"2,a,{T1}", f"3,b,{T1}", f"4,,{T1}", f"5,,{T1}"]
    rule = UniqueRule("V-ONCE", ("v",), '"v" IS NOT NULL')
    assert found(table, check, tmp_path, rows, rule)[0] == [(0, "V-ONCE"), (1, "V-ONCE")]


RULE = {"code": "R-1", "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "v"}, "rows": "quarantine"}


@pytest.mark.parametrize(("load", "rule", "extracted", "reasons", "words"), [
    ("1%", None, 100, {"NOT-NULL": 1}, None),
    ("1%", None, 100, {"NOT-NULL": 1, "NOT-UTF8": 1}, "all reasons: 2 of 100 rows (2.0%), tolerated 1.0%: NOT-NULL 1, NOT"),
    ("1%", None, 10, {"NOT-NULL": 1}, None),
    ("0%", None, 1000, {"NOT-NULL": 1}, "tolerated 0.0%"),
    ("100%", None, 10, {"NOT-NULL": 10}, None),
    ("50%", "10%", 100, {"R-1": 10}, None),
    ("50%", "10%", 100, {"R-1": 11}, "R-1: 11 of 100 rows (11.0%), tolerated 10.0%"),
    ("50%", "0%", 100, {"R-1": 1}, "R-1: 1 of 100 rows"),
    ("1%", None, 0, {}, None),
    ("1%", None, 1, {"NOT-NULL": 1}, "all reasons: 1 of 1 row "),
    ("99%", None, 5, {"NOT-NULL": 5}, "all reasons: 5 of 5 rows"),
    ("1%", "1%", 5, {"R-1": 1}, None),
    ("50%", "99%", 1, {"R-1": 1}, "R-1: 1 of 1 row "),
])  # fmt: skip
def test_tolerance(
    make_table: Any, load: str, rule: str | None, extracted: int, reasons: dict[str, int], words: str | None
) -> None:
    table = make_table(*COLUMNS, load={"mode": "append", "tolerance": load})
    rules = [] if rule is None else [RULE | {"tolerance": rule}]
    suite = Suite.model_validate({"table": "raw.t", "expectations": rules})
    if words is None:
        judge_tolerance(table, suite, extracted, reasons)
        return
    with pytest.raises(ToleranceError, match="more rows fail than are tolerated") as caught:
        judge_tolerance(table, suite, extracted, reasons)
    assert words in str(caught.value)


@pytest.mark.parametrize(("reasons", "family"), [
    ({"NOT-DECIMAL": 3}, "declaration"), ({"NOT-DECIMAL": 2}, "upstream"), ({"TOO-FEW-FIELDS": 3}, "declaration"),
    ({"KEY-TWICE": 3}, "upstream"), ({"KEY-TWICE": 2, "NOT-JSON-VALUE": 1}, "upstream"),
    ({"KEY-TWICE": 1, "NOT-DECIMAL": 2}, "declaration"),
])  # fmt: skip
def test_where_no_row_fits_how_they_are_read_is_looked_at_first(
    make_table: Any, reasons: dict[str, int], family: str
) -> None:
    """But a record that is written wrong fits no declaration."""
    with pytest.raises(ToleranceError) as caught:
        judge_tolerance(make_table(*COLUMNS), Suite(table="raw.t"), 3, reasons)
    assert caught.value.family == family


def test_a_batch_that_fails_by_tolerance_names_the_records_to_look_at(make_table: Any) -> None:
    """They are nowhere else: nothing of the batch is published, nor set aside."""
    table = make_table(*COLUMNS, load={"mode": "append", "tolerance": "1%"})
    rows = [Quarantined(n, "NOT-INTEGER", "amount", "secret", "") for n in range(40, 20, -1)]
    rows.append(Quarantined(7, "TOO-MANY-FIELDS", None, "secret", ""))
    with pytest.raises(ToleranceError) as caught:
        judge_tolerance(table, Suite(table="raw.t"), 100, {"NOT-INTEGER": 20, "TOO-MANY-FIELDS": 1}, rows)
    assert "NOT-INTEGER in amount: records 22, 23, 24, 25, 26, ... of the source" in str(caught.value)
    assert "TOO-MANY-FIELDS: record 8 of the source" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_batch_that_fails_by_tolerance_tells_how_the_values_are_spelled(make_table: Any) -> None:
    table = make_table(
        {"name": "k", "type": "integer"}, {"name": "n", "type": "integer"}, load={"mode": "append", "tolerance": "1%"}
    )
    written = ["1.234,50", "9.999,99", '"7,5"', ""]
    rows = [Quarantined(n, "NOT-INTEGER", "n", f"x;{value}", "") for n, value in enumerate(written * 10)]
    layout = lay_out(table, ["k", "n"], ";", "here")
    with pytest.raises(ToleranceError) as caught:
        judge_tolerance(table, Suite(table="raw.t"), 100, {"NOT-INTEGER": 40}, rows, layout)
    assert "written as 9.999,99, 9,9, (nothing)" in str(caught.value)
    assert "1.234,50" not in str(caught.value)
    hidden = table.model_copy(update={"pii": {"n": "hide"}})
    with pytest.raises(ToleranceError) as caught:
        judge_tolerance(hidden, Suite(table="raw.t"), 100, {"NOT-INTEGER": 40}, rows, layout)
    assert "written as" not in str(caught.value)
