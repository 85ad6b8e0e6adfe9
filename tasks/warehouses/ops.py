"""The `ops` schema: what happened, in tables that any BI tool can read.

Facts arrive by small bound INSERTs. Long JSON is cut into pieces, since a warehouse text holds 65,535 bytes. The tables are
made and changed in `migrations.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg2
from psycopg2 import errorcodes, sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from deployments.errors import DeclarationError, RetryableError
from expectations.record import RunRecord
from tasks import pauses
from tasks.progress import report_wait
from tasks.warehouses import names, proofs, source_states
from tasks.warehouses.migrations import migrate
from tasks.warehouses.moments import naive
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import SLOW, explain, retried, rows, session, transaction

PIECE_CHARACTERS = 16_000
UNPUBLISHED = 0
"""The sequence of a profile whose batch isn't published yet, or never was."""
_RACES = (errorcodes.UNIQUE_VIOLATION, errorcodes.DUPLICATE_TABLE, errorcodes.DUPLICATE_SCHEMA,
          errorcodes.DUPLICATE_OBJECT, errorcodes.DUPLICATE_COLUMN)  # fmt: skip


class KeptProfile(NamedTuple):
    """The profile of a publish, as JSON; `label` is its window's."""

    proof: Proof
    label: str
    body: dict[str, object]


def prepare(
    adapter: Adapter, targets: Sequence[TableName], groups: Sequence[str] = (), *, stateful: Sequence[TableName] = ()
) -> None:
    """Make schemas, ops tables, proof tables and groups that are absent; safe to call from many processes at once. `stateful`:
    the targets whose sources keep a state."""
    schemas = {names.OPS, names.QUARANTINE, *(target.schema for target in targets)}
    for attempt in range(5):
        try:
            with transaction(adapter.address) as cursor:
                for schema in sorted(schemas):
                    adapter.create_schema(cursor, schema)
                for schema in (names.OPS, names.QUARANTINE):
                    _prove_ours(adapter, cursor, schema)
                for group in sorted(set(groups) - adapter.groups(cursor)):
                    adapter.create_group(cursor, group)
                migrate(adapter, cursor)
                for target in targets:
                    if not adapter.exists(cursor, names.proof(target)):
                        proofs.create(cursor, target)
                        adapter.close(cursor, names.proof(target))
                for target in stateful:
                    if not adapter.exists(cursor, names.state(target)):
                        source_states.create(cursor, target)
                        adapter.close(cursor, names.state(target))
            return
        except psycopg2.Error as error:
            # Two processes that make the same object at once: the loser finds it made at its next look.
            known = explain(error, "preparing the warehouse")
            if attempt == 4 or not (error.pgcode in _RACES or isinstance(known, RetryableError)):
                raise known from None
            if not attempt and known.code in SLOW:
                report_wait(
                    "preparing the warehouse", f"[{known.code}] {known.message}", "tried 4 times more, then it fails"
                )
            pauses.pause(0.2 * (attempt + 1))


def _prove_ours(adapter: Adapter, cursor: Cursor, schema: str) -> None:
    """Refuse a schema of ours that somebody else could fill: proofs and rows set aside are believed."""
    why = adapter.strange_schema(cursor, schema)
    if why is not None:
        raise DeclarationError(
            f"schema {schema} {why}: it must be ours alone, and nothing was published",
            code="NOT-OURS",
            next_command="look at it with whoever owns it; ALTER ... OWNER TO the loader, or drop it; headgate check --connect",
            schema=schema,
        )


