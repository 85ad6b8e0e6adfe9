"""A real PostgreSQL with a fresh database per request, and the shop's summaries built in one from given rows."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

import pandas as pd
import psycopg2
import pytest
from psycopg2 import sql

from deployments.declarations.known_tables import known_tables
from deployments.declarations.redshift_sql import for_postgresql
from deployments.embedded.stack import EmbeddedStack, ephemeral_stack
from deployments.project import SHOP, Project, load_project
from deployments.shop.world.rows import Row, csv_lines

Build = Callable[[Mapping[str, Iterable[Row]]], dict[str, pd.DataFrame]]


@pytest.fixture(scope="session")
def shop() -> Project:
    return load_project(SHOP)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedStack]:
    with ephemeral_stack(("postgres",)) as (stack, _):
        yield stack


@pytest.fixture(scope="session")
def fresh_database(postgres: EmbeddedStack) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: postgres.create_database(f"shop_{next(numbers)}")


@pytest.fixture(scope="session")
def build_summaries(shop: Project, fresh_database: Callable[[], str]) -> Build:
    """Loads rows into raw_data tables typed as the contracts say, builds every summary, returns them by bare name."""

    def build(rows: Mapping[str, Iterable[Row]]) -> dict[str, pd.DataFrame]:
        with closing(psycopg2.connect(fresh_database())) as conn, conn.cursor() as cur:
            cur.execute("CREATE SCHEMA raw_data; CREATE SCHEMA analytics")
            for table in shop.tables.values():
                name = sql.Identifier(table.schema_name, table.name)
                columns = sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))
                    for column in table.columns
                )
                cur.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
                lines = "".join(csv_lines(rows.get(table.name, ())))
                cur.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(name), io.StringIO(lines))
            return {shop.summaries[name].name: _build(cur, shop, name) for name in shop.build_order()}

    return build


def _build(cur: psycopg2.extensions.cursor, shop: Project, name: str) -> pd.DataFrame:
    summary = shop.summaries[name]
    target = sql.Identifier(summary.schema_name, summary.name)
    select = summary.sql
    if summary.written_for is not None:
        made = for_postgresql(select, known_tables(shop))
        assert made.faults == ()
        select = made.text
    cur.execute(sql.SQL("CREATE TABLE {} AS {}").format(target, sql.SQL(select)))
    cur.execute(sql.SQL("SELECT * FROM {}").format(target))
    frame = pd.DataFrame(cur.fetchall(), columns=[column.name for column in cur.description])
    for column in frame.columns.intersection(["month", "cohort_month"]):
        frame[column] = pd.to_datetime(frame[column])
    return frame
