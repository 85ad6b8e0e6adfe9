"""The books (`ops.ledger`, `ops.run`) held against the proofs: what a process that was killed after its COMMIT didn't write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from tasks.warehouses import names, ops, proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import retried, rows

NEWEST = 100
"""How many of the newest proofs a run looks at: what was killed before it is among them. `headgate repair` looks at all."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A proof that the books don't know, or know otherwise."""

    target: TableName
    proof: Proof
    in_ledger: bool
    in_runs: bool

    def __str__(self) -> str:
        missing = " and ".join(
            name for name, there in (("ops.ledger", self.in_ledger), ("ops.run", self.in_runs)) if not there
        )
        return f"{self.target} {self.proof.kind} {self.proof.sequence} ({self.proof.run_id}): not in {missing}"


def gaps(adapter: Adapter, target: TableName, newest: int | None = None) -> list[Gap]:
    """Proofs that `ops.ledger` or `ops.run` lacks, or that were undone without the ledger's knowledge; oldest first.

    `newest`: only among so many of the newest proofs and what they have undone.
    """
    proof = names.proof(target)
    table = qualified(proof)
    since = sql.SQL(
        "WHERE (p.sequence > (SELECT max(sequence) - {n} FROM {t}) OR p.undone_by > (SELECT max(sequence) - {n} FROM {t}))"
    ).format(n=sql.Literal(newest), t=table)
    statement = sql.SQL(
        "SELECT p.sequence, l.sequence IS NOT NULL AND coalesce(l.undone_by, 0) = coalesce(p.undone_by, 0), "
        "r.run_id IS NOT NULL FROM {t} p LEFT JOIN ops.ledger l ON l.target = %s AND l.sequence = p.sequence "
        "LEFT JOIN (SELECT DISTINCT run_id FROM ops.run WHERE target = %s) r ON r.run_id = p.run_id {since}"
    ).format(t=table, since=sql.SQL("") if newest is None else since)

    def look(cursor) -> list[Gap]:  # type: ignore[no-untyped-def]
        if not adapter.exists(cursor, proof) or not adapter.exists(cursor, TableName(names.OPS, "ledger")):
            return []
        found = {
            int(sequence): (ledger, run)
            for sequence, ledger, run in rows(cursor, statement, (str(target), str(target)))
            if not ledger or not run
        }
        known = proofs.read(cursor, target) if found else []
        return [Gap(target, item, *found[item.sequence]) for item in known if item.sequence in found]

    return retried(adapter.address, f"looking through the books of {target}", look)


def enter(adapter: Adapter, found: Sequence[Gap]) -> None:
    """Copy the proofs into the ledger."""
    for gap in found:
        if not gap.in_ledger:
            ops.roll_up(adapter, gap.target, gap.proof)
