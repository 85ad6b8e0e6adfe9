"""The SQL of summaries held against the contracts of what they read: what is wrong, and what may not be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from deployments.declarations.folder import Place, told_at
from deployments.declarations.known_tables import known_tables
from deployments.declarations.problems import Fault, KeyPath, Problem
from deployments.declarations.redshift_clauses import redshift_alone
from deployments.declarations.redshift_sql import for_postgresql
from deployments.declarations.select import tree_of
from deployments.declarations.sql_output import output_faults
from deployments.declarations.sql_rules import select_faults
from deployments.declarations.sql_scopes import Known
from deployments.declarations.sql_text import SqlFault, SqlTextError, tokens
from deployments.declarations.summary import Summary, read_summary, statements
from deployments.project import Project
from deployments.settings import Settings

__all__ = ["faults_of", "known_tables", "sql_faults"]


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


def _faults(summary: Summary, known: Mapping[str, Known], dialect: str) -> Iterator[tuple[KeyPath, SqlFault]]:
    for path, text, _ in statements(summary):
        foreign = () if summary.written_for else tuple(_of_redshift(text))
        tree = tree_of(text, "redshift" if summary.written_for or foreign else dialect)
        # The same may be told of a column wherever it stands; once is enough for one place.
        faults = select_faults(tree, known) if tree is not None else ()
        if summary.written_for is None:
            yield from ((path, fault) for fault in dict.fromkeys((*foreign, *faults)))
        else:
            yield from (
                (path, fault) for fault in dict.fromkeys((*_of_both(faults), *_for_postgresql(path, text, known)))
            )
        if path == ("sql",) and tree is not None:
            yield from ((path, fault) for fault in dict.fromkeys(output_faults(tree, known, summary.columns)))


def _of_redshift(text: str) -> Iterator[SqlFault]:
    try:
        words = tokens(text)
    except SqlTextError:
        # What can't be cut into words is told as that, when the summary is read.
        return
    for word, called in redshift_alone(words):
        yield SqlFault(
            f"PostgreSQL has no {called}", "in the header: written_for: redshift", word.start, kind="postgresql"
        )


def _of_both(faults: Iterable[SqlFault]) -> Iterator[SqlFault]:
    """Without what PostgreSQL wouldn't read as it stands: it gets another text."""
    return (fault for fault in faults if fault.kind != "postgresql")


def _for_postgresql(path: KeyPath, text: str, known: Mapping[str, Known]) -> Iterator[SqlFault]:
    found = for_postgresql(text, known)
    yield from found.faults
    if "balances" in path and found.text != text and not found.faults:
        yield SqlFault("a balance goes to both warehouses as it stands, and PostgreSQL reads this otherwise",
                       "words of docs/one-sql.md that are the same on both", kind="postgresql")  # fmt: skip
