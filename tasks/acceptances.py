"""Accepted drift: an owner said that a change is meant. From then on the accepted level is what later batches are held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deployments.errors import DeclarationError
from expectations.drift.acceptance import EVERY_KIND
from expectations.drift.model import KINDS, Accepted
from expectations.record import RunRecord
from tasks.batch import is_whole
from tasks.deciding import decider
from tasks.warehouses import decisions, names, ops, proofs
from tasks.warehouses.decisions import Decider, Decision, Kind
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import rows, session, transaction
from tasks.watched import Judged, Watched, watched
from tasks.workbench import Workbench

WHOLE_TABLE = "table"
"""How people name the table as a whole where a column is asked for."""
Change = tuple[str | None, str]


def accepted_for(bench: Workbench, table: Watched, batch: Judged, now: datetime) -> tuple[Accepted, ...]:
    """What was accepted for a table, as the detector takes it.

    `level_from` names the batch whose level is the new one: the run's own, or, for a table without windows, the first
    publish that came with or after it. Without windows an acceptance ends by the clock, with windows by the batch's day.
    """
    known = decisions.read(bench.warehouse, [table.table], ["accept-drift"])
    if batch.window is None:
        known = [item for item in known if item.holds(now)]
    if not known:
        return ()
    labels = _labels(bench, table)
    return tuple(
        Accepted(
            item.column, item.what, until=None if item.expires_at is None else item.expires_at.date(),
            level_from=_level_from(item, labels),
        )
        for item in known
    )  # fmt: skip


SETTLING: tuple[Kind, ...] = ("accept-drift", "reject-drift", "mute-drift", "unmute-drift")
"""Every answer to an alarm."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The run whose alarm is answered, and what of it: (column, kind), column None for the table. `so_already`: the changes of
    which the same answer stands; nothing is written of them."""

    record: RunRecord
    changes: tuple[Change, ...]
    so_already: tuple[Change, ...] = ()


def accept(
    bench: Workbench, which: str, *, column: str | None, kinds: Sequence[str], by: str | None, reason: str,
    until: datetime | None, run_id: str | None = None,
) -> Answered:  # fmt: skip
    """Write acceptances down, all or none: what `answered` finds."""
    return write(bench, answered(bench, which, column=column, kinds=kinds, run_id=run_id), by, reason, until)


def write(
    bench: Workbench,
    found: Answered,
    by: str | None,
    reason: str,
    until: datetime | None,
    answer: Kind = "accept-drift",
) -> Answered:
    """Write down what these changes are: meant, unless `answer` says otherwise. Typing it twice changes nothing."""
    record, known = found.record, decisions.read(bench.warehouse, [found.record.table], SETTLING)
    said = [Decision(datetime.now(UTC), record.table, answer, kind, Decider(""), reason, of, until, record.run_id)
            for of, kind in found.changes]  # fmt: skip
    so_already = tuple((item.column, item.what) for item in said if _stands(bench, known, item))
    add(
        bench,
        record.table,
        [item for item in found.changes if item not in so_already],
        by,
        reason,
        until,
        answer,
        record.run_id,
    )
    return Answered(record, found.changes, so_already)


def _stands(bench: Workbench, known: Sequence[Decision], said: Decision) -> bool:
    """Whether the last word about this change says the same: of this run until the same moment, and of a level the same one."""
    last = None
    for item in known:
        # The level is the last one accepted of any run; a change is told again for all of them.
        of_all = item.kind == "unmute-drift" or item.kind == said.kind == "accept-drift"
        if (item.column, item.what) == (said.column, said.what) and (of_all or item.run_id == said.run_id):
            last = item
    if last is None or (last.kind, last.run_id, last.expires_at) != (said.kind, said.run_id, said.expires_at):
        return False
    if said.kind != "accept-drift":
        return True
    labels = _labels(bench, watched(bench.project, said.target))
    return _level_from(last, labels) == _level_from(said, labels)


def add(
    bench: Workbench, table: str, changes: Sequence[Change], by: str | None, reason: str, until: datetime | None, answer: Kind,
    run_id: str | None,
) -> None:  # fmt: skip
    """Write one answer about each change, in one transaction. DeclarationError: it is for others to say."""
    who = decider(bench, answer, table, by)
    if not changes:
        return
    ops.prepare(bench.warehouse, [TableName.parse(table)])
    with transaction(bench.warehouse.address) as cursor:
        for of, kind in changes:
            said = Decision(datetime.now(UTC), table, answer, kind, who, reason, of, until, run_id)
            decisions.add(bench.warehouse, cursor, said)


def table_of(bench: Workbench, which: str) -> str:
    """The table of that name, or of the run of that name."""
    record = None if _is_declared(bench, which) else ops.record(bench.warehouse, which)
    return which if record is None else record.table


def answered(
    bench: Workbench, which: str, *, column: str | None, kinds: Sequence[str], run_id: str | None = None
) -> Answered:
    """The run and the changes that are meant; writes nothing.

    `which` is the run that told the change, or a table: then `run_id`, or the last run that told such a change.
    `column` None means every column that was told, "table" the table as a whole; no `kinds`: every kind that was told.
    DeclarationError for a run, column or kind that doesn't exist, or that no run has told; for a table whose last such run was
    rolled back: what it told isn't what readers see, so that run is to be named.
    """
    record = None if _is_declared(bench, which) else ops.record(bench.warehouse, which)
    table = watched(bench.project, which if record is None else record.table)
    wrong = [kind for kind in kinds if kind not in (*KINDS, EVERY_KIND)]
    if wrong:
        raise _refused(f"'{wrong[0]}' is no kind of change; allowed: {', '.join(KINDS)}, * for all of them")
    if column not in (None, WHOLE_TABLE, *(item.name for item in table.columns)):
        listing = ", ".join(item.name for item in table.columns)
        raise _refused(
            f"{table.table} has no column '{column}'; it has {listing}, or '{WHOLE_TABLE}' for the table as a whole"
        )
    if record is None:
        named = run_id is not None
        run_id = run_id or last_told(bench, table, column, kinds)
        if run_id is not None and not named and _is_undone(bench, table, run_id):
            raise DeclarationError(
                f"{run_id}, the last run of {table.table} that told such a change, was rolled back", code="ACCEPT-REFUSED",
                next_command=f"headgate drift explain {run_id}   (meant all the same? headgate drift accept {run_id})",
            )  # fmt: skip
        record = None if run_id is None else ops.record(bench.warehouse, run_id)
    if record is None or record.table != table.table:
        what = f"run '{run_id}' of {table.table}" if run_id else f"change of {_named(column, kinds)}"
        raise _refused(f"no {what} is known")
    return Answered(record, _chosen(record, column, kinds))


def _is_declared(bench: Workbench, name: str) -> bool:
    return name in bench.project.tables or name in bench.project.summaries


def _chosen(record: RunRecord, column: str | None, kinds: Sequence[str]) -> tuple[Change, ...]:
    """What is accepted: what the run told, of this column and these kinds. '*' stays: it is about later kinds as well."""
    told = dict.fromkeys((alert.column, alert.kind) for alert in record.drift.alerts) if record.drift else {}
    about = [(of, kind) for of, kind in told if column is None or of == (None if column == WHOLE_TABLE else column)]
    chosen = about if not kinds else [(of, kind) for of, kind in about if kind in kinds]
    if EVERY_KIND in kinds:
        chosen = list(dict.fromkeys((of, EVERY_KIND) for of, _ in about))
    missing = [kind for kind in kinds if kind not in {of for _, of in chosen}]
    if not chosen or missing:
        listing = ", ".join(f"{of or WHOLE_TABLE} {kind}" for of, kind in told) or "nothing"
        what = _named(column, missing or kinds)
        raise _refused(f"{record.run_id} didn't tell a change of {what}; it told {listing}", record.run_id)
    return tuple(chosen)


def _named(column: str | None, kinds: Sequence[str]) -> str:
    return f"{column or 'any column'} ({', '.join(kinds) or 'any kind'})"


def _labels(bench: Workbench, table: Watched) -> list[tuple[Proof, str]]:
    """Standing loads, oldest first, each with the label its profile has in the history."""
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
        labels = dict(rows(cursor, "SELECT run_id, label FROM ops.run WHERE target = %s", (table.table,)))
    loads = [proof for proof in known if proof.kind in proofs.WHOLE and proof.undone_by is None]
    return [
        (
            proof,
            f"#{proof.sequence}" if is_whole(proof.batch_key) else str(labels.get(proof.run_id, proof.batch_key)),
        )
        for proof in loads
    ]


def _level_from(item: Decision, labels: list[tuple[Proof, str]]) -> str | None:
    for proof, label in labels:
        if proof.run_id == item.run_id:
            return label
    # The run it was said about published nothing: the level begins with what was published next.
    return next((label for proof, label in labels if proof.published_at >= item.decided_at), None)


def _is_undone(bench: Workbench, table: Watched, run_id: str) -> bool:
    adapter, live = bench.warehouse, TableName.parse(table.table)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, live) if adapter.exists(cursor, names.proof(live)) else []
    return any(proof.run_id == run_id and proof.undone_by is not None for proof in known)


def last_told(bench: Workbench, table: Watched, column: str | None = None, kinds: Sequence[str] = ()) -> str | None:
    """The last run that told a change of this column and one of these kinds."""
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        if not bench.warehouse.exists(cursor, TableName(names.OPS, "alert")):
            return None
        found = rows(
            cursor,
            "SELECT run_id, column_name, kind FROM ops.alert WHERE target = %s "
            "AND run_id IN (SELECT run_id FROM ops.run WHERE target = %s) ORDER BY raised_at DESC, score DESC",
            (table.table, table.table),
        )
    for run_id, of, kind in found:
        about = column is None or of == (None if column == WHOLE_TABLE else column)
        if about and (not kinds or kind in kinds or EVERY_KIND in kinds):
            return str(run_id)
    return None


def _refused(why: str, run_id: str = "RUN") -> DeclarationError:
    next_command = f"headgate drift explain {run_id}   (what was told)"
    return DeclarationError(why, code="ACCEPT-REFUSED", next_command=next_command)
