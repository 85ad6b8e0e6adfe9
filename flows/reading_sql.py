"""The SQL of summaries held against the contracts of what they read: what is wrong, and what may not be meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from deployments.declarations.folder import Place, told_at
from deployments.declarations.problems import Fault, KeyPath, Problem
from deployments.declarations.select import read_select, tree_of
from deployments.declarations.sql_output import output_faults
from deployments.declarations.sql_rules import select_faults
from deployments.declarations.sql_scopes import Column, Known, kind_of_type
from deployments.declarations.sql_text import SqlFault
from deployments.declarations.suite import Rule
from deployments.declarations.summary import Summary, read_summary, statements
from deployments.project import Project
from deployments.settings import Settings


def sql_faults(project: Project, settings: Settings) -> tuple[list[Problem], list[str]]:
    """(mistakes, notes) of every summary. What the project's own warehouse doesn't read is a mistake."""
    wrong: list[Problem] = []
    notes: list[str] = []
    known = known_tables(project)
    for name, summary in project.summaries.items():
        content = read_summary(project.files[name], [])
        if content is not None:
            place = Place(project.files[name], content.header, content.header_line, sql=content.where)
            found = faults_of(summary, place, known, settings)
            wrong += found[0]
            notes += found[1]
    return wrong, notes


def faults_of(
    summary: Summary, place: Place, known: Mapping[str, Known], settings: Settings
) -> tuple[list[Problem], list[str]]:
    """(mistakes, notes) of one summary."""
    wrong: list[Problem] = []
    notes: list[str] = []
    seen = set()
    for path, fault in _faults(summary, known, settings.dialect):
        inside = fault.start if path == ("sql",) else None
        problem = told_at(place, Fault(path, fault.message, fault.allowed, fault.nearest, inside))
        seen.add(fault.kind)
        if fault.kind in ("", settings.dialect):
            wrong.append(problem)
        elif fault.kind not in summary.allow:
            notes.append(
                str(replace(problem, allowed=f"{fault.allowed}; or in the header: allow: {{{fault.kind}: why}}"))
            )
    for kind in sorted(summary.allow.keys() - seen):
        notes.append(
            str(told_at(place, Fault(("allow", kind), "nothing of that kind is found", "a header without it")))
        )
    return wrong, notes


def known_tables(project: Project) -> dict[str, Known]:
    """What is declared of tables, and what summaries are sure to make."""
    known = {}
    for name, table in project.tables.items():
        columns = {column.name: Column(kind_of_type(column.type), column.nullable) for column in table.columns}
        known[name] = Known(columns, _keys(table.key, project.suite(name).expectations))
    for name, summary in project.summaries.items():
        select, _ = read_select(summary.text)
        if select is not None and select.is_certain:
            declared = {column.name: Column(kind_of_type(column.type), column.nullable) for column in summary.columns}
            columns = {column: declared.get(column, Column(None, None)) for column in select.columns}
            known[name] = Known(columns, _keys(summary.key, summary.expectations))
    return known


def _keys(key: Sequence[str], rules: Sequence[Rule]) -> tuple[frozenset[str], ...]:
    """The key, and columns that a critical rule holds to be unique."""
    unique = [
        frozenset([str(rule.kwargs["column"])])
        for rule in rules
        if rule.type == "expect_column_values_to_be_unique" and rule.severity == "critical" and len(rule.kwargs) == 1
    ]
    return (*([frozenset(key)] if key else []), *unique)


def _faults(summary: Summary, known: Mapping[str, Known], dialect: str) -> Iterator[tuple[KeyPath, SqlFault]]:
    for path, text, _ in statements(summary):
        tree = tree_of(text, dialect)
        # The same may be told of a column wherever it stands; once is enough for one place.
        faults = select_faults(tree, known) if tree is not None else ()
        yield from ((path, fault) for fault in dict.fromkeys(faults))
        if path == ("sql",) and tree is not None:
            yield from ((path, fault) for fault in dict.fromkeys(output_faults(tree, known, summary.columns)))
