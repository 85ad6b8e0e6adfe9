"""Publish a candidate: one transaction that changes the live table and proves it.

The transaction first locks the target's proof table, then reads which publish of the batch stands. It goes on only when
that is the one the run saw when it began (compare and set): a second run of the same batch, or the same run a second
time, finds the newer proof and changes nothing. A connection lost during COMMIT is resolved by reading the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.errors import CodeError, DeclarationError
from tasks.switches import reached
from tasks.warehouses import beside, names, outside_hands, proofs
from tasks.warehouses.changes import apply_before
from tasks.warehouses.exactly_once import PAUSE_SECONDS, committed
from tasks.warehouses.load_modes import Loading, load
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publish_plan import Publication, Published
from tasks.warehouses.replay_rows import add_rows


def publish(adapter: Adapter, plan: Publication) -> Published:
    """Publish exactly once; safe to call again after any failure. Conflicts and locks are retried a few times."""

    def once(connection: Connection) -> Published:
        _alter_before(adapter, connection, plan)
        return _publish_once(adapter, connection, plan)

    return committed(
        adapter, plan.live, "publish of", once, lambda known: _already(known, plan), pause_seconds=PAUSE_SECONDS
    )


def _publish_once(adapter: Adapter, connection: Connection, plan: Publication) -> Published:
    with connection.cursor() as cursor:
        reached("publish-begun")
        # First of all, on Redshift, where the snapshot is taken after it; a lock runs nothing of somebody else's.
        adapter.lock(cursor, names.proof(plan.live))
        prove_ours(adapter, cursor, plan.live)
        known = proofs.read(cursor, plan.live)
        reached("proof-locked")
        done = _already(known, plan)
        if done is not None:
            connection.rollback()
            return done
        gone = outside_hands.missing(adapter, cursor, plan.live, known)
        if gone is not None and not (plan.does.replaces_table and plan.replay_of is None):
            raise gone
        sequence = max((item.sequence for item in known), default=0) + 1
        if plan.beside is not None:
            plan.beside(cursor)
            reached("quarantine-written")
        if not plan.does.only_adds:
            adapter.guard_deletes(cursor, plan.live)
        if plan.replay_of is None:
            taken_out = beside.before(adapter, cursor, plan)
            effect = load(Loading(adapter, cursor, plan, known, sequence))
            effect = beside.after(adapter, cursor, plan, effect, taken_out, sequence)
        else:
            effect = add_rows(adapter, cursor, plan, plan.replay_of, sequence)
        counts = plan.counts + effect
        if not (counts.balanced if plan.replay_of is None else counts.replay_balanced):
            raise CodeError(
                f"{plan.live}: rows don't add up, nothing was published: {counts.sentence()}; staged {counts.staged:,}, "
                f"copied {counts.copied:,}",
                code="ACCOUNTING",
                next_command=f"headgate show {plan.run_id}",
            )
        proof = Proof(
            sequence=sequence, batch_key=plan.batch_key, kind=plan.kind, run_id=plan.run_id,
            attempt_id=plan.attempt_id, fingerprint=plan.fingerprint, declaration_hash=plan.declaration_hash,
            suite_hash=plan.suite_hash, stage_uri=plan.stage_uri, published_at=datetime.now(UTC), counts=counts,
        )  # fmt: skip
        proofs.write(cursor, plan.live, proof)
        reached("before-commit")
        connection.commit()
        reached("after-commit")
        return Published(proof, by_this_attempt=True)


def _alter_before(adapter: Adapter, connection: Connection, plan: Publication) -> None:
    """Schema changes that the warehouse refuses inside a transaction. They only allow more, so readers don't mind."""
    if not plan.changes or plan.candidate is None:
        return
    with connection.cursor() as cursor:
        swapped = (
            plan.does.replaces_table
            and plan.replay_of is None
            and not adapter.lost_by_swap(cursor, plan.live, plan.shape)
        )
        connection.rollback()
        if swapped:
            return
        connection.autocommit = True
        try:
            apply_before(adapter, cursor, plan.live, plan.shape, plan.changes)
        finally:
            if not connection.closed:
                connection.autocommit = False


def _already(known: Sequence[Proof], plan: Publication) -> Published | None:
    """The proof that makes this publish unnecessary: our own, or one that came after the run began."""
    for proof in known:
        if proof.attempt_id == plan.attempt_id:
            return Published(proof, by_this_attempt=True)
    since = [proof for proof in known if proof.batch_key == plan.batch_key and proof.sequence > plan.expected_sequence]
    # Rows that were erased meanwhile are no publish of what this run has read: it has to read again.
    if since and not any(proof.fingerprint == proofs.ERASED for proof in since):
        return Published(since[-1], by_this_attempt=False)
    return None


def prove_ours(adapter: Adapter, cursor: Cursor, live: TableName) -> None:
    """Refuse tables that somebody else made where ours belong: what hangs on them would run with our rights."""
    for table in (names.proof(live), names.quarantine(live), live):
        why = adapter.stranger(cursor, table)
        if why is not None:
            raise DeclarationError(
                f"{table} {why}: it isn't ours, and nothing was published",
                code="NOT-OURS",
                next_command=f"ask who made {table}; rename or drop it, or ALTER TABLE {table} OWNER TO the loader; "
                "headgate check --connect",
                table=str(table),
            )
