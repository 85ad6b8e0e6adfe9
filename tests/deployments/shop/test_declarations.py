"""The shop's declarations are good ones, and agree with the world they read from."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from deployments.declarations.known_tables import known_tables
from deployments.declarations.redshift_sql import for_postgresql
from deployments.declarations.sources import CsvSource, JsonSource, PostgresSource
from deployments.project import SHOP, Project, load_project, read_project
from deployments.shop.world.planted import BAD_ANSWER, DRIFT
from deployments.shop.world.rows import SourceRows
from deployments.shop.world.sources import all_rows, production_rows

TABLES = sorted(load_project(SHOP).tables)
SUMMARIES = sorted(load_project(SHOP).summaries)

# What Redshift doesn't know, or reads in another way than PostgreSQL.
ONE_WAREHOUSE_ONLY = (
    r"\bdistinct\s+on\b", r"\bfilter\s*\(", r"\blateral\b", r"\bgenerate_series\b", r"\(\s*values\b", r"::",
    r"\bilike\b", r"\barray\b", r"\bstring_agg\b", r"\bmake_date\b", r"\binterval\b", r"\bdatediff\b", r"\bdateadd\b",
    r"\blistagg\b", r"\bnvl\b", r"\bgetdate\b", r"\bnow\s*\(", r"\bcurrent_", r"\\", r"\bround\s*\(",
    r"\busing\s*\(", r"\bfetch\s+first\b", r"\bis\s+(not\s+)?distinct\b",
)  # fmt: skip


def rows_of(name: str) -> SourceRows:
    return all_rows()[name.partition(".")[2]]


def test_nothing_is_wrong_with_them() -> None:
    assert [str(problem) for problem in read_project(SHOP)[1]] == []


def test_every_source_has_a_table_and_every_table_a_suite(shop: Project) -> None:
    assert set(shop.tables) == set(shop.suites) == {f"raw_data.{name}" for name in all_rows()}


def test_the_summaries_of_the_shop_are_there(shop: Project) -> None:
    wanted = {"monthly_active_users", "channel_month", "cohort_retention", "user_first_last_channel", "user_summary",
              "monthly_nps", "calendar_month", "attribution_month", "variant_readout", "monthly_key_figures"}  # fmt: skip
    assert {summary.name for summary in shop.summaries.values()} == wanted


@pytest.mark.parametrize("name", TABLES)
def test_the_contract_names_the_sources_columns_and_key(shop: Project, name: str) -> None:
    table, rows = shop.tables[name], rows_of(name)
    assert tuple(column.source_name for column in table.columns) == rows.header
    assert table.key == rows.key


@pytest.mark.parametrize("name", TABLES)
def test_every_row_fits_the_contract(shop: Project, name: str) -> None:
    table, rows = shop.tables[name], rows_of(name)
    for position, column in enumerate(table.columns):
        values = [row[position] for row in rows.rows]
        assert column.nullable or None not in values, column.name
        longest = max((len(value.encode()) for value in values if isinstance(value, str)), default=0)
        assert longest <= column.column_type.length or column.column_type.kind != "varchar", column.name


@pytest.mark.parametrize("name", TABLES)
def test_windows_cover_every_row_once(shop: Project, name: str) -> None:
    table, rows = shop.tables[name], rows_of(name)
    if table.grid is None:
        assert table.load.mode == "full_refresh"
        return
    source = table.source
    cursor = source.cursor.column if isinstance(source, PostgresSource) and source.cursor else table.load.window_column
    assert cursor is not None
    moments = [row[rows.header.index(cursor)] for row in rows.rows]
    windows = list(table.grid.due(datetime(2019, 12, 2, tzinfo=UTC)))
    counts = [sum(window.start <= at_utc(moment) < window.end for moment in moments) for window in windows]
    assert sum(counts) == len(rows.rows)
    assert min(counts) > 100


def at_utc(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    assert isinstance(value, date)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def test_only_one_table_is_loaded_day_by_day(shop: Project) -> None:
    windows = {name: table.window.every for name, table in shop.tables.items() if table.window}
    assert [name for name, every in windows.items() if every == "day"] == [DRIFT.table]
    assert sorted(windows.values()) == ["day", "month", "month", "month"]


def test_every_load_mode_and_kind_of_source_is_shown(shop: Project) -> None:
    assert {table.load.mode for table in shop.tables.values()} == {"full_refresh", "append", "replace_window", "merge"}
    assert {type(table.source) for table in shop.tables.values()} == {PostgresSource, CsvSource, JsonSource}


def test_queries_read_the_production_tables(shop: Project) -> None:
    read = {
        re.findall(r"FROM public\.(\w+)", table.source.query)[0]
        for table in shop.tables.values()
        if isinstance(table.source, PostgresSource)
    }
    assert read == set(production_rows())


def test_the_planted_answer_breaks_the_rule_it_is_told_to_break(shop: Project) -> None:
    rule = shop.suite(BAD_ANSWER.table).rule(BAD_ANSWER.reason)
    assert rule is not None
    assert rule.rows == "quarantine"
    assert rule.kwargs["column"] == BAD_ANSWER.column
    assert not rule.kwargs["min_value"] <= BAD_ANSWER.value <= rule.kwargs["max_value"]
    in_window = sum(f"{row[1]:%Y-%m}" == f"{BAD_ANSWER.window_start:%Y-%m}" for row in rows_of(BAD_ANSWER.table).rows)
    assert rule.tolerance is not None
    assert 1 / in_window < rule.tolerance


def test_no_rule_forbids_the_drifted_amounts(shop: Project) -> None:
    rules = [rule for rule in shop.suite(DRIFT.table).expectations if DRIFT.column in rule.columns]
    assert [rule.kwargs for rule in rules] == [{"column": DRIFT.column, "min_value": 0}]
    assert shop.suite(DRIFT.table).drift.policy == "warn"


@pytest.mark.parametrize("name", SUMMARIES)
def test_sql_is_understood_alike_by_both_warehouses(shop: Project, name: str) -> None:
    summary = shop.summaries[name]
    select = summary.sql
    if summary.written_for is not None:
        made = for_postgresql(select, known_tables(shop))
        assert made.faults == ()
        # What Redshift gets is another text, with the meaning that this one has here.
        assert made.text != select
        return
    sql = re.sub(r"--[^\n]*", "", select.lower())
    assert [pattern for pattern in ONE_WAREHOUSE_ONLY if re.search(pattern, sql)] == []


@pytest.mark.parametrize("name", SUMMARIES)
def test_inputs_are_what_the_sql_reads(shop: Project, name: str) -> None:
    summary = shop.summaries[name]
    read = set(re.findall(r"\b(?:raw_data|analytics)\.\w+", re.sub(r"--[^\n]*", "", summary.sql)))
    assert read == {item.table for item in summary.inputs}


def test_people_can_read_what_things_mean(shop: Project) -> None:
    for table in shop.tables.values():
        assert all(column.description for column in table.columns), table.table
    for suite in shop.suites.values():
        assert all(rule.notes for rule in suite.expectations), suite.table
    for summary in shop.summaries.values():
        described = summary.columns and all(column.description for column in summary.columns)
        assert summary.metrics or described, summary.target
        assert all(rule.notes for rule in summary.expectations), summary.target
        assert all(check.notes for item in summary.inputs for check in item.checks), summary.target


def test_addresses_and_connections_are_examples(shop: Project) -> None:
    owners = {item.owner for mapping in (shop.tables, shop.summaries) for item in mapping.values()}
    assert all(owner.endswith("@example.com") for owner in owners)
    connections = {table.source.connection for table in shop.tables.values()}
    assert connections == {"production", "files", "survey"}
