"""The figures of a span of time, to be laid beside those of the span before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median

from deployments.project import Project
from expectations.review.facts import ENDED, AlarmAnswer, History, Run
from expectations.review.promises import Due, promises_due

TOLD = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """Runs that ended, and how many of them failed. `rate` None: nothing ran."""

    runs: int
    failed: int

    @property
    def rate(self) -> float | None:
        return self.failed / self.runs if self.runs else None


@dataclass(frozen=True, slots=True)
class Kept:
    """Promises to one stakeholder that fell due, and were kept."""

    stakeholder: str
    due: int
    kept: int
    late: tuple[str, ...]
    """Tables of which a promise was broken."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a table's runs took, in seconds, and brought."""

    target: str
    runs: int
    failed: int
    seconds: float
    median_seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """Batches that told a change of their data: how many, how many of them an owner said to be not interesting (a false alarm),
    and of how many nobody said anything."""

    told: int
    false: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One span. `recovery_seconds`: mean from opening to closing of the incidents that were closed in it; `answer_seconds`: from
    opening to the first answer, of those opened in it that somebody answered."""

    start: datetime
    end: datetime
    all: Reliability
    core: Reliability
    promises: tuple[Kept, ...]
    incidents_opened: int
    incidents_closed: int
    incidents_open: int
    recovery_seconds: float | None
    incidents_answered: int
    answer_seconds: float | None
    rows_published: int
    rows_quarantined: int
    failures: tuple[tuple[str, int], ...]
    """Failure codes with their runs, the commonest first."""
    slowest: tuple[Work, ...]
    most_work: tuple[Work, ...]
    alarms: Alarms


def figures(project: Project, history: History, start: datetime, end: datetime) -> Figures:
    """The figures of `[start, end)`; a run counts where it began."""
    runs = [run for run in history.runs if start <= run.started_at < end and run.status in ENDED]
    incidents = history.incidents
    closed = [item for item in incidents if item.closed_at is not None and start <= item.closed_at < end]
    recoveries = [(item.closed_at - item.opened_at).total_seconds() for item in closed if item.closed_at is not None]
    answers = [
        (item.answered_at - item.opened_at).total_seconds()
        for item in incidents
        if item.answered_at is not None and start <= item.opened_at < end
    ]
    published = [
        run for run in runs if run.status in ("published", "warned") and run.kind not in ("summary", "rollback")
    ]
    work = _work(runs)
    return Figures(
        start=start, end=end, all=_reliability(runs), core=_reliability(run for run in runs if run.tier == "core"),
        promises=_kept(promises_due(project, history, start, end)),
        incidents_opened=sum(start <= item.opened_at < end for item in incidents), incidents_closed=len(closed),
        incidents_open=sum(item.opened_at < end and (item.closed_at is None or item.closed_at >= end) for item in incidents),
        recovery_seconds=mean(recoveries) if recoveries else None, incidents_answered=len(answers),
        answer_seconds=mean(answers) if answers else None,
        rows_published=sum(run.published for run in published),
        rows_quarantined=sum(run.quarantined for run in published), failures=_failures(runs),
        slowest=tuple(sorted(work, key=lambda item: -item.median_seconds)[:TOLD]),
        most_work=tuple(sorted(work, key=lambda item: -item.seconds)[:TOLD]),
        alarms=_answered([alarm.answer for alarm in history.alarms if start <= alarm.told_at < end]),
    )  # fmt: skip


def _reliability(runs: Iterable[Run]) -> Reliability:
    statuses = [run.status for run in runs]
    return Reliability(len(statuses), statuses.count("failed"))


def _answered(answers: Sequence[AlarmAnswer | None]) -> Alarms:
    return Alarms(len(answers), answers.count("not-interesting"), answers.count(None))


def _kept(dues: Sequence[Due]) -> tuple[Kept, ...]:
    found = []
    for stakeholder in sorted({due.stakeholder for due in dues}):
        theirs = [due for due in dues if due.stakeholder == stakeholder]
        late = tuple(sorted({due.target for due in theirs if not due.kept}))
        found.append(Kept(stakeholder, len(theirs), sum(due.kept for due in theirs), late))
    return tuple(found)


def _failures(runs: Sequence[Run]) -> tuple[tuple[str, int], ...]:
    codes = [run.failure_code or "?" for run in runs if run.status == "failed"]
    return tuple(sorted(((code, codes.count(code)) for code in set(codes)), key=lambda item: (-item[1], item[0])))


def _work(runs: Sequence[Run]) -> list[Work]:
    found = []
    for target in sorted({run.target for run in runs}):
        theirs = [run for run in runs if run.target == target]
        took = [run.seconds for run in theirs]
        found.append(Work(target, len(theirs), sum(run.status == "failed" for run in theirs), sum(took), median(took),
                          sum(run.published for run in theirs)))  # fmt: skip
    return found
