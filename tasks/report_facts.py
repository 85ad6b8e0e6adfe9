"""What the report reads from the warehouse and writes to it: proofs and decisions in, flat figures and a status out.

`ops.figure` and `ops.table_status` are there for BI tools: one row per run and figure, one row per table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from deployments.project import Project
from expectations.record import RunRecord
from expectations.report.built import digest
from expectations.report.model import Decision, Facts, Freshness, Line, OpenIncident, Publish, StartRow
from expectations.report.upstream import SERIOUS, because, shown_state, worst
from expectations.withheld import cleaned
from tasks.incidents.model import Incident
from tasks.warehouses import names, proofs, reconciliations
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import retried, rows, session


@dataclass(frozen=True, slots=True)
class NotGood:
    """A table that isn't good: `state` is failed, late or warned; `below` names the inputs it shares that with."""

    table: str
    state: str
    below: tuple[str, ...]


READ_AT_ONCE = 50
DIGESTS_AT_ONCE = 500
PUBLISHES = 3000
"""Of a table's quiet publishes the report needs the newest: as many as its index has lines."""
_DECISION = ("decided_at", "what", "kind", "column_name", "decided_by", "reason", "expires_at", "run_id")


def facts_of(
    adapter: Adapter, target: str, undoable: Callable[[Sequence[Proof]], frozenset[str]] = lambda _: frozenset()
) -> Facts:
    """Proofs of publish and decisions of one table; empty for a table that was never prepared. `undoable`: which runs, by its
    proofs, have a publish that can be taken back. Of publishes beyond PUBLISHES those are told of which a page says something.
    """
    live = TableName.parse(target)
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read_newest(cursor, live, PUBLISHES) if adapter.exists(cursor, names.proof(live)) else []
        decisions = _decisions(cursor, target) if adapter.exists(cursor, TableName(names.OPS, "decision")) else ()
        incidents = _incidents(cursor, target) if adapter.exists(cursor, TableName(names.OPS, "incident")) else ()
    free = undoable(known)
    publishes = tuple(
        Publish(sequence=item.sequence, batch_key=item.batch_key, kind=item.kind, run_id=item.run_id,
                published_at=item.published_at, rows=item.counts.published, undone_by=item.undone_by,
                can_undo=item.run_id in free)
        for item in known
    )  # fmt: skip
    covered = reconciliations.coverage(adapter, [target]).get(target)
    return Facts(
        publishes=publishes,
        decisions=decisions,
        incidents=incidents,
        reconciled="" if covered is None else covered.sentence(),
    )


def targets_with_runs(adapter: Adapter) -> list[str]:
    """Every table and summary that ever ran here."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "run")):
            return []
        return [str(target) for (target,) in rows(cursor, "SELECT DISTINCT target FROM ops.run ORDER BY target")]


def records_of(adapter: Adapter, target: str, limit: int) -> Iterator[RunRecord]:
    """The newest records of a table, oldest first, with their profiles where they were published."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        run_ids = _newest_runs(cursor, target, limit)
    return _records(adapter, run_ids)


@dataclass(frozen=True)
class KeptRuns:
    """The newest runs of a table, as the report is built from them: `digests` of record and profile by run id, oldest first."""

    adapter: Adapter
    digests: dict[str, str]

    def read(self, run_ids: Collection[str]) -> Iterator[RunRecord]:
        """The cleaned records of these runs, oldest first."""
        return map(cleaned, _records(self.adapter, [run_id for run_id in self.digests if run_id in run_ids]))


def kept_runs(adapter: Adapter, target: str, limit: int) -> KeptRuns:
    """The newest runs of a table of which there is a record. The warehouse computes the digests: nothing else is read of runs
    that are known."""
    parts: dict[str, list[str]] = {}
    with session(adapter.address) as connection, connection.cursor() as cursor:
        run_ids = _newest_runs(cursor, target, limit)
        for table in ("run_record", "profile"):
            for start in range(0, len(run_ids), DIGESTS_AT_ONCE):
                found = rows(
                    cursor, f"SELECT run_id, md5(body) FROM ops.{table} WHERE run_id IN %s ORDER BY run_id, piece",
                    (tuple(run_ids[start : start + DIGESTS_AT_ONCE]),),
                )  # fmt: skip
                for run_id, part in found:
                    if table == "run_record" or run_id in parts:
                        parts.setdefault(run_id, []).append(f"{table[0]}{part}")
    return KeptRuns(adapter, {run_id: digest(*parts[run_id]) for run_id in run_ids if run_id in parts})


def _newest_runs(cursor: Cursor, target: str, limit: int) -> list[str]:
    """Ids of the newest runs, oldest first."""
    found = rows(
        cursor,
        f"SELECT run_id FROM ops.run WHERE target = %s ORDER BY started_at DESC, run_id DESC LIMIT {int(limit)}",
        (target,),
    )
    return [str(run_id) for (run_id,) in reversed(found)]


def _records(adapter: Adapter, run_ids: Sequence[str]) -> Iterator[RunRecord]:
    with session(adapter.address) as connection, connection.cursor() as cursor:
        for start in range(0, len(run_ids), READ_AT_ONCE):
            wanted = run_ids[start : start + READ_AT_ONCE]
            bodies = _bodies(cursor, "run_record", wanted)
            profiles = _bodies(cursor, "profile", wanted)
            for run_id in wanted:
                if run_id in bodies:
                    record = RunRecord.model_validate_json(bodies[run_id])
                    profile = json.loads(profiles[run_id]) if run_id in profiles else None
                    yield record.model_copy(update={"profile": profile})


