"""What a server's plan says, in the text of EXPLAIN, which both warehouses write alike."""

from __future__ import annotations

import re

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.session import rows

_NODE = re.compile(r"^(?P<before>\s*(?:->\s+)?)(?:XN )?(?P<name>\S.*?)\s+\(cost=\S+ rows=(?P<rows>\d+) width=\d+\)")


def pairs_compared(cursor: Cursor, select: str) -> int:
    """The most pairs of rows that a nested loop of a SELECT's plan compares, by the server's estimate; nothing runs."""
    return most_pairs(
        [str(line) for (line,) in rows(cursor, (sql.SQL("EXPLAIN ") + sql.SQL(select)).as_string(cursor))]
    )


def most_pairs(lines: list[str]) -> int:
    """The same of a plan's text."""
    nodes = [(len(found["before"]), found["name"], int(found["rows"])) for found in map(_NODE.match, lines) if found]
    most = 0
    for at, (depth, name, _) in enumerate(nodes):
        if not name.startswith("Nested Loop"):
            continue
        below = []
        for inner, _, count in nodes[at + 1 :]:
            if inner <= depth:
                break
            below.append((inner, count))
        # Plans of subqueries stand deeper than the two sides.
        sides = [count for inner, count in below if inner == min(inner for inner, _ in below)]
        if len(sides) == 2:
            most = max(most, sides[0] * sides[1])
    return most
