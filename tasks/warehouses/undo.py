"""Take publishes back: one transaction that restores the live table, reopens what a replay had closed, and proves it.

What a publish did is found beside the live table: the table as it was (`__hg_g`), or the rows it took out (`__hg_u`) and
the rows it put in (`__hg_n`). The rows it put in must still be there as it left them; otherwise nothing is changed.
Views, grants and comments belong to the live table and stay. Schema changes of a publish stay too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.declarations.columns import Column
from deployments.errors import CheckFailedError, DeclarationError, RetryableError
from deployments.quantities import plural
from tasks.switches import reached
from tasks.warehouses import names, outside_hands, proofs, take_out
from tasks.warehouses.exactly_once import committed
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publication import prove_ours
from tasks.warehouses.quarantine import undo_quarantine
from tasks.warehouses.quoting import identifier
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import count_rows
from tasks.warehouses.shapes import Shape


@dataclass(frozen=True, slots=True)
class Undo:
    """What is to be taken back: publishes by their sequence. `builds_up`: later publishes change rows of earlier ones;
    `only_adds`: a batch that stands can't be loaded again."""

    live: TableName
    sequences: tuple[int, ...]
    shape: Shape
    window_column: WindowColumn | None
    builds_up: bool
    only_adds: bool
    generations: int
    run_id: str
    attempt_id: str
    note: Callable[[Cursor], None] | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back, newest first: the proofs of the publishes, and the rollback's own."""

    publishes: tuple[Proof, ...]
    rollbacks: tuple[Proof, ...]
    by_this_attempt: bool = True

    @property
    def rows_taken_out(self) -> int:
        return sum(proof.counts.deleted for proof in self.rollbacks)

    @property
    def rows_put_back(self) -> int:
        return sum(proof.counts.inserted for proof in self.rollbacks)


def undo(adapter: Adapter, plan: Undo) -> Undone:
    """Take the publishes back, exactly once; calling it again finds them undone and changes nothing."""
    return committed(
        adapter, plan.live, "rollback of", lambda connection: _once(adapter, connection, plan),
        lambda known: _already(known, plan),
    )  # fmt: skip


def standing(known: Sequence[Proof]) -> list[Proof]:
    """Publishes and replays that can be taken back, oldest first."""
    return [proof for proof in known if proof.undone_by is None and proof.kind != "rollback"]


def in_the_way(known: Sequence[Proof], sequences: Sequence[int], *, builds_up: bool) -> list[Proof]:
    """Later publishes that must be taken back with, or before, these. One that was merged changed earlier ones' rows, whatever
    the mode is by now."""
    chosen = [proof for proof in known if proof.sequence in sequences]
    return [
        later
        for later in standing(known)
        if later.sequence not in sequences
        and any(
            later.sequence > proof.sequence
            and (builds_up or proofs.merged(later) or later.batch_key == proof.batch_key)
            for proof in chosen
        )
    ]


def last_ones(known: Sequence[Proof], *, builds_up: bool) -> set[int]:
    """Publishes by sequence that nothing is in the way of, each by itself. All at once: there may be thousands of windows."""
    stands = standing(known)
    newest = {"" if builds_up else proof.batch_key: proof.sequence for proof in stands}
    last_merged = max((proof.sequence for proof in stands if proofs.merged(proof)), default=0)
    return {sequence for sequence in newest.values() if sequence >= last_merged}


def kept(adapter: Adapter, cursor: Cursor, live: TableName, known: Sequence[Proof], *, by_window: bool) -> set[int]:
    """Publishes by sequence of which everything is kept that taking them back needs. What others did to the rows meanwhile is
    seen only by doing it. `by_window`: rows of a window are found by a column.
    """
    # By kind and number: names of three tables for each of ten thousand proofs take longer than all the rest.
    side = {names.kind_of(table.name) for table in adapter.side_tables(cursor, live)}

    def is_kept(proof: Proof) -> bool:
        counts, number = proof.counts, str(proof.sequence)
        came, went = counts.inserted + counts.updated, counts.updated + counts.deleted
        if (names.GENERATION, number) in side:
            return True
        has_undo = (names.UNDO, number) in side
        if went and not has_undo:
            return False
        if not came or (names.ADDED, number) in side:
            return True
        if by_window and "/" in proof.batch_key:
            return has_undo
        # The publish that made the table: its candidate became the table, so nothing else may stand in it.
        return has_undo and not any(item.counts.published for item in standing(known) if item is not proof)

    return {proof.sequence for proof in standing(known) if is_kept(proof)}


