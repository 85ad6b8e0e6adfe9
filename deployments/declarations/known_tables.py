"""What the SQL of summaries may know of the tables of a project: their columns, and what identifies a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployments.declarations.sql_scopes import Column, Known, is_double_type, kind_of_type
from deployments.declarations.suite import Rule

if TYPE_CHECKING:
    from deployments.project import Project


def known_tables(project: Project) -> dict[str, Known]:
    """What is declared of tables, and what summaries are sure to make."""
    from deployments.declarations.select import read_select

    known = {}
    for name, table in project.tables.items():
        columns = {column.name: _column(column.type, column.nullable) for column in table.columns}
        known[name] = Known(columns, _keys(table.key, project.suite(name).expectations))
    for name, summary in project.summaries.items():
        select, _ = read_select(summary.text)
        if select is not None and select.is_certain:
            declared = {column.name: _column(column.type, column.nullable) for column in summary.columns}
            columns = {column: declared.get(column, Column(None, None)) for column in select.columns}
            known[name] = Known(columns, _keys(summary.key, summary.expectations))
    return known


def _column(kind: str, nullable: bool) -> Column:
    return Column(kind_of_type(kind), nullable, is_double_type(kind))


def _keys(key: Sequence[str], rules: Sequence[Rule]) -> tuple[frozenset[str], ...]:
    """The key, and columns that a critical rule holds to be unique."""
    unique = [
        frozenset([str(rule.kwargs["column"])])
        for rule in rules
        if rule.type == "expect_column_values_to_be_unique" and rule.severity == "critical" and len(rule.kwargs) == 1
    ]
    return (*([frozenset(key)] if key else []), *unique)
