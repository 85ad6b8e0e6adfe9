"""What the figures of a review are made of, as the ops tables hold it. All moments are aware, in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from expectations.freshness import GOOD_STATUSES

ENDED = (*GOOD_STATUSES, "failed", "held")
"""Statuses of runs that count: not those that wait, still run, or were only to look (`--until`)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a table or summary."""

    target: str
    kind: str
    status: str
    tier: str
    started_at: datetime
    finished_at: datetime | None
    published: int = 0
    quarantined: int = 0
    failure_code: str | None = None

    @property
    def seconds(self) -> float:
        return 0.0 if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Publish:
    """A publish of a batch, from its proof."""

    target: str
    batch_key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """An incident. `answered_at`: when somebody first said that they work on it."""

    scope: str
    code: str
    severity: str
    opened_at: datetime
    closed_at: datetime | None
    answered_at: datetime | None = None


AlarmAnswer = Literal["meant", "not-meant", "not-interesting"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A batch that told a change of its data, and what an owner answered; None: nothing yet."""

    target: str
    told_at: datetime
    answer: AlarmAnswer | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Everything that a review looks at. `known_since`: when each target ran first, ever."""

    runs: Sequence[Run]
    publishes: Sequence[Publish]
    incidents: Sequence[Opened]
    known_since: dict[str, datetime]
    alarms: Sequence[Alarm] = ()
