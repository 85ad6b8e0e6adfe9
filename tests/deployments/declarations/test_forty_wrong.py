"""Forty mistakes somebody makes: each is told by `check` with exit code 2, its file, its line, and what is allowed instead.

Each is tried twice: by itself, and beside another mistake in the same file, which must not hide it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.check import check

FILES = {
    "tables/orders.yaml": """\
table: raw_data.orders
description: One row per order.
owner: data@example.com
source:
  kind: csv
  url: https://files.example.com/orders/{window.start:%Y-%m-%d}.csv
window: {every: day, timezone: Asia/Seoul, start: 2024-01-01}
schedule: {cron: "0 2 * * *"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: email, type: varchar(64)}
  - {name: amount, type: "decimal(12,2)"}
  - {name: ordered_at, type: timestamp, source_timezone: Asia/Seoul, nullable: false}
key: [id]
load:
  mode: replace_window
  window_column: ordered_at
grants: [analysts]
""",
    "tables/stock.yaml": """\
table: raw_data.stock
description: Stock.
owner: data@example.com
source:
  kind: postgres
  connection: shop
  query: SELECT id, n FROM stock
columns:
  - {name: id, type: integer, nullable: false}
  - {name: n, type: integer}
load: {mode: full_refresh}
""",
    "suites/orders.yaml": """\
table: raw_data.orders
expectations:
  - code: ORD-AMOUNT
    type: expect_column_values_to_be_between
    kwargs: {column: amount, min_value: 0}
    rows: quarantine
    tolerance: 1%
drift: {policy: warn, ignore: [email]}
""",
    "summaries/daily.sql": """\
/*
target: analytics.daily
description: Orders of each day.
owner: data@example.com
inputs:
  - table: raw_data.orders
    checks:
      - {code: ROWS, sql: "SELECT count(*) FROM raw_data.orders", at_least: 1}
key: [day]
*/
SELECT CAST(ordered_at AS date) AS day, count(*) AS orders
FROM raw_data.orders
GROUP BY 1
""",
    "warehouse.yaml": "groups:\n  analysts:\n    schemas: {raw_data: read, analytics: read}\n",
    "oncall.yaml": """\
timezone: Asia/Seoul
starts: 2024-01-01
people:
  ann: {name: Ann, email: ann@example.com}
