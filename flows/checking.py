"""Checks of a project that need more than the declarations' own models."""

from __future__ import annotations

from deployments.declarations.problems import Problem
from deployments.errors import DeclarationError
from deployments.project import Project
from deployments.settings import Settings
from expectations.contract.lexical import duckdb_type
from expectations.rows.compile import check_row_rules


def suite_problems(project: Project) -> list[Problem]:
    """Row rules that can't be evaluated row by row, with the file of their suite."""
    found = []
    for name, suite in project.suites.items():
        types = {column.name: duckdb_type(column.column_type) for column in project.tables[name].columns}
        for place, message in check_row_rules(suite, types):
            key = ".".join(str(part) for part in place)
            found.append(Problem(project.folder / "suites" / f"{name.partition('.')[2]}.yaml", 0, key, message))
    return found


def unset_connections(project: Project, settings: Settings) -> list[str]:
    """Names of connections that sources use and the environment doesn't have."""
    missing = []
    for table in project.tables.values():
        name = table.source.connection
        if name is None or name in missing:
            continue
        try:
            settings.connection(name)
        except DeclarationError:
            missing.append(name)
    return missing
