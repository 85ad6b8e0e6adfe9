"""Generations beside a live table: what publishes replaced, kept so that the last of them can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deployments.quantities import plural
from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof


def sequence_of(table: TableName) -> int | None:
    """The publish a generation or undo table belongs to; None for candidates."""
    kind = names.kind_of(table.name)
    return int(kind[1]) if kind is not None and kind[0] in "gun" else None


def surplus(side: Iterable[TableName], known: Sequence[Proof], keep: int) -> dict[TableName, str]:
    """Generations that nobody can go back to any more, with the reason: undone, a rollback's own, or older than the last
    `keep` publishes."""
    numbered = {table: sequence for table in side if (sequence := sequence_of(table)) is not None}
    useless = {proof.sequence: f"publish {proof.sequence} is undone" for proof in known if proof.undone_by is not None}
    useless |= {proof.sequence: "a rollback can't be undone" for proof in known if proof.kind == "rollback"}
    standing = sorted(set(numbered.values()) - useless.keys(), reverse=True)
    old = dict.fromkeys(standing[keep:], f"no more than {plural(keep, 'publish')} kept")
    why = useless | old
    return {table: why[sequence] for table, sequence in numbered.items() if sequence in why}
