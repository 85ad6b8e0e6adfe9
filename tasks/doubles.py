"""Whether the rows of an object are in the table already, and what is to be done then."""

from __future__ import annotations

from tasks.batch import Batch
from tasks.rollback import undoable
from tasks.sources.objects import is_content_of
from tasks.warehouses import names, proofs
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import session
from tasks.workbench import Workbench


def twin(bench: Workbench, batch: Batch, fingerprint: str) -> str | None:
    """'run ..., published ...' of another object of the table that stands and has the same bytes; None when there is none."""
    for key, proof in _standing(bench, batch).items():
        if key != batch.batch_key and proof.counts.extracted and is_content_of(fingerprint, proof.fingerprint):
            return f"run {proof.run_id}, published {proof.published_at:%Y-%m-%d %H:%M} UTC"
    return None


def way_out(bench: Workbench, batch: Batch) -> str:
    """The next command for an appended object that was replaced: undo its load where that is kept, or let the table
    be loaded anew."""
    stands = _standing(bench, batch).get(batch.batch_key)
    if stands is not None and stands.run_id in undoable(bench, batch.table):
        undone = f'headgate rollback {batch.table} --window "{batch.label}" --reason "replaced"'
        return f"{undone}; then: headgate run {batch.table}"
    # What its load did isn't kept any more.
    return names.anew(batch.live)


def _standing(bench: Workbench, batch: Batch) -> dict[str, Proof]:
    with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        there = bench.warehouse.exists(cursor, names.proof(batch.live))
        return proofs.standing(proofs.read(cursor, batch.live)) if there else {}
