"""Mistakes of summaries that are built by windows, and of statements in their publish: each told with what to write instead."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployments.declarations.problems import Problem
from deployments.declarations.summary import read_summary
from deployments.declarations.summary_rules import summary_faults
from deployments.declarations.summary_statements import Statement, read_statement
from deployments.declarations.summary_window import filled, stand_in
from deployments.windows import Grid, Window

HEADER = """/*
target: analytics.per_day
description: Orders of each day.
owner: a@example.com
mode: window
window: {every: day, timezone: UTC, start: 2024-01-01}
window_column: day
inputs: [{table: raw.orders}]
columns:
  - {name: day, type: date, nullable: false}
  - {name: orders, type: bigint}
key: [day]
*/
"""
SELECT = (
    "SELECT day, COUNT(*) AS orders FROM raw.orders WHERE at >= {window.start} AND at < {window.end} GROUP BY day\n"
)
TARGET = "analytics.per_day"


def faults(tmp_path: Path, header: str, select: str = SELECT) -> list[str]:
    file = tmp_path / "per_day.sql"
    file.write_text(header + select)
    problems: list[Problem] = []
    read = read_summary(file, problems)
    told = [str(problem) for problem in problems]
    if read is not None and read.summary is not None:
        told += [f"{fault.message}; {fault.allowed}" for fault in summary_faults(read.summary, read.select)]
    return told


def test_a_sound_one_is_told_nothing(tmp_path: Path) -> None:
    assert faults(tmp_path, HEADER) == []
    merged = HEADER.replace("mode: window", "mode: merge").replace("window_column: day\n", "")
    assert faults(tmp_path, merged) == []


@pytest.mark.parametrize(("old", "new", "words"), [
    ("window: {every: day, timezone: UTC, start: 2024-01-01}\n", "", "builds window by window; window:"),
    ("window_column: day\n", "", "is missing; day"),
    ("window_column: day", "window_column: orders", "'orders' isn't one; day"),
    ("start: 2024-01-01}", "start: 2024-01-01, lookback: 3}", "is built again when one of its inputs is"),
    ("mode: window\n", "", "{window.start} has no meaning where the whole table is built anew"),
    ("mode: window", "mode: merge", "belongs to mode window; merge finds rows by their key"),
    ("mode: window", "mode: append", "mode"),
    ("key: [day]", "before_publish: [VACUUM analytics.per_day]", "VACUUM isn't run in a publish: it can't run inside"),
    ("key: [day]", "before_publish: [TRUNCATE analytics.per_day]", "it commits on Redshift"),
    ("key: [day]", "after_publish: ['INSERT INTO analytics.per_day SELECT 1']", "rows come of the SELECT"),
    ("key: [day]", "after_publish: [ANALYZE raw.orders]", "is about raw.orders; a publish changes nothing but its own table"),
    ("key: [day]", "after_publish: [DELETE FROM analytics.per_day]", "none of the statements that a publish may hold"),
    ("key: [day]", "after_publish: [DELETE FROM analytics.per_day WHERE day IN (SELECT day FROM raw.gone)]",
     "its condition reads raw.gone"),
    ("key: [day]", "after_publish: [DELETE FROM analytics.per_day WHERE pg_sleep(9) IS NULL]", "pg_sleep"),
    ("key: [day]", "after_publish: [\"DELETE FROM analytics.per_day WHERE true; DROP TABLE raw.orders\"]", "';'"),
    ("key: [day]", "after_publish: [GRANT ALL ON analytics.per_day TO analysts]", "none of the statements"),
    ("key: [day]", "after_publish: [LISTEN analytics]", "'LISTEN analytics' is none of the statements"),
])  # fmt: skip
def test_what_is_wrong(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in HEADER
    told = faults(tmp_path, HEADER.replace(old, new))
    assert any(words in text for text in told), told


@pytest.mark.parametrize(("select", "words"), [
    (SELECT.replace(" AND at < {window.end}", ""), "doesn't say which rows are a window's"),
    (SELECT.replace("{window.end}", "'{window.end}'"), "sql"),
    (SELECT.replace("{window.end}", "{window.stop}"), "sql"),
])  # fmt: skip
def test_a_select_without_its_window(tmp_path: Path, select: str, words: str) -> None:
    assert any(words in text for text in faults(tmp_path, HEADER, select)), faults(tmp_path, HEADER, select)


def test_a_rebuilt_table_has_nothing_of_before_to_delete(tmp_path: Path) -> None:
    header = HEADER.replace("mode: window\n", "").replace(
        "window: {every: day, timezone: UTC, start: 2024-01-01}\n", ""
    )
    header = header.replace("window_column: day", "after_publish: [DELETE FROM analytics.per_day WHERE orders = 0]")
    told = faults(tmp_path, header, "SELECT day, COUNT(*) AS orders FROM raw.orders GROUP BY day\n")
    assert any("nothing of before is left to delete" in text for text in told), told


@pytest.mark.parametrize(("text", "found"), [
    ("ANALYZE analytics.per_day;", Statement("analyze")),
    ("grant select on table analytics.per_day to group analysts", Statement("grant", "analysts")),
    ("GRANT SELECT ON analytics.per_day TO analysts", Statement("grant", "analysts")),
    ("DELETE FROM analytics.per_day WHERE day < DATE '2024-01-01'", Statement("delete", "day < DATE '2024-01-01'")),
])  # fmt: skip
def test_statements_that_may_run(text: str, found: Statement) -> None:
    assert read_statement(text, TARGET) == found


def test_moments_are_typed_values_and_stand_ins_are_as_long() -> None:
    window = Grid("day", "Asia/Seoul", datetime(2024, 1, 1)).nth(0)
    sql = "a >= {window.start} AND a < {window.end} AND d >= {window.start.date} AND d < {window.end.date}"
    assert filled(sql, window, "Asia/Seoul") == (
        "a >= TIMESTAMP '2023-12-31 15:00:00' AND a < TIMESTAMP '2024-01-01 15:00:00' "
        "AND d >= DATE '2024-01-01' AND d < DATE '2024-01-02'"
    )
    assert len(stand_in(sql)) == len(sql)
    assert "{" not in stand_in(sql)


def test_windows_that_overlap_another() -> None:
    months, days = (
        Grid("month", "UTC", datetime(2024, 1, 1)),
        Grid("day", "UTC", datetime(2024, 1, 30), datetime(2024, 2, 3)),
    )
    january = months.nth(0)
    assert [days.label(window) for window in days.overlapping(january)] == ["2024-01-30", "2024-01-31"]
    day = Window(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 2, tzinfo=UTC))
    assert [months.label(window) for window in months.overlapping(day)] == ["2024-02"]
