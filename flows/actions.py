"""What owners and on-call decide and do: the command line and Prefect's forms call the same function for each.

`by`: who says so; None: the login. Those that start no run are below: `tasks/discard.py`, `acceptances.py`, `answers.py`,
`incidents/settle.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from expectations.record import RunRecord
from flows.run import Outcome, build_summaries
from flows.story import told_to
from tasks.deciding import decider
from tasks.warehouses import decisions, ops
from tasks.warehouses.decisions import EVERY_TARGET, Decision
from tasks.workbench import Workbench


class Decided(NamedTuple):
    """Names by what a decision did: `changed`, and those that were `so_already`, of which nothing is written."""

    changed: list[str]
    so_already: list[str]


def pause(bench: Workbench, names: Sequence[str] | None, until: datetime, by: str | None, reason: str) -> Decided:
    """Load these tables, or all (None), no more until then. So already: the same was said before, until the same moment."""
    targets, now = [EVERY_TARGET] if names is None else names, datetime.now(UTC)
    who = decider(bench, "pause", targets[0], by)
    standing = decisions.every_pause(bench.warehouse, now)
    said = [Decision(now, name, "pause", "pause", who, reason, expires_at=until) for name in targets]
    return _write(bench, said, {item.target for item in said if _is_same(item, standing.get(item.target))})


def resume(bench: Workbench, names: Sequence[str] | None, by: str | None, reason: str) -> Decided:
    """End a pause of these tables, or every one (None). So already: what wasn't paused."""
    targets, now = [EVERY_TARGET] if names is None else names, datetime.now(UTC)
    who = decider(bench, "resume", targets[0], by)
    if names is None:
        going_on = set() if decisions.every_pause(bench.warehouse, now) else {EVERY_TARGET}
    else:
        going_on = {*names} - decisions.paused(bench.warehouse, names, now).keys()
    return _write(bench, [Decision(now, name, "resume", "resume", who, reason) for name in targets], going_on)


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


def _write(bench: Workbench, said: Sequence[Decision], so_already: Collection[str]) -> Decided:
    """Write down what changes something; a warehouse in which nothing is to be written stays as it is."""
    fresh = [item for item in said if item.target not in so_already]
    if fresh:
        ops.prepare(bench.warehouse, [])
    for item in fresh:
        decisions.decide(bench.warehouse, item)
    return Decided(_told(fresh), _told([item for item in said if item.target in so_already]))


def _told(said: Sequence[Decision]) -> list[str]:
    return ["all" if item.target == EVERY_TARGET else item.target for item in said]


def _is_same(said: Decision, standing: Decision | None) -> bool:
    """Whether a pause says nothing that the one that holds doesn't: one of all targets is another than a table's own."""
    return standing is not None and (said.target, said.expires_at, said.by, said.reason) == (
        standing.target, standing.expires_at, standing.by, standing.reason,
    )  # fmt: skip