rotation: [ann]
""",
}
T, P, S, Q, W, O = FILES  # noqa: E741 - table, second table, suite, summary, rights, rota
# File, what is changed, line, words of the mistake.
WRONG: list[tuple[str, str, str, int, str]] = [
    (T, '"0 2 * * *"', '"61 25 * * 9"', 8, "minute '61' is out of range; allowed: * or 0 to 59"),
    (T, '"0 2 * * *"', '"0 0 30 2 *"', 8, "never comes"),
    (T, '"0 2 * * *"', "daily", 8, "must have five fields"),
    (T, "start: 2024-01-01", "start: 2024-02-30", 7, "found '2024-02-30'; allowed: a date or time such as"),
    (T, "every: day", "every: dayly", 7, "allowed: hour, day, week, month"),
    (T, "Asia/Seoul, start", "Asia/Seol, start", 7, "isn't a time zone; allowed: IANA names"),
    (T, "raw_data.orders\n", "raw_dta.orders\n", 1, "the schema 'raw_dta' stands nowhere else"),
    (T, "raw_data.orders\n", "quarantine.orders\n", 1, "isn't for tables of a project; allowed: any other"),
    (T, "key: [id]", "key: [ide]", 14, "'ide' isn't a column of the contract; allowed: id, email, amount, ordered_at"),
    (T, "key: [id]", "kee: [id]", 14, "is not a known key; allowed: columns,"),
    (T, "key: [id]", "key: id", 14, "found 'id'; allowed: a list"),
    (T, "window_column: ordered_at", "window_column: email", 17, "must be a date or timestamp, not varchar"),
    (T, "mode: replace_window", "mode: replace-window", 16, "found 'replace-window'; allowed: full_refresh"),
    (T, "window_column: ordered_at", "window_column: ordered_at\n  shrink_guard: 10%", 18, "has no meaning with replace_window"),
    (T, "window_column: ordered_at", "window_column: ordered_at\n  on_schema_change: {retyped: evolve}", 18,
     "replace_window keeps rows"),
    (T, "window_column: ordered_at", "window_column: ordered_at\n  on_schema_change: {widened: warn}", 18,
     "found 'warn'; allowed: allow, evolve, fail"),
    (T, "window_column: ordered_at", "window_column: ordered_at\n  copy_options: {maxerror: 5}", 18,
     "COPY would load other values or rows"),
    (T, "window_column: ordered_at", "window_column: ordered_at\n  copy_options: {region: Frankfurt}", 18, "pattern"),
    (T, "grants: [analysts]", "grants: [analyst]", 18, "'analyst' isn't a group; allowed: analysts"),
    (T, "grants: [analysts]", "grants: [public]", 18, "'public' is everybody who may log in, and no group; allowed: analysts"),
    (T, "  url:", "  wait_for: {query: SELECT true, until: '05:30'}\n  url:", 6, "a csv source has no database to ask"),
    (T, "  url:", "  wait_for: {table: raw_data.stok, until: '05:30'}\n  url:", 6, "'raw_data.stok' isn't declared"),
    (T, "  url:", "  wait_for: {table: raw_data.stock, until: '25:30'}\n  url:", 6, "isn't a time of day such as 05:30"),
    (T, "  kind: csv\n", "", 4, "is missing; allowed: csv, json, parquet, rest, postgres, mysql, dlt"),
    (T, "/{window.start:%Y-%m-%d}", "", 6, "every window would read the same address; allowed: {window.start"),
    (T, "name: email, type", "name: email, ambiguous: first, type", 11, "has no meaning without source_timezone"),
    (T, "grants: [analysts]", "grants: [analysts]\npii: {email: hash}\nretries: {count: 99}", 20, "less than or equal to 10"),
    (T, "owner: data@example.com", "owner: [data]", 3, "allowed: text"),
    (P, "columns:", "window: {every: day, timezone: UTC, start: 2024-01-01}\ncolumns:", 8, "full_refresh replaces the whole"),
    (P, "query: SELECT id, n FROM stock", "query: DELETE FROM stock", 7, "SELECT"),
    (P, "{mode: full_refresh}", "{mode: full_refresh, stage: in_place}", 11, "in_place needs a csv, json or parquet source"),
    (P, "{mode: full_refresh}", "{mode: full_refresh, deletes: compare_keys}", 11, "compare_keys needs mode merge"),
    (S, "column: amount", "column: amont", 5, "has no column 'amont'; did you mean 'amount'?"),
    (S, "ignore: [email]", "ignore: [mail]", 8, "has no column 'mail'"),
    (S, "table: raw_data.orders", "table: raw_data.order", 1, "isn't a declared table; allowed: raw_data.orders"),
    (S, "severity", "severity", 0, ""),
    (S, "rows: quarantine", "rows: quarantin", 6, "found 'quarantin'; allowed: quarantine"),
    (Q, "SELECT CAST(ordered_at AS date) AS day, count(*) AS orders", "SELECT o.*", 11, "must list its columns"),
    (Q, "count(*) AS orders", "count(*) AS day", 11, "has 2 columns called 'day'"),
    (Q, "count(*) AS orders", "count(* AS orders", 11, "isn't SQL that either warehouse reads"),
    (Q, "SELECT CAST", "INSERT INTO x SELECT CAST", 11, "must be one SELECT"),
    (Q, "GROUP BY 1", "JOIN raw_data.stock ON true GROUP BY 1", 13, "reads raw_data.stock, which isn't among its inputs"),
    (Q, "GROUP BY 1", "JOIN raw_data.stok ON true GROUP BY 1", 13, "reads raw_data.stok, which isn't declared; allowed: "),
    (Q, "count(*) AS orders", "count(*) AS orders, ops.x", 11, "names the schema 'ops', which is closed to summaries"),
    (Q, "SELECT count(*)", "SELECT pg_sleep(9)", 8, "calls pg_sleep(), which a summary can't"),
    (Q, "SELECT count(*)", "SELECT 1, count(*)", 8, "must return one number; it makes 2 columns"),
    (Q, "key: [day]", "key: [dya]", 9, "the SELECT makes no column 'dya'; allowed: day, orders; did you mean 'day'?"),
    (Q, "key: [day]", "on_schema_change: {removed: allow}", 9, "has no meaning without columns"),
    (Q, "table: raw_data.orders", "table: raw_data.ordrs", 6, "isn't declared; allowed: raw_data.orders, raw_data.stock"),
    (Q, "at_least: 1", "at_least: 1, equals: 2", 8, "equals says it all"),
    (Q, "key: [day]", "key: [day]\nbefore_publish: [GRANT SELECT ON analytics.daily TO public]", 10, "'public' is everybody"),
    (Q, "key: [day]", "key: [day]\nafter_publish: [GRANT SELECT ON analytics.daily TO analyst]", 10, "'analyst' isn't a group"),
    (W, "raw_data: read", "raw_dta: read", 3, "no table is in the schema 'raw_dta'"),
    (W, "analytics: read", "analytics: write", 3, "found 'write'; allowed: read, all"),
    (O, "rotation: [ann]", "rotation: [bob]", 5, "'bob' isn't one of the people; allowed: ann"),
    (O, "email: ann@example.com", "mail: ann@example.com", 4, "is not a known key; allowed: away, email"),
]  # fmt: skip
WRONG = [item for item in WRONG if item[3]]
# A second mistake for each file: at its end or beginning, with words of its own.
BESIDE = {
    T: ("description: One row per order.", "descripton: One row per order.", "descripton: is not a known key"),
    P: ("description: Stock.", "descripton: Stock.", "descripton: is not a known key"),
    S: ("drift: {policy: warn", "drift: {policy: wran", "found 'wran'; allowed: warn, stop"),
    Q: ("description: Orders of each day.", "descripton: Orders", "descripton: is not a known key"),
    W: ("groups:\n", "grups: {}\ngroups:\n", "grups: is not a known key"),
    O: ("starts: 2024-01-01", "strats: 1\nstarts: 2024-01-01", "strats: is not a known key"),
}


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> list[dict[str, object]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setenv("HEADGATE_PROJECT", str(folder))
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(check, ["--json"], catch_exceptions=False)
    problems: list[dict[str, object]] = json.loads(result.output)["problems"]
    assert result.exit_code == (2 if problems else 0)
    return problems


def said(problem: dict[str, object]) -> str:
    extra = [f"; {name}: {problem[name]}" for name in ("found", "allowed") if problem[name] is not None]
    meant = f"; did you mean '{problem['nearest']}'?" if problem["nearest"] else ""
    text = f"{problem['key']}: {problem['message']}" + "".join(extra) + meant
    return text.replace("found: ", "found ")


def test_the_sound_project_has_no_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(tmp_path, monkeypatch, FILES) == []


def test_there_are_forty() -> None:
    assert len(WRONG) >= 40


@pytest.mark.parametrize(("file", "old", "new", "line", "words"), WRONG)
def test_each_is_told_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, line: int, words: str
) -> None:
    assert FILES[file].count(old) >= 1
    wrong = FILES | {file: FILES[file].replace(old, new, 1)}
    alone = told(tmp_path, monkeypatch, wrong)
    found = [problem for problem in alone if words in said(problem)]
    assert [(str(problem["file"]), problem["line"]) for problem in found] == [(str(tmp_path / file), line)], alone
    # Nothing follows from it that isn't a mistake: at most that the right key is missing.
    others = [problem for problem in alone if problem not in found]
    assert all("is missing" in str(problem["message"]) for problem in others), others
    first, second, beside = BESIDE[file]
    assert first in wrong[file]
    both = told(tmp_path, monkeypatch, wrong | {file: wrong[file].replace(first, second, 1)})
    assert any(words in said(problem) for problem in both), both
    assert any(beside in said(problem) for problem in both), both
