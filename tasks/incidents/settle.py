"""Settle: what is wrong becomes incidents, what has to be told becomes letters in the outbox. Safe to repeat."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from deployments.declarations.model import seconds
from deployments.declarations.oncall import OnCall
from deployments.embedded.filelock import take
from deployments.rota import relief, shift_at
from deployments.settings import Settings
from tasks.deciding import named
from tasks.incidents import store
from tasks.incidents.look import Look
from tasks.incidents.machine import Action, Kind, advance
from tasks.incidents.model import Incident
from tasks.incidents.paces import Policy
from tasks.incidents.signed_links import Signer
from tasks.notices.channels import channels
from tasks.notices.compose import NO_PREFECT, Context, Places, Prefect, compose
from tasks.notices.notice import Contact, Notice
from tasks.notices.outbox import Outbox
from tasks.notices.withheld import known_secrets, without_secrets
from tasks.notify import Delivered, deliver_all, put
from tasks.warehouses import decisions
from tasks.warehouses.decisions import Decider, Decision
from tasks.workbench import Workbench

Answer = Callable[[Incident, str, datetime], tuple[Incident, Action]]
"""What a person says to an incident: the incident, who says it, when."""
Which = Callable[[Sequence[Incident]], list[Incident]]
"""Those of all incidents that are meant."""


_DECIDED: dict[Kind, decisions.Kind] = {"acknowledged": "acknowledge", "silenced": "silence", "resolved": "resolve"}


class Answered(NamedTuple):
    """What came of an answer: the incidents as they are now. `so_already`: ids of those that had it from the same person, of
    which nothing is written or told. `durable` False: only this machine knows it yet."""

    incidents: list[Incident]
    so_already: frozenset[str]
    durable: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a look. `durable` False: only this machine's disk knows it yet."""

    incidents: tuple[Incident, ...]
    actions: tuple[Action, ...]
    durable: bool


def settle(
    bench: Workbench, seen: Look, now: datetime, prefect: Prefect = NO_PREFECT, *, looks_again: bool = True
) -> Settled:  # fmt: skip
    """Move every incident by what was seen, and put what has to be told into the outbox.

    `looks_again` False: no watch looks in a minute, so that what isn't seen now is over now.
    """
    paces = policy(bench.project.oncall)
    if not looks_again:
        paces = replace(paces, hold=timedelta(0), restart=timedelta(0))
    told: list[Action] = []
    moved: list[Incident] = []

    def work(known: list[Incident]) -> list[Incident]:
        told.clear()
        quiet = [item for item in known if _only_about(item.trouble.tables, seen.paused)]
        rest = [item for item in known if item not in quiet]
        troubles = [item for item in seen.troubles if not _only_about(item.tables, seen.paused)]
        after, actions = advance(rest, troubles, now, seen.observed, paces)
        told.extend(actions)
        # Before the incidents are kept: killed in between, the same letters are put again and are known.
        tell(bench, actions, seen, now, prefect)
        moved[:] = [*quiet, *after]
        return moved

    durable = store.change(bench, work, now)
    return Settled(tuple(moved), tuple(told), durable)


def answer(
    bench: Workbench, which: Which, said: Answer, who: str, now: datetime, decider: Decider | None = None
) -> Answered:
    """Apply what somebody said to incidents, keep it as a decision, and tell it. Saying it twice changes nothing.

    `decider`: who it is by its record; None: `who`, with the login of whoever asks.
    """
    by = decider or named(who)
    meant: list[Incident] = []
    moved: dict[str, Incident] = {}
    actions: list[Action] = []

    def work(known: list[Incident]) -> list[Incident]:
        meant[:] = which(known)
        outcomes = [
            (after, action) for item in meant for after, action in [said(item, who, now)] if not _is_same(item, after)
        ]
        moved.clear()
        moved.update({after.incident_id: after for after, _ in outcomes})
        actions[:] = [action for _, action in outcomes]
        if actions:
            tell(bench, [_as_one(actions)], Look((), frozenset()), now)
        return [moved.get(item.incident_id, item) for item in known]

    durable = store.change(bench, work, now)
    if durable:
        for action in actions:
            decisions.decide(bench.warehouse, _decision(action.first, action.kind, by, now))
    answered = [moved.get(item.incident_id, item) for item in meant]
    remember_threads(bench, deliver(bench.settings, answered, now), now)
    return Answered(answered, frozenset(item.incident_id for item in meant) - moved.keys(), durable)


def _is_same(before: Incident, after: Incident) -> bool:
    """Whether an answer changed nothing but when it was given. What was written at this very moment is this answer itself,
    whose COMMIT was heard of by no one."""
    times = {"changed_at", "acknowledged_at"}
    return before.changed_at != after.changed_at and before.model_dump(exclude=times) == after.model_dump(exclude=times)


