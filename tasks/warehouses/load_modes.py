"""What each load mode makes of the live table: one function per mode, run inside the publish, after the proof table's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.modes import Mode
from deployments.errors import CheckFailedError, CodeError, DeclarationError
from deployments.quantities import plural
from tasks.switches import reached
from tasks.warehouses import names, outside_hands, proofs
from tasks.warehouses.changes import apply_changes, find_changes
from tasks.warehouses.dml import append, delete_absent, insert_all, keep_beginning, keys_in_both, merge, replace_window
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publish_plan import Publication
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import count_rows, one


@dataclass(frozen=True, slots=True)
class Loading:
    """A publish under way. `known`: the target's proofs, read under their lock; `sequence`: of the one to be written."""

    adapter: Adapter
    cursor: Cursor
    plan: Publication
    known: Sequence[Proof]
    sequence: int


def load(loading: Loading) -> Counts:
    """Bring the candidate into the live table as the plan's mode has it; the first one becomes the table."""
    plan, new = loading.plan, loading.plan.candidate
    if loading.adapter.exists(loading.cursor, plan.live):
        return _MODES[plan.mode](loading, new)
    # Readers of a table whose first batch is empty find no rows, not no table.
    new = new or _without_rows(loading)
    reached("before-swap")
    loading.adapter.adopt(loading.cursor, plan.live, new, plan.shape)
    if not plan.does.replaces_table:
        keep_beginning(loading.adapter, loading.cursor, plan, loading.sequence)
    return Counts(inserted=_rows(plan))


def _append(loading: Loading, new: TableName | None) -> Counts:
    if new is None:
        return Counts()
    plan = loading.plan
    there = outside_hands.doubled(plan.live, [plan.batch_key], proofs.standing(loading.known))
    if there is not None:
        raise there
    _alter(loading)
    with _looking_up_keys(loading):
        return append(loading.cursor, loading.plan, new, loading.sequence)


def _replace_window(loading: Loading, new: TableName | None) -> Counts:
    if new is None:
        return replace_window(loading.adapter, loading.cursor, loading.plan, None, loading.sequence)
    _alter(loading)
    with _looking_up_keys(loading):
        return replace_window(loading.adapter, loading.cursor, loading.plan, new, loading.sequence)


def _merge(loading: Loading, new: TableName | None) -> Counts:
    effect = Counts()
    if new is not None:
        _alter(loading)
    _prove_same_keys(loading.cursor, loading.plan)
    if new is not None:
        with _looking_up_keys(loading) as in_order:
            effect = merge(loading.adapter, loading.cursor, loading.plan, new, loading.sequence, in_order=in_order)
    return _without_absent(loading, effect)


def _replace_table(loading: Loading, new: TableName | None) -> Counts:
    adapter, cursor, plan = loading.adapter, loading.cursor, loading.plan
    live, before = plan.live, count_rows(cursor, plan.live)
    rows = 0 if new is None else _rows(plan)
    _guard(plan, before, rows)
    if new is None:
        # A source that has become empty is a reason to ask, not to leave old rows under a new proof.
        return _empty(loading) if plan.shrink_guard is None else Counts()
    reached("before-swap")
    old = names.generation(live, loading.sequence)
    lost = adapter.lost_by_swap(cursor, live, plan.shape)
    if lost:
        return _replace_rows(loading, new, old, lost)
    adapter.swap(cursor, live, new, old, plan.shape)
    # Nobody can change it any more: the swap holds its lock.
    outside_hands.prove_columns(live, plan.shape, adapter.columns(cursor, old), plan.changes)
    return Counts(inserted=rows, deleted=before)


_MODES: Mapping[Mode, Callable[[Loading, TableName | None], Counts]] = {
    "full_refresh": _replace_table,
    "append": _append,
    "replace_window": _replace_window,
    "merge": _merge,
}
"""By mode. The second argument is the candidate; None: the batch has no rows."""


def _rows(plan: Publication) -> int:
    """Rows of the candidate."""
    return plan.counts.copied - plan.counts.superseded


def _alter(loading: Loading) -> None:
    apply_changes(loading.adapter, loading.cursor, loading.plan.live, loading.plan.shape, loading.plan.changes)


def _looking_up_keys(loading: Loading) -> AbstractContextManager[bool]:
    plan = loading.plan
    return loading.adapter.looking_up_keys(loading.cursor, plan.live, plan.shape.key, plan.counts.copied)