def save_run(adapter: Adapter, record: RunRecord, *, unless_known: bool = False) -> bool:
    """Write a run's facts, replacing what an earlier try of the same run wrote. `unless_known`: only where nothing is known
    of the run. Returns whether they were written."""

    def write(cursor: Cursor) -> bool:
        # On Redshift two that delete from one table at once end in a conflict: they come in turn instead.
        adapter.lock(cursor, TableName(names.OPS, "run"))
        if unless_known and rows(cursor, "SELECT 1 FROM ops.run WHERE run_id = %s", (record.run_id,)):
            return False
        # Alerts of a run that is entered afterwards were kept before it was published (`save_judged`).
        for table in ("run", "run_record", "check_result", *(() if unless_known else ("alert",))):
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE run_id = %s").format(identifier(names.OPS, table)), (record.run_id,)
            )
        counts, failure = record.counts, record.failure
        insert(cursor, "run", [(
            record.run_id, record.table, record.kind, record.batch_key, record.label, record.status,
            naive(record.window_start), naive(record.window_end), naive(record.started_at),
            naive(record.finished_at), counts.get("extracted"), counts.get("published"), counts.get("quarantined"),
            counts.get("superseded"), counts.get("deleted"), failure.code if failure else None,
            failure.family if failure else None, record.tier, record.owner, record.declaration_hash, record.suite_hash,
            record.attempt_id,
        )])  # fmt: skip
        body = record.model_copy(update={"profile": None}).model_dump_json()
        insert(cursor, "run_record", [(record.run_id, record.table, n, text) for n, text in pieces(body)])
        now = naive(record.finished_at) or naive(datetime.now(UTC))
        insert(cursor, "check_result", [
            (record.run_id, record.table, rule.code, rule.type, rule.place, rule.severity, rule.outcome,
             rule.rows_checked, rule.rows_failed, _clip(rule.message), now)
            for rule in record.rules
        ])  # fmt: skip
        _insert_alerts(cursor, record, now)
        return True

    return retried(adapter.address, "writing ops.run", write)


def save_judged(adapter: Adapter, record: RunRecord) -> None:
    """Keep what later batches are compared with, and what was told of it, before the batch is published.

    They count once a proof of the run stands. So no publish is ever without them, wherever its process is killed.
    """
    body = json.dumps(record.profile, separators=(",", ":"))

    def write(cursor: Cursor) -> None:
        # The same lock as of `save_run`, which writes ops.alert, too.
        adapter.lock(cursor, TableName(names.OPS, "run"))
        adapter.lock(cursor, TableName(names.OPS, "profile"))
        for table in ("alert", "profile"):
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE run_id = %s").format(identifier(names.OPS, table)), (record.run_id,)
            )
        _insert_alerts(cursor, record, naive(datetime.now(UTC)))
        if record.profile is not None:
            insert(cursor, "profile", [
                (record.run_id, record.table, record.batch_key, record.label, UNPUBLISHED, n, text)
                for n, text in pieces(body)
            ])  # fmt: skip

    retried(adapter.address, "writing ops.profile", write)


def number_profile(adapter: Adapter, record: RunRecord) -> None:
    """Write beside a profile which publish of its target it belongs to."""

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TableName(names.OPS, "profile"))
        cursor.execute("UPDATE ops.profile SET sequence = %s WHERE run_id = %s", (record.sequence, record.run_id))

    retried(adapter.address, "writing ops.profile", write)


def roll_up(adapter: Adapter, target: TableName, proof: Proof) -> None:
    """Copy a proof into `ops.ledger`, which can always be rebuilt from the proof tables."""
    counts = proof.counts

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TableName(names.OPS, "ledger"))
        cursor.execute("DELETE FROM ops.ledger WHERE target = %s AND sequence = %s", (str(target), proof.sequence))
        insert(cursor, "ledger", [(
            str(target), proof.sequence, proof.batch_key, proof.kind, proof.run_id, naive(proof.published_at),
            counts.extracted, counts.published, counts.quarantined, counts.superseded, counts.deleted, proof.undone_by,
        )])  # fmt: skip

    retried(adapter.address, "writing ops.ledger", write)


def profiles(adapter: Adapter, target: TableName, publishes: Sequence[Proof]) -> list[KeptProfile]:
    """The profiles of these publishes, in their order; an empty batch has none."""
    if not publishes:
        return []
    statement = "SELECT run_id, label, body FROM ops.profile WHERE target = %s AND run_id IN %s ORDER BY run_id, piece"
    found = retried(
        adapter.address, f"reading the history of {target}",
        lambda cursor: rows(cursor, statement, (str(target), tuple(proof.run_id for proof in publishes))),
    )  # fmt: skip
    bodies: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for run_id, label, body in found:
        bodies.setdefault(run_id, []).append(body)
        labels[run_id] = label
    return [
        KeptProfile(proof, labels[proof.run_id], json.loads("".join(bodies[proof.run_id])))
        for proof in publishes
        if proof.run_id in bodies
    ]


