"""`summary test`: cases of a summary run on tables of their own, on either warehouse, and leave nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.checking import case_problems
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: amount, type: "decimal(12,2)"}
  - {name: city, type: varchar(16), nullable: false}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
load: {mode: full_refresh}
"""
BY_CITY = """\
/*
target: {s}_sums.by_city
description: Orders by city and day.
owner: a@example.com
inputs: [{table: {s}.orders}]
key: [city, day]
*/
SELECT orders.city, CAST({s}.orders.at AS date) AS day, SUM(amount) AS amount, AVG(CAST(amount AS double precision)) AS mean
FROM {s}.orders GROUP BY 1, 2
"""
BEST = """\
/*
target: {s}_sums.best
description: The best city.
owner: a@example.com
inputs: [{table: {s}_sums.by_city}]
key: [city]
*/
WITH ranked AS (SELECT city, amount, ROW_NUMBER() OVER (ORDER BY amount DESC, city) AS place FROM {s}_sums.by_city)
SELECT city, amount FROM ranked WHERE place = 1
"""
CASES = """\
tests:
  - name: days end at midnight
    given:
      {s}.orders:
        - {id: 1, amount: 2.5, city: Oslo, at: "2024-01-31 23:59:59"}
        - {id: 2, amount: 0.1, city: Oslo, at: "2024-01-31 00:00:00"}
        - {id: 3, amount: 5, city: Oslo, at: 2024-02-01}
        - {city: Rome, at: "2024-02-01 01:00:00"}
    expect:
      - {day: 2024-02-01, city: Oslo, amount: 5.0, mean: 5}
      - {day: 2024-01-31, city: Oslo, amount: 2.6, mean: 1.3}
      - {day: 2024-02-01, city: Rome, amount: null, mean: null}
  - name: nothing of nothing
    given: {}
    expect: []
"""


@pytest.fixture
def project(house: Any) -> Any:
    """Two summaries, one of the other; nothing is loaded."""
    house.declare("orders", TABLE)
    house.place.ask(f"CREATE SCHEMA {house.schema}")
    (house.folder / "summaries").mkdir()
    write(house, "by_city.sql", BY_CITY)
    write(house, "best.sql", BEST)
    return house


def write(house: Any, name: str, text: str) -> None:
    (house.folder / "summaries" / name).write_text(text.replace("{s}", house.schema))


def things(house: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = house.place.ask(
        "SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid "
        "WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' ORDER BY 1, 2"
    )
    return found


@pytest.mark.effect("headgate summary test NAME", "headgate summary test --json")
def test_cases_pass_and_leave_nothing(project: Any, command: Callable[..., Any]) -> None:
    before = things(project)
    write(project, "by_city.test.yaml", CASES)
    write(project, "best.test.yaml", (
        "tests:\n  - name: the greater one\n    given:\n      {s}_sums.by_city:\n"
        "        - {city: Oslo, amount: 1}\n        - {city: Rome, amount: 2}\n    expect: [{city: Rome, amount: 2}]\n"
    ))  # fmt: skip
    told = command("summary", "test")
    assert (told.code, told.out.splitlines()[-1]) == (0, "3 passed"), (told.out, told.error)
    of_one = command("summary", "test", "by_city", "--json").json
    assert ([case["case"] for case in of_one["cases"]], of_one["failed"]) == (
        ["days end at midnight", "nothing of nothing"],
        0,
    )
    assert things(project) == before


@pytest.mark.effect("Cases.tests", "Case.name", "Case.given", "Case.expect")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_rows_that_differ_are_shown(project: Any, command: Callable[..., Any]) -> None:
    before = things(project)
    write(
        project,
        "by_city.test.yaml",
        CASES.replace("amount: 5.0", "amount: 6").replace("expect: []", "expect: [{city: Oslo}]"),
    )
    told = command("summary", "test")
    assert (told.code, told.out.splitlines()) == (1, [
        f"FAILED  {project.schema}_sums.by_city: days end at midnight",
        "        expected, and didn't come out: day: 2024-02-01, city: Oslo, amount: 6, mean: 5.0",
        "        came out, and wasn't expected: day: 2024-02-01, city: Oslo, amount: 5.00, mean: 5.0",
        f"FAILED  {project.schema}_sums.by_city: nothing of nothing",
        "        expected, and didn't come out: city: Oslo",
        "2 of 2 failed",
    ])  # fmt: skip
    # A row too many is one, too: each stands for itself.
    rome = "      - {day: 2024-02-01, city: Rome, amount: null, mean: null}\n"
    assert rome in CASES
    write(project, "by_city.test.yaml", CASES.replace(rome, rome * 2))
    assert "expected, and didn't come out: day: 2024-02-01, city: Rome" in command("summary", "test").out
    assert things(project) == before


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("old", "new", "words"), [
    ("amount: 2.5", "amuont: 2.5", "orders has no column 'amuont'; did you mean 'amount'?"),
    ("{s}.orders:", "{s}.order:", "which isn't among the inputs; did you mean"),
    ("expect: []", "expect: [{town: Oslo}]", "expects a column 'town', which the SELECT doesn't make"),
    ("city: Oslo, amount: 5.0, mean: 5", "city: Oslo", "every expected row must name the same columns"),
    ("given: {}", "gives: {}", "did you mean 'given'?"), ("amount: 2.5", "amount: many", "invalid text representation"),
])  # fmt: skip
def test_mistakes_of_a_case_are_told(project: Any, command: Callable[..., Any], old: str, new: str, words: str) -> None:
    before = things(project)
    assert old in CASES
    write(project, "by_city.test.yaml", CASES.replace(old, new, 1))
    told = str(command("summary", "test").error)
    assert words in told
    # Where it sends people, they see it.
    seen = any(words in str(problem) for problem in case_problems(workbench().project))
    assert seen == ("next: headgate check" in told)
    assert things(project) == before


