"""Publish a candidate: one transaction that changes the live table and proves it.

The transaction first locks the target's proof table, then reads which publish of the batch stands. It goes on only when
that is the one the run saw when it began (compare and set): a second run of the same batch, or the same run a second
time, finds the newer proof and changes nothing. A connection lost during COMMIT is resolved by reading the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.declarations.table import Mode
from deployments.errors import CheckFailedError, CodeError, DeclarationError
from deployments.windows import Window
from tasks.warehouses import names, outside_hands, proofs
from tasks.warehouses.changes import apply_before, apply_changes, find_changes
from tasks.warehouses.dml import (
    Effect,
    append,
    delete_absent,
    insert_all,
    keep_beginning,
    keys_in_both,
    merge,
    replace_window,
)
from tasks.warehouses.exactly_once import PAUSE_SECONDS, committed
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Kind, Proof
from tasks.warehouses.protocol import Adapter, Shape
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.replay_rows import add_rows
from tasks.warehouses.session import one

Point = Callable[[str], None]


def nowhere(name: str) -> None:
    """The default of `Publication.point`; crash trials put a kill switch there."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything a publish needs to know; plain values, so that a retry in another process can do it again."""

    live: TableName
    candidate: TableName | None
    shape: Shape
    mode: Mode
    batch_key: str
    window: Window | None
    window_column: WindowColumn | None
    latest_by: str | None
    expected_sequence: int
    kind: Kind
    run_id: str
    attempt_id: str
    fingerprint: str
    declaration_hash: str
    suite_hash: str
    stage_uri: str
    counts: Counts
    generations: int
    shrink_guard: float | None
    """The share of its rows that a full refresh may lose; None: somebody decided that it may lose all of them."""
    changes: tuple[tuple[str, str], ...] = ()
    source_keys: TableName | None = None
    keys_as_of: int = 0
    quarantine: Callable[[Cursor], None] | None = None
    replay_of: str | None = None
    """The run whose rows set aside are in the candidate, each with its place there."""
    point: Point = field(default=nowhere)


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did. `by_this_attempt` is False when another run had published the batch meanwhile."""

    proof: Proof
    by_this_attempt: bool


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
        plan.point("publish-begun")
        # First of all, on Redshift, where the snapshot is taken after it; a lock runs nothing of somebody else's.
        adapter.lock(cursor, names.proof(plan.live))
        prove_ours(adapter, cursor, plan.live)
        known = proofs.read(cursor, plan.live)
        plan.point("proof-locked")
        done = _already(known, plan)
        if done is not None:
            connection.rollback()
            return done
        gone = outside_hands.missing(adapter, cursor, plan.live, known)
        if gone is not None and (plan.mode != "full_refresh" or plan.replay_of is not None):
            raise gone
        sequence = max((item.sequence for item in known), default=0) + 1
        if plan.quarantine is not None:
            plan.quarantine(cursor)
            plan.point("quarantine-written")
        if plan.mode != "append":
            adapter.guard_deletes(cursor, plan.live)
        if plan.replay_of is None:
            effect = _apply(adapter, cursor, plan, known, sequence)
        else:
            effect = add_rows(adapter, cursor, plan, plan.replay_of, sequence)
        counts = replace(
            plan.counts,
            inserted=effect.inserted, updated=effect.updated, unchanged=effect.unchanged, deleted=effect.deleted,
            superseded=plan.counts.superseded + effect.superseded,
            quarantined=plan.counts.quarantined + effect.refused,
        )  # fmt: skip
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
        plan.point("before-commit")
        connection.commit()
        plan.point("after-commit")
        return Published(proof, by_this_attempt=True)


def _alter_before(adapter: Adapter, connection: Connection, plan: Publication) -> None:
    """Schema changes that the warehouse refuses inside a transaction. They only allow more, so readers don't mind."""
    if not plan.changes or plan.candidate is None:
        return
    with connection.cursor() as cursor:
        swapped = (
            plan.mode == "full_refresh"
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
    of_batch = [proof for proof in known if proof.batch_key == plan.batch_key]
    if of_batch and of_batch[-1].sequence > plan.expected_sequence:
        return Published(of_batch[-1], by_this_attempt=False)
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


def _apply(adapter: Adapter, cursor: Cursor, plan: Publication, known: Sequence[Proof], sequence: int) -> Effect:
    live, new = plan.live, plan.candidate
    exists = adapter.exists(cursor, live)
    if new is None and not exists:
        # Readers of a table whose first batch is empty find no rows, not no table.
        new = _without_rows(adapter, cursor, plan)
    if new is None:
        if plan.mode == "replace_window":
            return replace_window(adapter, cursor, plan, None, sequence)
        if plan.mode == "full_refresh":
            # A source that has become empty is a reason to ask, not to leave old rows under a new proof.
            _guard(plan, _count(cursor, live), 0)
            if plan.shrink_guard is None:
                return _empty(adapter, cursor, plan, sequence)
        _prove_same_keys(cursor, plan)
        return _without_absent(adapter, cursor, plan, Effect(), known, sequence)
    if not exists:
        plan.point("before-swap")
        adapter.adopt(cursor, live, new, plan.shape)
        if plan.mode != "full_refresh":
            keep_beginning(adapter, cursor, plan, sequence)
        return Effect(inserted=plan.counts.copied - plan.counts.superseded)
    if plan.mode != "full_refresh":
        apply_changes(adapter, cursor, live, plan.shape, plan.changes)
        if plan.mode == "merge":
            _prove_same_keys(cursor, plan)
        with adapter.looking_up_keys(cursor, live, plan.shape.key, plan.counts.copied):
            effect = _into_live(adapter, cursor, plan, new, sequence)
        return _without_absent(adapter, cursor, plan, effect, known, sequence) if plan.mode == "merge" else effect
    before = _count(cursor, live)
    rows = plan.counts.copied - plan.counts.superseded
    _guard(plan, before, rows)
    plan.point("before-swap")
    old = names.generation(live, sequence)
    lost = adapter.lost_by_swap(cursor, live, plan.shape)
    if lost:
        return _replace_rows(adapter, cursor, plan, new, old, lost)
    adapter.swap(cursor, live, new, old, plan.shape)
    # Nobody can change it any more: the swap holds its lock.
    outside_hands.prove_columns(live, plan.shape, adapter.columns(cursor, old), plan.changes)
    return Effect(inserted=rows, deleted=before)


def _without_rows(adapter: Adapter, cursor: Cursor, plan: Publication) -> TableName:
    """An empty candidate, made in the transaction of the publish."""
    made = names.candidate(plan.live, plan.attempt_id)
    adapter.create_candidate(cursor, made, plan.shape)
    adapter.finish_candidate(cursor, made, plan.shape)
    return made


def _into_live(adapter: Adapter, cursor: Cursor, plan: Publication, new: TableName, sequence: int) -> Effect:
    if plan.mode == "append":
        return append(cursor, plan, new, sequence)
    if plan.mode == "merge":
        return merge(adapter, cursor, plan, new, sequence)
    return replace_window(adapter, cursor, plan, new, sequence)


def _replace_rows(
    adapter: Adapter, cursor: Cursor, plan: Publication, new: TableName, old: TableName, lost: Sequence[str]
) -> Effect:
    """Replace the rows and leave the table, on which something hangs that a renamed one wouldn't have.

    Slower than a rename, and the old rows are copied aside first so that the publish can be undone.
    """
    live = plan.live
    if plan.generations:
        adapter.create_as(cursor, old, sql.SQL("SELECT * FROM {}").format(_q(live)), None)
    found = find_changes(plan.shape, adapter.columns(cursor, live))
    other = [change.column for change in found if change.kind == "retyped"]
    if other:
        raise DeclarationError(
            f"{live}: {', '.join(other)} can't become what is declared while the table keeps {', '.join(lost)}; nothing was "
            "published",
            code="TABLE-IN-THE-WAY",
            next_command=f"take that off {live}, or ALTER its columns by hand; headgate retry {plan.run_id}",
            lost=list(lost),
            columns=other,
        )
    apply_changes(adapter, cursor, live, plan.shape, plan.changes)
    outside_hands.prove_columns(live, plan.shape, adapter.columns(cursor, live), plan.changes)
    cursor.execute(sql.SQL("DELETE FROM {}").format(_q(live)))
    deleted = int(cursor.rowcount)
    inserted = insert_all(cursor, plan, new)
    left = _count(cursor, live)
    if left != inserted or inserted != plan.counts.copied - plan.counts.superseded:
        raise CodeError(
            f"{live} has {left:,} rows after {inserted:,} of {plan.counts.copied:,} were put in: a trigger or a rule on it "
            "keeps rows in or out; nothing was published",
            code="ROWS-REWRITTEN",
            next_command=f"look at {', '.join(lost)}; headgate retry {plan.run_id}",
        )
    return Effect(inserted=inserted, deleted=deleted)


def _empty(adapter: Adapter, cursor: Cursor, plan: Publication, sequence: int) -> Effect:
    """Take every row out of the live table, since somebody decided that the empty source is right."""
    if plan.generations:
        every = sql.SQL("SELECT * FROM {}").format(_q(plan.live))
        adapter.create_as(cursor, names.generation(plan.live, sequence), every, None)
    cursor.execute(sql.SQL("DELETE FROM {}").format(_q(plan.live)))
    return Effect(deleted=int(cursor.rowcount))


def _without_absent(
    adapter: Adapter, cursor: Cursor, plan: Publication, effect: Effect, known: Sequence[Proof], sequence: int
) -> Effect:
    """Take out live rows whose key the source no longer has.

    Skipped when another batch was published after the keys were read: its new keys would look deleted. The next run
    compares again.
    """
    keys = plan.source_keys
    if keys is None:
        return effect
    if max((proof.sequence for proof in known), default=0) > plan.keys_as_of:
        return effect
    before = _count(cursor, plan.live)
    deleted = delete_absent(adapter, cursor, plan, keys, sequence)
    _guard(plan, before, before - deleted)
    return replace(effect, deleted=effect.deleted + deleted)


def _prove_same_keys(cursor: Cursor, plan: Publication) -> None:
    """Before deletes: the source's keys and the live ones are of one kind. Where not one is the same they aren't, whatever
    share may be lost."""
    keys = plan.source_keys
    if keys is None or not (there := _count(cursor, keys)) or not (lives := _count(cursor, plan.live)):
        return
    same = int(one(cursor, keys_in_both(plan, keys))[0])
    if not same:
        raise CheckFailedError(
            f"{plan.live}: none of its {lives:,} rows has one of the {there:,} keys ({', '.join(plan.shape.key)}) the source has "
            "now: they aren't the same keys (another HEADGATE_PII_KEY, another database, a key that was made anew). "
            "Nothing was published.",
            code="KEYS-STRANGE",
            next_command=f"headgate show {plan.run_id}   (right all the same: load.deletes: keep, and a new table)",
            live=lives,
            source=there,
        )


def _count(cursor: Cursor, table: TableName) -> int:
    return int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(_q(table)))[0])


def _guard(plan: Publication, before: int, rows: int) -> None:
    """A full refresh may not empty or shrink the table beyond the declared share."""
    if plan.shrink_guard is None or before == 0:
        return
    lost = (before - rows) / before
    if lost > plan.shrink_guard or rows == 0:
        raise CheckFailedError(
            f"{plan.live} has {before:,} rows; this batch would leave {rows:,} ({lost:.0%} fewer, allowed "
            f"{plan.shrink_guard:.0%}). Nothing was published.",
            code="SHRINK-GUARD",
            # Not the override first: whoever is woken by this types what stands here.
            next_command=f"headgate retry {plan.run_id}   (when the source delivers everything again)",
            before=before,
            after=rows,
        )
