"""`headgate lineage`: what feeds what, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from deployments.project import Project
    from flows.lineage import Branch, Node

COLUMN_DOTS = 2
COLORS = {"source": "blue", "table": None, "summary": "cyan", "stakeholder": "magenta", "column": None,
          "consumer": "yellow"}  # fmt: skip


@click.command()
@click.argument("table", required=False, metavar="[TABLE[.COLUMN]]")
@click.option("--json", "as_json", is_flag=True, help="Print nodes and edges as JSON.")
@click.option("--mermaid", is_flag=True, help="Print the graph as text that Mermaid draws.")
def lineage(table: str | None, as_json: bool, mermaid: bool) -> None:
    """Show what feeds TABLE (a table or summary) and what it feeds, to those who read it or were promised it. Without TABLE:
    everything, from the sources on. Of a column, such as orders.amount: the columns it is made of, those it feeds, the
    summaries whose rows it decides, by their SQL, and the consumers that read one of them. Needs no server.
    """
    from deployments.project import load_project
    from deployments.settings import read_settings
    from flows.lineage import lineage_of, mermaid_of

    project = load_project(read_settings().project)
    name = None if table is None else _full_name(project, table)
    if name is None or name.count(".") < COLUMN_DOTS:
        found = lineage_of(project)
    else:
        # Imported here: reading SQL takes longer than all declarations of a project without summaries.
        from flows.column_lineage import column_lineage_of

        found = column_lineage_of(project)
    part = found if name is None else found.around(name)
    if mermaid:
        click.echo("\n".join(mermaid_of(part)))
    elif as_json:
        print_json({
            "nodes": [asdict(node) for node in part.nodes.values()], "edges": [asdict(edge) for edge in part.edges],
        })  # fmt: skip
    elif name is None:
        for root in found.roots():
            click.echo(_named(root))
            _grow(found.downstream(root.name), "")
    else:
        click.secho("comes from", dim=True)
        _grow(found.upstream(name), "")
        click.echo(click.style(name, bold=True) + f"   {found.nodes[name].detail}")
        _grow(found.downstream(name), "")


def _full_name(project: Project, name: str) -> str:
    """`schema.table` or `schema.table.column`; DeclarationError when there is none."""
    from deployments.declarations.problems import nearest
    from deployments.errors import DeclarationError

    try:
        return project.full_name(name)
    except DeclarationError as error:
        holder, _, column = name.rpartition(".")
        known = {*project.tables, *project.summaries}
        tables = [full for full in known if holder and holder in (full, full.partition(".")[2])]
        if len(tables) != 1:
            raise
        (table,) = tables
        columns = _columns(project, table)
        if column in columns:
            return f"{table}.{column}"
        meant = nearest(column, columns)
        told = f"{table} has no column '{column}'" + (f"; did you mean '{meant}'?" if meant else "")
        raise DeclarationError(
            f"{told}\n  columns: {', '.join(columns)}", code="UNKNOWN-TABLE", next_command=error.next_command
        ) from None


def _columns(project: Project, table: str) -> list[str]:
    if table in project.tables:
        return [column.name for column in project.tables[table].columns]
    from flows.reading_sql import known_tables

    known = known_tables(project).get(table)
    return [] if known is None else list(known.columns)


def _grow(branches: Sequence[Branch], indent: str) -> None:
    for position, branch in enumerate(branches):
        last = position == len(branches) - 1
        said = f"   {branch.how}" if branch.how else ""
        again = click.style("   (its own are shown above)", dim=True) if branch.seen else ""
        click.echo(f"{indent}{'└─ ' if last else '├─ '}{_named(branch.node)}{said}{again}")
        _grow(branch.branches, indent + ("   " if last else "│  "))


def _named(node: Node) -> str:
    return click.style(node.name, fg=COLORS[node.kind]) + (
        click.style(f"   {node.detail}", dim=True) if node.detail else ""
    )
