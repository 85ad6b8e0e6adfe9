"""A project as a whole: names found, mistakes between files, the order in which summaries are built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.declarations.problems import Problem
from deployments.errors import DeclarationError
from deployments.project import SHOP, Project, load_project, read_project

TABLE = """\
table: raw.{name}
description: Rows.
owner: data@example.com
source: {{kind: csv, url: "http://files.example.com/{name}.csv"}}
columns: [{{name: id, type: integer}}]
load: {{mode: full_refresh}}
"""
SUMMARY = """/*
target: analytics.{name}
description: Figures.
owner: data@example.com
inputs: [{inputs}]
*/
SELECT count(*) AS n FROM {first}
"""

Write = Callable[..., Project]


def table(name: str) -> str:
    return TABLE.format(name=name)


def summary(name: str, *inputs: str) -> str:
    return SUMMARY.format(name=name, first=inputs[0], inputs=", ".join(f"{{table: {item}}}" for item in inputs))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[Project, list[Problem]]]:
    """Write files by their path in the project, and read it."""

    def run(**files: str) -> tuple[Project, list[Problem]]:
        for place, text in files.items():
            file = tmp_path / place.replace("__", "/").replace("_yaml", ".yaml").replace("_sql", ".sql")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return read_project(tmp_path)

    return run


def test_the_shop_has_no_mistakes() -> None:
    project, problems = read_project(SHOP)
    assert problems == []
    assert (len(project.tables), len(project.suites), len(project.summaries)) == (10, 10, 10)


def test_a_table_is_found_by_its_full_and_its_bare_name(read: Write) -> None:
    project, _ = read(tables__orders_yaml=table("orders"), summaries__daily_sql=summary("daily", "raw.orders"))
    assert project.table("orders") is project.table("raw.orders")
    assert project.full_name("daily") == "analytics.daily"
    assert project.suite("raw.orders").expectations == ()


@pytest.mark.parametrize("ask", ["table", "full_name"])
def test_an_unknown_name_is_told_with_the_nearest(read: Write, ask: str) -> None:
    project, _ = read(tables__orders_yaml=table("orders"), tables__items_yaml=table("items"))
    with pytest.raises(DeclarationError, match=r"'ordres' is declared; did you mean 'orders'\?\n  declared: raw.items"):
        getattr(project, ask)("ordres")


@pytest.mark.parametrize(("asked", "meant"), [
    ("analytics.orders", "raw.orders"), ("raw.ordres", "raw.orders"), ("rwa.items", "raw.items"), ("analytics.itms", "raw.items"),
    ("RAW.Ordrs", "raw.orders"), ("raw.shipments", None), ("raw.", None), ("raw_orders", "raw.orders"),
])  # fmt: skip
def test_a_name_with_its_schema_is_held_against_names_not_schemas(read: Write, asked: str, meant: str | None) -> None:
    """A right table in a wrong schema is told with the right one; a table that is only in the same schema isn't meant."""
    project, _ = read(tables__orders_yaml=table("orders"), tables__items_yaml=table("items"))
    with pytest.raises(DeclarationError) as told:
        project.full_name(asked)
    hint = f"; did you mean '{meant}'?" if meant else ""
    assert told.value.message.splitlines()[0] == f"no table or summary '{asked}' is declared{hint}"


