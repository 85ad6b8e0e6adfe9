"""What would be noticed about the next batch, and how often what was noticed was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.record import WouldBeTold
from expectations.report import words
from expectations.report.about import Described
from expectations.report.lines import SOURCE, by_batch
from expectations.report.model import Decision, Line
from expectations.report.texts import Texts

LEAST_HISTORY = 5


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Alarms of one kind, and what came of them."""

    title: str
    told: int
    false: int
    meant: int
    right: int
    open: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often alarms of a table proved false, in a sentence, and by kind."""

    said: str
    rows: tuple[AlarmRow, ...]


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


def alarms(lines: Sequence[Line], decisions: Sequence[Decision], texts: Texts) -> Alarms | None:
    """How alarms came out, as far as people have said or done something; None before the first one.

    An alarm is a batch that was told as far from usual, or was stopped by what was found in it. False: an owner said that it
    isn't worth telling, or published what was stopped. Meant: the change was accepted. Right: the batch was undone, loaded again,
    or said not to count. The last answer to a batch counts.
    """
    # Without windows every load has the same key: that the next one came says nothing of the one before.
    newest = {
        line.batch_key: line.run_id
        for line in lines
        if line.label != SOURCE
        and line.kind not in ("rollback", "replay")
        and line.status in ("published", "warned", "failed")
    }
    told = [(line, kind) for line in lines for kind in _kinds(line)]
    if not told:
        return None
    answers = {
        (line.run_id, kind): _answer(line, kind, decisions, newest.get(line.batch_key, line.run_id), lines)
        for line, kind in told
    }
    of_runs: dict[str, list[str]] = {}
    for (run_id, _), answer in answers.items():
        of_runs.setdefault(run_id, []).append(answer)
    # A batch is one alarm, whatever it was told for: the strongest answer to a part of it is the answer to it.
    batches = [min(found, key=_ANSWERS.index) for found in of_runs.values()]
    rows = tuple(
        _row(_kind(kind, texts), [answers[line.run_id, of] for line, of in told if of == kind])
        for kind in dict.fromkeys(kind for _, kind in told)
    )
    of_all = _row("", batches)
    answered = of_all.told - of_all.open
    first, last = min(line.at for line in lines), max(line.at for line in lines)
    said = texts(
        "alarms.said", n=of_all.told, first=words.day(first), last=words.day(last), batches=f"{len(by_batch(lines)):,}"
    )
    rate = (
        texts("alarms.rate", n=answered, false=of_all.false, share=words.share(of_all.false / answered))
        if answered
        else ""
    )
    return Alarms(" ".join(filter(None, (said, rate, texts("alarms.open", n=of_all.open)))), rows)


_ANSWERS = ("right", "false", "meant", "open")
STOPPED = "stopped"


def _kinds(line: Line) -> tuple[str, ...]:
    if line.kind == "rollback":
        return ()
    kinds = tuple(dict.fromkeys(alert.kind for alert in line.alerts if alert.level == "page"))
    return kinds or (
        (STOPPED,) if line.failure is not None and line.failure.code in ("CHECK-FAILED", "TOLERANCE") else ()
    )


def _kind(kind: str, texts: Texts) -> str:
    return texts("alarms.stopped") if kind == STOPPED else texts(f"drift.kind_{kind}")


def _answer(line: Line, kind: str, decisions: Sequence[Decision], newest: str, lines: Sequence[Line]) -> str:
    about = [
        decision.kind
        for decision in decisions
        if decision.run_id == line.run_id
        and decision.kind in _SAYS
        and (kind == STOPPED or decision.what in ("", "*", kind))
    ]
    if about:
        return _SAYS[about[-1]]
    if kind == STOPPED and any(other.kind == "override" and other.batch_key == line.batch_key for other in lines):
        return "false"
    return "right" if line.undone or newest != line.run_id else "open"


_SAYS = {"accept-drift": "meant", "mute-drift": "false", "reject-drift": "right", "override": "false"}


def _row(title: str, answers: Sequence[str]) -> AlarmRow:
    false, meant, right, unanswered = (answers.count(name) for name in ("false", "meant", "right", "open"))
    return AlarmRow(title, len(answers), false, meant, right, unanswered)
