"""Sources that go on from where they were: the state they begin with, and the one that is kept with the publish.

What counts is the state of the last publish that stands. A run that is killed leaves none behind, and one that began before
somebody else's publish or rollback isn't published: its rows don't follow what is live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from psycopg2.extensions import cursor as Cursor

from deployments.declarations.table import Table
from deployments.errors import RetryableError
from tasks.batch import Batch, Extracted, KeptState
from tasks.sources.protocol import OpenSource, StatefulReader
from tasks.warehouses import proofs, source_states
from tasks.warehouses.proofs import Proof
from tasks.warehouses.session import retried
from tasks.workbench import Workbench, workbench


def resumed(bench: Workbench, table: Table, batch: Batch, source: OpenSource) -> KeptState | None:
    """The state a source begins with, told to it; None for one that keeps none, or whose windows say what to read."""
    if not table.source.keeps_state or table.window is not None:
        return None
    if batch.anew or not table.goes_on:
        return KeptState("", 0, is_news=False)

    def read(cursor: Cursor) -> tuple[int, str | None]:
        last = _last(proofs.read(cursor, batch.live))
        return last, source_states.read(cursor, batch.live, last) if last else None

    last, body = retried(bench.warehouse.address, f"reading from where {table.table} goes on", read)
    if body is not None:
        cast(StatefulReader, source).resume(body)
    return KeptState(body or "", last, is_news=False)


def reached_by(source: OpenSource, begun: KeptState | None) -> KeptState | None:
    """The state of a source that was read to its end."""
    if begun is None:
        return None
    body = cast(StatefulReader, source).state()
    return KeptState(body, begun.since, is_news=body != begun.body)


def note(cursor: Cursor, batch: Batch, extracted: Extracted) -> None:
    """Write the state of a batch in the transaction that publishes it. RetryableError: what stands isn't what it began with."""
    if extracted.state is None:
        return
    table = workbench().project.table(batch.table)
    known = proofs.read(cursor, batch.live)
    last = _last(known)
    if table.goes_on and not batch.anew and last != extracted.state.since:
        raise RetryableError(
            f"{batch.table}: another publish or a rollback came while this run was at work, and its source was read from where "
            "it was before. Nothing was published",
            code="STATE-MOVED", next_command=f"headgate run {batch.table}",
        )  # fmt: skip
    sequence = max((proof.sequence for proof in known), default=0) + 1
    source_states.write(cursor, batch.live, sequence, extracted.state.body, _undoable(known, table.load.generations))


def _last(known: Sequence[Proof]) -> int:
    """The number of the last load that stands; 0: none does."""
    return max((proof.sequence for proof in _loads(known)), default=0)


def _undoable(known: Sequence[Proof], generations: int) -> set[int]:
    """The loads whose states a rollback may come back to."""
    return {proof.sequence for proof in _loads(known)[-generations - 1 :]}


def _loads(known: Sequence[Proof]) -> list[Proof]:
    return [proof for proof in known if proof.undone_by is None and proof.kind in proofs.WHOLE]
