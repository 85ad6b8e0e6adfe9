"""The page behind a signed link: asked, it shows what would be said to which incident; only sending its form says it.

Programs that look at the links of a mail ask for them (GET) and send no form, so they acknowledge nothing. Sending the form
twice says it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from deployments.errors import DeclarationError, HeadgateError
from deployments.foreign_text import one_line
from tasks.incidents import answers, store
from tasks.incidents.model import Incident
from tasks.incidents.settle import Answer, Which, answer
from tasks.incidents.signed_links import Answering, Asked, Signer
from tasks.notices.compose import Context, what
from tasks.notices.texts import text
from tasks.notices.wording import moment
from tasks.warehouses.decisions import Decider
from tasks.workbench import Workbench

HOURS = (2, 8, 24, 72)
_NAME, _REASON = (2, 80), (3, 500)
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Shown:
    """An incident on the page, in words."""

    said: str
    message: str
    state: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown. `form`: the answer that can be given here, '' for none; `missing`: what the form that was sent lacks."""

    status: int
    title: str
    lines: tuple[str, ...] = ()
    tone: str = "idle"
    incidents: tuple[Shown, ...] = ()
    form: str = ""
    missing: str = ""
    people: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=lambda: {"by": "", "hours": "", "reason": ""})
    hours: tuple[int, ...] = HOURS


def page(
    bench: Workbench, signer: Signer, token: str, form: Mapping[str, str] | None, now: datetime
) -> Page:  # fmt: skip
    """The page of a link. `form` None: it is only looked at, and nothing is changed. Never raises for what a link or form says.

    Nothing is looked up before the signature is known to be ours.
    """
    asked = signer.read(token)
    if asked is None:
        return Page(404, _say("unknown.title"), (_say("unknown.line"),))
    names = " ".join(asked.names)
    if now >= asked.until:
        ended = moment(asked.until, _zone(bench))
        return Page(410, _say("ended.title"), (_say("ended.line", at=ended, names=names),))
    try:
        found = answers.named(store.incidents(bench, now), asked.names)
        meant = [item for item in found if item.active]
        if not meant:
            return Page(410, _say("over.title"), (_say("over.line"),), incidents=_shown(bench, found, now))
        return _form_of(bench, asked, meant, now) if form is None else _answered(bench, asked, meant, form, now)
    except DeclarationError as error:
        return Page(410, _say("over.title"), (error.message, _say("over.line")))
    except HeadgateError as error:
        return Page(503, _say("failed.title"), (error.message, _say("failed.line", names=names)))


def html(of: Page) -> str:
    """The page as it is sent: it loads nothing."""
    style = Markup((_FOLDER / "answer_page.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of this package
    return _template().render(page=of, say=_say, style=style)


def _form_of(bench: Workbench, asked: Asked, meant: Sequence[Incident], now: datetime, **more: object) -> Page:
    rota = bench.project.oncall
    people = () if rota is None else tuple(person.name for person in rota.people.values())
    title = _say(f"ask.{asked.answering}", n=len(meant))
    base: dict[str, object] = {"status": 200, "tone": "", "people": people}
    return Page(title=title, incidents=_shown(bench, meant, now), form=asked.answering, **{**base, **more})  # type: ignore[arg-type]


def _answered(
    bench: Workbench, asked: Asked, meant: Sequence[Incident], form: Mapping[str, str], now: datetime
) -> Page:  # fmt: skip
    given = {name: one_line(form.get(name, "").strip()) for name in ("by", "hours", "reason")}
    missing = _missing(asked.answering, given)
    if missing:
        return _form_of(bench, asked, meant, now, status=422, missing=_say(f"missing.{missing}"), given=given)
    by = given["by"]
    if all(_is_said(item, asked.answering, by, now) for item in meant):
        return _done(bench, asked.answering, meant, by, now, durable=True)
    said, ids = _said(asked.answering, given, now), {item.incident_id for item in meant}
    which: Which = lambda known: [item for item in known if item.incident_id in ids and item.active]  # noqa: E731
    # The login of the process that serves the page is nobody's who clicks.
    done = answer(bench, which, said, by, now, Decider(f"{by} (by link)"))
    return _done(bench, asked.answering, done.incidents, by, now, durable=done.durable)


def _missing(answering: Answering, given: Mapping[str, str]) -> str:
    """The field of the form that can't be taken as it is; '' for none."""
    if not _NAME[0] <= len(given["by"]) <= _NAME[1]:
        return "by"
    if answering == "silence":
        if given["hours"] not in map(str, HOURS):
            return "hours"
        if not _REASON[0] <= len(given["reason"]) <= _REASON[1]:
            return "reason"
    return ""


def _said(answering: Answering, given: Mapping[str, str], now: datetime) -> Answer:
    if answering == "ack":
        return answers.acknowledge
    until = now + timedelta(hours=int(given["hours"]))
    return lambda item, who, at: answers.silence(item, until, who, given["reason"], at)


def _is_said(incident: Incident, answering: Answering, by: str, now: datetime) -> bool:
    """Whether this person has said it already: the form was sent twice."""
    if incident.acknowledged_by != by:
        return False
    return incident.state == "acknowledged" if answering == "ack" else incident.silenced(now)


def _done(
    bench: Workbench, answering: Answering, answered: Sequence[Incident], by: str, now: datetime, *, durable: bool
) -> Page:  # fmt: skip
    lines = (_say(f"done.{answering}_line"), *(() if durable else (_say("done.kept_here"),)))
    return Page(200, _say(f"done.{answering}", n=len(answered), by=by), lines, "done", _shown(bench, answered, now))


def _shown(bench: Workbench, incidents: Sequence[Incident], now: datetime) -> tuple[Shown, ...]:
    context, zone = Context(project=bench.project, now=now), _zone(bench)
    return tuple(
        Shown(what(item.trouble, context), item.trouble.message.splitlines()[0] if item.trouble.message else "",
              _state(item, now, zone))
        for item in incidents
    )  # fmt: skip


def _state(item: Incident, now: datetime, zone: ZoneInfo) -> str:
    since = moment(item.trouble.since, zone)
    if not item.active:
        return _say("state.over", since=since, at=moment(item.closed_at or item.changed_at, zone))
    if item.silenced(now):
        assert item.silenced_until is not None
        return _say("state.silent", since=since, until=moment(item.silenced_until, zone), who=item.acknowledged_by)
    return _say(f"state.{item.state}", since=since, who=item.acknowledged_by)


def _zone(bench: Workbench) -> ZoneInfo:
    rota = bench.project.oncall
    return ZoneInfo(rota.timezone if rota else "UTC")


def _say(key: str, **parts: object) -> str:
    return text(f"answer.{key}", **parts)


@cache
def _template() -> Template:
    loader = FileSystemLoader(_FOLDER)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("answer_page.html")
