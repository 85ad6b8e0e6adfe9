"""The transaction that makes a candidate and fills it, part by part. While no part waits, it proves those that are there.

Nobody else sees the table before the transaction ends, and rows are only appended to it: what was proven of its first rows stays
true. Whoever wants the figures of all rows adds those of the rest, and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from expectations.contract.checksum import Checksum
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.warehouses.figures import figures_of
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import connect
from tasks.warehouses.shapes import Shape


@dataclass(frozen=True, slots=True)
class Filled:
    """A candidate that holds every part of the manifest; `early` of them were in it when the copy was asked for.

    `figures`: those of its rows, computed by the warehouse when all were there. `finished`: its indexes are made.
    """

    candidate: TableName
    rows: int
    early: int
    figures: Checksum
    finished: bool


@dataclass
class Filling:
    """A candidate that is being filled. `proven`: the figures of its rows up to `last`, which is where one lies."""

    adapter: Adapter
    candidate: TableName
    columns: Sequence[Column]
    connection: Connection
    proven: Checksum = field(init=False)
    last: str | None = None

    def __post_init__(self) -> None:
        self.proven = Checksum.empty(len(self.columns))

    @classmethod
    def begin(cls, adapter: Adapter, candidate: TableName, shape: Shape) -> Filling:
        """Make the table, on a connection of its own, which has one COPY at a time."""
        filling = cls(adapter, candidate, shape.columns, connect(adapter.address))
        with filling.connection.cursor() as cursor:
            adapter.create_candidate(cursor, candidate, shape)
        return filling

    def copy(self, store: ObjectStore, manifest: Manifest) -> int:
        """Load every part of the manifest; returns the rows loaded."""
        names = [column.name for column in self.columns]
        with self.connection.cursor() as cursor:
            return self.adapter.copy_within(cursor, store, manifest, self.candidate, names)

    def prove(self) -> None:
        """Compute the figures of the rows that weren't there the last time, where that needn't read the others again."""
        with self.connection.cursor() as cursor:
            last = self.adapter.last_row(cursor, self.candidate)
            if last is not None and last != self.last:
                new = self.adapter.rows_between(self.candidate, self.last, last)
                self.proven += figures_of(cursor, self.adapter, new, self.columns)
                self.last = last

    def commit(self) -> None:
        """From then on every session sees it; called again, nothing happens."""
        if not self.connection.closed:
            self.connection.commit()
            self.connection.close()

    def figures(self, cursor: Cursor, rows: int) -> Checksum:
        """The figures of all its rows, on a session that sees them.

        Where those that were proven and the rest don't come to as many `rows` as were copied, every row is read anew.
        """
        adapter, columns = self.adapter, self.columns
        if self.last is not None:
            rest = adapter.rows_between(self.candidate, self.last, None)
            found = self.proven + figures_of(cursor, adapter, rest, columns)
            if found.rows == rows:
                return found
        return figures_of(cursor, adapter, qualified(self.candidate), columns)
