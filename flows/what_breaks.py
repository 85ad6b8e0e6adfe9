"""What breaks when a column goes: summaries that are made of it, what is built from those, and who reads either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from deployments.declarations.known_tables import known_tables
from deployments.declarations.problems import nearest
from deployments.declarations.select import tree_of
from deployments.declarations.sql_origins import origins_of
from deployments.declarations.sql_scopes import Column, Known
from deployments.project import Project
from flows.column_lineage import DECIDES, column_lineage_of
from flows.lineage import Branch


@dataclass(frozen=True, slots=True)
class Broken:
    """What a column of a table feeds. `summaries`: by name, the columns made of it, directly or through others; 'its rows' where
    it decides those. `consumers`: those that read it or one of these columns. `renamed_to`: what it may be called now."""

    table: str
    column: str
    summaries: Mapping[str, tuple[str, ...]]
    consumers: tuple[str, ...] = ()
    renamed_to: str | None = None

    def lines(self, project: Project) -> Iterator[str]:
        """For people: what breaks, with the owners who have to be asked."""
        maybe = f" (renamed to {self.renamed_to}?)" if self.renamed_to else ""
        yield f"{self.table}.{self.column} is gone{maybe}; it breaks:"
        for name, columns in self.summaries.items():
            yield f"  {name}: {', '.join(columns)}   (owner: {project.summaries[name].owner})"
        for name in self.consumers:
            consumer = project.consumers[name]
            yield f"  {name}, a {consumer.kind}   (owner: {consumer.owner})"


def broken_by(project: Project, table: str, columns: Sequence[str], added: Sequence[str] = ()) -> list[Broken]:
    """What breaks without these columns, which the declaration of a table doesn't have any more; those that nothing reads are
    left out. `added`: columns that it has instead."""
    known = known_tables(project)
    if table not in known:
        return []
    extended = {**known[table].columns, **{name: Column(None, None) for name in columns}}
    lineage = column_lineage_of(project, {**known, table: replace(known[table], columns=extended)})
    found = []
    for column in columns:
        below = list(_below(lineage.downstream(f"{table}.{column}"))) if f"{table}.{column}" in lineage.nodes else []
        made: dict[str, dict[str, None]] = {}
        for branch in below:
            if branch.node.kind == "summary":
                made.setdefault(branch.node.name, {})["its rows"] = None
            elif branch.node.kind == "column":
                summary, _, name = branch.node.name.rpartition(".")
                made.setdefault(summary, {})[name] = None
        consumers = dict.fromkeys(branch.node.name for branch in below if branch.node.kind == "consumer")
        if made or consumers:
            found.append(
                Broken(
                    table, column, {name: tuple(made[name]) for name in made}, tuple(consumers), nearest(column, added)
                )
            )
    return found


def missing_columns(project: Project) -> list[Broken]:
    """The same for columns that SQL of summaries names and the declarations of their inputs don't have."""
    known, lost = known_tables(project), dict[str, dict[str, None]]()
    for summary in project.summaries.values():
        tree = tree_of(summary.text, summary.written_for or "postgresql")
        inputs = [item.table for item in summary.inputs if item.table in known]
        if tree is None or not inputs:
            continue
        there = {name for table in inputs for name in known[table].columns}
        made = {alias.alias for alias in tree.find_all(exp.Alias)}
        for name in {column.name for column in tree.find_all(exp.Column)} - there - made:
            for table in inputs:
                if _reads(tree, known, table, name):
                    lost.setdefault(table, {})[name] = None
                    break
    return [
        item
        for table, columns in lost.items()
        for item in broken_by(project, table, sorted(columns), list(known[table].columns))
    ]


def _reads(tree: exp.Expr, known: Mapping[str, Known], table: str, column: str) -> bool:
    """Whether a SELECT would read a column of a table, if it were there."""
    extended = replace(known[table], columns={**known[table].columns, column: Column(None, None)})
    found = origins_of(tree, {**known, table: extended})
    return (table, column) in found.deciding or any((table, column) in origins for origins in found.values.values())


def _below(branches: Sequence[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from () if branch.how == DECIDES else _below(branch.branches)
