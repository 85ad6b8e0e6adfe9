"""What the page of a run shows: verdict, rows accounted for, what needs attention, what changed, rules, drift, story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.record import QuarantineReason, RunRecord, Step
from expectations.report import words
from expectations.report.about import Described
from expectations.report.actions import Action, Links, actions
from expectations.report.compare import ChangeRow, change_rows
from expectations.report.drift_view import AlertView, BandRow, alert_views, band_rows, batch_said
from expectations.report.lines import SOURCE, rows_read
from expectations.report.model import Comparison, Line, Neighbour, OpenItem, RunTwin
from expectations.report.rule_view import RuleView, found_at_rows, rule_view
from expectations.report.standing import who_acts
from expectations.report.texts import Texts
from expectations.report.verdict import Verdict, of_run

_PARTS = (("published", "good"), ("quarantined", "warn"), ("superseded", "idle"))


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the extracted rows in the accounting bar."""

    name: str
    title: str
    tone: str
    rows: int
    percent: float


@dataclass(frozen=True, slots=True)
class RunView:
    record: RunRecord
    line: Line
    described: Described
    verdict: Verdict
    label: str
    parts: tuple[Part, ...]
    accounting: str
    attention: tuple[tuple[OpenItem, str, tuple[Action, ...]], ...]
    alerts: tuple[AlertView, ...]
    alert_actions: tuple[Action, ...]
    bands: tuple[BandRow, ...]
    drift_sentence: str
    comparison: Comparison
    changes: tuple[ChangeRow, ...]
    rules: tuple[RuleView, ...]
    quarantine: tuple[tuple[QuarantineReason, str], ...]
    quarantine_actions: tuple[Action, ...]
    steps: tuple[Step, ...]
    actions: tuple[Action, ...]
    details: tuple[tuple[str, str], ...]
    flow_run_url: str | None
    before: Neighbour | None
    before_said: str
    after: Neighbour | None
    after_said: str


def run_view(run: RunTwin, described: Described, texts: Texts, links: Links, now: datetime) -> RunView:
    record = RunRecord.model_validate(run.record)
    line = run.line
    items = _attention(record, line, described)
    drift_item = OpenItem(
        what="drift", level="warn", run_id=record.run_id, label=record.label, sentence="",
        code=record.drift.alerts[0].kind, column=record.drift.alerts[0].column,
        also=tuple(a.kind for a in record.drift.alerts[1:] if a.column == record.drift.alerts[0].column),
    ) if record.drift and record.drift.alerts else None  # fmt: skip
    aside = {reason.code: reason.rows for reason in record.quarantine}
    declared = {rule.code: rule for rule in described.rules}

    def doing(item: OpenItem | None) -> tuple[Action, ...]:
        if item is None or line.undone:
            return ()
        return tuple(actions(item, line, described, texts, links, now))

    return RunView(
        record=record, line=line, described=described, verdict=of_run(record, line, texts),
        label=texts("words.last_load_short") if record.label == "source" else record.label,
        parts=_parts(record, texts), accounting=_accounting(record, texts),
        attention=tuple((item, texts(f"open.{item.what}"), doing(item)) for item in items),
        alerts=alert_views(record, run.loads, texts), alert_actions=doing(drift_item), bands=band_rows(record),
        drift_sentence=_drift_sentence(record, run.loads, texts), comparison=run.comparison,
        changes=change_rows(run.comparison, record.drift.alerts if record.drift else (), texts),
        rules=tuple(
            rule_view(rule, declared.get(rule.code), aside.get(rule.code, 0), texts)
            for rule in (*record.rules, *found_at_rows(record, declared))
        ),
        quarantine=tuple((reason, words.share(_of(reason.rows, record))) for reason in record.quarantine),
        quarantine_actions=doing(_quarantine_item(record)), steps=record.steps,
        actions=_always(record, line, described, texts, links, now),
        details=_details(record, texts), flow_run_url=links.flow_run if record.flow_run_id else None,
        before=run.before, before_said=_beside(run.before), after=run.after, after_said=_beside(run.after),
    )  # fmt: skip


def _beside(run: Neighbour | None) -> str:
    """Its batch; without windows, when it was loaded."""
    return "" if run is None else words.moment(run.at) if run.label == SOURCE else run.label


