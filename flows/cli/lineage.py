"""`headgate lineage`: what feeds what, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from flows.cli.console import print_json

if TYPE_CHECKING:
    from flows.lineage import Branch, Node

COLORS = {"source": "blue", "table": None, "summary": "cyan", "stakeholder": "magenta"}


@click.command()
@click.argument("table", required=False, metavar="[TABLE]")
@click.option("--json", "as_json", is_flag=True, help="Print nodes and edges as JSON.")
def lineage(table: str | None, as_json: bool) -> None:
    """Show what feeds TABLE (a table or summary) and what it feeds, to those who were promised it. Without TABLE:
    everything, from the sources on. As declared; needs no server.
    """
    from deployments.project import load_project
    from deployments.settings import read_settings
    from flows.lineage import lineage_of

    project = load_project(read_settings().project)
    found = lineage_of(project)
    name = None if table is None else project.full_name(table)
    if as_json:
        part = found if name is None else found.around(name)
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