FAULTS: list[tuple[dict[str, str], str, int, str, str]] = [
    ({"tables__copy_yaml": table("orders")}, "tables/orders.yaml", 1, "table", "'raw.orders' is declared in copy.yaml already"),
    ({"summaries__a_sql": summary("a", "raw.order")}, "summaries/a.sql", 5, "inputs[0].table",
     "'raw.order' isn't declared; allowed: raw.orders; did you mean 'raw.orders'?"),
    ({"summaries__a_sql": summary("a", "analytics.a")}, "summaries/a.sql", 5, "inputs", "depends on itself"),
    ({"summaries__a_sql": summary("a", "analytics.b"), "summaries__b_sql": summary("b", "analytics.a")},
     "summaries/b.sql", 5, "inputs", "depends on itself"),
    ({"summaries__a_sql": summary("a", "raw.orders").replace("analytics.a", "raw.orders")}, "summaries/a.sql", 0, "",
     "raw.orders"),
    ({"summaries__a_sql": summary("a", "raw.orders").replace("owner:", "after: [raw.none]\nowner:")}, "summaries/a.sql", 4,
     "after[0]", "'raw.none' isn't declared; allowed: raw.orders"),
    ({"suites__orders_yaml": "table: raw.ordes\n"}, "suites/orders.yaml", 1, "table", "did you mean 'raw.orders'?"),
    ({"suites__a_yaml": "table: raw.orders\n", "suites__b_yaml": "table: raw.orders\n"}, "suites/b.yaml", 1, "table",
     "declared in a.yaml already"),
    ({"suites__a_yaml": "table: analytics.a\n", "summaries__a_sql": summary("a", "raw.orders")}, "suites/a.yaml", 1, "table",
     "a summary's checks stand in its own header"),
    ({"suites__a_yaml": "table: raw.orders\nexpectations:\n  - {code: X, type: expect_column_values_to_not_be_null,\n"
      "     kwargs: {column: idd}}\n"}, "suites/a.yaml", 4, "expectations.X.kwargs.column", "did you mean 'id'?"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "where", "line", "key", "words"), FAULTS)
def test_a_mistake_between_files_is_told_where_it_stands(
    read: Write, tmp_path: Path, files: dict[str, str], where: str, line: int, key: str, words: str
) -> None:
    _, problems = read(tables__orders_yaml=table("orders"), **files)
    told = [p for p in problems if p.file == tmp_path / where and (not line or (p.line, p.key) == (line, key))]
    assert any(words in str(problem) for problem in told), problems


def test_mistakes_of_all_files_come_in_one_error(read: Write, tmp_path: Path) -> None:
    read(
        tables__a_yaml="table: x\n",
        tables__b_yaml="nothing",
        summaries__c_sql="SELECT 1",
        suites__d_yaml="table: q.other\n",
    )
    with pytest.raises(DeclarationError) as caught:
        load_project(tmp_path)
    for name in ("tables/a.yaml:1: table:", "tables/b.yaml:1:", "summaries/c.sql:1:", "suites/d.yaml:1: table:"):
        assert name in str(caught.value)
    assert caught.value.code == "DECLARATION"
    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == int(str(caught.value).split()[0])


def test_a_suite_isnt_blamed_for_its_table(read: Write, tmp_path: Path) -> None:
    _, problems = read(tables__a_yaml=table("a").replace("integer", "whole"), suites__a_yaml="table: raw.a\n")
    assert {problem.file.parent.name for problem in problems} == {"tables"}


def test_a_folder_without_tables_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="isn't a headgate project") as caught:
        read_project(tmp_path)
    assert caught.value.code == "NO-PROJECT"


def test_summaries_are_built_after_their_inputs_and_rebuilt_when_one_is_published(read: Write) -> None:
    project, problems = read(
        tables__orders_yaml=table("orders"), tables__items_yaml=table("items"),
        summaries__a_sql=summary("a", "analytics.z"), summaries__z_sql=summary("z", "raw.orders"),
        summaries__m_sql=summary("m", "raw.items"),
        summaries__k_sql=summary("k", "raw.orders", "analytics.a").replace("owner:", "after: [analytics.a]\nowner:"),
    )  # fmt: skip
    assert problems == []
    assert project.build_order() == ["analytics.z", "analytics.a", "analytics.k", "analytics.m"]
    assert project.dependents("raw.orders") == ["analytics.z", "analytics.a", "analytics.k"]
    assert project.dependents("raw.items") == ["analytics.m"]
