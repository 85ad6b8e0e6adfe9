"""Roll back: take the last publishes of a table back, so that readers see what they saw before."""

from __future__ import annotations

import logging
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg2 import Error
from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.errors import DeclarationError, HeadgateError
from deployments.windows import Grid
from tasks.batch import SOURCE_KEY, is_whole, new_attempt
from tasks.sources.objects import meant
from tasks.warehouses import clock, decisions, key_changes, names, ops, proofs
from tasks.warehouses.decisions import Decider, Decision
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.warehouses.shapes import Shape, shape_of, shape_of_summary
from tasks.warehouses.undo import Undo, Undone, in_the_way, kept, last_ones, out_of_order, standing, undo
from tasks.workbench import Workbench

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A table or summary as a rollback needs to know it."""

    name: str
    shape: Shape
    generations: int
    window_column: WindowColumn | None = None
    builds_up: bool = False
    only_adds: bool = False

    @property
    def live(self) -> TableName:
        return TableName.parse(self.name)


def target_of(bench: Workbench, name: str) -> Target:
    """The declared table or summary of that name."""
    full = bench.project.full_name(name)
    if full in bench.project.summaries:
        summary = bench.project.summaries[full]
        builds_up = summary.mode == "merge"
        return Target(full, shape_of_summary(summary), summary.generations, summary.replaced_by, builds_up)
    table = bench.project.table(full)
    # A later merge may have changed a row that an earlier one brought: they can only be undone from the last backwards.
    return Target(full, shape_of(table), table.load.generations, table.window_column, table.load.does.merges,
                  table.load.does.only_adds)  # fmt: skip


def choose(bench: Workbench, target: Target, batch_key: str | None, to: str | None) -> tuple[Proof, ...]:
    """The publishes that `--window` and `--to` mean, newest first; none when they are undone already.

    DeclarationError when there are none, or others stand on them.

    Without `to` it is the last publish (of the window). When that is undone already, nothing is: typing the command
    again after a lost connection must not undo one more.
    """
    adapter = bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        known = proofs.read(cursor, target.live) if adapter.exists(cursor, names.proof(target.live)) else []
    published = [proof for proof in known if proof.kind != "rollback"]
    if not published:
        raise _nothing(target, "nothing has been published")
    loads = [proof for proof in published if batch_key in (None, proof.batch_key)]
    if not loads:
        assert batch_key is not None
        raise _not_of(bench, target, batch_key, standing(published))
    if to is None:
        last = loads[-1]
        if last.undone_by is not None:
            return ()
        chosen: tuple[Proof, ...] = (last,)
    else:
        stays = next((proof for proof in loads if proof.run_id == to), None)
        if stays is None:
            other = next((proof for proof in published if proof.run_id == to), None)
            if other is not None:
                raise _nothing(
                    target, f"run {to} published {label_of(bench, target.name, other.batch_key)}, not that window"
                )
            raise _nothing(target, f"no publish of run '{to}' is known")
        if stays.undone_by is not None:
            raise _nothing(target, f"run {to} is undone itself")
        chosen = tuple(proof for proof in reversed(standing(loads)) if proof.sequence > stays.sequence)
        if not chosen:
            return ()
    later = in_the_way(known, [proof.sequence for proof in chosen], builds_up=target.builds_up)
    if later:
        raise out_of_order(target.live, chosen[-1], later)
    return chosen


def undoable(bench: Workbench, name: str, known: Sequence[Proof] | None = None) -> frozenset[str]:
    """Runs whose publish `headgate rollback`, of its window where the table has windows, would take back now. `known`: its
    proofs, where they were read."""
    target, adapter = target_of(bench, name), bench.warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if known is None:
            known = proofs.read(cursor, target.live) if adapter.exists(cursor, names.proof(target.live)) else []
        by_window = target.window_column is not None
        there = kept(adapter, cursor, target.live, known, by_window=by_window) if known else set()
    windowed = _grid(bench, target.name) is not None
    last = {proof.batch_key if windowed else "": proof for proof in known if proof.kind != "rollback"}
    free = there & last_ones(known, builds_up=target.builds_up)
    return frozenset(proof.run_id for proof in last.values() if proof.sequence in free)


def take_back(
    bench: Workbench, target: Target, chosen: Sequence[Proof], run_id: str, by: Decider, reason: str
) -> Undone:
    """Take the chosen publishes back, with who and why in the same transaction; running it again changes nothing."""
    adapter, now = bench.warehouse, datetime.now(UTC)

    def note(cursor: Cursor) -> None:
        for proof in chosen:
            undone = Decision(now, target.name, "rollback", proof.batch_key, by, reason, run_id=proof.run_id)
            decisions.add(adapter, cursor, undone)
        table = bench.project.tables.get(target.name)
        if table is not None and table.load.does.replaces_table:
            oldest = min(proof.sequence for proof in chosen)
            own = max(proof.sequence for proof in proofs.read(cursor, target.live))
            key_changes.take_back(cursor, target.name, oldest, own)

    plan = Undo(
        live=target.live, sequences=tuple(proof.sequence for proof in chosen), shape=target.shape,
        window_column=target.window_column, builds_up=target.builds_up, only_adds=target.only_adds,
        generations=target.generations, run_id=run_id,
        attempt_id=new_attempt(clock.now(adapter)), note=note,
    )  # fmt: skip
    undone = undo(adapter, plan)
    # Imported here: it brings Prefect, and pages ask this module what can be undone.
    from tasks.publish import clean_up

    try:
        for proof, rollback in zip(undone.publishes, undone.rollbacks, strict=False):
            ops.roll_up(adapter, target.live, rollback)
            ops.roll_up(adapter, target.live, replace(proof, undone_by=rollback.sequence))
        clean_up(adapter, target.live, target.generations)
    except (Error, HeadgateError) as error:
        # The rollback is committed and proven; the ledger can be made from proofs again, leftovers are found by `clean`.
        logger.warning("%s is rolled back, but cleaning up behind it failed: %s", target.name, error)
    return undone


def batch_key_of(bench: Workbench, name: str, label: str | None) -> str | None:
    """The batch that a window's label means; None: whatever was published last."""
    if label is None:
        return None
    full = bench.project.full_name(name)
    grid = _grid(bench, full)
    if grid is None and full in bench.project.tables and bench.project.table(full).source.has_objects:
        return _object_key(bench, full, label)
    if grid is None:
        if label == SOURCE_KEY:
            return SOURCE_KEY
        raise DeclarationError(
            f"{full} has no windows",
            code="NO-WINDOWS",
            next_command=f"headgate show --table {full}   (each load is a batch)",
        )
    try:
        return grid.parse(label).key
    except ValueError as error:
        # What was published while the windows were others is named by its key.
        if "/" in label and label in _published(bench, full):
            return label
        raise DeclarationError(
            f"{full}: {error}", code="NO-SUCH-WINDOW", next_command=f"headgate plan {full}"
        ) from None


