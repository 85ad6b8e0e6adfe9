"""The life of incidents as a pure function: what is wrong, what is known, and the clock in; new states and messages out.

One incident per scope and code. It is told when it opens, at a slowing pace while nobody answers, once to the next person,
and once when it is over. Calling it again with the same input changes and tells nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tasks.incidents.folding import folded
from tasks.incidents.model import ORDER, Domain, Incident, Severity, Trouble

Kind = Literal["opened", "several", "again", "flapping", "reminded", "escalated", "late", "recovered", "several_recovered",
               "acknowledged", "silenced", "resolved"]  # fmt: skip
_HOUR = timedelta(hours=1)
_PACE: Mapping[Severity, tuple[timedelta, ...]] = {
    "critical": (_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
    "major": (4 * _HOUR, 24 * _HOUR),
    "minor": (24 * _HOUR,),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The paces. `burst` incidents within `burst_span` are told one by one, further ones in one message."""

    escalate_after: timedelta = timedelta(minutes=30)
    burst: int = 5
    burst_span: timedelta = timedelta(minutes=10)
    again_within: timedelta = 6 * _HOUR
    flapping_from: int = 3
    stable_for: timedelta = _HOUR
    answered_pace: timedelta = 24 * _HOUR

    def escalation(self, severity: Severity) -> timedelta | None:
        """After how long without an answer the next person is told; None: never."""
        return {"critical": self.escalate_after, "major": 8 * self.escalate_after, "minor": None}[severity]

    def reminder(self, incident: Incident) -> timedelta:
        """The pause between the last message and the next."""
        if incident.state == "acknowledged":
            return self.answered_pace
        pace = _PACE[incident.trouble.severity]
        return pace[min(incident.reminders, len(pace) - 1)]


@dataclass(frozen=True, slots=True)
class Action:
    """A message to send, about one incident or several."""

    kind: Kind
    incidents: tuple[Incident, ...]
    at: datetime

    @property
    def first(self) -> Incident:
        return self.incidents[0]

    @property
    def identity(self) -> str:
        """The same for the same message, however often it is computed."""
        about = self.first.incident_id
        if len(self.incidents) > 1:
            about = hashlib.sha256("".join(i.incident_id for i in self.incidents).encode()).hexdigest()[:8]
        return f"{about}-{self.kind}-{self.at:%Y%m%dT%H%M%S}"


def advance(
    known: Sequence[Incident],
    troubles: Iterable[Trouble],
    now: datetime,
    observed: AbstractSet[Domain],
    policy: Policy = Policy(),
) -> tuple[list[Incident], list[Action]]:
    """Every incident after this look, and what has to be told. `observed`: which looks were possible."""
    present = {trouble.key: trouble for trouble in folded(troubles, known)}
    incidents: list[Incident] = []
    actions: list[Action] = []
    for incident in sorted(known, key=lambda item: (not item.active, -item.opened_at.timestamp())):
        trouble = present.pop(incident.key, None) if _may_be(incident, now, policy) else None
        moved, kind = _moved(incident, trouble, now, observed, policy)
        incidents.append(moved)
        if kind is not None:
            actions.append(Action(kind, (moved,), now))
    incidents += [_opened(trouble, now) for trouble in present.values()]
    return _tell_new(incidents, _bundle_recoveries(actions, policy, now), now, policy)


def identity(trouble: Trouble) -> str:
    """The id of the incident a trouble opens: short enough to type, the same whoever computes it."""
    return hashlib.sha256(f"{trouble.scope}|{trouble.code}|{trouble.since.isoformat()}".encode()).hexdigest()[:6]


def _may_be(incident: Incident, now: datetime, policy: Policy) -> bool:
    """Whether a trouble found now is this incident's. One that was over long ago is history; the next is a new one."""
    if incident.state != "recovered" or incident.closed_at is None:
        return True
    return now - incident.closed_at <= policy.again_within


def _opened(trouble: Trouble, now: datetime) -> Incident:
    return Incident(
        incident_id=identity(trouble), trouble=trouble, opened_at=now, begun_at=trouble.since, changed_at=now
    )


def _moved(
    incident: Incident, trouble: Trouble | None, now: datetime, observed: AbstractSet[Domain], policy: Policy
) -> tuple[Incident, Kind | None]:
    if trouble is None:
        return _absent(incident, now, observed, policy)
    if not incident.active:
        return _came_back(incident, trouble, now, policy)
    worse = ORDER.index(trouble.severity) < ORDER.index(incident.trouble.severity)
    grown = _grown(incident.trouble, trouble)
    if grown != incident.trouble or incident.quiet_since is not None:
        begun = trouble.latest if incident.quiet_since is not None else incident.begun_at
        incident = _with(incident, now, trouble=grown, quiet_since=None, begun_at=begun)
    return _due(incident, now, policy, worse=worse)


