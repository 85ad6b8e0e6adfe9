"""Undo publishes of a table, from Prefect's page as well: the same as `headgate rollback`."""

from __future__ import annotations

from prefect import flow

from expectations.record import RunRecord
from flows.summarize import summarize
from flows.taking_back import roll_back
from tasks.warehouses.decisions import somebody
from tasks.workbench import workbench


@flow(name="rollback", flow_run_name="rollback {table}", validate_parameters=False)
def rollback(
    table: str, window: str | None = None, to_run: str | None = None, reason: str = "", by: str = "",
    rebuild_summaries: bool = True,
) -> RunRecord | None:  # fmt: skip
    """Undo the last publish of a table.

    `window`: the last publish of this window. `to_run`: everything that was published after this run. `reason` and `by`
    are kept. Summaries that read the table are rebuilt. Running it again changes nothing.
    """
    done = roll_back(workbench(), table, window=window, to=to_run, by=by or somebody(), reason=reason)
    if rebuild_summaries and done.record is not None:
        for name in done.dependents:
            summarize(name)
    return done.record
