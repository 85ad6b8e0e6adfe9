"""The actions of owners and on-call as flows that can be started from Prefect's page; each does what its command does.

Every form asks who and why, because Prefect's open-source server doesn't know its users.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from deployments.errors import DeclarationError
from flows.deployed import runs_of
from flows.hooks import keep_failure
from flows.run import Outcome, build_summaries
from flows.scheduled import ended
from flows.story import told_to
from tasks.warehouses import decisions, ops
from tasks.warehouses.decisions import Decision
from tasks.workbench import Workbench, workbench

Said = Annotated[str, Field(min_length=3)]


@flow(name="roll back", flow_run_name="roll back {table} {window}", on_failure=[keep_failure])
def roll_back_form(table: str, by: Said, reason: Said, window: str = "", to_run: str = "") -> State[Any]:
    """Undo the last publish of a table: readers see again what they saw before. Summaries that read it are rebuilt.

    Args:
        table: The table to take back.
        by: Who decides this.
        reason: Why; kept with the rollback and shown in the report.
        window: Undo the last publish of this window, such as 2020-08-10. Empty: the last publish of all.
        to_run: Undo everything that was published after this run. Empty: only one publish.
    """
    from flows.taking_back import roll_back

    bench, outcome = workbench(), Outcome()
    name = bench.project.full_name(table)
    with runs_of(bench, name), told_to(outcome):
        done = roll_back(bench, name, window=window or None, to=to_run or None, by=by, reason=reason)
        if done.record is None:
            return Completed(name="Nothing to do", message="that is undone already; nothing was changed")
        build_summaries(bench, list(done.dependents), outcome, with_dependents=False, rebuild=False)
    if outcome.failures:
        raise outcome.failures[0][2]
    undone = ", ".join(proof.run_id for proof in done.publishes)
    return Completed(message=f"{name}: undone: {undone}; summaries rebuilt: {len(done.dependents)}")


@flow(name="replay quarantine", flow_run_name="replay {table} {code}", on_failure=[keep_failure])
def replay_form(table: str, code: str = "", window: str = "") -> State[Any]:
    """Check rows that were set aside again, by the rules as they are now, and publish those that fit, each once.

    Args:
        table: The table whose rows were set aside.
        code: Only rows set aside for this reason, such as NPS-SCORE. Empty: all reasons.
        window: Only rows of this window, such as 2020-08-10. Empty: all windows.
    """
    from flows.replay import replay

    bench, outcome = workbench(), Outcome()
    name = bench.project.table(table).table
    with runs_of(bench, name), told_to(outcome):
        replay(name, window or None, code or None)
        build_summaries(bench, [], outcome, with_dependents=True, rebuild=False)
    if outcome.failures:
        raise outcome.failures[0][2]
    return ended(outcome, f"{name}: no row is open in quarantine that fits now")


@flow(name="pause", flow_run_name="pause {table}", on_failure=[keep_failure])
def pause_form(table: str, by: Said, reason: Said, until: datetime | None = None) -> State[Any]:
    """Stop scheduled loads of a table or builds of a summary. Runs that have begun go on; people can still run it.

    Args:
        table: The table or summary to pause.
        by: Who decides this.
        reason: Why; shown by every run that is held back.
        until: When it goes on by itself. Empty: when somebody resumes it.
    """
    now = datetime.now(UTC)
    moment = None if until is None else until.replace(tzinfo=until.tzinfo or UTC)
    if moment is not None and moment <= now:
        raise DeclarationError(
            f"until {moment:%Y-%m-%d %H:%M} UTC has passed", code="PAUSE", next_command="headgate plan"
        )
    name = _decide(workbench(), table, "pause", by, reason, now, moment)
    return Completed(message=f"{name} is paused" + (f" until {moment:%Y-%m-%d %H:%M} UTC" if moment else ""))


@flow(name="resume", flow_run_name="resume {table}", on_failure=[keep_failure])
def resume_form(table: str, by: Said, reason: str = "") -> State[Any]:
    """Let a paused table go on: its next run loads what is due since.

    Args:
        table: The table or summary to resume.
        by: Who decides this.
        reason: Why.
    """
    return Completed(message=f"{_decide(workbench(), table, 'resume', by, reason, datetime.now(UTC), None)} goes on")


def _decide(
    bench: Workbench, table: str, kind: Any, by: str, reason: str, now: datetime, until: datetime | None
) -> str:
    name = bench.project.full_name(table)
    ops.prepare(bench.warehouse, [])
    decision = Decision(decided_at=now, target=name, kind=kind, what="", by=by, reason=reason, expires_at=until)
    decisions.decide(bench.warehouse, decision)
    return name
