"""The one composer: from what happened to an incident to what people are told. Pure; the clock and places are passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

from deployments.project import Project
from tasks.incidents.freshness import Standing
from tasks.incidents.machine import Action
from tasks.incidents.model import MANY, ORDER, THE_WAREHOUSE, Incident, Trouble
from tasks.incidents.runbooks import runbook
from tasks.incidents.signed_links import Answering, Signer
from tasks.notices.next_steps import next_steps
from tasks.notices.notice import Contact, Link, Notice
from tasks.notices.texts import known, text
from tasks.notices.wording import listed, moment, span

_WAKES = ("opened", "several", "grown", "again", "flapping", "escalated", "several_escalated", "late", "reminded",
          "several_reminded")  # fmt: skip
_OVER = ("recovered", "resolved", "several_recovered", "several_resolved", "ended", "folded")
_BRIEF = ("late", "grown")
_NAMED = 6


def _no_form(action: str, parameters: Mapping[str, str]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Prefect:
    """Where people see Prefect's runs, and the address of the form for an action, filled in; None where it isn't deployed."""

    url: str = ""
    form: Callable[[str, Mapping[str, str]], str | None] = _no_form


NO_PREFECT = Prefect()


@dataclass(frozen=True, slots=True)
class Places:
    """Where things can be looked at; '' where there is no such place. `signer`: of links that answer, where they lead
    somewhere.
    """

    report_url: str = ""
    prefect: Prefect = NO_PREFECT
    runbooks_url: str = ""
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the composer knows besides the incident. `called`: who is told at this moment."""

    project: Project
    now: datetime
    standings: Mapping[str, Standing] = field(default_factory=dict)
    called: tuple[Contact, ...] = ()
    places: Places = Places()
    zone: str = "UTC"

    def say(self, key: str, **parts: object) -> str:
        return text(key, **parts)

    def local(self, at: datetime) -> str:
        return moment(at, ZoneInfo(self.zone))


def compose(action: Action, context: Context) -> Notice:
    """The notice of an action."""
    if len(action.incidents) > 1:
        return _of_several(action, context)
    incident = action.first
    trouble = incident.trouble
    brief = action.kind not in _WAKES or action.kind in _BRIEF
    return Notice(
        identity=action.identity, thread=incident.incident_id, kind=action.kind, at=action.at,
        title=_title(action, context), severity=trouble.severity, family=trouble.family,
        who_acts=_who_acts(trouble, context), code=trouble.code, tables=trouble.tables, window=trouble.label,
        step=trouble.step, cause=(trouble.message, *trouble.details), effect=effect(trouble, context),
        promised=promised(trouble, context), seen=_seen(incident, action, context),
        owners=owners(context.project, trouble.tables), contacts=context.called, links=links(trouble, context),
        answers=_answers((incident.incident_id,), action, context),
        commands=() if action.kind in _OVER else next_steps(incident, context.say),
        line=_line(action, context) if brief else "", wakes=action.kind in _WAKES, resolves=action.kind in _OVER,
    )  # fmt: skip


def _who_acts(trouble: Trouble, context: Context) -> str:
    """Of what the watch saw nobody knows the cause yet: whoever is on call looks first."""
    if known(f"act.{trouble.code}"):
        return context.say(f"act.{trouble.code}")
    seen_from_outside = trouble.domain == "late" or trouble.code in ("RUN-NOT-STARTED", "RUN-CRASHED", "RUN-ORPHANED")
    return context.say("act.look" if seen_from_outside else f"act.{trouble.family}")


def what(trouble: Trouble, context: Context) -> str:
    """The trouble in half a sentence."""
    if trouble.domain == "late":
        key = "what.foreseen" if trouble.foreseen else "what.late"
        if trouble.scope == MANY:
            return context.say(f"{key}_many", n=len(trouble.tables), names=listed(trouble.tables, 3))
        return context.say(key, scope=trouble.scope)
    if trouble.scope == MANY:
        return context.say("what.many", n=len(trouble.tables), code=trouble.code)
    if trouble.tables != (trouble.scope,):
        return _shared(trouble, context)
    if trouble.domain == "prefect" and known(f"prefect.{trouble.code}"):
        return context.say("what.prefect", scope=trouble.scope, said=context.say(f"prefect.{trouble.code}"))
    key = "what.run_window" if trouble.label else "what.run"
    return context.say(key, scope=trouble.scope, label=trouble.label, code=trouble.code)


