"""Answers to incidents as flows that can be started from Prefect's page, for whoever has no shell at 3 a.m."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from deployments import moments
from tasks.incidents import answers
from tasks.incidents.settle import Answer, answer
from tasks.workbench import workbench

Said = Annotated[str, Field(min_length=3)]


@flow(name="acknowledge incident", flow_run_name="acknowledge {incident}")
def acknowledge(incident: str, by: Said) -> State[Any]:
    """I have it: nobody else is called, and it is repeated once a day only.

    Args:
        incident: The incident's id, as the notice has it; or a table that has one incident open. Several: spaces between.
        by: Who has it.
    """
    return _answered(incident, answers.acknowledge, by, "acknowledged")


@flow(name="silence incident", flow_run_name="silence {incident}")
def silence(incident: str, until: str, by: Said, reason: Said) -> State[Any]:
    """Not now: nothing more is told until then.

    Args:
        incident: The incident's id, as the notice has it; or a table that has one incident open. Several: spaces between.
        until: A span such as 8h, or a date or time in UTC.
        by: Who decides this.
        reason: Why, for the colleagues.
    """
    moment = moments.until(until, datetime.now(UTC), "until")
    told = f"silenced until {moment:%Y-%m-%d %H:%M} UTC"
    return _answered(incident, lambda item, who, now: answers.silence(item, moment, who, reason, now), by, told)


@flow(name="resolve incident", flow_run_name="resolve {incident}")
def resolve(incident: str, by: Said, reason: Said) -> State[Any]:
    """It is settled: closed whatever the watch sees, until it happens anew.

    Args:
        incident: The incident's id, as the notice has it; or a table that has one incident open. Several: spaces between.
        by: Who decides this.
        reason: How it was settled, for the colleagues.
    """
    return _answered(incident, lambda item, who, now: answers.resolve(item, who, reason, now), by, "resolved")


def _answered(which: str, said: Answer, by: str, told: str) -> State[Any]:
    """`which`: ids or tables, with spaces or commas between them."""
    wanted = which.replace(",", " ").split()
    done = answer(workbench(), lambda known: answers.named(known, wanted), said, by, datetime.now(UTC))
    about = ", ".join(f"{item.incident_id} ({item.trouble.scope})" for item in done.incidents)
    if len(done.so_already) == len(done.incidents):
        return Completed(name="Nothing to do", message=f"incident {about}: {told} by {by} already; nothing was changed")
    return Completed(message=f"incident {about}: {told}")
