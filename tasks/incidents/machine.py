"""The life of incidents as a pure function: what is wrong, what is known, and the clock in; new states and messages out.

One incident per scope and code. It is told when it opens, at a slowing pace while nobody answers, once to the next person,
and once when it is over. Tables that fail alike within a quarter of an hour are one. Calling it again with the same input
changes and tells nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tasks.incidents.folding import folded
from tasks.incidents.model import MANY, ORDER, Domain, Incident, Trouble
from tasks.incidents.paces import Policy

Kind = Literal["opened", "several", "grown", "again", "flapping", "reminded", "several_reminded", "escalated",
               "several_escalated", "late", "recovered", "several_recovered", "ended", "folded", "acknowledged",
               "several_acknowledged", "silenced", "several_silenced", "resolved", "several_resolved"]  # fmt: skip


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
        about = self.first.incident_id if len(self.incidents) == 1 else bundle(self.incidents)
        return f"{about}-{self.kind}-{self.at:%Y%m%dT%H%M%S}"


def advance(
    known: Sequence[Incident],
    troubles: Iterable[Trouble],
    now: datetime,
    observed: AbstractSet[Domain],
    policy: Policy,
) -> tuple[list[Incident], list[Action]]:
    """Every incident after this look, and what has to be told. `observed`: which looks were possible."""
    explained = _explained_unseen(troubles, known, observed)
    present = {trouble.key: trouble for trouble in folded(explained, known, now, policy.alike_span)}
    within = {(table, key[1]) for key, trouble in present.items() if key[0] == MANY for table in trouble.tables}
    calling = not any(item.called_at is not None and now - item.called_at < policy.alike_span for item in known)
    incidents: list[Incident] = []
    actions: list[Action] = []
    for incident in sorted(known, key=lambda item: (not item.active, -item.opened_at.timestamp())):
        trouble = present.pop(incident.key, None) if _may_be(incident, now, policy) else None
        if trouble is None and incident.active and incident.key in within:
            # It goes on as one of many; its end is news to nobody but a service that holds an alert open for it.
            incidents.append(_with(incident, now, state="folded", closed_at=now))
            actions.append(Action("folded", (incidents[-1],), now))
            continue
        moved, kind = _moved(incident, trouble, now, observed, policy, calling=calling)
        incidents.append(moved)
        if kind is not None:
            actions.append(Action(kind, (moved,), now))
    incidents += [_opened(trouble, now) for trouble in present.values()]
    return _tell_new(incidents, _bundled(actions, policy, now), now, policy)


def _explained_unseen(
    troubles: Iterable[Trouble], known: Sequence[Incident], observed: AbstractSet[Domain]
) -> list[Trouble]:
    """Troubles without lateness that comes from an incident which can't be looked for now: it still stands, and explains it."""
    active = [item for item in known if item.active]
    causes = {table for item in active if item.trouble.domain not in observed for table in item.trouble.tables}
    keys = {item.key for item in active}
    return [
        item
        for item in troubles
        if item.domain != "late" or item.key in keys or not causes & {*item.tables, *item.depends_on}
    ]


def identity(trouble: Trouble) -> str:
    """The id of the incident a trouble opens: short enough to type, the same whoever computes it."""
    return hashlib.sha256(f"{trouble.scope}|{trouble.code}|{trouble.since.isoformat()}".encode()).hexdigest()[:6]


def bundle(incidents: Iterable[Incident]) -> str:
    """The id of several incidents that are told in one message: people answer to all of them by it."""
    return hashlib.sha256("".join(sorted(item.incident_id for item in incidents)).encode()).hexdigest()[:8]


def _may_be(incident: Incident, now: datetime, policy: Policy) -> bool:
    """Whether a trouble found now is this incident's. One that was over long ago is history; the next is a new one."""
    if incident.state == "folded":
        return False
    if incident.state != "recovered" or incident.closed_at is None:
        return True
    return now - incident.closed_at <= policy.again_within


def _opened(trouble: Trouble, now: datetime) -> Incident:
    return Incident(
        incident_id=identity(trouble), trouble=trouble, opened_at=now, begun_at=trouble.since, changed_at=now
    )