def _already(known: Sequence[Proof], plan: Undo) -> Undone | None:
    """The answer when the publishes are undone already, by us or by somebody else."""
    publishes = tuple(proof for proof in reversed(known) if proof.sequence in plan.sequences)
    if not publishes or any(proof.undone_by is None for proof in publishes):
        return None
    by = {proof.undone_by for proof in publishes}
    rollbacks = tuple(proof for proof in reversed(known) if proof.sequence in by)
    return Undone(publishes, rollbacks, any(proof.attempt_id == plan.attempt_id for proof in rollbacks))


def _once(adapter: Adapter, connection: Connection, plan: Undo) -> Undone:
    with connection.cursor() as cursor:
        reached("rollback-begun")
        adapter.lock(cursor, names.proof(plan.live))
        prove_ours(adapter, cursor, plan.live)
        adapter.guard_deletes(cursor, plan.live)
        known = proofs.read(cursor, plan.live)
        done = _already(known, plan)
        if done is not None:
            connection.rollback()
            return done
        targets = [proof for proof in reversed(known) if proof.sequence in plan.sequences]
        if len(targets) < len(plan.sequences) or any(proof.undone_by is not None for proof in targets):
            raise RetryableError(
                f"{plan.live}: some of these publishes were undone meanwhile; nothing was changed",
                code="ROLLBACK-RACE", next_command=f"headgate rollback {plan.live} --to RUN",
            )  # fmt: skip
        gone = outside_hands.missing(adapter, cursor, plan.live, known)
        if gone is not None:
            raise gone
        later = in_the_way(known, plan.sequences, builds_up=plan.builds_up)
        if later:
            raise out_of_order(plan.live, targets[-1], later)
        sequence = max(proof.sequence for proof in known) + 1
        rollbacks = []
        whole = [
            proof.sequence for proof in targets if adapter.exists(cursor, names.generation(plan.live, proof.sequence))
        ]
        for number, proof in enumerate(targets):
            own = sequence + number
            if whole and proof.sequence > min(whole):
                # The kept table of an older publish stands for everything that came after it.
                counts = Counts()
            elif whole and proof.sequence == min(whole):
                counts = _swap_back(adapter, cursor, plan, proof, own, known, whole)
            else:
                counts = _take_back(adapter, cursor, plan, proof, known)
            undo_quarantine(adapter, cursor, plan.live, proof.run_id)
            rollbacks.append(_proof(plan, proof, own, counts))
            reached("taken-back")
        for proof, rollback in zip(targets, rollbacks, strict=True):
            proofs.write(cursor, plan.live, rollback)
            proofs.mark_undone(cursor, plan.live, [proof.sequence], rollback.sequence)
        if plan.note is not None:
            plan.note(cursor)
        reached("before-commit")
        connection.commit()
        reached("after-commit")
        return Undone(tuple(targets), tuple(rollbacks))


def note_lost(adapter: Adapter, live: TableName, run_id: str, attempt_id: str) -> list[Proof]:
    """Note that every publish that stands is lost with its table, so that the next run loads them again. Returns them.

    DeclarationError when the table is there: then nothing of it is lost.
    """

    def once(connection: Connection) -> list[Proof]:
        with connection.cursor() as cursor:
            adapter.lock(cursor, names.proof(live))
            known = proofs.read(cursor, live)
            if outside_hands.missing(adapter, cursor, live, known) is None:
                raise DeclarationError(
                    f"{live} isn't missing: nothing of it is lost", code="NOTHING-LOST",
                    next_command=f"headgate plan {live}",
                )  # fmt: skip
            lost, sequence = standing(known), max(proof.sequence for proof in known) + 1
            for own, proof in enumerate(lost, start=sequence):
                note = Proof(
                    sequence=own, batch_key=proof.batch_key, kind="rollback", run_id=run_id, attempt_id=attempt_id,
                    fingerprint=proofs.LOST, declaration_hash="", suite_hash="", stage_uri="",
                    published_at=datetime.now(UTC), counts=Counts(),
                )  # fmt: skip
                proofs.write(cursor, live, note)
                proofs.mark_undone(cursor, live, [proof.sequence], own)
            connection.commit()
            return lost

    def done(known: Sequence[Proof]) -> list[Proof] | None:
        ours = [proof.sequence for proof in known if proof.attempt_id == attempt_id]
        return [proof for proof in known if proof.undone_by in ours] if ours else None

    return committed(adapter, live, "repair of", once, done)


