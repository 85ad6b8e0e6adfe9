"""No table and no column of a user's is taken for a name of ours: every word of our SQL as a column, on every warehouse."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.columns import KEPT_BY_WAREHOUSES
from tasks.rollback import choose, take_back, target_of
from tasks.workbench import workbench
from tests.acceptance.conftest import ALL_PLACES

ROOT = Path(__file__).parents[3]
SQL = re.compile(r"\b(SELECT|FROM|JOIN|DELETE|INSERT|CREATE|WITH|COPY|CASE|coalesce)\b")
WORD = re.compile(r"[a-z_][a-z0-9_]{0,40}")
TABLES = ("l", "c", "k", "o", "q", "m", "aged", "keyed", "aside", "doubled", "hg_rows", "select")
HEAD = """
description: Words.
owner: a@example.com
source: {{kind: csv, url: "file://{{folder}}/{file}.csv"}}
{window}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: at, type: timestamp, source_timezone: UTC, nullable: false}}
{columns}
key: [id{more_key}]
load: {load}
"""
SUITE = """
table: {schema}.%s
expectations:
  - {code: COUNTED, type: expect_column_values_to_be_between, kwargs: {column: count, min_value: 0}, rows: quarantine}
  - {code: ROWID, type: expect_column_values_to_be_unique, kwargs: {column: rowid}, severity: warning}
  - {code: PAIR, type: expect_compound_columns_to_be_unique, kwargs: {column_list: [index, values]}, severity: warning}
  - {code: LATE, type: expect_column_values_to_not_be_null, kwargs: {column: at}}
"""


TAKEN = {
    "rowid",
    "count",
    "left",
    "right",
    "index",
    "values",
    "table",
    "column",
    "user",
    "order",
    "group",
    "place",
    "raw",
}
"""What servers and libraries call things of their own."""
FOLDERS = ("tasks/warehouses", "tasks/sources", "expectations/contract", "expectations/rows", "expectations/suites")


@cache
def words() -> list[str]:
    """Every word in texts of our code that look like SQL beside a user's columns, and TAKEN."""
    found = set(TAKEN)
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
                    found |= set(WORD.findall(node.value.lower()))
    return sorted(found - {"id", "at"} - set(KEPT_BY_WAREHOUSES))


def declared(
    house: Any, name: str, load: str, *, windowed: bool = True, more_key: str = "", suite: bool = False
) -> str:
    columns = "\n".join(f'  - {{name: "{word}", type: varchar(8)}}' if number % 7 == 0 and word not in TAKEN else
                        f'  - {{name: "{word}", type: integer{", nullable: false" if word in more_key else ""}}}'
                        for number, word in enumerate(words()))  # fmt: skip
    window = "window: {every: day, timezone: UTC, start: 2026-01-01}" if windowed else ""
    text = HEAD.format(file=f"{name}-{{window.start:%d}}" if windowed else name, window=window, columns=columns,
                       more_key=more_key, load=load)  # fmt: skip
    return str(house.declare(name, text, SUITE % name if suite else ""))


def csv_of(*rows: tuple[int, str, int]) -> str:
    lines = [f"id,at,{','.join(words())}"]
    lines += [f"{number},{at},{','.join([str(value)] * len(words()))}" for number, at, value in rows]
    return "\n".join(lines) + "\n"


def seen(house: Any, table: str) -> list[tuple[Any, ...]]:
    schema, name = table.split(".")
    found = house.place.ask(f'SELECT id, "{words()[1]}", "left", "count" FROM {schema}."{name}" ORDER BY 1')
    assert all(len({str(value) for value in row[1:]}) == 1 for row in found)
    return [(row[0], int(row[1])) for row in found]


def roll_back(table: str) -> None:
    bench = workbench()
    target = target_of(bench, table)
    take_back(bench, target, choose(bench, target, None, None), "rollback-1", "somebody", "a test")


def first_on(place: str) -> list[Any]:
    """Every warehouse; all but one with the trials, as hundreds of columns take their time."""
    return [pytest.param(name, marks=[] if name == place else [pytest.mark.trial]) for name in ALL_PLACES]


FIRST, SECOND = "2026-01-01 10:00:00", "2026-01-02 10:00:00"


@pytest.mark.parametrize("name", TABLES)
def test_a_merge_into_a_table_that_is_called_like_an_alias(
    house: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "words", lambda: sorted({*TAKEN, *TABLES}))
    table = declared(house, name, "{mode: merge, keep: {latest_by: at}}", more_key=", count")
    house.source(f"{name}-01.csv", csv_of((1, FIRST, 1), (2, FIRST, 1)))
    house.source(f"{name}-02.csv", csv_of((2, SECOND, 1), (3, SECOND, 1), (3, SECOND.replace("10:", "09:"), 1)))
    for day in ("2026-01-01", "2026-01-02"):
        house.load(table, day)
    assert [row[0] for row in seen(house, table)] == [1, 2, 3]
    roll_back(table)
    assert [row[0] for row in seen(house, table)] == [1, 2]


@pytest.mark.parametrize("place", first_on("redshift-like"), indirect=True)
def test_windows_of_a_table_with_all_our_words(house: Any) -> None:
    table = declared(house, "l", "{mode: replace_window, window_column: at}", suite=True)
    house.source("l-01.csv", csv_of((1, FIRST, 1), (2, FIRST, -1)))
    house.source("l-02.csv", csv_of((3, SECOND, 2)))
    for day in ("2026-01-01", "2026-01-02"):
        house.load(table, day)
    assert seen(house, table) == [(1, 1), (3, 2)]
    roll_back(table)
    assert seen(house, table) == [(1, 1)]


@pytest.mark.effect("Rule.severity", "Rule.severity=warning")
@pytest.mark.parametrize("place", first_on("postgresql"), indirect=True)
def test_a_refresh_of_a_table_with_all_our_words(house: Any) -> None:
    table = declared(house, "c", "{mode: full_refresh}", windowed=False, suite=True)
    for value in (1, 2):
        house.source("c.csv", csv_of((1, FIRST, value), (2, FIRST, value)))
        house.load(table)
        assert seen(house, table) == [(1, value), (2, value)]
    roll_back(table)
    assert seen(house, table) == [(1, 1), (2, 1)]