def _object_key(bench: Workbench, name: str, text: str) -> str:
    """The batch of an object, by its name, its label or its key, among those that were ever published."""
    found = meant(text, _published(bench, name))
    if found is None:
        raise DeclarationError(
            f"{name}: no object '{text}' was ever published",
            code="NO-SUCH-WINDOW",
            next_command=f"headgate plan {name}",
        )
    return found


def _published(bench: Workbench, name: str) -> set[str]:
    """Keys of all batches that were ever published."""
    live = TableName.parse(name)
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        there = bench.warehouse.exists(cursor, names.proof(live))
        return {item.batch_key for item in proofs.read(cursor, live)} if there else set()


def _grid(bench: Workbench, full: str) -> Grid | None:
    summary = bench.project.summaries.get(full)
    return bench.project.tables[full].grid if summary is None else summary.grid


def _nothing(target: Target, why: str) -> DeclarationError:
    return DeclarationError(
        f"{target.name}: {why}. Nothing was changed",
        code="NOTHING-TO-UNDO",
        next_command=f"headgate show --table {target.name}   (its newest runs)",
    )


def _not_of(bench: Workbench, target: Target, batch_key: str, stands: Sequence[Proof]) -> DeclarationError:
    """The error of a window that was never published, with those that were: it may be another one that is meant."""
    keys = sorted({proof.batch_key for proof in stands if not is_whole(proof.batch_key)})

    def said(key: str) -> str:
        return label_of(bench, target.name, key)

    if not keys:
        there = "its source was loaded as a whole" if stands else "and nothing else stands"
    elif len(keys) == 1:
        there = f"only {said(keys[0])} was"
    else:
        at = bisect(keys, batch_key)
        near = " and ".join(map(said, keys[max(at - 1, 0) : at + 1]))
        there = f"but {len(keys):,} others were: {said(keys[0])} to {said(keys[-1])}; nearest {near}"
    return _nothing(target, f"{said(batch_key)} was never published, {there}")


def label_of(bench: Workbench, name: str, batch_key: str) -> str:
    """A batch as `--window` takes it: by its label where it is a window of today's grid, else by its key."""
    grid = _grid(bench, name)
    if is_whole(batch_key):
        return "the whole source"
    if grid is None or "/" not in batch_key:
        return batch_key
    try:
        return grid.label(grid.parse(batch_key))
    except ValueError:
        return batch_key
