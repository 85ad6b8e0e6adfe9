"""An erasure from its request to its record. Plain functions: they must work while the Prefect server is down."""

from __future__ import annotations

from datetime import UTC, datetime

from deployments.quantities import plural
from flows.life import done
from flows.story import new_run_id
from tasks import erase as erasures
from tasks.deciding import decider
from tasks.erase import Done, Found, Request
from tasks.workbench import Workbench


def erase(bench: Workbench, request: Request, by: str | None, reason: str) -> Done:
    """Erase the rows of a key and keep the story, in which no value stands."""
    began = datetime.now(UTC)
    who = decider(bench, "erase", request.table.table, by)
    erasures.prepare(bench, request)
    found: Found = erasures.look(bench, request)
    table, run_id = request.table, new_run_id(request.table.table, "erase")
    erased = erasures.erase(bench, found, run_id, who, reason)
    kept_tables = plural(len(found.kept), "table")
    line = f"{plural(erased.live, 'live row')}, {len(found.aside):,} set aside, {kept_tables} kept for an undo"
    done(
        bench, table.table, "erase", began, line, erased.live, run_id=run_id, batch_key="", label="erase",
        counts={"deleted": erased.live}, warnings=(f"rows of a key were erased by {who}",),
    )  # fmt: skip
    return erased
