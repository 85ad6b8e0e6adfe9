"""Decisions for people: what somebody said at once about several things is one decision."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from expectations.report.model import Decision

AT_ONCE = timedelta(seconds=2)
Made = TypeVar("Made", bound=Decision)


def together(decisions: Iterable[Made]) -> list[Made]:
    """The decisions in their order; of those made at once, by one person for one reason, one that names all they are about."""
    found: list[Made] = []
    for decision in decisions:
        last = found[-1] if found else None
        if last is not None and _is_one(last, decision):
            said = "; ".join(filter(None, (_about(last), _about(decision))))
            found[-1] = last.model_copy(update={"column": None, "what": said})
        else:
            found.append(decision)
    return found


def _is_one(one: Decision, other: Decision) -> bool:
    same = all(getattr(one, name) == getattr(other, name) for name in ("kind", "by", "reason", "run_id", "expires_at"))
    tables = getattr(one, "table", "") == getattr(other, "table", "")
    return same and tables and abs(one.decided_at - other.decided_at) < AT_ONCE


def _about(decision: Decision) -> str:
    return " · ".join(filter(None, (decision.column, decision.what)))
