"""The actions of owners and on-call as flows that can be started from Prefect's page; each does what its command does.

Every form asks who and why, because Prefect's open-source server doesn't know its users. The report links to a form by
the name of its function and fills in the parameters it knows (tasks/report_artifacts.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from deployments import moments
from deployments.errors import DeclarationError
from deployments.quantities import plural
from flows import actions
from flows.deployed import runs_of
from flows.hooks import keep_failure
from flows.scheduled import ended, failed
from tasks.answers import Answer
from tasks.workbench import Workbench, workbench

Said = Annotated[str, Field(min_length=3)]
When = Annotated[str, Field(min_length=2)]
"""'2h' is one."""


@flow(name="roll back", flow_run_name="roll back {table} {window}", on_failure=[keep_failure])
def rollback(table: str, by: Said, reason: Said, window: str = "", run: str = "") -> State[Any]:
    """Undo the last publish of a table: readers see again what they saw before. Summaries that read it are rebuilt.

    Args:
        table: The table to take back.
        by: Who decides this.
        reason: Why; kept with the rollback and shown in the report.
        window: Undo the last publish of this window, such as 2020-08-10. Empty: the last publish of all.
        run: Only undo it if this run's publish is the last one. Empty: whatever is last.
    """
    from flows.taking_back import roll_back

    bench = workbench()
    name = bench.project.full_name(table)
    if run:
        _still_last(bench, name, run, window)
    with runs_of(bench, name):
        done = roll_back(bench, name, window=_window(window), to=None, by=by, reason=reason)
        if done.record is None:
            return _nothing("that is undone already")
        outcome = actions.rebuild(bench, done.dependents)
    if outcome.failures:
        return failed(outcome)
    undone = ", ".join(proof.run_id for proof in done.publishes)
    return Completed(message=f"{name}: undone: {undone}; summaries rebuilt: {len(done.dependents)}")


@flow(name="replay quarantine", flow_run_name="replay {table} {code}", on_failure=[keep_failure])
def replay(table: str, code: str = "", window: str = "") -> State[Any]:
    """Check rows that were set aside again, by the rules as they are now, and publish those that fit, each once.

    Args:
        table: The table whose rows were set aside.
        code: Only rows set aside for this reason, such as NPS-SCORE. Empty: all reasons.
        window: Only rows of this window, such as 2020-08-10. Empty: all windows.
    """
    bench = workbench()
    name = bench.project.table(table).table
    with runs_of(bench, name):
        outcome = actions.replay(bench, name, _window(window), code or None)
    if outcome.failures:
        return failed(outcome)
    return ended(outcome, f"{name}: no row is open in quarantine that fits now")


@flow(name="discard quarantine", flow_run_name="discard {table} {code}", on_failure=[keep_failure])
def discard(table: str, code: Said, by: Said, reason: Said, window: str = "") -> State[Any]:
    """Give up rows that were set aside: they no longer count as open, and are deleted when they are old.

    Args:
        table: The table whose rows were set aside.
        code: The reason they were set aside for, such as NPS-SCORE.
        by: Who decides this.
        reason: Why.
        window: Only rows of this window, such as 2020-08-10. Empty: all windows.
    """
    from tasks.discard import discard_rows

    bench = workbench()
    name = bench.project.table(table).table
    gone = discard_rows(bench, name, code, _window(window), reason, by)
    return (
        Completed(message=f"{name}: {plural(gone, 'row')} discarded")
        if gone
        else _nothing(f"{name}: no such row is open")
    )


@flow(name="accept drift", flow_run_name="accept drift {table} {column}", on_failure=[keep_failure])
def accept_drift(
    table: str, by: Said, reason: Said, column: str = "", kind: str = "", run: str = "", until: str = ""
) -> State[Any]:  # fmt: skip
    """Say that a change is meant: its level is what later batches are held to.

    Args:
        table: The table or summary that changed.
        by: Who decides this.
        reason: Why the change is meant; kept and shown in the report.
        column: The column that changed; 'table' for the table as a whole. Empty: every column that was told.
        kind: The kinds of change as they were told, such as values, format. Empty: every kind that was told.
        run: The run that told it. Empty: the last one that did.
        until: Until when it is meant, such as 7d or 2026-12-31. Empty: for good.
    """
    from tasks.acceptances import accept

    bench, now = workbench(), datetime.now(UTC)
    done = accept(
        bench, bench.project.full_name(table), column=column or None, kinds=kind.replace(",", " ").split(), by=by,
        reason=reason, until=moments.until(until, now, "until") if until else None, run_id=run or None,
    )  # fmt: skip
    record, listing = done.record, ", ".join(f"{of or 'table'} {kind}" for of, kind in done.changes)
    again = f"; it was stopped: headgate retry {record.run_id}" if record.is_failure else ""
    if done.changes == done.so_already:
        return _nothing(f"{record.table}: accepted already: {listing}{again}")
    return Completed(message=f"{record.table}: accepted: {listing}; {record.label} is the new level{again}")


@flow(name="answer drift", flow_run_name="answer drift {table} {column}", on_failure=[keep_failure])
def answer_drift(
    table: str, answer: Answer, by: Said, reason: Said, column: str = "", kind: str = "", run: str = "", until: str = ""
) -> State[Any]:  # fmt: skip
    """Say that an alarm was right but the change isn't meant, or that it was false: not interesting; or take the last back.

    Args:
        table: The table or summary that changed.
        answer: not-meant: its batch doesn't count as usual. not-interesting: such a change has to be larger to be told from
            now on. interesting: it is told as before.
        by: Who decides this.
        reason: Why; kept and shown in the report.
        column: The column that changed; 'table' for the table as a whole. Empty: every column it is about.
        kind: The kinds of change as they were told, such as values, format. Empty: every kind.
        run: The run that told it. Empty: the last one that did.
        until: Until when it holds, such as 7d or 2026-12-31. Empty: for good.
    """
    from tasks import answers

    bench, now = workbench(), datetime.now(UTC)
    name, changes, so_already = answers.answer(
        bench, bench.project.full_name(table), answer, column=column or None, kinds=kind.replace(",", " ").split(),
        by=by, reason=reason, until=moments.until(until, now, "until") if until else None, run_id=run or None,
    )  # fmt: skip
    listing = ", ".join(f"{of or 'table'} {kind}" for of, kind in changes)
    if changes == so_already:
        return _nothing(f"{name}: {answer} was said already: {listing}")
    return Completed(message=f"{name}: {answer}: {listing}")


@flow(name="publish anyway", flow_run_name="publish {run} anyway", on_failure=[keep_failure])
def override(run: str, code: Said, by: Said, reason: Said, until: When) -> State[Any]:
    """Publish the batch of a failed run although it failed, knowingly. Whatever else fails stops it as before.

    Args:
        run: The failed run, such as nps-2019-09-3fa9c1.
        code: What it failed on: codes of rules, TOLERANCE, DRIFT or SHRINK-GUARD, with commas between them.
        by: Who decides this.
        reason: Why it may be published; kept and shown in the report.
        until: Until when this may be used, such as 2h, 1d or 2026-12-31.
    """
    from flows.overriding import known

    bench = workbench()
    record, moment = known(bench, run), moments.until(until, datetime.now(UTC), "until")
    codes = [part.strip() for part in code.split(",") if part.strip()]
    with runs_of(bench, record.table):
        outcome = actions.publish_anyway(bench, record, codes, moment, by, reason)
    if outcome.failures:
        return failed(outcome)
    return ended(outcome, f"{record.table} {record.label} was published by another run; nothing was changed")


@flow(name="pause", flow_run_name="pause {table}", on_failure=[keep_failure])
def pause(table: str, by: Said, reason: Said, until: When) -> State[Any]:
    """Stop loads of a table, or builds of a summary, for a while. Runs that have begun go on.

    Args:
        table: The table or summary to pause.
        by: Who decides this.
        reason: Why; shown by every run that is held back.
        until: When it goes on by itself, such as 2h, 1d, 2026-12-31 or 2026-12-31T18:00 (UTC).
    """
    bench, moment = workbench(), moments.until(until, datetime.now(UTC), "until")
    name = bench.project.full_name(table)
    done = actions.pause(bench, [name], moment, by, reason)
    said = f"{name} is paused until {moment:%Y-%m-%d %H:%M} UTC"
    return Completed(message=said) if done.changed else _nothing(f"{said} already")


@flow(name="resume", flow_run_name="resume {table}", on_failure=[keep_failure])
def resume(table: str, by: Said, reason: str = "") -> State[Any]:
    """Let a paused table go on: its next run loads what has become due meanwhile.

    Args:
        table: The table or summary to resume.
        by: Who decides this.
        reason: Why.
    """
    bench = workbench()
    name = bench.project.full_name(table)
    done = actions.resume(bench, [name], by, reason)
    return Completed(message=f"{name} goes on") if done.changed else _nothing(f"{name} wasn't paused")


def _still_last(bench: Workbench, name: str, run: str, window: str) -> None:
    """A link in a report may be old: what it means to undo must not have been followed by another publish."""
    from tasks.warehouses import names, proofs, undo
    from tasks.warehouses.names import TableName
    from tasks.warehouses.session import session

    live = TableName.parse(name)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if bench.warehouse.exists(cursor, names.proof(live)) else []
    standing = undo.standing(known)
    if window:
        key = next((item.batch_key for item in known if item.run_id == run), None)
        standing = [item for item in standing if item.batch_key == key]
    if not standing or standing[-1].run_id != run:
        last = standing[-1].run_id if standing else "nothing"
        raise DeclarationError(
            f"{name}: the last publish is {last}, not {run}; nothing was undone", code="NOT-LAST",
            next_command=f'headgate rollback {name} --reason "..."   (says first what it would undo: {last})',
        )  # fmt: skip


def _nothing(why: str) -> State[Any]:
    return Completed(name="Nothing to do", message=f"{why}; nothing was changed")


def _window(label: str) -> str | None:
    """A window as commands take it; the report says 'source' for a table without windows."""
    return None if label in ("", "source") else label