def _swap_back(
    adapter: Adapter, cursor: Cursor, plan: Undo, proof: Proof, own: int, known: Sequence[Proof], wholes: Sequence[int]
) -> Counts:
    """Put the kept table in the live one's place; the one that was live is kept as the rollback's generation."""
    live, kept = plan.live, names.generation(plan.live, proof.sequence)
    before, after = count_rows(cursor, live), count_rows(cursor, kept)
    newest = max((item for item in known if item.sequence in wholes), key=lambda item: item.sequence)
    _prove_unchanged(plan, proof, proofs.rows_since(known, newest), before)
    now = {column.name: column.type for column in adapter.columns(cursor, live)}
    then = {column.name: column.type for column in adapter.columns(cursor, kept)}
    reached("before-swap")
    if not adapter.lost_by_swap(cursor, live, plan.shape) and now.items() <= then.items():
        declared = {column.name: column for column in plan.shape.columns}
        columns = tuple(
            declared.get(name)
            or Column.model_construct(name=name, type=kind, nullable=True, unit=None, description=None)
            for name, kind in then.items()
        )
        adapter.swap(cursor, live, kept, names.generation(live, own), replace(plan.shape, columns=columns))
    else:
        # Readers' views may need columns that the kept table lacks, or something a rename can't carry hangs on it.
        if plan.generations:
            adapter.create_as(cursor, names.generation(live, own), sql.SQL("SELECT * FROM {}").format(_q(live)), None)
        columns_sql = sql.SQL(", ").join(identifier(name) for name in now if name in then)
        cursor.execute(sql.SQL("DELETE FROM {}").format(_q(live)))
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(_q(live), columns_sql, columns_sql, _q(kept))
        )
    return Counts(inserted=after, deleted=before)


def _prove_unchanged(plan: Undo, proof: Proof, expected: int, found: int) -> None:
    """A table that is swapped back as a whole must have as many rows as its publishes gave it."""
    if found != expected:
        raise CheckFailedError(
            f"{plan.live} has {plural(found, 'row')}, but its publishes left {expected:,}: somebody else has changed the table, "
            "and that would be lost. Nothing was changed.",
            code="LIVE-CHANGED",
            next_command=_load_again(plan, proof),
            expected=expected,
            found=found,
        )


def _take_back(adapter: Adapter, cursor: Cursor, plan: Undo, proof: Proof, known: Sequence[Proof]) -> Counts:
    """Take out the rows the publish put in, and put back those it took out."""
    live, counts = plan.live, proof.counts
    put_in, taken_out = names.added(live, proof.sequence), names.undo(live, proof.sequence)
    came, went = counts.inserted + counts.updated, counts.updated + counts.deleted
    has_added, has_undo = adapter.exists(cursor, put_in), adapter.exists(cursor, taken_out)
    removed = 0
    if not has_added:
        # What was erased of it isn't there to be taken out.
        came -= proofs.erased(known, proof)
    if came and has_added:
        removed = take_out.rows_of(adapter, cursor, live, put_in, plan.shape.key, plan.attempt_id)
    elif came and has_undo:
        removed = _take_out_first(adapter, cursor, plan, proof, known)
        if not _has_window_in_rows(plan, proof):
            # No other publish stands: whatever was erased since was of this one.
            came -= proofs.erased_unplaced(known, proof)
    elif came:
        raise not_kept(plan, proof)
    if removed != came:
        raise CheckFailedError(
            f"{live}: {proof.run_id} put in {plural(came, 'row')}, but only {removed:,} of them are in the table as it left "
            "them: somebody else has changed the table. Nothing was changed.",
            code="LIVE-CHANGED",
            next_command=_load_again(plan, proof),
            expected=came,
            found=removed,
        )
    if went and not has_undo:
        raise not_kept(plan, proof)
    if went:
        _prove_free(adapter, cursor, plan, proof, known)
    back = take_out.put_back(adapter, cursor, live, taken_out) if went else 0
    return Counts(inserted=back, deleted=removed)


