"""An erasure from its request to its record. Plain functions: they must work while the Prefect server is down."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from expectations.record import RunRecord, Step
from flows.life import declared_facts, keep
from flows.quantities import plural
from flows.story import new_run_id
from tasks import erase as erasures
from tasks.deciding import decider
from tasks.erase import Done, Found, Request
from tasks.workbench import Workbench


def erase(bench: Workbench, request: Request, by: str | None, reason: str) -> Done:
    """Erase the rows of a key and keep the story, in which no value stands."""
    began, started = datetime.now(UTC), time.perf_counter()
    who = decider(bench, "erase", request.table.table, by)
    erasures.prepare(bench, request)
    found: Found = erasures.look(bench, request)
    table, run_id = request.table, new_run_id(request.table.table, "erase")
    done = erasures.erase(bench, found, run_id, who, reason)
    kept_tables = plural(len(found.beside), "table")
    line = f"{plural(done.live, 'live row')}, {len(found.aside):,} set aside, {kept_tables} kept for an undo"
    record = RunRecord(
        run_id=run_id, table=table.table, kind="rollback", mode="erase", batch_key="", label="erase", status="published",
        started_at=began, finished_at=datetime.now(UTC),
        steps=(Step(name="erase", seconds=time.perf_counter() - started, rows=done.live, line=line),),
        counts={"deleted": done.live}, warnings=(f"rows of a key were erased by {who}",),
        **declared_facts(bench, table.table),
    )  # fmt: skip
    keep(bench, record)
    return done
