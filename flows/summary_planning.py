"""Planning of summaries: whether a build would give anything new. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from deployments.declarations.summary import Summary
from flows.planning import pause_of
from tasks.summarize import plan_job
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.session import session
from tasks.workbench import Workbench

State = Literal["built", "stale", "undone", "missing"]


@dataclass(frozen=True, slots=True)
class SummaryPlan:
    """A summary and what `run` would do with it."""

    table: str
    state: State
    paused: str | None = None

    @property
    def sentence(self) -> str:
        return {
            "built": "built from its inputs as they are",
            "stale": "stale: an input was published or rolled back since, or its SQL has changed; run builds it",
            "undone": "rolled back; run leaves it alone until an input changes",
            "missing": "never built; run builds it",
        }[self.state]


def plan_summary(bench: Workbench, summary: Summary, now: datetime) -> SummaryPlan:
    """The plan of one summary; the warehouse is only read."""
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = adapter.exists(cursor, names.proof(TableName.parse(summary.target)))
    if not known:
        return SummaryPlan(summary.target, "missing")
    job = plan_job(bench, summary, "plan")
    state: State = "stale"
    if job.fingerprint == job.standing_fingerprint:
        state = "built"
    elif job.fingerprint in job.refused:
        state = "undone"
    elif job.standing_fingerprint is None:
        state = "missing"
    return SummaryPlan(summary.target, state, pause_of(bench, summary.target, now))
