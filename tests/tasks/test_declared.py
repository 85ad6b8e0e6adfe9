"""A column declared anew begins its history with the first batch that was loaded as it is declared now."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.declarations.table import Table
from tasks.declared import declared_anew, declared_columns


def table(**changed: Any) -> Table:
    columns = [{"name": "id", "type": "integer"}, {"name": "note", "type": "varchar(5)", **changed}]
    return Table.model_validate({
        "table": "raw.orders", "description": "d", "owner": "o", "columns": columns, "load": {"mode": "full_refresh"},
        "source": {"kind": "csv", "url": "https://example.com/a.csv"},
    })  # fmt: skip


OLD, NEW = declared_columns(table()), declared_columns(table(type="varchar(9)"))


@pytest.mark.parametrize(("history", "expected"), [
    ([], []), ([NEW, NEW], []), ([None, NEW], []),
    ([OLD, OLD], [("note", "")]), ([OLD, NEW, NEW], [("note", "#2")]), ([None, OLD, NEW], [("note", "#3")]),
    ([NEW, OLD, NEW], [("note", "#3")]), ([{"id": OLD["id"]}], [("note", "")]),
    ([{**NEW, "gone": "x"}], [("gone", "")]),
])  # fmt: skip
def test_where_the_level_of_a_column_begins(history: list[Any], expected: list[tuple[str, str]]) -> None:
    labels = [f"#{number + 1}" for number in range(len(history))]
    found = declared_anew(table(type="varchar(9)"), labels, history)
    assert [(item.column, item.level_from) for item in found] == expected
    assert {item.kind for item in found} <= {"*"}


@pytest.mark.parametrize("changed", [
    {"type": "varchar(6)"}, {"from": "Note"}, {"cast": ["trim"]}, {"null": ["NA"]},
])  # fmt: skip
def test_what_decides_the_values_of_a_column(changed: dict[str, Any]) -> None:
    assert declared_columns(table(**changed)) != OLD


@pytest.mark.parametrize(
    "changed", [{"description": "words"}, {"unit": "USD"}, {"nullable": False}, {"encode": "zstd"}]
)
def test_what_doesnt(changed: dict[str, Any]) -> None:
    assert declared_columns(table(**changed)) == OLD
