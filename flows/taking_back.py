"""A rollback from its beginning to its record. Plain functions: they must work while the Prefect server is down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from expectations.record import RunRecord
from flows.life import done
from flows.story import new_run_id
from tasks.deciding import decider
from tasks.rollback import batch_key_of, choose, take_back, target_of
from tasks.warehouses import ops
from tasks.warehouses.proofs import Proof
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did. `record` None: the publish was undone already and nothing was changed."""

    publishes: tuple[Proof, ...]
    record: RunRecord | None
    dependents: tuple[str, ...]


def roll_back(
    bench: Workbench, name: str, *, window: str | None, to: str | None, by: str | None, reason: str
) -> RolledBack:
    """Take the last publish of a table (of a window; or everything after run `to`) back and keep its story."""
    began = datetime.now(UTC)
    target = target_of(bench, name)
    who = decider(bench, "rollback", target.name, by)
    ops.prepare(bench.warehouse, [target.live])
    chosen = choose(bench, target, batch_key_of(bench, name, window), to)
    dependents = tuple(bench.project.dependents(target.name))
    if not chosen:
        return RolledBack((), None, dependents)
    label = window or ("source" if len(chosen) == 1 else f"{len(chosen)} publishes")
    run_id = new_run_id(target.name, "rollback")
    undone = take_back(bench, target, chosen, run_id, who, reason)
    runs = ", ".join(proof.run_id for proof in undone.publishes)
    line = f"undid {runs}: {undone.rows_taken_out:,} rows out, {undone.rows_put_back:,} back"
    oldest = undone.publishes[-1]
    record = done(
        bench, target.name, "rollback", began, line, undone.rows_put_back, run_id=run_id, batch_key=oldest.batch_key,
        label=label, counts={"deleted": undone.rows_taken_out, "inserted": undone.rows_put_back},
        warnings=(f"rolled back by {who}" + (f": {reason}" if reason else ""),),
        sequence=undone.rollbacks[0].sequence,
    )  # fmt: skip
    return RolledBack(undone.publishes, record, dependents)
