"""Lineage: what feeds what, from sources over tables and summaries to who reads them or was promised something. As declared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deployments.declarations.metrics import Consumer
from deployments.declarations.sources import Source
from deployments.declarations.table import Sla
from deployments.project import Project
from tasks.sources.address import shown

Kind = Literal["source", "table", "summary", "stakeholder", "column", "consumer"]
# What a query reads; CTEs that are read by their names are told apart by `_CTE`.
_WORD = r'(?:"[^"]+"|`[^`]+`|[a-z_][\w$]*)'
_READ = re.compile(rf"(?i)\b(?:from|join)\s+({_WORD}(?:\.{_WORD})*)")
_CTE = re.compile(r"(?i)(?:\bwith|,)\s+(?:recursive\s+)?([a-z_]\w*)\s+as\s*\(")


@dataclass(frozen=True, slots=True)
class Node:
    """Something that holds or wants data. `detail` is for people."""

    name: str
    kind: Kind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """`upstream` feeds `downstream`; `how` says in what way, when it isn't simply read and rebuilt."""

    upstream: str
    downstream: str
    how: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A node with what lies behind it in one direction. `seen`: its branches were shown before."""

    node: Node
    how: str
    branches: tuple[Branch, ...]
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """All nodes by name and all edges, in the order of the declarations."""

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]

    def upstream(self, name: str) -> tuple[Branch, ...]:
        """What feeds a node, directly and behind that."""
        return self._grown(name, {name}, down=False)

    def downstream(self, name: str) -> tuple[Branch, ...]:
        """What a node feeds, directly and behind that."""
        return self._grown(name, {name}, down=True)

    def around(self, name: str) -> Lineage:
        """Only what is up- or downstream of a node, and the node."""
        kept = {name}
        for down in (False, True):
            todo = [name]
            while todo:
                found = [self._other(edge, down=down) for edge in self._edges(todo.pop(), down=down)]
                todo += [other for other in found if other not in kept]
                kept.update(found)
        edges = tuple(edge for edge in self.edges if {edge.upstream, edge.downstream} <= kept)
        return Lineage({key: node for key, node in self.nodes.items() if key in kept}, edges)

    def roots(self) -> list[Node]:
        """What nothing feeds."""
        fed = {edge.downstream for edge in self.edges}
        return [node for name, node in self.nodes.items() if name not in fed]

    def _grown(self, name: str, seen: set[str], *, down: bool) -> tuple[Branch, ...]:
        branches = []
        for edge in self._edges(name, down=down):
            other = self._other(edge, down=down)
            again = other in seen
            seen.add(other)
            behind = () if again else self._grown(other, seen, down=down)
            # A leaf that is met twice has nothing to refer to.
            repeated = again and bool(self._edges(other, down=down))
            branches.append(Branch(self.nodes[other], edge.how, behind, repeated))
        return tuple(branches)

    def _edges(self, name: str, *, down: bool) -> list[Edge]:
        return [edge for edge in self.edges if (edge.upstream if down else edge.downstream) == name]

    @staticmethod
    def _other(edge: Edge, *, down: bool) -> str:
        return edge.downstream if down else edge.upstream


def mermaid_of(lineage: Lineage) -> Iterator[str]:
    """The graph as Mermaid's text, line by line."""
    numbers = {name: f"n{number}" for number, name in enumerate(lineage.nodes)}
    yield "flowchart LR"
    for name, number in numbers.items():
        yield f"  {number}[{_drawn(name)}]"
    for edge in lineage.edges:
        how = f"|{_drawn(edge.how)}|" if edge.how else ""
        yield f"  {numbers[edge.upstream]} -->{how} {numbers[edge.downstream]}"


def _drawn(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'


def lineage_of(project: Project) -> Lineage:
    """The lineage that a project declares."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for name, table in project.tables.items():
        for place, detail in source_places(table.source):
            nodes.setdefault(place, Node(place, "source", detail))
            edges.append(Edge(place, name))
    for name, table in project.tables.items():
        nodes[name] = Node(name, "table", f"{table.tier}, {table.load.mode}, {table.owner}")
        awaited = table.source.wait_for.table if table.source.wait_for is not None else None
        if awaited is not None:
            edges.append(Edge(awaited, name, "waited for, not read"))
    for name in project.build_order():
        summary = project.summaries[name]
        nodes[name] = Node(name, "summary", f"{summary.tier}, {summary.owner}")
        for item in summary.inputs:
            edges.append(Edge(item.table, name, "" if item.table in summary.triggers else "read; doesn't rebuild it"))
        read = {item.table for item in summary.inputs}
        edges += [Edge(trigger, name, "rebuilds it; not read") for trigger in summary.after if trigger not in read]
    for name, promises in [*((n, t.sla) for n, t in project.tables.items()),
                           *((n, s.sla) for n, s in project.summaries.items())]:  # fmt: skip
        for place, promise in _stakeholders(promises):
            nodes.setdefault(place, Node(place, "stakeholder", promise.contact or ""))
            edges.append(Edge(name, place, _promised(promise)))
    for place, consumer in project.consumers.items():
        nodes[place] = Node(place, "consumer", consumer_detail(consumer))
        edges += [Edge(read, place, ", ".join(consumer.columns_of(read))) for read in consumer.tables]
    known = [edge for edge in edges if edge.upstream in nodes and edge.downstream in nodes]
    return Lineage(nodes, tuple(known))


def consumer_detail(consumer: Consumer) -> str:
    """What and whose it is, and where it is looked at."""
    return ", ".join(filter(None, (consumer.kind, consumer.owner, consumer.url)))


def source_places(source: Source) -> Iterator[tuple[str, str]]:
    query, url = source.statement, source.address or ""
    if query is None:
        url = shown(url) if "://" in url else url
        yield f"{source.connection}: {url}" if source.connection else url, source.kind
        return
    own = {match.lower() for match in _CTE.findall(query)}
    read = dict.fromkeys(found for found in _READ.findall(query) if found.lower() not in own)
    for table in read or {"a query": None}:
        yield f"{source.connection}: {table}", source.kind


def _stakeholders(promises: Sequence[Sla]) -> Iterator[tuple[str, Sla]]:
    return ((f"for {promise.for_}", promise) for promise in promises)


def _promised(promise: Sla) -> str:
    said = [f"fresh by {promise.fresh_by}"] if promise.fresh_by else []
    return ", ".join([*said, *([f"never older than {promise.max_age}"] if promise.max_age else [])])
