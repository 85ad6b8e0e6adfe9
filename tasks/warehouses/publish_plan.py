"""What a publish is to do and what it did, as plain values, so that a retry in another process can do it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.declarations.modes import MODES, Mode, ModeFacts
from deployments.declarations.summary_statements import Statement
from deployments.windows import Window
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Kind, Proof
from tasks.warehouses.shapes import Shape


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything a publish needs to know."""

    live: TableName
    candidate: TableName | None
    shape: Shape
    mode: Mode
    batch_key: str
    expected_sequence: int
    kind: Kind
    run_id: str
    attempt_id: str
    fingerprint: str
    declaration_hash: str
    suite_hash: str
    counts: Counts
    generations: int
    shrink_guard: float | None
    """The share of its rows that a full refresh may lose; None: somebody decided that it may lose all of them."""
    window: Window | None = None
    window_column: WindowColumn | None = None
    latest_by: str | None = None
    stage_uri: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    source_keys: TableName | None = None
    keys_as_of: int = 0
    beside: Callable[[Cursor], None] | None = None
    """What is written in the same transaction: the rows set aside, and which key hashed the batch."""
    before: tuple[Statement, ...] = ()
    after: tuple[Statement, ...] = ()
    """Statements on the live table in the same transaction, before and after its rows change."""
    replay_of: str | None = None
    """The run whose rows set aside are in the candidate, each with its place there."""

    @property
    def does(self) -> ModeFacts:
        """What follows from the mode. The rows of a replay replace no table and no window."""
        return MODES[self.mode]


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did. `by_this_attempt` is False when another run had published the batch meanwhile."""

    proof: Proof
    by_this_attempt: bool
