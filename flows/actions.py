"""What owners and on-call decide and do: the command line and Prefect's forms call the same function for each.

`by`: who says so; None: the login. Those that start no run are below: `tasks/discard.py`, `acceptances.py`, `answers.py`,
`incidents/settle.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from expectations.record import RunRecord
from flows.run import Outcome, build_summaries
from flows.story import told_to
from tasks.deciding import decider
from tasks.warehouses import decisions, ops
from tasks.warehouses.decisions import EVERY_TARGET, Decision
from tasks.workbench import Workbench


def pause(bench: Workbench, names: Sequence[str] | None, until: datetime, by: str | None, reason: str) -> list[str]:
    """Load these tables, or all (None), no more until then; returns what is paused."""
    return _decide(bench, "pause", names, by, reason, until)


def resume(bench: Workbench, names: Sequence[str] | None, by: str | None, reason: str) -> list[str]:
    """End a pause; returns what goes on."""
    return _decide(bench, "resume", names, by, reason, None)


def publish_anyway(
    bench: Workbench, failed: RunRecord, codes: Iterable[str], until: datetime, by: str | None, reason: str,
    *, with_dependents: bool = True,
) -> Outcome:  # fmt: skip
    """Publish the batch of a failed run although it failed on `codes`, and build the summaries that read it."""
    from flows.override import publish_override
    from tasks.overrides import decide

    decide(bench, failed, tuple(code.upper() for code in codes), by, reason, until, datetime.now(UTC))
    outcome = Outcome()
    with told_to(outcome):
        publish_override(failed.run_id)
        build_summaries(bench, [], outcome, with_dependents=with_dependents, rebuild=False)
    return outcome


def replay(
    bench: Workbench, name: str, window: str | None, code: str | None, *, with_dependents: bool = True
) -> Outcome:
    """Send rows that are set aside through the gate again, and build the summaries that read those that fit now."""
    from flows.replay import replay as replay_rows

    outcome = Outcome()
    with told_to(outcome):
        replay_rows(name, window, code)
        build_summaries(bench, [], outcome, with_dependents=with_dependents, rebuild=False)
    return outcome


def rebuild(bench: Workbench, summaries: Sequence[str]) -> Outcome:
    """Build the summaries that still show what was rolled back."""
    outcome = Outcome()
    with told_to(outcome):
        build_summaries(bench, summaries, outcome, with_dependents=False, rebuild=False)
    return outcome


def _decide(
    bench: Workbench, kind: Literal["pause", "resume"], names: Sequence[str] | None, by: str | None, reason: str,
    until: datetime | None,
) -> list[str]:  # fmt: skip
    targets, now = [EVERY_TARGET] if names is None else names, datetime.now(UTC)
    who = decider(bench, kind, targets[0], by)
    ops.prepare(bench.warehouse, [])
    for name in targets:
        decisions.decide(bench.warehouse, Decision(now, name, kind, kind, who, reason, expires_at=until))
    return ["all"] if names is None else list(names)