def _prove_free(adapter: Adapter, cursor: Cursor, plan: Undo, proof: Proof, known: Sequence[Proof]) -> None:
    """Refuse when a key that would come back lives by now in rows that another publish (or somebody else) put in."""
    live, taken_out = plan.live, names.undo(plan.live, proof.sequence)
    taken = take_out.keys_in_both(adapter, cursor, live, taken_out, plan.shape.key)
    if not taken:
        return
    holders = [
        later
        for later in standing(known)
        if later.sequence > proof.sequence
        and later.sequence not in plan.sequences
        and take_out.keys_in_both(adapter, cursor, names.added(live, later.sequence), taken_out, plan.shape.key)
    ]
    listing = "".join(f"\n  {later.run_id} ({later.batch_key}) has them now" for later in holders)
    raise DeclarationError(
        f"{live}: {proof.run_id} ({proof.batch_key}) can't be undone alone: other rows have {plural(taken, 'key')} of the rows "
        f"it took out by now. Nothing was changed.{listing}",
        code="ROLLBACK-KEYS",
        next_command=f"headgate rollback {live} --to RUN   (RUN: the last one that is to stay; the others go with it)"
        if holders
        else _load_again(plan, proof),
        keys=taken,
        publishes=[later.run_id for later in holders],
    )


def _take_out_first(adapter: Adapter, cursor: Cursor, plan: Undo, proof: Proof, known: Sequence[Proof]) -> int:
    """Rows of the publish that made the table: its candidate became the table, so nothing was kept beside it."""
    if _has_window_in_rows(plan, proof):
        assert plan.window_column is not None
        return take_out.rows_of_window(cursor, plan.live, plan.window_column, proof.batch_key)
    others = [item for item in standing(known) if item.sequence not in plan.sequences and item.counts.published]
    if others:
        raise out_of_order(plan.live, proof, others)
    cursor.execute(sql.SQL("DELETE FROM {}").format(_q(plan.live)))
    return int(cursor.rowcount)


def _has_window_in_rows(plan: Undo, proof: Proof) -> bool:
    return plan.window_column is not None and "/" in proof.batch_key


def out_of_order(live: TableName, proof: Proof, later: Sequence[Proof]) -> DeclarationError:
    """Others were published on top: they have to go with it."""
    return DeclarationError(
        f"{live}: {proof.run_id} can't be undone alone: these were published on top of it",
        listing=[f"{item.run_id} ({item.batch_key}, {item.published_at:%Y-%m-%d %H:%M})" for item in later[:10]],
        code="ROLLBACK-ORDER",
        next_command=f"headgate rollback {live} --to RUN   (RUN: the last one that is to stay)",
    )


def not_kept(plan: Undo, proof: Proof) -> DeclarationError:
    """What it did isn't kept any more."""
    return DeclarationError(
        f"{plan.live}: {proof.run_id} can't be undone: only the last publishes are kept (load.generations), or there was no "
        "table before it",
        code="ROLLBACK-NOT-KEPT",
        next_command=_load_again(plan, proof),
    )


def _load_again(plan: Undo, proof: Proof) -> str:
    """What loads this one batch again, and no other: a label isn't known here, but the key of a window or object names it as
    well. Where batches only add rows it is the table that is loaded anew."""
    if plan.only_adds:
        return names.anew(plan.live)
    which = "--full-refresh" if proofs.is_whole(proof.batch_key) else f"--window {proof.batch_key}"
    return f"headgate run {plan.live} {which}   (loads it again from the source, once that is mended)"


def _proof(plan: Undo, proof: Proof, sequence: int, counts: Counts) -> Proof:
    return Proof(
        sequence=sequence, batch_key=proof.batch_key, kind="rollback", run_id=plan.run_id, attempt_id=plan.attempt_id,
        fingerprint=proof.fingerprint, declaration_hash=proof.declaration_hash, suite_hash=proof.suite_hash,
        stage_uri=proof.stage_uri, published_at=datetime.now(UTC), counts=counts,
    )  # fmt: skip