def _moved(
    incident: Incident, trouble: Trouble | None, now: datetime, observed: AbstractSet[Domain], policy: Policy, *,
    calling: bool,
) -> tuple[Incident, Kind | None]:  # fmt: skip
    if trouble is None:
        return _absent(incident, now, observed, policy)
    if not incident.active:
        return _came_back(incident, trouble, now, policy)
    worse = ORDER.index(trouble.severity) < ORDER.index(incident.trouble.severity)
    grown = _grown(incident.trouble, trouble)
    if incident.quiet_since is not None:
        incident, kind = _seen_again(incident, grown, now, policy)
        if kind is not None:
            return incident, kind
    elif grown != incident.trouble:
        incident = _with(incident, now, trouble=grown)
    return _due(incident, now, policy, worse=worse, calling=calling)


def _absent(
    incident: Incident, now: datetime, observed: AbstractSet[Domain], policy: Policy
) -> tuple[Incident, Kind | None]:
    """Over, or quiet for now: it must stay away for a while first."""
    if not incident.active or incident.trouble.domain not in observed:
        return incident, None
    since = incident.quiet_since or now
    if now - since < policy.away(incident):
        return (incident if incident.quiet_since else _with(incident, now, quiet_since=since)), None
    told = incident.told_at is not None and not incident.silenced(now)
    # Over once more, and nobody works on it: that is for its thread, not for everybody.
    known = incident.over_told and incident.return_told and incident.state != "acknowledged"
    over = _with(
        incident, now, state="recovered", closed_at=now, quiet_since=since, over_told=incident.over_told or told
    )
    return over, ("ended" if known else "recovered") if told else None


def _seen_again(
    incident: Incident, trouble: Trouble, now: datetime, policy: Policy
) -> tuple[Incident, Kind | None]:  # fmt: skip
    """Back before it was called over: told once, when it has come and gone often, however short each time was."""
    assert incident.quiet_since is not None
    away = now - incident.quiet_since
    if away < policy.blink:
        return _with(incident, now, trouble=trouble, quiet_since=None), None
    back = _with(
        incident, now, trouble=trouble, quiet_since=None, begun_at=now, again=incident.again + 1,
        longest_away=max(incident.longest_away, away.total_seconds()),
    )  # fmt: skip
    if back.again < policy.flapping_from or back.return_told or back.silenced(now):
        return back, None
    if back.escalated_at is not None:
        # Two people know that it was there; a third message would say little more.
        return _with(back, now, return_told=True), None
    return _with(back, now, told_at=now, return_told=True), "flapping"


def _came_back(incident: Incident, trouble: Trouble, now: datetime, policy: Policy) -> tuple[Incident, Kind | None]:
    if incident.state == "resolved" and incident.closed_at is not None and trouble.latest <= incident.closed_at:
        # Somebody has settled exactly this; only a new occurrence is news.
        return incident, None
    since = incident.quiet_since or incident.closed_at or now
    # Whoever was called in vain hours ago isn't called again by each return; an answer was to what was over then.
    answered = incident.acknowledged_at is not None or incident.state == "resolved"
    called = {"escalated_at": None, "reminders": 0} if answered else {}
    back = _with(
        incident, now, state="open", trouble=trouble, begun_at=trouble.since, again=incident.again + 1, closed_at=None,
        closed_by="", acknowledged_at=None, acknowledged_by="", quiet_since=None, **called,
        longest_away=max(incident.longest_away, (now - since).total_seconds()),
    )  # fmt: skip
    often = back.again >= policy.flapping_from
    if back.silenced(now) or (back.told_at is None and not often):
        # What nobody was told of isn't back for anybody: it is told when it stays.
        return back, None
    return _with(back, now, told_at=now, return_told=True), "flapping" if often else "again"


