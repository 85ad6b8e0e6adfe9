"""How a table stands: what waits for somebody, and one state that sums it up.

The latest run of each batch counts. A failure stays open until its batch is published; a drift page until it is
answered, its batch loaded again without it, or undone. Warnings, digests and rows set aside are listed for the last
RECENT batches only: a warning nobody answered for weeks is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from expectations.report.about import Described
from expectations.report.model import Decision, Facts, Failed, FailedRule, Line, OpenItem, State, TakenBack, Told

RECENT = 14
TOLD_LINES = 3
_ORDER = {"failure": 0, "drift": 1, "rule": 2, "quarantine": 3}


def open_items(described: Described, lines: Sequence[Line], facts: Facts, now: datetime) -> tuple[OpenItem, ...]:
    """Everything that waits for an answer, worst and newest first; the same thing in several batches is one item."""
    latest = latest_of_batches(lines)
    recent = {line.run_id for line in latest[-RECENT:]}
    begun = _failing_since(lines)
    found: dict[tuple[str, str, str | None], OpenItem] = {}
    for line in reversed(latest):
        waiting = _items(line, described, recent=line.run_id in recent)
        for item in _one_per_column(item for item in waiting if not answered(item, line, facts.decisions, now)):
            same = same_before(item, line, lines, facts.decisions, now)
            opened = begun.get(line.batch_key, line.at) if item.what == "failure" else (same or [line])[-1].at
            key = (item.what, item.code, item.column)
            known = found.get(key)
            if known is None:
                loads = 1 if line.window_start else 1 + len(same)
                found[key] = item.model_copy(update={"opened_at": opened, "loads": loads})
            else:
                since = item.since or item.label
                rows = None if known.rows is None else known.rows + (item.rows or 0)
                first = min(known.opened_at or opened, opened)
                found[key] = known.model_copy(
                    update={"batches": known.batches + 1, "since": since, "rows": rows, "opened_at": first}
                )
    return tuple(sorted(found.values(), key=lambda item: (item.level != "bad", _ORDER[item.what])))


def same_before(
    item: OpenItem, line: Line, lines: Sequence[Line], decisions: Sequence[Decision], now: datetime
) -> list[Line]:  # fmt: skip
    """The loads of the same data right before a run that were told for the same and that nobody has answered, the newest
    first: what an undo of the run would bring back is no better.
    """
    found = []
    for before in reversed(lines):
        stood = before.published and before.kind != "replay" and before.batch_key == line.batch_key
        if not stood or before.started_at >= line.started_at:
            continue
        of_it = item.model_copy(update={"run_id": before.run_id})
        if not _tells(before, item) or answered(of_it, before, decisions, now):
            break
        found.append(before)
    return found


def _tells(line: Line, item: OpenItem) -> bool:
    told = line.alerts if item.what == "drift" else line.failed_rules if item.what == "rule" else ()
    return any((_code(found), found.column) == (item.code, item.column) for found in told)


def _code(told: Told | FailedRule) -> str:
    return told.kind if isinstance(told, Told) else told.code


def doubted_since(line: Line, lines: Sequence[Line], facts: Facts, now: datetime) -> datetime | None:
    """Since when loads of the same data are told for the same as this run; None where the one before it isn't."""
    if not line.published:
        return None
    told = [_item(line, "drift", "warn", alert.message, alert.kind, alert.column) for alert in line.alerts]
    told += [_item(line, "rule", "warn", rule.message, rule.code, rule.column) for rule in line.failed_rules]
    first = [same[-1].at for item in told if (same := same_before(item, line, lines, facts.decisions, now))]
    return min(first, default=None)


def _failing_since(lines: Iterable[Line]) -> dict[str, datetime]:
    """When the first of the runs ended by which a batch has failed ever since, by key. `lines`: oldest first."""
    found: dict[str, datetime] = {}
    for line in lines:
        if line.status == "failed":
            found.setdefault(line.batch_key, line.at)
        elif line.status not in ("checked", "running", "waiting", "held"):
            found.pop(line.batch_key, None)
    return found


def state_of(lines: Sequence[Line], items: Sequence[OpenItem]) -> State:
    """failed: some batch isn't published that should be; warned: published, with something to look at."""
    told = [line for line in lines if line.status not in ("checked", "running")]
    if not told:
        return "never"
    if any(item.level == "bad" for item in items):
        return "failed"
    if told[-1].status in ("waiting", "held"):
        return "waiting" if told[-1].status == "waiting" else "held"
    return "warned" if items else "good"


def latest_of_batches(lines: Sequence[Line]) -> list[Line]:
    """The last run of each batch that changed or tried to change the table, in the order of the data.

    A batch that was undone has nothing open: its rows are gone.
    """
    latest: dict[str, Line] = {}
    for line in lines:
        if line.kind == "rollback" or line.undone:
            latest.pop(line.batch_key, None)
        elif line.kind == "replay":
            # It adds rows to a batch; what was found of the batch as a whole still stands.
            continue
        elif line.status in ("published", "warned", "failed"):
            latest[line.batch_key] = line
        elif (
            line.status in ("unchanged", "already_published")
            and line.batch_key in latest
            and _is_failure(latest[line.batch_key])
        ):
            # The live data is what an earlier run published: a failure in between is over.
            latest.pop(line.batch_key)
    return sorted(latest.values(), key=lambda line: line.window_start or line.started_at)