def _shared(trouble: Trouble, context: Context) -> str:
    """What several tables have in common, and how many wait for it."""
    key = f"shared.{trouble.code}" if known(f"shared.{trouble.code}") else "shared.other"
    said, n = context.say(key, scope=trouble.scope), len(trouble.tables)
    if known(f"what.{trouble.code}"):
        return context.say(f"what.{trouble.code}", said=said, code=trouble.code)
    form = "what.shared_none" if not n else "what.shared_one" if n == 1 else "what.shared"
    return context.say(form, said=said, code=trouble.code, n=n, table=trouble.tables[0] if n else "")


def effect(trouble: Trouble, context: Context) -> tuple[str, ...]:
    """What it means for readers: what they see, what isn't rebuilt, who waits."""
    if known(f"effect.{trouble.code}"):
        said = context.say(f"effect.{trouble.code}", names=listed(trouble.tables, _NAMED))
        return (said, *_consumers(context, trouble.tables))
    lines = [context.say("effect.warehouse")] if trouble.scope == THE_WAREHOUSE else []
    key = "effect.unchanged" if trouble.domain == "run" else "effect.late"
    if len(trouble.tables) > _NAMED:
        lines.append(
            context.say("effect.many" if trouble.domain == "run" else "effect.many_late", n=len(trouble.tables))
        )
    for name in trouble.tables if len(trouble.tables) <= _NAMED else ():
        standing = context.standings.get(name)
        if standing is None:
            continue
        if standing.published_at is None:
            lines.append(context.say("effect.never", table=name))
        else:
            until = context.say("effect.until", label=standing.until_label) if standing.until_label else ""
            at = context.local(standing.published_at)
            lines.append(context.say(key, table=name, at=at, until=until))
    stale = tuple(dict.fromkeys(
        item for name in trouble.tables for item in context.project.dependents(name) if item not in trouble.tables
    ))  # fmt: skip
    if stale:
        lines.append(context.say("effect.dependents", n=len(stale), names=listed(stale, _NAMED)))
    return (*lines, *_consumers(context, (*trouble.tables, *stale)))


def _consumers(context: Context, tables: Sequence[str]) -> tuple[str, ...]:
    """Dashboards and others that read one of the tables, with their owners."""
    found = [f"{name} ({item.owner})" for name, item in context.project.consumers_of(*tables).items()]
    return (context.say("effect.consumers", names=listed(found, _NAMED)),) if found else ()


def promised(trouble: Trouble, context: Context) -> tuple[str, ...]:
    """Per stakeholder of the tables and of what is built from them: the promise, and the time left or over."""
    names = [*trouble.tables, *(item for name in trouble.tables for item in context.project.dependents(name))]
    found: dict[tuple[str, str], tuple[datetime, str]] = {}
    for name in dict.fromkeys(names):
        for item in context.standings[name].promises if name in context.standings else ():
            left = span(abs(item.at - context.now))
            key = "sla.over" if item.at <= context.now else "sla.left"
            who = f"{item.stakeholder} ({item.contact})" if item.contact else item.stakeholder
            said = context.say(key, who=who, said=item.said, left=left)
            found.setdefault((item.stakeholder, item.said), (item.at, said))
    return tuple(line for _, line in sorted(found.values())[:_NAMED])


def owners(project: Project, tables: Sequence[str]) -> tuple[str, ...]:
    """Who answers for these tables."""
    declared = [project.tables.get(name) or project.summaries.get(name) for name in tables]
    return tuple(dict.fromkeys(item.owner for item in declared if item is not None))


def links(trouble: Trouble, context: Context) -> tuple[Link, ...]:
    """Report, run, runbook: those that there are."""
    places, found = context.places, []
    if places.report_url and trouble.run_id and trouble.tables:
        page = f"tables/{trouble.tables[0]}/runs/{trouble.run_id}.html"
        found.append(Link(context.say("link.report"), f"{places.report_url.rstrip('/')}/{page}"))
    if places.prefect.url and trouble.flow_run_id:
        found.append(
            Link(context.say("link.run"), f"{places.prefect.url.rstrip('/')}/runs/flow-run/{trouble.flow_run_id}")
        )
    form = "accept" if trouble.code == "DRIFT" else "retry"
    filled_in = places.prefect.form(form, {"run": trouble.run_id, "table": trouble.scope}) if trouble.run_id else None
    if filled_in:
        found.append(Link(context.say(f"link.{form}"), filled_in))
    name = f"{runbook(trouble.code, trouble.family)}.md"
    declared = [context.project.tables.get(table) or context.project.summaries.get(table) for table in trouble.tables]
    own = next((item.runbook for item in declared if item is not None and item.runbook), None)
    base = places.runbooks_url.rstrip("/")
    found.append(Link(context.say("link.runbook"), own or (f"{base}/{name}" if base else f"docs/runbooks/{name}")))
    return tuple(found)


