"""The hand-over from one person on call to the next: what is open, what isn't good, and what happened since the last one."""

from __future__ import annotations

from datetime import datetime

from expectations.report.about import Kept
from expectations.report.model import Decision
from expectations.report.pages import rendered
from expectations.report.texts import Texts
from expectations.report.upstream import TONES
from expectations.report.verdict import Verdict


class OpenOne(Kept):
    """An incident that isn't over, in half a sentence. `table`: the only one it is about, where its page says more.
    `answered_after`: seconds from its opening until somebody said that they work on it.
    """

    incident_id: str
    table: str = ""
    said: str
    since: datetime
    acknowledged_by: str = ""
    answered_after: float | None = None


class NotGoodOne(Kept):
    """A table that isn't good; `below`: the inputs it shares that with."""

    table: str
    state: str
    below: tuple[str, ...] = ()


class Promised(Kept):
    """How many promises to a stakeholder fell due, and were kept; `late`: tables of which one wasn't."""

    stakeholder: str
    due: int
    kept: int
    late: tuple[str, ...] = ()


class Decided(Decision):
    """What a person decided about a table."""

    table: str


class Quiet(Kept):
    """When notices about tables of these tiers wait; `days` and `hours` '' for all."""

    tiers: tuple[str, ...]
    days: tuple[str, ...] = ()
    hours: str = ""


class Handover(Kept):
    """What is handed over. The week that begins is `[start, end)`; the figures are of the one before it."""

    start: datetime
    end: datetime
    zone: str
    who: str
    before: str
    written_at: datetime
    quiet: tuple[Quiet, ...] = ()
    open: tuple[OpenOne, ...] = ()
    not_good: tuple[NotGoodOne, ...] = ()
    promises: tuple[Promised, ...] = ()
    decisions: tuple[Decided, ...] = ()
    runs: int = 0
    failed: int = 0
    opened: int = 0
    closed: int = 0
    recovery_seconds: float | None = None
    answered: int = 0
    answer_seconds: float | None = None


def handover_html(of: Handover, texts: Texts, root: str, twin: str) -> str:
    """The page. `root`: the way to the start page; `twin`: the address of the same as JSON."""
    names = {"h": of, "verdict_of": _verdict(of, texts), "tones": TONES, "root": root, "twin": twin}
    return rendered("handover.html", names, texts, of.written_at)


def _verdict(of: Handover, texts: Texts) -> Verdict:
    bad = bool(of.open) or any(TONES[item.state] == "bad" for item in of.not_good)
    tone = "bad" if bad else "warn" if of.not_good else "good"
    title = texts("handover.verdict.open", n=len(of.open)) if of.open else texts("handover.verdict.none")
    return Verdict(tone, title, texts("handover.verdict.tables", n=len(of.not_good)) if of.not_good else texts(
        "handover.verdict.all_good"
    ))  # fmt: skip