def _without_rows(loading: Loading) -> TableName:
    """An empty candidate, made in the transaction of the publish."""
    adapter, cursor, plan = loading.adapter, loading.cursor, loading.plan
    made = names.candidate(plan.live, plan.attempt_id)
    adapter.create_candidate(cursor, made, plan.shape)
    adapter.finish_candidate(cursor, made, plan.shape)
    return made


def _replace_rows(loading: Loading, new: TableName, old: TableName, lost: Sequence[str]) -> Counts:
    """Replace the rows and leave the table, on which something hangs that a renamed one wouldn't have.

    Slower than a rename, and the old rows are copied aside first so that the publish can be undone.
    """
    adapter, cursor, plan = loading.adapter, loading.cursor, loading.plan
    live = plan.live
    if plan.generations:
        adapter.create_as(cursor, old, sql.SQL("SELECT * FROM {}").format(qualified(live)), None)
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
    _alter(loading)
    outside_hands.prove_columns(live, plan.shape, adapter.columns(cursor, live), plan.changes)
    cursor.execute(sql.SQL("DELETE FROM {}").format(qualified(live)))
    deleted = int(cursor.rowcount)
    inserted = insert_all(cursor, plan, new)
    left = count_rows(cursor, live)
    if left != inserted or inserted != _rows(plan):
        raise CodeError(
            f"{live} has {plural(left, 'row')} after {inserted:,} of {plan.counts.copied:,} were put in: a trigger or a rule on "
            "it keeps rows in or out; nothing was published",
            code="ROWS-REWRITTEN",
            next_command=f"look at {', '.join(lost)}; headgate retry {plan.run_id}",
        )
    return Counts(inserted=inserted, deleted=deleted)


def _empty(loading: Loading) -> Counts:
    """Take every row out of the live table, since somebody decided that the empty source is right."""
    adapter, cursor, plan = loading.adapter, loading.cursor, loading.plan
    if plan.generations:
        every = sql.SQL("SELECT * FROM {}").format(qualified(plan.live))
        adapter.create_as(cursor, names.generation(plan.live, loading.sequence), every, None)
    cursor.execute(sql.SQL("DELETE FROM {}").format(qualified(plan.live)))
    return Counts(deleted=int(cursor.rowcount))


def _without_absent(loading: Loading, effect: Counts) -> Counts:
    """Take out live rows whose key the source no longer has.

    Skipped when another batch was published after the keys were read: its new keys would look deleted. The next run
    compares again.
    """
    plan, cursor = loading.plan, loading.cursor
    keys = plan.source_keys
    if keys is None:
        return effect
    if max((proof.sequence for proof in loading.known), default=0) > plan.keys_as_of:
        return effect
    before = count_rows(cursor, plan.live)
    deleted = delete_absent(loading.adapter, cursor, plan, keys, loading.sequence)
    _guard(plan, before, before - deleted)
    return replace(effect, deleted=effect.deleted + deleted)


def _prove_same_keys(cursor: Cursor, plan: Publication) -> None:
    """Before deletes: the source's keys and the live ones are of one kind. Where not one is the same they aren't, whatever
    share may be lost."""
    keys = plan.source_keys
    if keys is None or not (there := count_rows(cursor, keys)) or not (lives := count_rows(cursor, plan.live)):
        return
    same = int(one(cursor, keys_in_both(plan, keys))[0])
    if not same:
        raise CheckFailedError(
            f"{plan.live}: {plural(lives, 'row')}, and none has a key ({', '.join(plan.shape.key)}) that the source has now "
            f"({there:,}): they aren't the same keys (another HEADGATE_PII_KEY, another database, a key that was made anew). "
            "Nothing was published.",
            code="KEYS-STRANGE",
            next_command=f"headgate show {plan.run_id}   (right all the same: load.deletes: keep, and a new table)",
            live=lives,
            source=there,
        )


def _guard(plan: Publication, before: int, rows: int) -> None:
    """A full refresh may not empty or shrink the table beyond the declared share."""
    if plan.shrink_guard is None or before == 0:
        return
    lost = (before - rows) / before
    if lost > plan.shrink_guard or rows == 0:
        raise CheckFailedError(
            f"{plan.live} has {plural(before, 'row')}; this batch would leave {rows:,} ({lost:.0%} fewer, allowed "
            f"{plan.shrink_guard:.0%}). Nothing was published.",
            code="SHRINK-GUARD",
            # Not the override first: whoever is woken by this types what stands here.
            next_command=f"headgate retry {plan.run_id}   (when the source delivers everything again)",
            before=before,
            after=rows,
        )