def save_status(adapter: Adapter, line: Line, row: StartRow, now: datetime) -> None:
    """Write a run's figures and its table's status, replacing what an earlier try of the same run wrote."""
    figures = [
        (line.run_id, row.table, line.batch_key, line.label, name.partition(":")[2] or None, name.partition(":")[0], value,
         *line.bands.get(name, (None, None, None)), naive(line.at))
        for name, value in line.figures.items()
    ]  # fmt: skip
    fresh = row.freshness
    status = (row.table, row.kind, row.owner, row.tier, row.state, row.last_run, row.last_status, naive(row.last_at),
              fresh.last_label or None, naive(fresh.last_at), naive(fresh.data_until), naive(fresh.until),
              fresh.missing, row.open_count, row.published_rows, naive(now))  # fmt: skip

    def write(cursor: Cursor) -> None:
        cursor.execute("DELETE FROM ops.figure WHERE run_id = %s", (line.run_id,))
        if figures:
            execute_values(
                cursor,
                "INSERT INTO ops.figure (run_id, target, batch_key, label, column_name, figure, value, low, expected, high, "
                "measured_at) VALUES %s",
                figures,
                page_size=200,
            )
        cursor.execute("DELETE FROM ops.table_report WHERE target = %s", (row.table,))
        execute_values(
            cursor,
            "INSERT INTO ops.table_report (target, kind, owner, tier, state, last_run_id, last_status, last_run_at, "
            "last_good_batch, last_good_at, data_until, fresh_until, missing_batches, open_items, published_rows, "
            "reported_at) VALUES %s",
            [status],
        )

    retried(adapter.address, "keeping the status of a table", write)


def save_states(adapter: Adapter, others: Sequence[StartRow]) -> None:
    """Enter how summaries stand that a run of their inputs changed. Writing it twice changes nothing."""

    def write(cursor: Cursor) -> None:
        for row in others:
            cursor.execute("UPDATE ops.table_report SET state = %s WHERE target = %s", (row.state, row.table))

    retried(adapter.address, "keeping how summaries stand", write)


def not_good(adapter: Adapter, project: Project, now: datetime) -> list[NotGood]:
    """Tables and summaries that aren't good by what their newest runs left, and by the clock; the worst first."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "table_report")):
            return []
        found = rows(cursor, "SELECT target, state, fresh_until FROM ops.table_report")
    known = {
        target: StartRow(
            table=target, state=state, freshness=Freshness(until=None if until is None else aware(until)),
            inputs=tuple(item.table for item in project.summaries[target].inputs) if target in project.summaries else (),
        )
        for target, state, until in found
    }  # fmt: skip
    below = {name: because(row.inputs, known, now) for name, row in known.items()}
    states = {name: worst(shown_state(row.state, row.freshness, now), below[name]) for name, row in known.items()}
    told = [
        # A summary between is as it is because of what lies below it, too.
        NotGood(name, state, tuple(item.table for item in below[name] if not below[item.table]))
        for name, state in states.items()
        if state in SERIOUS
    ]
    return sorted(told, key=lambda item: (SERIOUS.index(item.state), item.table))


def _decisions(cursor: Cursor, target: str) -> tuple[Decision, ...]:
    found = rows(
        cursor, f"SELECT {', '.join(_DECISION)} FROM ops.decision WHERE target = %s ORDER BY decided_at", (target,)
    )
    return tuple(
        Decision(decided_at=aware(at), what=what, kind=kind, column=column, by=by, reason=reason,
                 expires_at=None if expires is None else aware(expires), run_id=run_id)
        for at, what, kind, column, by, reason, expires, run_id in found
    )  # fmt: skip


def _incidents(cursor: Cursor, target: str) -> tuple[OpenIncident, ...]:
    """What is open about the table: an incident of its own, or one of several tables, a connection or the stage."""
    found = rows(cursor, "SELECT body FROM ops.incident WHERE closed_at IS NULL ORDER BY opened_at")
    known = [Incident.model_validate_json(body) for (body,) in found]
    return tuple(
        OpenIncident(incident_id=item.incident_id, code=item.trouble.code, opened_at=item.opened_at,
                     acknowledged_by=item.acknowledged_by, acknowledged_at=item.acknowledged_at,
                     silenced_until=item.silenced_until, about="" if item.trouble.scope == target else item.trouble.scope)
        for item in known
        if target in (item.trouble.scope, *item.trouble.tables)
    )  # fmt: skip


def _bodies(cursor: Cursor, table: str, run_ids: Sequence[str]) -> dict[str, str]:
    marks = ", ".join(["%s"] * len(run_ids))
    found = rows(
        cursor, f"SELECT run_id, body FROM ops.{table} WHERE run_id IN ({marks}) ORDER BY run_id, piece", tuple(run_ids)
    )
    bodies: dict[str, str] = {}
    for run_id, body in found:
        bodies[run_id] = bodies.get(run_id, "") + body
    return bodies
