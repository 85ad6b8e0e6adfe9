"""`summary new`: a SELECT becomes a summary with its contract, which `check` finds right and `run` builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.declarations.problems import Problem
from deployments.declarations.summary import read_summary
from deployments.errors import DeclarationError

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16), nullable: false, description: Where it was sent.}
  - {name: amount, type: "decimal(12,3)", unit: USD}
load: {mode: full_refresh}
"""
SELECT = "SELECT city, COUNT(*) AS orders, SUM(amount) AS paid, AVG(amount) AS usual, city || '!' AS shout\n" \
    "FROM {schema}.orders\nGROUP BY city\n"  # fmt: skip


@pytest.fixture
def written(house: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setenv("HEADGATE_PROJECT", str(house.folder))
    house.source("orders.csv", "id,city,amount\n1,Oslo,10.5\n2,Oslo,2\n3,Rome,1.125\n")
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(text: str = SELECT, name: str = "by_city.sql") -> Path:
        file: Path = house.folder / name
        file.write_text(text.replace("{schema}", house.schema))
        return file

    return write


def relations(house: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = house.place.ask(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname LIKE %s ORDER BY 1, 2", (f"{house.schema}%",)
    )  # fmt: skip
    return found


@pytest.mark.effect("headgate summary new FILE", "headgate summary new --owner", "headgate summary new --json")
def test_the_draft_is_right_and_can_be_built(
    house: Any, command: Callable[..., Any], written: Callable[..., Path]
) -> None:
    before = relations(house)
    told = command("summary", "new", str(written()), "--owner", "me@example.com", "--json")
    assert told.code == 0, (told.out, told.error)
    assert relations(house) == before
    file = Path(told.json["file"])
    problems: list[Problem] = []
    read = read_summary(file, problems)
    assert read is not None
    assert (problems, read.summary.owner, read.summary.key) == ([], "me@example.com", ("city",))
    columns = {column.name: column for column in read.summary.columns}
    assert [column.nullable for column in columns.values()] == [False] * 5
    assert (columns["city"].type, columns["city"].description) == ("varchar(16)", "Where it was sent.")
    assert (columns["orders"].type, columns["shout"].type) == ("bigint", "varchar(16)")
    assert columns["paid"].type.endswith(",3)")
    assert (columns["paid"].unit, told.json["rows"]) == (None, 2)
    text = file.read_text()
    assert text.count("# DECIDE") == told.json["to_decide"]
    # What has more digits than anybody reads is for a person to round.
    text = text.replace("AVG(amount) AS usual", "ROUND(AVG(amount), 4) AS usual").replace(
        "target: analytics.", f"target: {house.schema}."
    )
    file.write_text(text)
    house.open()
    told = command("run", f"{house.schema}.by_city")
    assert told.code == 0, told.out
    assert len(house.rows(f"{house.schema}.by_city")) == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_header_that_is_there_is_kept(house: Any, command: Callable[..., Any], written: Callable[..., Path]) -> None:
    header = f"/*\ntarget: {house.schema}.cities\ndescription: Cities. One row per city.\nowner: b@example.com\n" \
        f"inputs: [{{table: {house.schema}.orders}}]   # as it was\n*/\n"  # fmt: skip
    command("summary", "new", str(written(header + SELECT, "cities.sql")))
    text = (house.folder / "summaries" / "cities.sql").read_text()
    assert text.startswith(header.removesuffix("*/\n") + "columns:\n  - {name: city, ")
    again = command("summary", "new", str(house.folder / "summaries" / "cities.sql"))
    assert "has columns already" in str(again.error)


OF_REDSHIFT = [
    "SELECT city, id FROM {schema}.orders QUALIFY ROW_NUMBER() OVER (PARTITION BY city ORDER BY id) = 1",
    "SELECT city, one FROM (SELECT city, id, amount FROM {schema}.orders) PIVOT (SUM(amount) FOR id IN (1 AS one))",
    "SELECT city, APPROXIMATE COUNT(DISTINCT id) AS orders FROM {schema}.orders GROUP BY city",
    "SELECT city, RATIO_TO_REPORT(SUM(amount)) OVER () AS share FROM {schema}.orders GROUP BY city",
]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sql", OF_REDSHIFT)
def test_sql_of_redshift_is_drafted_as_such(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], sql: str
) -> None:
    told = command("summary", "new", str(written(sql)))
    assert told.code == 0, (told.out, told.error)
    text = (house.folder / "summaries" / "by_city.sql").read_text()
    assert text.startswith("/*\nwritten_for: redshift\n")
    (house.folder / "summaries" / "by_city.sql").write_text(text.replace("written_for: redshift\n", ""))
    house.open()
    told = command("check")
    assert "in the header: written_for: redshift" in told.out + str(told.error)


@pytest.mark.effect("headgate summary new --force")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_file_that_is_there_is_written_over_when_asked(
    house: Any, command: Callable[..., Any], written: Callable[..., Path]
) -> None:
    there = house.folder / "summaries" / "by_city.sql"
    assert command("summary", "new", str(written())).code == 0
    before = there.read_text()
    written(SELECT.replace("AS shout", "AS cried"))
    assert "is there already" in str(command("summary", "new", str(house.folder / "by_city.sql")).error)
    assert there.read_text() == before
    assert command("summary", "new", str(house.folder / "by_city.sql"), "--force").code == 0
    assert "cried" in there.read_text()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("text", "words"), [
    ("SELECT city FROM {schema}.ordrs", "did you mean"), ("SELECT * FROM {schema}.orders", "must list its columns"),
    ("SELECT city,\n  COUNT(*) FROM {schema}.orders GROUP BY city", "sql:2: sql: has a column without a name of its own (count)"),
    ("SELECT city / 0 AS x FROM {schema}.orders", "operator does not exist"),
    ("SELECT LENGTH(city) / (LENGTH(city) - LENGTH(city)) AS x FROM {schema}.orders", "division by zero"),
    ("SELECT AGE(TIMESTAMP '2024-01-02', TIMESTAMP '2024-01-01') AS old, city FROM {schema}.orders", "old of"),
    ("DELETE FROM {schema}.orders", "must be one SELECT"),
])  # fmt: skip
def test_what_can_not_be_drafted(
    house: Any, command: Callable[..., Any], written: Callable[..., Path], text: str, words: str
) -> None:
    error = command("summary", "new", str(written(text))).error
    assert words in str(error)
    assert (isinstance(error, DeclarationError), "headgate check" in str(error.next_command)) == (True, False)
    assert not (house.folder / "summaries").exists()
