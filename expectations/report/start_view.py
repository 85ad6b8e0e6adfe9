"""What the start page shows: counts by state, what waits for somebody, and the tables by owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from markupsafe import Markup

from expectations.report import words
from expectations.report.about import Described
from expectations.report.charts import spark
from expectations.report.lines import by_batch
from expectations.report.model import Because, Freshness, Line, OpenItem, StartRow, State, TakenBack
from expectations.report.outcomes import last_outcomes
from expectations.report.texts import Texts
from expectations.report.upstream import GAP, TONES, because, shown_state, worst
from expectations.report.verdict import code_said, of_undo, said, waits

SHOWN_WAITING = 30
SHOWN_ITEMS = 3
LEAST_TO_FOLD = 3
SPARK_BATCHES = 30
_STATES = ("failed", "late", "warned", "waiting", "held", "good", "never")
_TIERS = {"core": 0, "standard": 1, "experimental": 2}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One open thing, with the table it belongs to. `causes`: of how many others that are bad its table is made. `alike`: tables
    of which the same is told, in the same words.
    """

    table: str
    tier: str
    tone: str
    item: OpenItem
    said: str
    code: str
    """Of what failed: its code in plain words."""
    when: str
    waits: str
    causes: int
    place: str
    """Where on its page it says what to do."""
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One table. `own`: its state without what it is made of; `below` names what is wrong there, `causes` counts what is bad."""

    of: StartRow
    own: str
    state: str
    below: str
    below_first: str
    causes: int
    tone: str
    spark: Markup
    fresh: str
    fresh_late: bool
    batch: str


@dataclass(frozen=True, slots=True)
class StartView:
    counts: tuple[tuple[str, str, int], ...]
    waiting: tuple[Waiting, ...]
    more_waiting: int
    owners: tuple[tuple[str, tuple[Row, ...]], ...]
    tables: int
    headline: str
    tone: str


def start_row(
    described: Described,
    lines: Sequence[Line],
    state: State,
    items: Sequence[OpenItem],
    fresh: Freshness,
    because: tuple[Because, ...] = (),
    taken_back: TakenBack | None = None,
) -> StartRow:
    """Everything the start page says of one table; small, whatever its history."""
    told = [line for line in lines if line.status not in ("checked", "running")]
    last = told[-1] if told else None
    standing = by_batch(lines)
    newest = standing[-1] if standing else None
    outcomes = last_outcomes(described.rules, lines)
    # What the cause of another thing explains is told on the table's page.
    items = [item for item in items if item.under is None]
    return StartRow(
        table=described.table, kind=described.kind, description=described.description, owner=described.owner,
        tier=described.tier, inputs=described.inputs, state=state, because=because, taken_back=taken_back, freshness=fresh,
        last_run=last.run_id if last else "", last_label=last.label if last else "",
        last_status=last.status if last else "", last_at=last.at if last else None,
        rows=tuple(line.figures["rows"] for line in standing[-SPARK_BATCHES:] if "rows" in line.figures),
        published_rows=newest.counts.get("published") if newest else None,
        set_aside=newest.counts.get("quarantined", 0) if newest else 0,
        passed=sum(found.passed for found in outcomes), judged=sum(found.outcome != "none" for found in outcomes),
        rules=len(described.rules),
        open_items=tuple(items[:SHOWN_ITEMS]), open_count=len(items),
    )  # fmt: skip


def start_view(rows: Sequence[StartRow], texts: Texts, now: datetime) -> StartView:
    known = {row.table: row for row in rows}
    shown = [_row(row, known, texts, now) for row in rows]
    waiting = [_waiting(row, item, said(item, texts), now, texts) for row in shown for item in row.of.open_items]
    late = [(row, _late_item(row, texts)) for row in shown if row.own == "late"]
    waiting += [_waiting(row, item, item.sentence, now, texts) for row, item in late]
    # What is mended first comes first: most that waits of a summary is over with what it is made of.
    waiting.sort(key=lambda w: (w.tone != "bad", w.causes, _TIERS.get(w.tier, 1), w.table))
    owners: dict[str, list[Row]] = {}
    for row in sorted(shown, key=lambda row: (row.of.owner, _STATES.index(row.state), row.of.table)):
        owners.setdefault(row.of.owner, []).append(row)
    counts = tuple((state, TONES[state], n) for state in _STATES if (n := sum(row.state == state for row in shown)))
    tones = {row.tone for row in shown}
    tone = "bad" if "bad" in tones else "warn" if "warn" in tones else "good"
    # Who looks below finds the tables that are counted here: one that isn't good because of another waits for nobody itself.
    listed = {w.table for w in waiting if w.tone == tone}
    others = {w.table for w in waiting} - listed
    key = {"bad": "start.headline_bad", "warn": "start.headline_warn", "good": "start.headline_good"}[tone]
    ordered = sorted(owners.items(), key=lambda pair: (min(_STATES.index(row.state) for row in pair[1]), pair[0]))
    hidden = sum(row.of.open_count - len(row.of.open_items) for row in shown)
    folded = _folded(waiting)
    hidden += sum(1 + len(w.alike) for w in folded[SHOWN_WAITING:])
    return StartView(
        counts=counts, waiting=tuple(folded[:SHOWN_WAITING]), more_waiting=hidden,
        owners=tuple((owner, tuple(found)) for owner, found in ordered), tables=len(shown),
        headline=texts(key, n=len(listed) or len(shown), all=f"{len(shown):,}")
        + (texts("start.headline_more", n=len(others)) if others else ""),
        tone=tone,
    )  # fmt: skip


def _row(row: StartRow, known: Mapping[str, StartRow], texts: Texts, now: datetime) -> Row:
    own = shown_state(row.state, row.freshness, now)
    below = because(row.inputs, known, now)
    # What is late by its own promise is told so in the list of what waits: the same word here.
    state = own if own == "late" else worst(own, below)
    tables = ", ".join(item.table for item in below if item.state != GAP)
    bad = ", ".join(item.table for item in below if TONES[item.state] == "bad")
    fresh = row.freshness
    late = fresh.late(now)
    broken = min((item.since for item in fresh.broken), default=None)
    if late:
        told = texts("start.late_since", at=words.moment(fresh.until))
    elif broken is not None:
        # Newer batches are here, and are on time; a promise is broken all the same.
        told = texts("start.broken_since", at=words.moment(broken))
    elif fresh.until is not None:
        told = texts("start.fresh_until", at=words.moment(fresh.until))
    elif fresh.complete:
        told = texts("start.complete")
    elif row.state == "never":
        told = texts("start.not_begun")
    else:
        told = texts("start.nothing_due" if fresh.promised_to else "start.no_promise")
    return Row(
        of=row, own=own, state=state, below=texts("start.below", tables=tables) if tables else "",
        below_first=texts("start.below_first", tables=bad) if bad else "",
        causes=sum(TONES[item.state] == "bad" for item in below), tone=TONES[state],
        fresh=told, fresh_late=late or broken is not None, batch=_newest(row, texts),
        spark=spark(row.rows, texts("start.spark", n=len(row.rows))) if len(row.rows) > 1 else Markup(""),
    )  # fmt: skip


def _waiting(row: Row, item: OpenItem, sentence: str, now: datetime, texts: Texts) -> Waiting:
    return Waiting(
        table=row.of.table, tier=row.of.tier, tone="bad" if item.level == "bad" else "warn", item=item, said=sentence,
        code=code_said(item.code, texts) if item.what == "failure" else "",
        when=_batch(item.label, texts), waits=waits(item, now, texts), causes=row.causes,
        place="open" if row.of.open_count else "below" if row.causes else "fresh",
    )  # fmt: skip


def _folded(waiting: Sequence[Waiting]) -> list[Waiting]:
    """What is told of many tables in the same words stands once, where the first of them does: the others would hide what comes
    after them.
    """
    same: dict[tuple[object, ...], list[Waiting]] = {}
    for w in waiting:
        own = () if w.item.what == "failure" else (w.table, len(same))
        same.setdefault((w.item.code, w.said, w.item.who, w.when, *own), []).append(w)
    folded = []
    for first, *others in same.values():
        if 1 + len(others) < LEAST_TO_FOLD:
            folded += [first, *others]
        else:
            folded.append(replace(first, alike=tuple(w.table for w in others)))
    return folded


def _late_item(row: Row, texts: Texts) -> OpenItem:
    """What is late, and who acts: where something it is made of isn't good, that comes first."""
    said = texts("start.late_sentence", who=row.of.freshness.promised_to, at=words.moment(row.of.freshness.until))
    if row.of.taken_back is not None:
        said = f"{said} {of_undo(row.of.taken_back, texts)}"
    return OpenItem(what="failure", level="bad", run_id="", label="", sentence=said, code="LATE",
                    who=row.below_first or row.of.owner, opened_at=row.of.freshness.until)  # fmt: skip


def _newest(row: StartRow, texts: Texts) -> str:
    """The newest batch that readers have; of a summary that of what it was built from, whose days are those of its rows."""
    if row.freshness.built_from:
        return texts("start.built_up_to", label=row.freshness.built_from[0][1])
    return _batch(row.freshness.last_label, texts)


def _batch(label: str, texts: Texts) -> str:
    return texts("words.last_load_short") if label == "source" else label
