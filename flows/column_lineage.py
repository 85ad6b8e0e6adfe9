"""Lineage by column, from the SQL: which columns of which tables the figures of a summary are made of, and kept or grouped by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployments.declarations.known_tables import known_tables
from deployments.declarations.select import tree_of
from deployments.declarations.sql_origins import Origins, origins_of
from deployments.declarations.sql_scopes import Known
from deployments.project import Project
from flows.lineage import Edge, Lineage, Node, consumer_detail, source_places

DECIDES = "decides which rows"


def column_lineage_of(project: Project, known: Mapping[str, Known] | None = None) -> Lineage:
    """Columns as `schema.table.column`, and summaries whose rows a column decides. `known`: columns of the tables, where they
    aren't to be those that are declared."""
    known = known_tables(project) if known is None else known
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for name, table in project.tables.items():
        for column in table.columns:
            detail = ", ".join(filter(None, (column.type, column.unit, column.description)))
            nodes[f"{name}.{column.name}"] = Node(f"{name}.{column.name}", "column", detail)
        for place, kind in source_places(table.source):
            nodes.setdefault(place, Node(place, "source", kind))
            edges += [Edge(place, f"{name}.{column.name}") for column in table.columns]
        for gone in known[name].columns.keys() - {column.name for column in table.columns}:
            nodes[f"{name}.{gone}"] = Node(f"{name}.{gone}", "column", "not declared")
    for name in project.build_order():
        summary = project.summaries[name]
        nodes[name] = Node(name, "summary", f"{summary.tier}, {summary.owner}")
        for made in known[name].columns if name in known else ():
            nodes[f"{name}.{made}"] = Node(f"{name}.{made}", "column", summary.definitions.get(made, summary.owner))
        tree = tree_of(summary.text, summary.written_for or "postgresql")
        if tree is not None:
            edges += _edges(name, origins_of(tree, known))
    for place, consumer in project.consumers.items():
        nodes[place] = Node(place, "consumer", consumer_detail(consumer))
        for read in consumer.tables:
            columns = consumer.columns_of(read) or (known[read].columns if read in known else ())
            edges += [Edge(f"{read}.{column}", place) for column in columns]
    return Lineage(nodes, tuple(edge for edge in edges if edge.upstream in nodes and edge.downstream in nodes))


def _edges(summary: str, found: Origins) -> Iterator[Edge]:
    for made, origins in found.values.items():
        yield from (Edge(f"{table}.{origin}", f"{summary}.{made}") for table, origin in sorted(origins))
    yield from (Edge(f"{table}.{origin}", summary, DECIDES) for table, origin in sorted(found.deciding))
