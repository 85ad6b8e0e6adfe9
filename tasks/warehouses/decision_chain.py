"""Decisions as links of a chain: none is changed, put in or taken out by hand without being found.

Each row of `ops.decision` has its number and a seal: the SHA-256 of the seal before it, its number and what it says.
`ops.decision_head` holds the last of them, so that a chain cut off at its end is found, too. It is no secret key: who has the
loader's login and computes every seal and the head anew is found only by a head that was noted elsewhere (`witness`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from deployments.closed_folder import own_state
from deployments.foreign_text import one_line
from tasks.warehouses.session import rows

CONTENT = ("decided_at", "target", "kind", "column_name", "what", "decided_by", "reason", "expires_at", "run_id")
"""What is sealed, in this order. A column that comes later is sealed by a chain of its own version, or not at all."""
_ALL = ("sequence", "seal", *CONTENT)
_WITNESS = "decisions.json"


class Head(NamedTuple):
    """The last link: decisions are numbered from 1; before the first one it is 0 and no seal."""

    sequence: int
    seal: str


class Link(NamedTuple):
    """One row. A row that somebody wrote by hand may lack number and seal."""

    sequence: int | None
    seal: str | None
    content: tuple[object, ...]

    def named(self) -> str:
        at, target, kind, by = self.content[0], self.content[1], self.content[2], self.content[5]
        return f"{kind} of {target} by {by}, {at:%Y-%m-%d %H:%M} UTC"


def append(cursor: Cursor, content: tuple[object, ...]) -> None:
    """Write a decision as the next link. The caller holds the lock of `ops.decision`; two at once would be one number.

    Where a warehouse shows a transaction what was before the lock, changing the head ends in a conflict: a chain never forks.
    """
    found = rows(cursor, "SELECT sequence, seal FROM ops.decision_head")
    # A head that is gone or doubled is told by `breaks`; what people decide now isn't lost for it.
    before = max((Head(*row) for row in found), default=Head(0, ""))
    head = Head(before.sequence + 1, seal(before.seal, before.sequence + 1, content))
    marks = ", ".join(["%s"] * len(_ALL))
    cursor.execute(f"INSERT INTO ops.decision ({', '.join(_ALL)}) VALUES ({marks})", (*head, *content))
    cursor.execute(
        "UPDATE ops.decision_head SET sequence = %s, seal = %s WHERE sequence = %s AND seal = %s", (*head, *before)
    )


def begin(cursor: Cursor) -> None:
    """Seal the decisions of an older version in the order they were made; part of the migration that adds the seals."""
    known = rows(cursor, f"SELECT {', '.join(CONTENT)} FROM ops.decision ORDER BY decided_at, target, kind")
    cursor.execute("DELETE FROM ops.decision")
    cursor.execute("INSERT INTO ops.decision_head (sequence, seal) VALUES (0, '')")
    for content in known:
        append(cursor, tuple(content))


def seal(before: str, sequence: int, content: Sequence[object]) -> str:
    """The seal of a decision, 64 hexadecimal digits; times are naive UTC."""
    said = [item.isoformat(timespec="microseconds") if isinstance(item, datetime) else item for item in content]
    return hashlib.sha256(json.dumps([before, sequence, *said]).encode()).hexdigest()


def read(cursor: Cursor) -> tuple[list[Link], list[Head]]:
    """All decisions, and the head: both as of one moment, since decisions go on being made."""
    columns = ", ".join(f"d.{name}" for name in _ALL)
    found = rows(
        cursor,
        f"SELECT h.sequence, h.seal, {columns} FROM ops.decision_head h FULL JOIN ops.decision d ON h.sequence = d.sequence",
    )
    # A decision that is there twice meets the head twice.
    heads = sorted({Head(int(row[0]), str(row[1])) for row in found if row[0] is not None})
    # A decision has its time, whatever else it lacks: the rest are heads without one.
    links = [Link(row[2], row[3], tuple(row[4:])) for row in found if row[4] is not None]
    return sorted(links, key=lambda link: (link.sequence is None, link.sequence or 0, link.content[0])), heads


def breaks(links: Sequence[Link], heads: Sequence[Head]) -> Iterator[str]:
    """What isn't as it was written, from the first decision on, each for people; nothing: the chain is whole.

    A link is held against the seal that stands before it. So one change is one break, and a later one is told beside it.
    """
    before = Head(0, "")
    for link in links:
        named = one_line(link.named())
        if link.sequence is None or link.seal is None:
            yield f"{named}: was put in by hand"
            continue
        if link.sequence == before.sequence:
            yield f"decision {link.sequence} ({named}): is there twice"
            continue
        if link.sequence > before.sequence + 1:
            yield f"{_numbers(before.sequence + 1, link.sequence - 1)} gone"
        elif link.seal != seal(before.seal, link.sequence, link.content):
            yield f"decision {link.sequence} ({named}): isn't what was decided, or was put in by hand"
        before = Head(link.sequence, link.seal)
    if len(heads) != 1:
        yield f"ops.decision_head has {len(heads)} rows and must have 1"
    elif heads[0].sequence > before.sequence:
        yield f"{_numbers(before.sequence + 1, heads[0].sequence)} gone"
    elif heads[0] != before:
        yield f"decision {before.sequence} isn't the last one that was written: that was number {heads[0].sequence}"


def witness(state: Path, place: str, links: Sequence[Link]) -> str | None:
    """Hold the chain against its end as this machine last saw it, and note the end of today. What is wrong, for people.

    A chain that was made anew as a whole has other seals.
    """
    file = state / _WITNESS
    try:
        seen = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        seen = {}
    if place in seen:
        sequence, noted = seen[place]
        if all((link.sequence, link.seal) != (sequence, noted) for link in links):
            return (
                f"decision {sequence} had another seal when this machine looked last ({noted[:12]}...): all were sealed anew, "
                f"or the warehouse is an older copy. If that is meant: rm {file}"
            )
    last = next((link for link in reversed(links) if link.sequence is not None), None)
    if last is not None:
        seen[place] = [last.sequence, last.seal]
        own_state(state)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(seen), encoding="utf-8")
        fresh.replace(file)
    return None


def _numbers(first: int, last: int) -> str:
    return f"decision {first} is" if first == last else f"decisions {first} to {last} are"
