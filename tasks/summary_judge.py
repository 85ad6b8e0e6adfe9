"""Judge a build of a summary: what was built beside the builds before it, or beside the windows before its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from deployments.declarations.columns import MAX_VARCHAR_BYTES, Column, parse_type
from deployments.declarations.summary import OutputColumn
from expectations.record import Drift, RunRecord
from tasks.candidate_profile import candidate_profile
from tasks.declared import KEY, declared_columns
from tasks.judge import drift_of, stop_on_drift
from tasks.step import OF_A_JOB, step
from tasks.summarize import Built, Job
from tasks.summary_output import NUMBERS, TEXTS
from tasks.switches import reached
from tasks.warehouses import ops
from tasks.warehouses.session import session
from tasks.watched import WatchedSummary
from tasks.workbench import Workbench, workbench

_ANY_TEXT, _ANY_NUMBER = f"varchar({MAX_VARCHAR_BYTES})", "double precision"
"""What values of types without a length are measured as."""


@dataclass(frozen=True, slots=True)
class BuildJudged:
    """What a build is beside those before it; None where its header has no `drift`, or it has no rows."""

    drift: Drift | None = None
    profile: dict[str, object] | None = None


@step("judge", of=OF_A_JOB)
def judge_build(job: Job, record: RunRecord, built: Built) -> BuildJudged:
    """Raises DriftStopError. The profile and what is told are kept before the publish; running it again replaces them."""
    bench = workbench()
    summary = bench.project.summary(job.target)
    if summary.drift is None or not built.rows:
        return BuildJudged()
    columns = summary.contract or _as_made(bench, built)
    measured = candidate_profile(
        bench, built.candidate, columns, key=summary.key, masked=summary.masked, salt=bench.pii_key
    ).to_json()
    watched = WatchedSummary.of(summary, columns)
    drift = drift_of(bench, watched, summary.drift, job, measured)
    if not job.overridden("DRIFT"):
        stop_on_drift(job.title, job.run_id, drift)
    kept = {**measured, KEY: declared_columns(watched)}
    ops.save_judged(bench.warehouse, record.model_copy(update={"profile": kept, "drift": drift}))
    reached("judged")
    return BuildJudged(drift, kept)


def _as_made(bench: Workbench, built: Built) -> tuple[Column, ...]:
    """The columns of a build without a contract; those of types that no contract has are left out."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        made = bench.warehouse.columns(cursor, built.candidate)
    found = []
    for column in made:
        kind = _ANY_TEXT if column.type in TEXTS else _ANY_NUMBER if column.type in NUMBERS else column.type
        with suppress(ValueError):
            found.append(OutputColumn(name=column.name, type=str(parse_type(kind))).contract)
    return tuple(found)