def _decision(incident: Incident, kind: Kind, by: Decider, now: datetime) -> Decision:
    """An answer as the decision it is: about the table, or all of them where it is about several."""
    tables = incident.trouble.tables
    return Decision(
        now, tables[0] if len(tables) == 1 else decisions.EVERY_TARGET, _DECIDED[kind], incident.incident_id, by,
        "" if kind == "acknowledged" else incident.reason,
        expires_at=incident.silenced_until if kind == "silenced" else None,
    )  # fmt: skip


def _as_one(actions: Sequence[Action]) -> Action:
    first = actions[0]
    if len(actions) == 1:
        return first
    kind: Kind = f"several_{first.kind}"  # type: ignore[assignment]
    return Action(kind, tuple(action.first for action in actions), first.at)


def tell(
    bench: Workbench, actions: Sequence[Action], seen: Look, now: datetime, prefect: Prefect = NO_PREFECT
) -> None:  # fmt: skip
    """Compose a notice per action and put it into the outbox for the channels it is routed to."""
    places = channels(bench.settings.notify)
    if not actions or not places:
        return
    rota = bench.project.oncall
    context = Context(
        project=bench.project, now=now, standings=seen.standings, called=on_call(rota, now),
        places=Places(bench.report_url, prefect, (rota.runbooks if rota else None) or "", signer(bench.settings)),
        zone=rota.timezone if rota else "UTC",
    )  # fmt: skip
    notices: list[Notice] = []
    secrets = known_secrets(bench.settings)
    for action in actions:
        escalated = escalation(rota, now) if action.kind in ("escalated", "several_escalated") else ()
        about = replace(context, called=(*escalated, *context.called)) if escalated else context
        notices.append(without_secrets(compose(action, about), secrets))
    put(Outbox(bench.settings.state), notices, places, rota, now)


def signer(settings: Settings) -> Signer | None:
    """Who signs links that answer; None where they would lead nowhere."""
    if settings.answer_url is None or settings.answer_key is None:
        return None
    return Signer(settings.answer_url, settings.answer_key)


def deliver(settings: Settings, known: Sequence[Incident], now: datetime) -> Delivered:
    """Deliver what lies in the outbox; one process of this machine at a time, the others leave it to that one."""
    outbox = Outbox(settings.state)
    threads = {(item.incident_id, name): thread for item in known for name, thread in item.threads.items()}
    if not outbox.folder.exists():
        return Delivered()
    turn = take(outbox.folder / ".turn")
    if turn is None:
        return Delivered()
    try:
        return deliver_all(outbox, channels(settings.notify), threads, now)
    finally:
        os.close(turn)


def remember_threads(bench: Workbench, delivered: Delivered, now: datetime) -> None:
    """Keep which message of each channel the later ones of an incident answer to."""
    fresh: dict[str, dict[str, str]] = {}
    for (thread, name), value in delivered.threads.items():
        fresh.setdefault(thread, {})[name] = value

    def work(known: list[Incident]) -> list[Incident]:
        return [
            item.model_copy(update={"threads": {**item.threads, **fresh[item.incident_id]}, "changed_at": now})
            if item.incident_id in fresh and not fresh[item.incident_id].items() <= item.threads.items()
            else item
            for item in known
        ]

    if fresh:
        store.change(bench, work, now)


def policy(rota: OnCall | None) -> Policy:
    """The paces, with the rota's escalation."""
    return Policy() if rota is None else Policy(escalate_after=timedelta(seconds=seconds(rota.escalation.after)))


def on_call(rota: OnCall | None, now: datetime) -> tuple[Contact, ...]:
    """Whoever is on call at this moment."""
    person = None if rota is None else shift_at(rota, now).person
    return _contacts(rota, () if person is None else (person,))


def escalation(rota: OnCall | None, now: datetime) -> tuple[Contact, ...]:
    """Who is told when nobody answers: as declared, else whoever is on call next."""
    if rota is None:
        return ()
    following = relief(rota, now)
    usual = () if following is None or following.person is None else (following.person,)
    return _contacts(rota, rota.escalation.to or usual)


def _contacts(rota: OnCall | None, people: Sequence[str]) -> tuple[Contact, ...]:
    if rota is None:
        return ()
    return tuple(Contact(rota.people[p].name, rota.people[p].email, rota.people[p].slack) for p in people)


def _only_about(tables: Sequence[str], paused: frozenset[str]) -> bool:
    return bool(tables) and set(tables) <= paused
