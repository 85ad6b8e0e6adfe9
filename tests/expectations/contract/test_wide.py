"""Wide tables: judged some columns at a time within the memory of a part, with the verdict of one look at all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.suite import Rule
from expectations.contract import groups
from expectations.contract.checksum import Hash
from expectations.contract.layout import lay_out
from expectations.contract.part_check import CheckedPart, PartChecker
from expectations.contract.split import RawPart, split
from expectations.rows.compile import RowRule, compile_rule

KINDS = [
    ("integer", ["12", "-7", "x", ""]),
    ("decimal(12,2)", ["3.25", "3.255", ""]),
    ("timestamp", ["2024-05-01 10:00:00", "2024-03-31 02:30:00", "soon"]),
    ("varchar(8)", ["abc", "far too long", "", '"a,b"', '"two\nlines"', "NA"]),
    ("date", ["2024-05-01", "01.05.2024"]),
    ("double precision", ["1.5", "1e400"]),
    ("boolean", ["true", "F", "maybe"]),
]  # fmt: skip


def declared(position: int, **more: Any) -> dict[str, Any]:
    kind, _ = KINDS[position % len(KINDS)]
    zone = {"source_timezone": "Europe/Berlin"} if kind == "timestamp" else {}
    spelled = {"null": ["NA", "n/a", "-", "none", "null", "?"], "cast": ["trim"]} if kind.startswith("varchar") else {}
    return {"name": f"c{position}", "type": kind, **zone, **spelled, **more}


def row_rule(code: str, kind: str, columns: dict[str, str], **kwargs: Any) -> RowRule:
    rule = Rule.model_validate({"code": code, "type": kind, "kwargs": kwargs, "rows": "quarantine"})
    compiled = compile_rule(rule, columns)
    assert isinstance(compiled, RowRule)
    return compiled


def test_many_lists_of_values_fit_into_the_memory(make_table: Callable[..., Any], check: Callable[..., Any]) -> None:
    """DuckDB joins with every list of values, and each join carried all columns: thirty booleans took 250 MB."""
    flags = [{"name": f"flag{i}", "type": "boolean"} for i in range(40)]
    codes = [{"name": f"code{i}", "type": "varchar(9)", "null": ["NA", "n/a", "-", "none", "?"]} for i in range(40)]
    table = make_table({"name": "id", "type": "integer"}, *flags, *codes)
    types = {f"code{i}": "VARCHAR" for i in range(40)}
    among = [f"v{n}" for n in range(100)]
    rules = tuple(
        row_rule(f"R{i}", "expect_column_values_to_be_in_set", types, column=f"code{i}", value_set=among)
        for i in range(40)
    )
    header = ",".join(column.name for column in table.columns)
    good, bad = (",".join(["7", *["Yes"] * 40, *[code] * 40]) for code in ("v99", "v100"))
    [part], rows = check(table, f"{header}\n{good}\n{bad}\n".encode(), rules=rules)
    assert [(row.record, row.code) for row in part.quarantined] == [(1, "R0")]
    assert rows == [("7", *["yes"] * 40, *["v99"] * 40)]


@pytest.mark.parametrize("columns", [160, pytest.param(700, marks=pytest.mark.story)])
def test_a_wide_table(make_table: Callable[..., Any], check: Callable[..., Any], columns: int) -> None:
    table = make_table({"name": "id", "type": "integer"}, *(declared(i) for i in range(columns)))
    header = ",".join(column.name for column in table.columns)
    values = [KINDS[i % len(KINDS)][1][0] for i in range(columns)]
    lines = [",".join([str(row), *values]) for row in range(10)]
    lines[4] = ",".join(["4", *values[:-1], "far too long or no value at all"])
    [part], rows = check(table, "\n".join([header, *lines, ""]).encode())
    assert [row.record for row in part.quarantined] == [4]
    assert part.accepted == len(rows) == part.checksum.rows == 9
    assert part.checksum.sums[0] == sum(range(10)) - 4


@pytest.mark.parametrize("hashed_by", ["md5", "lookup3"])
@pytest.mark.parametrize("seed", range(5))
def test_some_columns_at_a_time_or_all_at_once_is_one_verdict(
    make_table: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, hashed_by: Hash
) -> None:
    chance = random.Random(seed)
    width = chance.randint(5, 14)
    table = make_table(
        *(declared(i) for i in range(width)), {"name": "mail", "type": "varchar(64)"}, pii={"mail": "hash"}
    )
    types = {column.name: str(column.column_type) for column in table.columns if column.column_type.is_number}
    rules = [
        row_rule("SMALL", "expect_column_values_to_be_between", types, column="c0", min_value=0),
        row_rule("PAIR", "expect_column_pair_values_a_to_be_greater_than_b", types, column_A="c0", column_B="c1"),
    ]
    names = [column.name for column in table.columns]
    rows = [[chance.choice(KINDS[i % len(KINDS)][1][: chance.choice([1, 1, 1, 9])]) for i in range(width)]
            for _ in range(60)]  # fmt: skip
    lines = [",".join([*row, f"kim{n}@example.com"]) for n, row in enumerate(rows)]
    lines.insert(30, ",".join(names))
    [part] = split(["\n".join([*lines, ""]).encode()], ",", 1 << 20)
    excluded = {1: "DUPLICATE-KEY|c0"}

    def checked(at_once: int) -> tuple[CheckedPart, CheckedPart, bytes]:
        monkeypatch.setattr(groups, "AT_ONCE", at_once)
        folder = tmp_path / str(at_once)
        folder.mkdir()
        checker = PartChecker(
            table, lay_out(table, names, ",", "here"), rules, "~null~", b"key", folder / "duckdb", hashed_by=hashed_by
        )
        assert (len(checker.groups) == 1) is (at_once == 1_000)
        found = [_check(checker, part, folder, given) for given in (None, excluded)]
        checker.close()
        return found[0], found[1], (folder / "clean").read_bytes()

    def told(item: CheckedPart) -> tuple[Any, ...]:
        return item.accepted, item.quarantined, item.checksum, item.rewritten

    at_once, grouped = checked(1_000), checked(chance.choice([1, 3, 4]))
    assert [told(item) for item in grouped[:2]] == [told(item) for item in at_once[:2]]
    assert grouped[2] == at_once[2]
    assert {"HEADER-ROW"} < {row.code for row in at_once[0].quarantined}
    assert at_once[1].accepted == at_once[0].accepted - 1


def _check(checker: PartChecker, part: RawPart, folder: Path, excluded: dict[int, str] | None) -> CheckedPart:
    (folder / "raw").write_bytes(part.data)
    return checker.check(part, folder / "raw", folder / "clean", excluded)
