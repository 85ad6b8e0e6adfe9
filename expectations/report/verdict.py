"""The first sentence of each page: is it good, and if not, what that means for readers of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.record import RunRecord
from expectations.report import words
from expectations.report.about import DeclaredRule, Described
from expectations.report.model import Because, Freshness, Line, OpenItem, State, TakenBack
from expectations.report.texts import Texts
from expectations.report.upstream import GAP, TONES, shown_state, worst


@dataclass(frozen=True, slots=True)
class Verdict:
    """`tone` colors it: good, warn, bad or idle."""

    tone: str
    title: str
    sentence: str


_NOTHING_NEW = ("never", "waiting", "held")


def of_table(
    described: Described, state: State, freshness: Freshness, items: Sequence[OpenItem], last: Line | None,
    now: datetime, texts: Texts, because: Sequence[Because] = (), taken_back: TakenBack | None = None,
) -> Verdict:  # fmt: skip
    """The verdict on a table: state of the newest batch, what waits, and what is wrong below it."""
    shown = shown_state(state, freshness, now)
    label = freshness.last_label
    batch = texts("words.batch", label=label) if label and label != "source" else texts("words.last_load")
    parts = {
        "batch": batch, "at": words.moment(freshness.last_at), "until": words.moment(freshness.until),
        "who": freshness.promised_to,
    }  # fmt: skip
    whole = "" if described.window is not None or shown in _NOTHING_NEW else "_whole"
    bad = [item for item in items if item.level == "bad"]
    kind = "hole" if shown == "failed" and described.window is not None and _is_hole(bad, label) else shown
    said = [texts(f"table.verdict.{kind}.sentence{whole}", **parts)] if label or not whole else []
    if said and freshness.built_from:
        table, oldest = freshness.built_from[0]
        said.append(texts("table.verdict.holds", label=oldest, table=table))
    if shown == "failed":
        said.insert(0, texts("table.verdict.failed.why", label=batch_said(bad[0].label, texts) if bad else ""))
        if not label:
            said.append(texts("table.verdict.failed.empty"))
    if items:
        said.append(texts("table.verdict.open", n=len(items)))
    elif shown == "good" and last is not None and last.judged:
        compared = "all_passed" if last.drift == "pass" else "all_passed_only"
        said.append(texts(f"table.verdict.{compared}", n=last.judged))
        if last.drift == "learning":
            said.append(texts("table.verdict.learning"))
    if taken_back is not None:
        said.append(of_undo(taken_back, texts))
    standing = worst(shown, because)
    lacking = [texts("table.verdict.gap.own", labels=", ".join(freshness.gaps))] if freshness.gaps else []
    lacking += [
        texts("table.verdict.gap.below", labels=", ".join(item.missing), table=item.table)
        for item in because
        if item.missing
    ]
    said += lacking
    if because and because[0].state != GAP:
        # What is said of the table itself may be good: first what it is made of, then that.
        names = ", ".join(item.table for item in because if item.state == because[0].state)
        said.insert(0, texts(f"table.verdict.below.{because[0].state}", tables=names))
    title = texts(f"table.verdict.{kind}.title" if standing == shown else f"table.verdict.below.title_{standing}")
    if lacking and standing == "good":
        title = texts("table.verdict.gap.title")
    return Verdict(TONES[standing], title, " ".join(said))


def _is_hole(bad: Sequence[OpenItem], newest: str) -> bool:
    """Whether every batch that isn't published is older than one that is: labels of windows rise with them."""
    return bool(bad) and all(item.label < newest for item in bad)


def of_undo(undone: TakenBack, texts: Texts) -> str:
    """Who took what back, when and why."""
    key = "table.verdict.undone" if undone.reason else "table.verdict.undone_unsaid"
    batch = batch_said(undone.label, texts)
    return texts(
        key, batch=batch[:1].upper() + batch[1:], who=undone.by, at=words.moment(undone.at), reason=undone.reason
    )


def of_run(record: RunRecord, line: Line, texts: Texts) -> Verdict:
    """The verdict on a run: whether its data may be seen, and how many rows."""
    undone = line.undone
    status = "undone" if undone and record.status in ("published", "warned") else record.status
    tone = {"published": "good", "warned": "warn", "failed": "bad", "unchanged": "good", "already_published": "good",
            "undone": "bad"}.get(status, "idle")  # fmt: skip
    if record.kind == "rollback" and status != "failed":
        return Verdict("idle", texts("run.verdict.rollback.title"), texts("run.verdict.rollback.sentence"))
    title, sentence = texts(f"run.verdict.{status}.title"), texts(f"run.verdict.{status}.sentence")
    if status == "undone" and line.taken_back is not None:
        key = "run.verdict.undone.by" if line.taken_back.reason else "run.verdict.undone.by_unsaid"
        at, by = words.moment(line.taken_back.at), line.taken_back.by
        sentence = texts(key, who=by, at=at, reason=line.taken_back.reason)
    counts = record.counts
    if status in ("published", "warned") and counts:
        sentence = texts("run.verdict.rows", n=counts.get("extracted", 0), published=f"{counts.get('published', 0):,}")
        if counts.get("quarantined"):
            sentence += " " + texts("run.verdict.aside", n=counts["quarantined"])
        if record.drift and record.drift.alerts:
            about = dict.fromkeys(alert.column or texts("words.table") for alert in record.drift.leading)
            sentence += " " + texts("run.verdict.unusual", what=", ".join(about))
        if counts.get("superseded"):
            sentence += " " + texts("run.verdict.superseded", n=counts["superseded"])
    return Verdict(tone, title, sentence)


def said(item: OpenItem, texts: Texts) -> str:
    """An open thing as one sentence, with the rows it is about."""
    if item.what == "quarantine" and item.rows is not None:
        return texts("open.aside_sentence", n=item.rows, sentence=item.sentence)
    kinds = item.also if item.what == "drift" else ()
    also = [texts(f"drift.kind_{kind}").lower() for kind in kinds if texts.known(f"drift.kind_{kind}")]
    if also:
        return f"{item.sentence} {texts('open.also', what=', '.join(dict.fromkeys(also)))}"
    return item.sentence


def waits(item: OpenItem, now: datetime, texts: Texts) -> str:
    """Since when an open thing waits, and how long that is; '' where it isn't known."""
    if item.opened_at is None:
        return ""
    at, seconds = words.moment(item.opened_at), (_minute(now) - _minute(item.opened_at)).total_seconds()
    return texts("open.waits_new", at=at) if seconds < 60 else texts("open.waits", at=at, age=words.duration(seconds))


def code_said(code: str, texts: Texts) -> str:
    """A code of a failure with its plain words beside it, where there are some."""
    return f"{code}: {texts(f'code.{code}')}" if texts.known(f"code.{code}") else code


def _minute(moment: datetime) -> datetime:
    """Moments are shown to the minute: what lies between them is told as it is read."""
    return moment.replace(second=0, microsecond=0)


def when_it_fails(rule: DeclaredRule, texts: Texts) -> str:
    """What a failure of the rule means for the batch."""
    if not rule.sets_aside:
        return texts(f"severity.{rule.severity}")
    allowed = texts("severity.aside_tolerance", share=words.share(rule.tolerance)) if rule.tolerance else ""
    return texts("severity.aside") + allowed


def batch_said(label: str, texts: Texts) -> str:
    return texts("words.last_load") if label == "source" else texts("words.batch", label=label)