def _absent(
    incident: Incident, now: datetime, observed: AbstractSet[Domain], policy: Policy
) -> tuple[Incident, Kind | None]:
    """Over, or quiet for now: one that came and went often must stay away for a while first."""
    if not incident.active or incident.trouble.domain not in observed:
        return incident, None
    if incident.again >= policy.flapping_from:
        if incident.quiet_since is None:
            return _with(incident, now, quiet_since=now), None
        if now - incident.quiet_since < policy.stable_for:
            return incident, None
    told = incident.told_at is not None and not incident.silenced(now)
    return _with(incident, now, state="recovered", closed_at=now), "recovered" if told else None


def _came_back(incident: Incident, trouble: Trouble, now: datetime, policy: Policy) -> tuple[Incident, Kind | None]:
    if incident.state == "resolved" and incident.closed_at is not None and trouble.latest <= incident.closed_at:
        # Somebody has settled exactly this; only a new occurrence is news.
        return incident, None
    again = incident.again + 1
    back = _with(
        incident, now, state="open", trouble=trouble, begun_at=trouble.since, again=again, closed_at=None, closed_by="",
        acknowledged_at=None, acknowledged_by="", escalated_at=None, reminders=0, quiet_since=None,
    )  # fmt: skip
    if back.silenced(now) or again > policy.flapping_from:
        return back, None
    return _with(back, now, told_at=now), "flapping" if again == policy.flapping_from else "again"


def _due(incident: Incident, now: datetime, policy: Policy, *, worse: bool) -> tuple[Incident, Kind | None]:
    """A broken promise, an escalation or a reminder, when its time has come."""
    if incident.told_at is None or incident.silenced(now):
        return incident, None
    broken = tuple(promise for promise in incident.trouble.late if promise not in incident.late_told)
    if broken:
        return _with(incident, now, told_at=now, late_told=(*incident.late_told, *broken)), "late"
    pause = policy.escalation(incident.trouble.severity)
    unanswered = incident.state == "open" and incident.escalated_at is None
    if unanswered and pause is not None and now - incident.told_at >= pause:
        return _with(incident, now, escalated_at=now, told_at=now), "escalated"
    if worse or now - incident.told_at >= policy.reminder(incident):
        return _with(incident, now, told_at=now, reminders=incident.reminders + 1), "reminded"
    return incident, None


def _tell_new(
    incidents: list[Incident], actions: list[Action], now: datetime, policy: Policy
) -> tuple[list[Incident], list[Action]]:
    """Tell what nobody knows yet: one by one as long as it is few, else all in one message, at most one per span."""
    untold = [item for item in incidents if item.active and item.told_at is None]
    if not untold:
        return incidents, actions
    recent = [item for item in incidents if item.told_at is not None and now - item.opened_at < policy.burst_span]
    if len(untold) + sum(not item.bundled for item in recent) <= policy.burst:
        told = [_with(item, now, told_at=now, late_told=item.trouble.late) for item in untold]
        actions = [*actions, *(Action("opened", (item,), now) for item in told)]
    elif any(item.bundled and item.told_at and now - item.told_at < policy.burst_span for item in recent):
        return incidents, actions
    else:
        told = [_with(item, now, told_at=now, late_told=item.trouble.late, bundled=True) for item in untold]
        actions = [*actions, Action("several" if len(told) > 1 else "opened", tuple(told), now)]
    changed = {item.incident_id: item for item in told}
    return [changed.get(item.incident_id, item) for item in incidents], actions


def _bundle_recoveries(actions: list[Action], policy: Policy, now: datetime) -> list[Action]:
    over = [action for action in actions if action.kind == "recovered"]
    if len(over) <= policy.burst:
        return actions
    rest = [action for action in actions if action.kind != "recovered"]
    return [*rest, Action("several_recovered", tuple(action.first for action in over), now)]


def _grown(before: Trouble, after: Trouble) -> Trouble:
    """The newer trouble, with the beginning that is known of it."""
    return after.model_copy(update={"since": min(before.since, after.since), "times": max(before.times, after.times)})


def _with(incident: Incident, now: datetime, **changes: object) -> Incident:
    return incident.model_copy(update={**changes, "changed_at": now})
