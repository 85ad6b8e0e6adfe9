"""What would be noticed about the next batch, and how often what was noticed was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.record import WouldBeTold
from expectations.report.about import Described
from expectations.report.lines import SOURCE, by_batch
from expectations.report.model import Decision, Line
from expectations.report.texts import Texts

LEAST_HISTORY = 5


@dataclass(frozen=True, slots=True)
class Watched:
    """A column, or the table, with its figures and from when on a change of each is told."""

    title: str
    figures: tuple[WouldBeTold, ...]


def watched(lines: Sequence[Line], texts: Texts) -> tuple[Watched, ...]:
    """What would be noticed in the next batch, as the drift watch had learned it by the newest one."""
    last = next((line for line in reversed(by_batch(lines)) if line.noticed), None)
    found: dict[str | None, list[WouldBeTold]] = {}
    for one in last.noticed if last else ():
        found.setdefault(one.column, []).append(one)
    return tuple(Watched(column or texts("watched.whole"), tuple(figures)) for column, figures in found.items())


def sentences(described: Described, lines: Sequence[Line], texts: Texts) -> tuple[str, ...]:
    """What is looked at, in words."""
    if described.kind == "summary":
        return (texts("watched.summary", n=len(described.rules)),)
    last = next((line for line in reversed(by_batch(lines)) if line.drift is not None), None)
    history = last.history if last is not None else 0
    drift = texts("watched.learning", n=history, need=LEAST_HISTORY) if history < LEAST_HISTORY else texts(
        "watched.drift", n=history
    )  # fmt: skip
    return (texts("watched.contract"), texts("watched.rules", n=len(described.rules)), drift)


def alarms(lines: Sequence[Line], decisions: Sequence[Decision], texts: Texts) -> str:
    """How often an alarm about unusual data was false, as far as people have said or done something; '' before the first one."""
    told = [line for line in lines if line.kind != "rollback" and any(alert.level == "page" for alert in line.alerts)]
    if not told:
        return ""
    accepted = {decision.run_id for decision in decisions if decision.kind in ("accept-drift", "mute-drift")}
    rejected = {decision.run_id for decision in decisions if decision.kind == "reject-drift"}
    # Without windows every load has the same key: that the next one came says nothing of the one before.
    newest = {
        line.batch_key: line.run_id
        for line in lines
        if line.label != SOURCE and line.status in ("published", "warned", "failed")
    }
    false = sum(line.run_id in accepted for line in told)
    true = sum(
        line.run_id in rejected or line.undone or newest.get(line.batch_key, line.run_id) != line.run_id
        for line in told
        if line.run_id not in accepted
    )
    return texts("watched.alarms", n=len(told), false=false, true=true, open=len(told) - false - true)
