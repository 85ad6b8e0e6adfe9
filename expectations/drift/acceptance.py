"""What owners answered. Accepted: a figure's history starts at the accepted batch, so that its level is the new baseline.

Not interesting: such changes of a column have to be larger to be told, until somebody takes it back. A lowered voice isn't a
closed mouth: what is many times out of the ordinary is told all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from expectations.drift.block import Array, Block
from expectations.drift.calendar import Label, day_of
from expectations.drift.figures import Key
from expectations.drift.frame import Frame
from expectations.drift.model import Accepted, Alert, Lowered

EVERY_KIND = "*"
# By how many times each answer "not interesting" moves the threshold away, and at most.
QUIETER = 2.0
QUIETEST = 8.0

Answer = TypeVar("Answer", Accepted, Lowered)


def in_force(accepted: Sequence[Answer], batch: Label) -> list[Answer]:
    """The answers that still hold on the batch's day; all of them where the batch has no date."""
    day = day_of(batch)
    return [a for a in accepted if a.until is None or day is None or day <= (day_of(a.until) or 0.0)]


def rebased(frame: Frame, accepted: Sequence[Accepted], labels: Sequence[Label]) -> Frame:
    """The frame without what came before an accepted level, for the figures the acceptance is about."""
    for one in accepted:
        at = _position(one, labels)
        if at is not None:
            frame = replace(frame, shares=_from(frame.shares, one, at), levels=_from(frame.levels, one, at))
    return frame


def silenced(alerts: Sequence[Alert], accepted: Sequence[Accepted], labels: Sequence[Label]) -> list[Alert]:
    """Alerts without those accepted for a level that no batch of the history shows yet."""
    quiet = [a for a in accepted if _position(a, labels) is None]
    return [alert for alert in alerts if not any(_is_about(a, alert.column, alert.kind) for a in quiet)]


def _position(one: Accepted, labels: Sequence[Label]) -> int | None:
    names = [str(label) for label in labels[:-1]]
    return names.index(one.level_from) if one.level_from in names else None


def _is_about(one: Accepted, column: str | None, kind: str) -> bool:
    return one.column == column and one.kind in (kind, EVERY_KIND)


def touches(column: str | None, kind: str, key: Key) -> bool:
    """Whether a figure is one of this kind of change of a column, or lies between it and another one."""
    if kind not in (key.kind, EVERY_KIND):
        return False
    return column == key.column or (key.second is not None and column == key.second)


def _from(block: Block, one: Accepted, at: int) -> Block:
    chosen = np.array([touches(one.column, one.kind, key) for key in block.keys], dtype=bool)
    a, b = block.a.copy(), block.b.copy()
    a[:at, chosen] = np.nan
    b[:at, chosen] = np.nan
    return Block(block.keys, a, b)


def further(answers: int) -> float:
    """By how many times the threshold lies further after so many answers."""
    return min(QUIETER**answers, QUIETEST)


def voices(keys: Sequence[Key], lowered: Sequence[Lowered]) -> Array:
    """By how many times the threshold of each figure lies further, by owners' answers; 1 where nobody said anything."""
    result = np.ones(len(keys))
    for one in lowered:
        about = np.array([touches(one.column, one.kind, key) for key in keys], dtype=bool)
        result[about] = np.maximum(result[about], further(one.answers))
    return result


def further_of_kind(column: str | None, kind: str, lowered: Sequence[Lowered]) -> float:
    """The same of one kind of change of a column."""
    said = (one.answers for one in lowered if one.column == column and one.kind in (kind, EVERY_KIND))
    return further(max(said, default=0))
