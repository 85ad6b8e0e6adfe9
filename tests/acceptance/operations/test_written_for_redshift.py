"""A summary that was written for Redshift, built on every warehouse at hand: the same rows, and the text that ran is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16)}
  - {name: amount, type: integer}
  - {name: paid_at, type: timestamp, source_timezone: UTC, nullable: false}
key: [id]
load: {mode: full_refresh, shrink_guard: 100%}
"""
ROWS = """id,city,amount,paid_at
1,Oslo,10,2016-02-29 23:59:59
2,Rome,,2024-01-31 12:00:00
3,Oslo,7,2024-01-31 13:00:00
4,,1,2024-12-31 00:00:00
"""
SUMMARY = """/*
target: {schema}.last_of_city
description: The last order of each city.
owner: a@example.com
written_for: redshift
inputs:
  - table: {schema}.orders
    checks:
      - {code: NOT-EMPTY, sql: "SELECT NVL(MAX(LEN(city)), 0) FROM {schema}.orders", at_least: 4}
expectations:
  - {code: NEXT-YEAR, type: unexpected_rows_expectation, kwargs: {unexpected_rows_query: "QUERY"}}
columns:
  - {name: city, type: varchar(16)}
  - {name: id, type: bigint, nullable: false}
  - {name: month, type: varchar(7)}
  - {name: next_year, type: timestamp}
  - {name: amount, type: bigint}
  - {name: double_amount, type: bigint}
  - {name: years, type: bigint}
*/
SELECT city, id, LEFT(paid_at, 7) AS month, DATEADD(year, 1, paid_at) AS next_year,
  NVL(amount, 0) AS amount, amount * 2 AS double_amount,
  DATEDIFF(year, paid_at, '2024-12-31') AS years
FROM {schema}.orders
QUALIFY ROW_NUMBER() OVER (PARTITION BY city ORDER BY paid_at DESC) = 1
"""
QUERY = "SELECT city FROM {batch} WHERE DATEDIFF(day, next_year, '2017-01-01') > 1000"


@pytest.fixture
def summary(house: Any) -> Callable[..., str]:
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", ROWS)
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(change: Callable[[str], str] = str) -> str:
        text = change(SUMMARY).replace("QUERY", QUERY).replace("{schema}", house.schema)
        (house.folder / "summaries" / "last_of_city.sql").write_text(text)
        house.open()
        return f"{house.schema}.last_of_city"

    return write