FROM_FILES = """\
tests:
  - name: figures of January
    given: {"{s}.orders": january.csv}
    expect: expected.csv
"""
ORDERS = 'id,amount,city,at\n1,2.50,Oslo,2024-01-31 23:59:59\n2,0.1,"Oslo",2024-01-31\n3,,"Rome, IT",2024-02-01\n'
EXPECTED = 'day,city,amount\n2024-01-31,Oslo,2.6\n2024-02-01,"Rome, IT",\n'


def test_rows_may_stand_in_csv_files(project: Any, command: Callable[..., Any]) -> None:
    write(project, "by_city.test.yaml", FROM_FILES)
    write(project, "january.csv", "\ufeff" + ORDERS)
    write(project, "expected.csv", EXPECTED)
    told = command("summary", "test")
    assert (told.code, told.out.splitlines()[-1]) == (0, "1 passed"), (told.out, told.error)
    write(project, "expected.csv", EXPECTED.replace("2.6", "2.7"))
    told = command("summary", "test")
    assert (told.code, "expected, and didn't come out: day: 2024-01-31, city: Oslo, amount: 2.7" in told.out) == (
        1,
        True,
    )


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("name", "content", "words"), [
    ("january.csv", ORDERS.replace("3,,", "3,"), "january.csv:4: row 3 has 3 fields, the header 4"),
    ("january.csv", "id,id\n1,2\n", "has no header with each column once"), ("january.csv", "", "has no header"),
    ("january.csv", ORDERS.replace("amount", "amuont"), "orders has no column 'amuont'; did you mean 'amount'?"),
    ("expected.csv", None, "a CSV file of this folder: january.csv"),
    ("expected.csv", EXPECTED.replace("city", "town"), "expects a column 'town', which the SELECT doesn't make"),
    ("by_city.test.yaml", FROM_FILES.replace("january.csv", "../january.csv"), "given"),
])  # fmt: skip
def test_mistakes_of_csv_files_are_told(
    project: Any, command: Callable[..., Any], name: str, content: str | None, words: str
) -> None:
    files = {"by_city.test.yaml": FROM_FILES, "january.csv": ORDERS, "expected.csv": EXPECTED, name: content}
    for file, text in files.items():
        if text is not None:
            write(project, file, text)
    told = command("summary", "test")
    assert words in told.out + str(told.error)
    assert told.code != 0


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_without_cases_it_says_where_they_stand(project: Any, command: Callable[..., Any]) -> None:
    told = command("summary", "test", "best")
    assert (told.code, "summaries/best.test.yaml" in told.out) == (2, True), told.out