def taken_back(lines: Sequence[Line], facts: Facts) -> TakenBack | None:
    """What a reader misses because somebody has undone it; None when the batch has been loaded again."""
    last = {item.batch_key: item for item in facts.publishes if item.kind != "rollback"}
    labels = {line.batch_key: line.label for line in lines}
    undone = [
        decision
        for decision in facts.decisions
        if decision.kind == "rollback" and decision.what in last and last[decision.what].undone_by is not None
    ]
    if not undone:
        return None
    newest = max(undone, key=lambda decision: decision.decided_at)
    return TakenBack(
        label=labels.get(newest.what, newest.what), by=newest.by, at=newest.decided_at, reason=newest.reason
    )


def answered(item: OpenItem, line: Line, decisions: Sequence[Decision], now: datetime) -> bool:
    """Whether a person has decided about this after the run told it, and the decision still holds."""
    return any(
        decision.decided_at >= line.started_at
        and (decision.expires_at is None or decision.expires_at >= now)
        and _settles(decision, item)
        and not _taken_back(decision, decisions)
        for decision in decisions
    )


def _taken_back(decision: Decision, decisions: Sequence[Decision]) -> bool:
    """Whether what was said to be not interesting was said to be interesting later."""
    return decision.kind == "mute-drift" and any(
        later.kind == "unmute-drift"
        and later.decided_at >= decision.decided_at
        and (later.column, later.what) == (decision.column, decision.what)
        for later in decisions
    )


def _is_failure(line: Line | None) -> bool:
    return line is not None and line.status == "failed"


def _settles(decision: Decision, item: OpenItem) -> bool:
    of_this_run = decision.run_id in (None, item.run_id)
    if item.what == "drift":
        of_it = decision.column == item.column and decision.what in ("", "*", item.code)
        # An accepted level holds for every batch, as does what is not interesting; that a change isn't meant is said of one.
        held = decision.kind in ("accept-drift", "mute-drift") or (decision.kind == "reject-drift" and of_this_run)
        return of_it and held
    if item.what == "quarantine":
        about = ("", item.code, item.label)
        return of_this_run and decision.kind in ("replay", "discard") and decision.what in about
    return item.what == "rule" and of_this_run and decision.kind == "override" and decision.what in ("", item.code)


def _one_per_column(items: Iterable[OpenItem]) -> list[OpenItem]:
    """Drift of one column as one item, told by its strongest alert, which comes first."""
    found: dict[tuple[str, str], OpenItem] = {}
    for item in items:
        key = (item.what, item.column or item.code) if item.what == "drift" else (item.what, item.code)
        known = found.get(key)
        found[key] = item if known is None else known.model_copy(update={"also": (*known.also, item.code)})
    # What is folded under an alert that was answered waits by itself.
    leads = {item.place for item in found.values() if item.what == "drift" and item.under is None}
    return [
        item if item.under is None or item.under in leads else item.model_copy(update={"under": None})
        for item in found.values()
    ]


def _items(line: Line, described: Described, *, recent: bool) -> list[OpenItem]:
    owners = {rule.code: rule.owner for rule in described.rules}
    failed = line.status == "failed"
    items = []
    if failed and line.failure is not None:
        items.append(
            _item(
                line,
                "failure",
                "bad",
                line.failure.message,
                line.failure.code,
                who=who_acts(line.failure, described),
                also=tuple(rule.code for rule in line.failed_rules if rule.severity == "critical"),
            )
        )
    if not failed:
        items += [
            _item(
                line,
                "drift",
                "warn",
                alert.message,
                alert.kind,
                alert.column,
                alert.since,
                described.owner,
                under=alert.under,
            )
            for alert in line.alerts
            if recent or alert.level == "page"
        ]
    if recent and not failed:
        items += [
            _item(line, "rule", "warn", rule.message, rule.code, rule.column, who=owners.get(rule.code, ""))
            for rule in line.failed_rules
            if rule.severity != "info" and not rule.overridden
        ]
        items += [
            _item(
                line,
                "quarantine",
                "warn",
                aside.sentence,
                aside.code,
                aside.column,
                who=owners.get(aside.code, ""),
                rows=aside.rows,
            )
            for aside in line.quarantine
        ]
    return items


def who_acts(failure: Failed, described: Described) -> str:
    """Who acts on a failure. Whose a source is isn't declared: its place is named, and who answers for the table."""
    if failure.family != "upstream" or not described.source:
        return failure.who_must_act
    asked = f" (through {described.owner})" if described.owner else ""
    return f"{failure.who_must_act}: {described.source}{asked}"


def _told(sentence: str) -> str:
    """The first lines of a message as one: a failed check is named in the second."""
    head, *more = [line.strip() for line in sentence.splitlines()[:TOLD_LINES]] or [""]
    return f"{head.rstrip('.:')}: {'; '.join(more)}" if more else head


def _item(
    line: Line, what: str, level: str, sentence: str, code: str, column: str | None = None, since: str | None = None,
    who: str = "", rows: int | None = None, also: tuple[str, ...] = (), under: str | None = None,
) -> OpenItem:  # fmt: skip
    return OpenItem(
        what=what, level=level, run_id=line.run_id, label=line.label, sentence=_told(sentence), code=code,
        column=column, since=since, who=who, rows=rows, also=also, under=under,
    )  # fmt: skip
