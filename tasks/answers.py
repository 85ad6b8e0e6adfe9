"""What an owner answers to an alarm beside "it is meant": that it isn't meant, or isn't interesting; and taking that back.

Not meant: the alarm was right, and its batch doesn't count as usual. Not interesting: it was a false alarm, and such a change
has to be larger to be told from then on (`expectations.drift.voices`). Answers are only ever added; the newest one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from deployments.errors import DeclarationError
from expectations.drift.acceptance import EVERY_KIND
from expectations.drift.model import Lowered
from expectations.review.facts import AlarmAnswer
from tasks import acceptances
from tasks.acceptances import SETTLING, Change
from tasks.warehouses import decisions
from tasks.warehouses.decisions import Decision, Kind
from tasks.watched import Judged, Watched, watched
from tasks.workbench import Workbench

Answer = Literal["not-meant", "not-interesting", "interesting"]
KINDS: dict[Answer, Kind] = {
    "not-meant": "reject-drift", "not-interesting": "mute-drift", "interesting": "unmute-drift"
}  # fmt: skip
ANSWERED: dict[Kind, AlarmAnswer] = {
    "accept-drift": "meant", "reject-drift": "not-meant", "mute-drift": "not-interesting"
}  # fmt: skip
"""What a decision about a run says of its alarm."""


def answer(
    bench: Workbench, which: str, said: Answer, *, column: str | None, kinds: Sequence[str], by: str | None, reason: str,
    until: datetime | None = None, run_id: str | None = None,
) -> tuple[str, tuple[Change, ...], tuple[Change, ...]]:  # fmt: skip
    """Write an answer down; returns the table, the changes (column, kind) it is about, and of these the ones of which the same
    was said already, of which nothing is written.

    `which`, `column`, `kinds` and `run_id` as in `acceptances.answered`, and its errors. `interesting` is about what is
    quieter by an earlier answer: DeclarationError where nothing is.
    """
    if said != "interesting":
        found = acceptances.answered(bench, which, column=column, kinds=kinds, run_id=run_id)
        done = acceptances.write(bench, found, by, reason, until, KINDS[said])
        return done.record.table, done.changes, done.so_already
    table = watched(bench.project, acceptances.table_of(bench, which))
    wanted = None if column == acceptances.WHOLE_TABLE else column
    chosen = tuple(
        (of, kind)
        for of, kind in muted(decisions.read(bench.warehouse, [table.table], SETTLING))
        if (column is None or of == wanted) and (not kinds or kind in kinds or EVERY_KIND in kinds)
    )
    if not chosen:
        raise DeclarationError(
            f"nothing of {table.table} that fits was said to be not interesting", code="ACCEPT-REFUSED",
            next_command=f"headgate drift sensitivity {table.table}   (what is told from when on)",
        )  # fmt: skip
    acceptances.add(bench, table.table, chosen, by, reason, None, KINDS[said], None)
    return table.table, chosen, ()


def lowered_for(bench: Workbench, table: Watched, batch: Judged, now: datetime) -> tuple[Lowered, ...]:
    """What is quieter by an owner's answer, as the detector takes it. With windows an answer ends by the batch's day, without
    them by the clock."""
    found = muted(decisions.read(bench.warehouse, [table.table], SETTLING))
    if batch.window is None:
        found = {change: kept for change, said in found.items() if (kept := [item for item in said if item.holds(now)])}
    return tuple(
        Lowered(column, kind, len(said), None if (ends := _ends(said)) is None else ends.date())
        for (column, kind), said in found.items()
    )


def muted(known: Sequence[Decision]) -> dict[Change, list[Decision]]:
    """What was said to be not interesting and not taken back, oldest first: of each change one answer per run, so that saying
    it twice of the same alarm makes it no quieter."""
    found: dict[Change, dict[str | None, Decision]] = {}
    for item in known:
        if item.kind == "mute-drift":
            found.setdefault((item.column, item.what), {})[item.run_id] = item
        elif item.kind == "unmute-drift":
            found.pop((item.column, item.what), None)
    return {change: list(said.values()) for change, said in found.items()}


def rejected(known: Sequence[Decision]) -> set[str]:
    """Runs of which somebody said that what they told isn't meant, and of which that is the last word."""
    last = {(item.run_id, item.column, item.what): item.kind for item in known if item.kind != "unmute-drift"}
    return {run for (run, _, _), kind in last.items() if kind == "reject-drift" and run is not None}


def usual(known: Sequence[Decision]) -> set[Change]:
    """Changes whose alarm was answered as meant or not interesting: a batch that told them counts as usual."""
    return {(item.column, item.what) for item in known if item.kind == "accept-drift"} | set(muted(known))


def _ends(said: Sequence[Decision]) -> datetime | None:
    ends = [item.expires_at for item in said]
    return None if None in ends else max(end for end in ends if end is not None)
