"""What is told by the calendar: warnings to their owners once a day, the week to come on Friday, the handover on its day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from deployments.declarations.oncall import OnCall
from deployments.rota import name_of, shift_at, week_at
from tasks.incidents.model import Incident
from tasks.notices.compose import Context, what
from tasks.notices.notice import Contact, Link, Notice
from tasks.notices.wording import listed, moment

_FRIDAY, _FRIDAY_HOUR = 4, 15
_HANDOVER_SPAN = timedelta(hours=12)
_LINES = 30
_COMMANDS, _LABELS = 6, 5


@dataclass(frozen=True, slots=True)
class Digest:
    """What a batch was published with, for its owner, in one line. `run_id`: the run that said it last."""

    table: str
    label: str
    owner: str
    said: str
    run_id: str = ""


def calendar_notices(rota: OnCall, incidents: Sequence[Incident], context: Context) -> list[Notice]:
    """Friday's word to the next person and the handover, each while it is its time; their identity makes them one."""
    return [*_friday(rota, context), *_handover(rota, incidents, context)]


def digest_span(rota: OnCall | None, now: datetime) -> tuple[datetime, datetime] | None:
    """The day whose warnings are due to be told: from the last but one digest hour to the last one; None before it."""
    zone = ZoneInfo(rota.timezone if rota else "UTC")
    clock = rota.digest if rota else "09:00"
    local = now.astimezone(zone)
    end = datetime.combine(local.date(), datetime.strptime(clock, "%H:%M").time(), zone)
    if end > local:
        return None
    return datetime.combine(local.date() - timedelta(days=1), end.time(), zone), end


def digests(found: Sequence[Digest], day: date, context: Context) -> list[Notice]:
    """One notice per owner with every batch that was published with warnings; of one that was loaded again, the last word."""
    by_owner: dict[str, list[Digest]] = {}
    for item in {(item.table, item.label): item for item in found}.values():
        by_owner.setdefault(item.owner, []).append(item)
    return [_digest(owner, items, day, context) for owner, items in sorted(by_owner.items())]


def _digest(owner: str, items: Sequence[Digest], day: date, context: Context) -> Notice:
    tables = tuple(dict.fromkeys(item.table for item in items))
    lines = _lines_of(items, context)
    more = len(lines) - _LINES
    shown = lines if more <= 0 else [*lines[:_LINES], context.say("digest.more", n=more)]
    identity = f"digest-{day:%Y%m%d}-{owner}"
    return Notice(
        identity=identity, thread=identity, kind="digest", at=context.now, severity="minor", tables=tables,
        title=context.say("title.digest", day=f"{day:%a %Y-%m-%d}", tables=listed(tables, 3)),
        effect=(context.say("digest.intro"),), cause=tuple(shown), owners=(owner,),
        contacts=(Contact(owner, owner),) if "@" in owner else (),
        commands=tuple(f"headgate show {item.run_id}   # {item.table} {item.label}" for item in items[:_COMMANDS]),
    )  # fmt: skip


def _lines_of(items: Sequence[Digest], context: Context) -> list[str]:
    """A line a table and saying, with its batches: ten days that say the same are one line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for item in items:
        alike.setdefault((item.table, item.said), []).append(item.label)
    return [
        context.say("digest.line", table=table, label=listed(labels, _LABELS), said=said)
        for (table, said), labels in alike.items()
    ]


def _friday(rota: OnCall, context: Context) -> list[Notice]:
    zone = ZoneInfo(rota.timezone)
    local = context.now.astimezone(zone)
    _, end = week_at(rota, context.now)
    coming = shift_at(rota, end)
    present = shift_at(rota, context.now)
    its_time = local.weekday() == _FRIDAY and local.hour >= _FRIDAY_HOUR
    if not its_time or coming.person is None or coming.person == present.person:
        return []
    person = rota.people[coming.person]
    identity = f"next-week-{end:%Y%m%d}"
    start, until = moment(coming.start, zone), moment(coming.end, zone)
    body = context.say("oncall.next_week", start=start, end=until, zone=rota.timezone, now=name_of(rota, present),
                       project=context.project.folder.name)  # fmt: skip
    return [
        Notice(
            identity=identity, thread=identity, kind="next_week", at=context.now, severity="minor",
            title=context.say("title.next_week", start=start), cause=(body, context.say("oncall.swap")),
            contacts=(Contact(person.name, person.email, person.slack),), commands=("headgate oncall week --weeks 2",),
        )
    ]  # fmt: skip


def handover_page(start: datetime, ending: str = "html") -> str:
    """Where the page of the week that begins then lies in the report."""
    return f"handover/{start.astimezone(UTC):%Y-%m-%d}.{ending}"


def _handover(rota: OnCall, incidents: Sequence[Incident], context: Context) -> list[Notice]:
    start, _ = week_at(rota, context.now)
    if context.now - start > _HANDOVER_SPAN:
        return []
    zone = ZoneInfo(rota.timezone)
    present, before = shift_at(rota, context.now), shift_at(rota, start - timedelta(seconds=1))
    person = rota.people.get(present.person or "")
    active = [item for item in incidents if item.active]
    lines = [context.say("oncall.handover", who=name_of(rota, present), before=name_of(rota, before),
                         start=moment(present.start, zone), end=moment(present.end, zone), zone=rota.timezone)]  # fmt: skip
    lines.append(context.say("oncall.open", n=len(active)) if active else context.say("oncall.open_none"))
    lines += [_open_line(item, context) for item in active[:_LINES]]
    identity, report = f"handover-{start:%Y%m%d}", context.places.report_url.rstrip("/")
    return [
        Notice(
            identity=identity, thread=identity, kind="handover", at=context.now, severity="minor", cause=tuple(lines),
            title=context.say("title.handover", who=name_of(rota, present)),
            contacts=(Contact(person.name, person.email, person.slack),) if person else (),
            commands=("headgate incident list",) if active else ("headgate oncall now",),
            links=(Link(context.say("link.handover"), f"{report}/{handover_page(start)}"),) if report else (),
        )
    ]  # fmt: skip


def _open_line(incident: Incident, context: Context) -> str:
    who = f", {incident.acknowledged_by} works on it" if incident.state == "acknowledged" else ""
    about: Mapping[str, object] = {"id": incident.incident_id, "what": what(incident.trouble, context)}
    return context.say("oncall.open_line", at=context.local(incident.trouble.since), who=who, **about)
