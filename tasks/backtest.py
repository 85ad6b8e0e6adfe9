"""What of a table's kept profiles would be told today, batch by batch, beside what its owner answered; and what would be noticed.

Each batch is held against those before it, as when it was loaded, with the detector as it is now. Answers are the truth: what an
owner said to be not interesting was a false alarm, what was meant or not meant was a change. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from deployments.declarations.table import Table
from expectations.drift import Accepted, Lowered, Verdict, detect
from expectations.drift.model import Sensitivity, standing
from expectations.drift.noticed import noticed
from expectations.record import WouldBeTold
from expectations.review.facts import AlarmAnswer
from tasks.acceptances import SETTLING
from tasks.answers import ANSWERED, muted, rejected
from tasks.history import kept_of
from tasks.warehouses import decisions
from tasks.warehouses.decisions import Decision
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Tried:
    """One batch as it would be told, and what was answered about the run that loaded it; None: nothing."""

    label: str
    run_id: str
    verdict: Verdict
    answer: AlarmAnswer | None


def backtest(bench: Workbench, table: Table, sensitivity: Sensitivity) -> Iterator[Tried]:
    """Every kept batch of a table, oldest first. An answer counts from the batch on after the one it is about."""
    kept = kept_of(bench, table)
    said = decisions.read(bench.warehouse, [table.table], SETTLING) if kept else []
    answers = {item.run_id: ANSWERED[item.kind] for item in said if item.kind in ANSWERED}
    out, ignored = rejected(said), bench.project.suite(table.table).drift.ignore
    usual: list[int] = []
    for at, (label, run_id, profile) in enumerate(kept):
        runs = {kept[i][1]: kept[i][0] for i in range(at)}
        verdict = detect(
            profile,
            [kept[i][2] for i in usual],
            sensitivity=sensitivity,
            accepted=_accepted(said, runs),
            lowered=_lowered(said, runs),
            batch_label=label,
            history_labels=[kept[i][0] for i in usual],
        )
        yield Tried(label, run_id, _without(verdict, ignored), answers.get(run_id))
        if run_id not in out:
            usual.append(at)


def sensitivity_of(bench: Workbench, table: Table) -> tuple[WouldBeTold, ...]:
    """What would be noticed in the next batch of a table."""
    kept = kept_of(bench, table)
    said = decisions.read(bench.warehouse, [table.table], SETTLING) if kept else []
    out = rejected(said)
    usual = [(label, profile) for label, run_id, profile in kept if run_id not in out]
    runs = {run_id: label for label, run_id, _ in kept}
    suite = bench.project.suite(table.table).drift
    found = noticed(
        [profile for _, profile in usual], [label for label, _ in usual], sensitivity=suite.sensitivity,
        accepted=_accepted(said, runs), lowered=_lowered(said, runs),
    )  # fmt: skip
    return tuple(one for one in found if one.column not in suite.ignore)


def _accepted(said: Sequence[Decision], runs: dict[str, str]) -> tuple[Accepted, ...]:
    """What was accepted of these runs, whose labels are the levels."""
    meant = [item for item in said if item.kind == "accept-drift" and item.run_id in runs]
    return tuple(Accepted(i.column, i.what, _day(i), runs[i.run_id or ""]) for i in meant)


def _lowered(said: Sequence[Decision], runs: dict[str, str]) -> tuple[Lowered, ...]:
    now = datetime.now(UTC)
    found = muted([item for item in said if item.run_id is None or item.run_id in runs])
    held = {change: [item for item in items if item.holds(now)] for change, items in found.items()}
    return tuple(Lowered(column, kind, len(items)) for (column, kind), items in held.items() if items)


def _day(item: Decision) -> date | None:
    return None if item.expires_at is None else item.expires_at.date()


def _without(verdict: Verdict, ignored: Sequence[str]) -> Verdict:
    """The verdict as a run tells it: what the suite ignores, and the header, which is the contract's, aside."""
    alerts = standing([a for a in verdict.alerts if a.column not in ignored and a.kind != "schema"])
    if alerts:
        return replace(verdict, alerts=alerts, verdict="page" if any(a.level == "page" for a in alerts) else "digest")
    quiet = "pass" if verdict.verdict in ("page", "digest") else verdict.verdict
    return replace(verdict, alerts=(), verdict=quiet)