def _of_several(action: Action, context: Context) -> Notice:
    incidents = sorted(action.incidents, key=lambda item: ORDER.index(item.trouble.severity))
    lines = [f"{item.incident_id}: {what(item.trouble, context)}: {item.trouble.message}" for item in incidents]
    tables = tuple(dict.fromkeys(table for item in incidents for table in item.trouble.tables))
    over = action.kind in _OVER
    more = len(lines) - 20
    shown = lines if more <= 0 else [*lines[:20], context.say("digest.more", n=more)]
    families = dict.fromkeys(item.trouble.family for item in incidents)
    wakes = action.kind in _WAKES
    return Notice(
        identity=action.identity, thread=_thread(action), kind=action.kind, at=action.at,
        title=context.say(f"title.{action.kind}", n=len(incidents), **_said(action.first, context)),
        severity=incidents[0].trouble.severity,
        who_acts="; ".join(context.say(f"act.{family}") for family in families) if wakes else "", tables=tables,
        cause=tuple(shown), owners=owners(context.project, tables), contacts=context.called,
        commands=_for_several(action, context) if wakes else (), wakes=wakes, resolves=over,
        answers=_answers(_which(action), action, context),
    )  # fmt: skip


def _thread(action: Action) -> str:
    """Those that were told together go on together; others, in the thread of the first."""
    told = {item.bundle for item in action.incidents}
    if action.kind == "several":
        return action.identity.partition("-")[0]
    return told.pop() if len(told) == 1 and "" not in told else action.first.incident_id


def _which(action: Action) -> tuple[str, ...]:
    """What the incidents of a message are answered by: its own id where it told them first, else theirs."""
    return (_thread(action),) if action.kind == "several" else tuple(item.incident_id for item in action.incidents)


def _answers(which: tuple[str, ...], action: Action, context: Context) -> tuple[Link, ...]:
    """Links to answer without a shell, on what waits for an answer."""
    signer = context.places.signer
    if signer is None or action.kind not in _WAKES:
        return ()
    found = ((said, signer.link(which, said, context.now)) for said in get_args(Answering))
    return tuple(Link(context.say(f"answer.link.{said}"), url) for said, url in found if url)


def _for_several(action: Action, context: Context) -> tuple[str, ...]:
    ids = _which(action)
    which = " ".join(ids) if len(ids) <= _NAMED else "--all"
    return ("headgate incident list", f"headgate incident ack {which}   # {context.say('remark.ack')}")


def _title(action: Action, context: Context) -> str:
    incident = action.first
    return context.say(f"title.{action.kind}", what=what(incident.trouble, context), **_said(incident, context))


def _said(incident: Incident, context: Context) -> dict[str, str]:
    """Who said something to it, and until when."""
    return {
        "who": incident.closed_by or incident.acknowledged_by,
        "until": context.local(incident.silenced_until) if incident.silenced_until else "",
    }


def _line(action: Action, context: Context) -> str:
    incident = action.first
    return context.say(
        f"line.{action.kind}", what=what(incident.trouble, context), **_said(incident, context),
        took=span((incident.quiet_since or action.at) - incident.begun_at), now=_now_as(incident, context),
        reason=f": {incident.reason}" if incident.reason else "",
        said="; ".join(incident.late_told[-3:]),
    )  # fmt: skip


def _now_as(incident: Incident, context: Context) -> str:
    """Up to when readers have the data of a table whose trouble is over, and whether a promise was broken."""
    trouble = incident.trouble
    standing = context.standings.get(trouble.tables[0]) if len(trouble.tables) == 1 else None
    said = []
    if standing is not None and standing.until_label:
        said.append(context.say("line.until", label=standing.until_label))
    told = {promise.partition(":")[0]: promise for promise in incident.late_told}
    if told:
        said.append(context.say("line.broken", said="; ".join(told.values())))
    elif standing is not None and standing.promises:
        said.append(context.say("line.kept"))
    return "".join(f" {line}" for line in said)


def _seen(incident: Incident, action: Action, context: Context) -> str:
    at = context.local(incident.trouble.since)
    if action.kind == "flapping":
        return context.say("seen.often_back", n=incident.again + 1)
    if action.kind == "again":
        return context.say("seen.back", at=at)
    key = "seen.once" if incident.trouble.times == 1 else "seen.often"
    return context.say(key, at=at, n=incident.trouble.times)
