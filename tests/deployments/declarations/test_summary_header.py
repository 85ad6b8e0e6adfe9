"""A summary is one SELECT below a YAML header: mistakes in either are told with their line of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.declarations.problems import Problem
from deployments.declarations.summary import Summary, read_summary

SOUND = """\
/*
target: analytics.daily
description: Orders of each day.
owner: data@example.com
inputs:
  - table: raw.orders
    checks:
      - {code: ROWS, sql: "SELECT count(*) FROM raw.orders", at_least: 1}
key: [day]
*/
-- Days without orders don't stand here; a comment may hold a ';' and SELECT *.
SELECT day, count(*) AS orders, 'a;b' AS text
FROM raw.orders
GROUP BY day;
"""

MISTAKES = [
    ("target:", "tarjet:", 2, "tarjet", "did you mean 'target'?"),
    ("analytics.daily", "daily", 2, "target", "must be schema.table"),
    ("owner: data@example.com\n", "", 1, "owner", "is missing"),
    ("at_least: 1", "at_lest: 1", 8, "inputs[0].checks.ROWS.at_lest", "did you mean 'at_least'?"),
    (", at_least: 1", "", 8, "inputs[0].checks.ROWS", "a check by sql needs equals, at_least or at_most"),
    (
        'sql: "SELECT count(*) FROM raw.orders", ',
        "",
        8,
        "inputs[0].checks.ROWS",
        "needs either type (an expectation) or sql",
    ),
    ("code: ROWS", "code: rows", 8, "inputs[0].checks.rows.code", "pattern"),
    ("key: [day]", "key: [Day]", 9, "key[0]", "can't be a name in both warehouses"),
    ("key: [day]", "sql: SELECT 1", 9, "sql", "stands below the header, not in it"),
    ("key: [day]", "key: [day", 10, "", "isn't valid YAML"),
    ("/*\ntarget", "target", 1, "", "must begin with a YAML header"),
    ("SELECT day", "DELETE FROM day", 12, "sql", "must be one SELECT"),
    ("GROUP BY day;", "GROUP BY day; DROP TABLE raw.orders;", 14, "sql", "found a ';' inside"),
    ("SELECT day, count(*) AS orders, 'a;b' AS text", "SELECT *", 12, "sql", "must list its columns"),
    ("'a;b' AS text", "'--' AS text; DROP TABLE x", 12, "sql", "found a ';' inside"),
]


def read(tmp_path: Path, text: str) -> tuple[Summary | None, list[Problem]]:
    file = tmp_path / "daily.sql"
    file.write_text(text)
    problems: list[Problem] = []
    found = read_summary(file, problems)
    return None if found is None else found.summary, problems


def test_header_and_select_are_read_apart(tmp_path: Path) -> None:
    summary, problems = read(tmp_path, SOUND)
    assert problems == []
    assert summary is not None
    assert summary.sql.startswith("-- Days without")
    assert summary.sql.endswith("GROUP BY day")
    assert summary.triggers == ("raw.orders",)


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, key: str, words: str) -> None:
    assert old in SOUND
    summary, problems = read(tmp_path, SOUND.replace(old, new))
    assert summary is None
    told = [problem for problem in problems if words in str(problem)]
    assert [(problem.line, problem.key) for problem in told] == [(line, key)], problems


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
        "select count(*) as n from raw.t",
        "SELECT 'it''s; ok' AS x",
        "SELECT '/*' AS x, ';' AS y -- it's fine; really\nFROM raw.t",
        'SELECT "a;b" FROM raw.t',
    ],
)
def test_one_select_may_be_written_in_any_way(tmp_path: Path, sql: str) -> None:
    head = SOUND.partition("*/")[0] + "*/\n"
    assert read(tmp_path, head + sql)[1] == []


def test_a_header_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"/* owner: \xff */ SELECT 1")
    problems: list[Problem] = []
    assert read_summary(tmp_path / "a.sql", problems) is None
    assert problems[0].message == "isn't UTF-8 text (byte 10)"


def test_mistakes_of_header_and_select_are_told_together(tmp_path: Path) -> None:
    _, problems = read(tmp_path, SOUND.replace("target:", "tarjet:").replace("SELECT day", "DELETE FROM day"))
    assert {problem.key for problem in problems} == {"sql", "tarjet", "target"}
