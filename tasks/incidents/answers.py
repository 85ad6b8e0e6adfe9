"""What people say to an incident: I have it, not now, it is settled. Pure: the new state and the line that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from deployments.errors import DeclarationError
from tasks.incidents.machine import Action
from tasks.incidents.model import Incident


def named(incidents: Sequence[Incident], names: Sequence[str]) -> list[Incident]:
    """The incidents that people name: by id, by the id of a message about several, by table where it has only one open.

    DeclarationError for a name that fits none or isn't clear.
    """
    return list({item.incident_id: item for name in names for item in _named(incidents, name)}.values())


def every_open(incidents: Sequence[Incident]) -> list[Incident]:
    """All that are open; DeclarationError where none is."""
    found = [item for item in incidents if item.active]
    if not found:
        raise DeclarationError(
            "no incident is open", code="UNKNOWN-INCIDENT", next_command="headgate incident list --all"
        )
    return found


def _named(incidents: Sequence[Incident], name: str) -> list[Incident]:
    for incident in incidents:
        if incident.incident_id == name:
            return [incident]
    told_together = [item for item in incidents if item.bundle == name and item.active]
    if told_together:
        return told_together
    about = [item for item in incidents if item.active and (name == item.trouble.scope or name in _names(item))]
    if len(about) == 1:
        return about
    known = ", ".join(item.incident_id for item in about or incidents if item.active) or "none is open"
    said = f"several incidents are about '{name}'" if about else f"no incident '{name}'"
    raise DeclarationError(f"{said}; open: {known}", code="UNKNOWN-INCIDENT", next_command="headgate incident list")


def acknowledge(incident: Incident, by: str, now: datetime) -> tuple[Incident, Action]:
    """Somebody works on it: no escalation, and one reminder a day."""
    _refuse_closed(incident)
    answered = incident.model_copy(
        update={"state": "acknowledged", "acknowledged_at": now, "acknowledged_by": by, "changed_at": now}
    )
    return answered, Action("acknowledged", (answered,), now)


def silence(incident: Incident, until: datetime, by: str, reason: str, now: datetime) -> tuple[Incident, Action]:
    """Nothing is told of it until then; if it is still there, it is told again."""
    _refuse_closed(incident)
    if until <= now:
        raise DeclarationError(f"{until.isoformat()} is over already", code="PAST-TIME",
                               next_command="headgate incident silence ID --until TIME")  # fmt: skip
    quiet = incident.model_copy(
        update={"silenced_until": until, "reason": reason, "acknowledged_by": by, "changed_at": now}
    )
    return quiet, Action("silenced", (quiet,), now)


def resolve(incident: Incident, by: str, reason: str, now: datetime) -> tuple[Incident, Action]:
    """It is settled, whatever the watch sees: only a new occurrence opens it again."""
    _refuse_closed(incident)
    closed = incident.model_copy(
        update={"state": "resolved", "closed_at": now, "closed_by": by, "reason": reason, "changed_at": now}
    )
    return closed, Action("resolved", (closed,), now)


def _refuse_closed(incident: Incident) -> None:
    if not incident.active:
        raise DeclarationError(
            f"incident {incident.incident_id} is over ({incident.state})", code="INCIDENT-OVER",
            next_command="headgate incident list",
        )  # fmt: skip


def _names(incident: Incident) -> set[str]:
    return {part for table in incident.trouble.tables for part in (table, table.partition(".")[2])}