def pages(adapter: Adapter, target: TableName) -> dict[str, set[tuple[str | None, str]]]:
    """Per run the changes (column, kind) that it told as a page."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        found = rows(
            cursor,
            "SELECT DISTINCT run_id, column_name, kind FROM ops.alert WHERE target = %s AND level = 'page'",
            (str(target),),
        )
    told: dict[str, set[tuple[str | None, str]]] = {}
    for run_id, column, kind in found:
        told.setdefault(run_id, set()).add((column, kind))
    return told


def record(adapter: Adapter, run_id: str) -> RunRecord | None:
    """The story of a run; None when there is none, or nothing was ever run here."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "run_record")):
            return None
        found = rows(
            cursor,
            "SELECT run_id, body FROM ops.run_record WHERE run_id = %s ORDER BY piece",
            (run_id,),
        )
    return RunRecord.model_validate_json("".join(body for _, body in found)) if found else None


def last_runs(
    adapter: Adapter, target: str | Sequence[str] | None = None, limit: int = 200, *, status: str | None = None,
    since: datetime | None = None, begins: str | None = None, kind: str | None = None,
) -> list[dict[str, object]]:  # fmt: skip
    """The newest runs, newest first: id, target, label, status, times and counts; none where nothing was ever run.

    Of these targets, that ended so, that began at `since` or later, whose id begins so, of this kind.
    """
    columns = ("run_id", "target", "batch_key", "label", "status", "started_at", "finished_at", "extracted",
               "published", "quarantined", "failure_code")  # fmt: skip
    targets = (target,) if isinstance(target, str) else None if target is None else tuple(target)
    asked: list[tuple[str, object]] = []
    if targets is not None:
        asked.append(("target IN %s", targets))
    if status is not None:
        asked.append(("status = %s", status))
    if kind is not None:
        asked.append(("kind = %s", kind))
    if since is not None:
        asked.append(("started_at >= %s", naive(since)))
    if begins is not None:
        # Not LIKE: '_' and '%' are letters of a name.
        asked.append((f"left(run_id, {len(begins)}) = %s", begins))
    where = " WHERE " + " AND ".join(condition for condition, _ in asked) if asked else ""
    given = [value for _, value in asked]
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if targets == () or not adapter.exists(cursor, TableName(names.OPS, "run")):
            return []
        found = rows(
            cursor,
            f"SELECT {', '.join(columns)} FROM ops.run{where} ORDER BY started_at DESC LIMIT {int(limit)}",
            tuple(given) if given else None,
        )
    return [dict(zip(columns, row, strict=True)) for row in found]


def insert(cursor: Cursor, table: str, values: Sequence[tuple[object, ...]]) -> None:
    """Add rows to a table of `ops`, each value bound."""
    if values:
        target = sql.SQL("INSERT INTO {} VALUES %s").format(identifier(names.OPS, table))
        execute_values(cursor, target.as_string(cursor), values, page_size=200)


def pieces(body: str) -> list[tuple[int, str]]:
    """A long text in numbered pieces that a warehouse text holds."""
    return [
        (n, body[start : start + PIECE_CHARACTERS]) for n, start in enumerate(range(0, len(body), PIECE_CHARACTERS))
    ]


def _insert_alerts(cursor: Cursor, record: RunRecord, now: datetime) -> None:
    alerts = record.drift.alerts if record.drift else ()
    insert(cursor, "alert", [
        (record.run_id, record.table, alert.column, alert.kind, alert.level, alert.score, _clip(alert.message), now)
        for alert in alerts
    ])  # fmt: skip


def _clip(text: str) -> str:
    return text.encode()[:4000].decode(errors="ignore")
