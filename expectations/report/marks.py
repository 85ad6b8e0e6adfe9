"""Lines as the proofs say they stand: undone, free to be undone, settled by a later run, doubted since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from expectations.report.model import Decision, Facts, Line, TakenBack
from expectations.report.standing import doubted_since

WHOLE = ("publish", "empty", "override")
"""Kinds of proofs by which a whole batch was published."""


def marked(lines: Sequence[Line], facts: Facts, now: datetime) -> list[Line]:
    """Lines as the proofs say they stand."""
    if not facts.publishes:
        return list(lines)
    undone = {item.run_id for item in facts.publishes if item.undone_by is not None}
    undone -= {item.run_id for item in facts.publishes if item.undone_by is None}
    can_undo = {item.run_id for item in facts.publishes if item.can_undo}
    decided = {item.run_id: item for item in facts.decisions if item.kind == "rollback" and item.run_id in undone}
    standing = {item.batch_key: item for item in facts.publishes if item.undone_by is None and item.kind in WHOLE}

    def settled(line: Line) -> str:
        proof = standing.get(line.batch_key)
        return proof.run_id if line.status == "failed" and proof and proof.published_at > line.started_at else ""

    found = [
        _standing_as(
            line,
            undone=line.run_id in undone,
            taken_back=_taken_back(decided.get(line.run_id), line.label),
            can_undo=line.run_id in can_undo and line.published,
            settled=settled(line),
        )
        for line in lines
    ]
    # Where nothing can be undone, only a load of the whole source says since when it is so.
    doubted = (line.can_undo or line.window_start is None for line in found)
    since = (
        doubted_since(line, found[:n], facts, now) if of else None
        for n, (line, of) in enumerate(zip(found, doubted, strict=True))
    )
    return [_standing_as(line, since=at) for line, at in zip(found, since, strict=True)]


def _taken_back(decision: Decision | None, label: str) -> TakenBack | None:
    if decision is None:
        return None
    return TakenBack(label=label, by=decision.by, at=decision.decided_at, reason=decision.reason)


def _standing_as(line: Line, **stands: Any) -> Line:
    same = all(getattr(line, name) == value for name, value in stands.items())
    return line if same else line.model_copy(update=stands)
