"""What a SELECT would cost, from the text of EXPLAIN, which both warehouses write alike, in words for whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.session import rows

_NODE = re.compile(
    r"^(?P<before>\s*(?:->\s+)?)(?:XN )?(?P<name>\S.*?)\s+\(cost=[\d.]+\.\.(?P<cost>[\d.]+) rows=(?P<rows>\d+) width=\d+\)"
)
_OF = re.compile(r"\b(?:on|for) \"?(?P<table>[\w$]+)\"?")
_STEPS = (
    ("Seq Scan", "reading all of {of}"), ("Parallel Seq Scan", "reading all of {of}"),
    ("Index", "looking rows of {of} up by an index"), ("Bitmap", "looking rows of {of} up by an index"),
    ("Nested Loop", "holding each row of one side of a join against each of the other"),
    ("Hash Join", "a join"), ("Merge Join", "a join of sorted rows"), ("Hash Left", "a join"), ("Hash Right", "a join"),
    ("Hash Full", "a join"), ("Hash Anti", "looking for rows without a match"), ("Hash Semi", "looking for rows with a match"),
    ("Merge", "a join of sorted rows"), ("HashAggregate", "grouping"), ("GroupAggregate", "grouping sorted rows"),
    ("Aggregate", "counting and summing"), ("Sort", "sorting"), ("Incremental Sort", "sorting"), ("Window", "a window function"),
    ("Unique", "taking each row once"), ("Hash", "preparing a join"), ("CTE Scan", "reading a query of WITH"),
    ("Subquery Scan", "reading a query in FROM"), ("Append", "putting rows of UNION together"),
)  # fmt: skip
_SENT = {
    "DS_BCAST_INNER": "one side of a join is sent to every node as a whole",
    "DS_DIST_BOTH": "rows of both sides of a join are sent between nodes",
    "DS_DIST_ALL_INNER": "one side of a join is sent to a single node",
    "DS_DIST_INNER": "rows of one side of a join are sent between nodes",
    "DS_DIST_OUTER": "rows of one side of a join are sent between nodes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What the server expects of a SELECT. `rows` come out; `step` takes the greatest share of the work, and goes through
    `step_rows`; `sent`: what has to go between the nodes of a cluster."""

    rows: int
    step: str
    share: float
    step_rows: int
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Node:
    depth: int
    name: str
    cost: float
    rows: int


def cost_of(cursor: Cursor, select: str) -> Cost | None:
    """What a SELECT would cost; nothing of it runs. None where the server writes a plan that can't be read."""
    return read_plan(str(line) for (line,) in rows(cursor, sql.SQL("EXPLAIN ") + sql.SQL(select)))


def read_plan(lines: Iterable[str]) -> Cost | None:
    """The same of a plan's text."""
    text = list(lines)
    nodes = [
        _Node(len(found["before"]), found["name"], float(found["cost"]), int(found["rows"]))
        for found in map(_NODE.match, text)
        if found
    ]
    if not nodes:
        return None
    own = [max(node.cost - sum(child.cost for child in _children(nodes, n)), 0.0) for n, node in enumerate(nodes)]
    most = max(range(len(nodes)), key=own.__getitem__)
    sent = dict.fromkeys(said for line in text for word, said in _SENT.items() if re.search(rf"\b{word}\b", line))
    whole = sum(own)
    return Cost(
        nodes[0].rows, _step(nodes[most].name), own[most] / whole if whole else 1.0, nodes[most].rows, tuple(sent)
    )


def _children(nodes: Sequence[_Node], position: int) -> list[_Node]:
    """The nodes right below one: all that stand deeper, up to the next one beside it, at the first depth."""
    below = []
    for node in nodes[position + 1 :]:
        if node.depth <= nodes[position].depth:
            break
        below.append(node)
    return [node for n, node in enumerate(below) if all(node.depth <= other.depth for other in below[:n])]


def _step(name: str) -> str:
    of = _OF.search(name)
    plain = name.removeprefix("Partial ").removeprefix("Finalize ")
    said = next((words for begin, words in _STEPS if plain.startswith(begin)), name.lower())
    return said.format(of=of["table"] if of else "a table")