@pytest.mark.effect("Summary.written_for")
def test_the_same_rows_on_both_and_the_text_that_ran(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    # The stand-in can't make a view of a QUALIFY; what it is on PostgreSQL is held in tests/flows/test_one_sql.py, too.
    name = summary(str if not house.place.is_redshift else without_qualify)
    told = command("run", name, "--json")
    assert told.code == 0, told.out
    found = house.place.ask(f"SELECT city, id, month, next_year, amount, double_amount, years FROM {name} ORDER BY id")
    assert [tuple(row) for row in found] == [
        ("Rome", 2, "2024-01", datetime(2025, 1, 31, 12), 0, None, 0),
        ("Oslo", 3, "2024-01", datetime(2025, 1, 31, 13), 7, 14, 0),
        (None, 4, "2024-12", datetime(2025, 12, 31), 1, 2, 0),
    ]  # fmt: skip
    (run,) = told.json["runs"]
    shown = command("show", run["run_id"])
    if house.place.is_redshift:
        assert (run["sql"], "rewritten" in shown.out) == ("", False)
        return
    assert "COALESCE(amount, 0) AS amount" in run["sql"]
    assert "WHERE hg_kept" in shown.out
    assert "by SQL rewritten for PostgreSQL" in shown.out
    # What isn't said to be written for Redshift goes as it stands, and PostgreSQL doesn't know it.
    told = command("run", summary(lambda text: text.replace("written_for: redshift\n", "")), "--full-refresh")
    assert (told.code, "SUMMARY-CALLS" in told.out and "written_for: redshift" in told.out) == (1, True), told.out


def without_qualify(text: str) -> str:
    head, _, select = text.partition("*/\n")
    select, _, condition = select.partition("QUALIFY ")
    select = select.replace("SELECT city, id", f"SELECT {condition.partition(' = 1')[0]} AS place, city, id")
    return f"{head}*/\nSELECT city, id, month, next_year, amount, double_amount, years FROM (\n{select}) q WHERE place = 1\n"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_what_is_not_proven_is_not_run(
    house: Any, command: Callable[..., Any], summary: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    name = summary(lambda text: text.replace("NVL(amount, 0)", "AVG(amount) OVER (PARTITION BY city)"))
    told = command("run", name)
    assert told.code == 1, told.out
    for words in (
        "NOT-ON-POSTGRESQL",
        "line 2: averages what isn't double precision",
        "AVG(CAST(x AS double precision))",
    ):
        assert words in told.out
    wrong = command("check")
    assert (wrong.code, ".sql:22:3: sql: averages" in wrong.out) == (2, True), wrong.out


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_cases_trials_and_windows_take_the_rewritten_text(
    house: Any, command: Callable[..., Any], summary: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    name = summary(
        lambda text: text.replace("columns:", "mode: window\nwindow: {every: month, timezone: UTC, start: 2024-01-01}\n"
                                  "window_column: first\ncolumns:\n  - {name: first, type: timestamp}")
        .replace("SELECT city, id", "SELECT DATE_TRUNC('month', paid_at) AS first, city, id")
        .replace("QUALIFY", "WHERE paid_at >= {window.start} AND "
                 "DATEADD(day, 1, paid_at) < DATEADD(day, 1, {window.end})\nQUALIFY")
    )  # fmt: skip
    case = {"window": "2024-01", "id": 1, "city": "Oslo"}
    (house.folder / "summaries" / "last_of_city.test.yaml").write_text(
        f"tests:\n  - name: a month\n    window: '{case['window']}'\n    given:\n      {house.schema}.orders:\n"
        "        - {id: 1, city: Oslo, paid_at: '2024-01-31 23:59:59'}\n        - {id: 2, city: Oslo, paid_at: '2024-02-01'}\n"
        "    expect:\n      - {id: 1, month: 2024-01, amount: 0}\n"
    )
    told = command("summary", "test", name)
    assert told.code == 0, told.out
    tried = command("summary", "try", name, "--window", "2024-01")
    assert (tried.code, "2025-01-31 13:00" in tried.out) == (0, True), tried.out
    assert command("run", name, "--window", "2024-01").code == 0
    assert house.place.ask(f"SELECT id FROM {name} ORDER BY id") == [(2,), (3,)]
    assert command("check", "--live").code == 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_draft_says_that_the_sql_is_of_redshift(
    house: Any, command: Callable[..., Any], summary: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    summary()
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    select = f"SELECT id, LEFT(paid_at, 7) AS month{{more}} FROM {house.schema}.orders\n"
    (house.folder / "mine.sql").write_text(select.format(more=", LEN(city) AS letters"))
    assert command("summary", "new", str(house.folder / "mine.sql")).code == 0
    drafted = (house.folder / "summaries" / "mine.sql").read_text()
    assert drafted.startswith("/*\nwritten_for: redshift\ntarget: ")
    # Where no word of the text says so, the warehouse does, and the header.
    (house.folder / "other.sql").write_text(select.format(more=""))
    told = command("summary", "new", str(house.folder / "other.sql"))
    assert told.error.code == "SUMMARY-CALLS"
    assert "written_for: redshift" in told.error.next_command
    (house.folder / "other.sql").write_text("/*\nwritten_for: redshift\n*/\n" + select.format(more=""))
    assert command("summary", "new", str(house.folder / "other.sql")).code == 0
    assert "description: Rows of other." in (house.folder / "summaries" / "other.sql").read_text()
