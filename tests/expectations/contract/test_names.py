"""A table may call its columns whatever the warehouse allows: also what the checker calls its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.contract.batch_check import key_repeats, repeated_rows, unique_rules
from expectations.contract.staged_rows import typed_relation
from expectations.profile import ColumnKind, measure

NAMES = ["f1", "f0", "x0", "t1", "t0", "rn", "place", "part", "whole", "counted", "judged", "v", "c1", "c0"]


@pytest.mark.parametrize("good", [True, False])
def test_a_column_called_like_one_of_ours(
    make_table: Callable[..., Any], check: Callable[..., Any], good: bool
) -> None:
    table = make_table(*({"name": name, "type": "integer"} for name in NAMES), {"name": "reason", "type": "varchar(9)"})
    lines = [
        ",".join([*(str(row * 100 + at) for at in range(len(NAMES))), text])
        for row, text in enumerate(("late", "", "x"))
    ]
    if not good:
        lines.insert(1, ",".join([*"1234", "a", *"678901234", "late"]))
    [part], staged = check(table, "\n".join([",".join([*NAMES, "reason"]), *lines, ""]).encode())
    assert [(row.record, row.code, row.column) for row in part.quarantined] == (
        [] if good else [(1, "NOT-INTEGER", "t0")]
    )
    assert [row[0] for row in staged] == ["0", "100", "200"]
    assert [row[-1] for row in staged] == ["late", None, "x"]
    assert [int(total) for total in part.checksum.sums[:-1]] == [300 + 3 * at for at in range(len(NAMES))]


@pytest.mark.parametrize("key", ["part", "place", "reason"])
def test_a_key_called_like_one_of_ours(make_table: Callable[..., Any], check: Callable[..., Any], key: str) -> None:
    columns = [{"name": name, "type": "integer", "nullable": False} for name in ("part", "place", "reason", "t0")]
    table = make_table(*columns, key=[key])
    parts, _ = check(table, b"part,place,reason,t0\n7,7,7,1\n8,8,8,2\n7,7,7,3\n", marker="")
    with duckdb.connect() as connection:
        found = repeated_rows(connection, table, parts, unique_rules(table, []), ",", "")
        assert key_repeats(connection, table, parts, ",", "")
        relation = typed_relation(table, [parts[0].path], ",", "")
        assert connection.sql(f"SELECT sum(part), sum(t0) FROM {relation}").fetchall() == [(22, 6)]
    assert [(row.index, row.code) for row in found] == [(0, "DUPLICATE-KEY"), (2, "DUPLICATE-KEY")]


def test_the_profile_of_columns_called_like_its_own() -> None:
    rows = "(SELECT i AS c1, 1000 + i AS c0 FROM range(50) t(i))"
    with duckdb.connect() as connection:
        profile = measure(connection, rows, [ColumnKind("c1", "integer"), ColumnKind("c0", "integer")])
    first, second = profile.columns["c1"].numbers, profile.columns["c0"].numbers
    assert first is not None
    assert second is not None
    assert (first.mean, second.mean) == (24.5, 1024.5)


def test_typed_rows_of_swapped_names(make_table: Callable[..., Any], tmp_path: Path) -> None:
    table = make_table({"name": "t1", "type": "integer"}, {"name": "t0", "type": "varchar(3)"})
    (tmp_path / "part.csv").write_text("1,a\n2,b\n")
    relation = typed_relation(table, [tmp_path / "part.csv"], ",", "")
    assert duckdb.sql(f"SELECT t1, t0 FROM {relation}").fetchall() == [(1, "a"), (2, "b")]
