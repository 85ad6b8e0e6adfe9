"""Generations beside a live table: what publishes replaced, kept so that the last of them can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Proof


def sequence_of(table: TableName) -> int | None:
    """The publish a generation or undo table belongs to; None for candidates."""
    kind = names.kind_of(table.name)
    return int(kind[1]) if kind is not None and kind[0] in "gun" else None


def surplus(side: Iterable[TableName], known: Sequence[Proof], keep: int) -> dict[TableName, str]:
    """Generations that nobody can go back to any more, with the reason: undone, or older than the last `keep`."""
    numbered = {table: sequence for table in side if (sequence := sequence_of(table)) is not None}
    undone = {proof.sequence for proof in known if proof.undone_by is not None}
    standing = sorted(set(numbered.values()) - undone, reverse=True)
    old = set(standing[keep:])
    return {
        table: f"publish {sequence} is undone" if sequence in undone else f"only the last {keep} publishes are kept"
        for table, sequence in numbered.items()
        if sequence in undone or sequence in old
    }