def _attention(record: RunRecord, line: Line, described: Described) -> list[OpenItem]:
    """What a reader must know first: the failure, failed rules, warnings. Drift and set-aside rows have own sections."""
    found = []
    failure = record.failure
    if failure is not None:
        who = failure.who_must_act if line.failure is None else who_acts(line.failure, described)
        found.append(
            _item(record, "failure", "bad", failure.message, failure.code, who=who).model_copy(
                update={"also": tuple(rule.code for rule in line.failed_rules if rule.severity == "critical")}
            )
        )
    for rule in record.failed_rules:
        if rule.severity != "info" and not (failure is not None and rule.code in failure.message):
            level = "bad" if rule.severity == "critical" else "warn"
            found.append(
                _item(record, "rule", level, rule.message or rule.sentence, rule.code, rule.column, rule.owner or "")
            )
    return found


def _item(
    record: RunRecord, what: str, level: str, sentence: str, code: str, column: str | None = None, who: str = ""
) -> OpenItem:  # fmt: skip
    return OpenItem(what=what, level=level, run_id=record.run_id, label=record.label, sentence=sentence, code=code,
                    column=column, who=who)  # fmt: skip


def _quarantine_item(record: RunRecord) -> OpenItem | None:
    if not record.quarantine:
        return None
    first = record.quarantine[0]
    return _item(record, "quarantine", "warn", first.sentence, first.code, first.column)


def _parts(record: RunRecord, texts: Texts) -> tuple[Part, ...]:
    total = record.counts.get("extracted", 0)
    if not total or record.status not in ("published", "warned"):
        return ()
    return tuple(
        Part(name, texts(f"run.part.{name}"), tone, rows, max(100 * rows / total, 0.6))
        for name, tone in _PARTS
        if (rows := record.counts.get(name, 0))
    )


def _accounting(record: RunRecord, texts: Texts) -> str:
    counts = record.counts
    if not counts or record.status not in ("published", "warned"):
        return ""
    parts = {name: f"{counts.get(name, 0):,}" for name in ("extracted", "published", "quarantined", "superseded")}
    return texts("run.accounting", **parts)


def _of(rows: int, record: RunRecord) -> float | None:
    total = rows_read(record)
    return rows / total if total else None


def _drift_sentence(record: RunRecord, loads: Mapping[str, datetime], texts: Texts) -> str:
    drift = record.drift
    if drift is None:
        return texts("run.drift.none")
    if drift.alerts:
        stopped = record.failure is not None and record.failure.code == "DRIFT"
        key = "run.drift.stopped" if stopped else "run.drift.failed" if record.status == "failed" else "run.drift.told"
        sentence = texts(key, n=len(drift.alerts), history=f"{drift.history:,}")
    else:
        sentence = texts("run.drift.learning" if drift.verdict == "learning" else "run.drift.quiet", n=drift.history)
    if drift.left_out:
        labels = ", ".join(batch_said(label, loads) or label for label in drift.left_out)
        sentence = f"{sentence} {texts('run.drift.left_out', n=len(drift.left_out), labels=labels)}"
    return sentence


def _always(
    record: RunRecord, line: Line, described: Described, texts: Texts, links: Links, now: datetime
) -> tuple[Action, ...]:  # fmt: skip
    """What can be done with any run: look closer, and undo what it published."""
    return tuple(actions(_item(record, "rule", "warn", "", ""), line, described, texts, links, now))


def _details(record: RunRecord, texts: Texts) -> tuple[tuple[str, str], ...]:
    window = ""
    if record.window_start and record.window_end:
        window = f"{words.moment(record.window_start)} – {words.moment(record.window_end)}"
    pairs: Sequence[tuple[str, str]] = (
        ("run", record.run_id), ("window", window), ("mode", record.mode),
        ("started", words.moment(record.started_at)), ("finished", words.moment(record.finished_at)),
        ("attempt", str(record.attempt)), ("proof", "" if record.sequence is None else f"{record.sequence:,}"),
        ("source", record.source), ("stage", record.stage_uri), ("fingerprint", record.fingerprint),
        ("declaration", record.declaration_hash), ("suite", record.suite_hash), ("flow_run", record.flow_run_id or ""),
    )  # fmt: skip
    return tuple((texts(f"run.detail.{name}"), value) for name, value in pairs if value)