def _due(
    incident: Incident, now: datetime, policy: Policy, *, worse: bool, calling: bool
) -> tuple[Incident, Kind | None]:
    """A broken promise, how many it has become, an escalation or a reminder, when its time has come.

    `calling` False: somebody was called a moment ago. What is due waits until then, and comes in one message.
    """
    if incident.told_at is None or incident.silenced(now):
        return incident, None
    broken = tuple(promise for promise in incident.trouble.late if _promised_to(promise) not in _told_to(incident))
    if broken:
        return _with(incident, now, told_at=now, late_told=(*incident.late_told, *broken)), "late"
    # One that comes and goes: the next person is called when it stays.
    waited = now - max(incident.told_at, incident.begun_at)
    pause = policy.escalation(incident.trouble.severity)
    if incident.state != "open" or incident.escalated_at is not None:
        pause = None
    if pause is not None and waited >= pause and calling:
        return _called(incident, now, escalated_at=now), "escalated"
    if worse or (now - incident.told_at >= policy.reminder(incident) and calling):
        return _called(incident, now, reminders=incident.reminders + 1), "reminded"
    called_soon = pause is not None and pause - waited <= policy.alike_span
    if _has_grown(incident, now, policy) and not called_soon:
        return _with(incident, now, told_at=now, told_tables=len(incident.trouble.tables)), "grown"
    return incident, None


def _promised_to(promise: str) -> str:
    """The stakeholder of a promise in words: the next window that is late is no second breach for them."""
    return promise.partition(":")[0]


def _told_to(incident: Incident) -> set[str]:
    return {_promised_to(promise) for promise in incident.late_told}


def _has_grown(incident: Incident, now: datetime, policy: Policy) -> bool:
    """Whether it has become four times as many tables as was told, a while ago."""
    if incident.trouble.scope != MANY or incident.told_at is None or now - incident.told_at < policy.alike_span:
        return False
    return len(incident.trouble.tables) >= 4 * max(incident.told_tables, 1)


def _called(incident: Incident, now: datetime, **changes: object) -> Incident:
    return _with(
        incident, now, told_at=now, called_at=now, told_tables=len(incident.trouble.tables), **changes
    )  # fmt: skip


def _tell_new(
    incidents: list[Incident], actions: list[Action], now: datetime, policy: Policy
) -> tuple[list[Incident], list[Action]]:
    """Tell what nobody knows yet: one by one as long as it is few, else all in one message, at most one per span."""
    # What has gone again before anybody was told of it is news to nobody.
    untold = [
        item
        for item in incidents
        if item.active and item.told_at is None and item.quiet_since is None and not policy.too_soon(item, now)
    ]
    if not untold:
        return incidents, actions
    recent = [item for item in incidents if item.told_at is not None and now - item.opened_at < policy.burst_span]
    if len(untold) + sum(not item.bundled for item in recent) <= policy.burst:
        told = [_first_told(item, now) for item in untold]
        actions = [*actions, *(Action("opened", (item,), now) for item in told)]
    elif any(item.bundled and item.told_at and now - item.told_at < policy.burst_span for item in recent):
        return incidents, actions
    else:
        told = [_first_told(item, now, bundled=True, bundle=bundle(untold)) for item in untold]
        actions = [*actions, Action("several" if len(told) > 1 else "opened", tuple(told), now)]
    changed = {item.incident_id: item for item in told}
    return [changed.get(item.incident_id, item) for item in incidents], actions


def _first_told(incident: Incident, now: datetime, **changes: object) -> Incident:
    trouble = incident.trouble
    return _with(incident, now, told_at=now, late_told=trouble.late, told_tables=len(trouble.tables), **changes)


def _bundled(actions: list[Action], policy: Policy, now: datetime) -> list[Action]:
    """Many ends in one message; and everybody who has to be called or reminded in one."""
    kinds: tuple[tuple[Kind, Kind, int], ...] = (
        ("recovered", "several_recovered", policy.burst), ("reminded", "several_reminded", 1),
        ("escalated", "several_escalated", 1),
    )  # fmt: skip
    for kind, several, most in kinds:
        alike = [action for action in actions if action.kind == kind]
        if len(alike) > most:
            rest = [action for action in actions if action.kind != kind]
            actions = [*rest, Action(several, tuple(action.first for action in alike), now)]
    return actions


def _grown(before: Trouble, after: Trouble) -> Trouble:
    """The newer trouble, with the beginning that is known of it."""
    return after.model_copy(update={"since": min(before.since, after.since), "times": max(before.times, after.times)})


def _with(incident: Incident, now: datetime, **changes: object) -> Incident:
    return incident.model_copy(update={**changes, "changed_at": now})
