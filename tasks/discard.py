"""Discard: rows of quarantine that their owner gives up, with who and why in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg2.extensions import cursor as Cursor

from tasks.deciding import decider
from tasks.rollback import batch_key_of
from tasks.warehouses import decisions, ops
from tasks.warehouses.decisions import Decision
from tasks.warehouses.names import TableName
from tasks.warehouses.quarantine import discard
from tasks.warehouses.session import retried
from tasks.workbench import Workbench


def discard_rows(bench: Workbench, name: str, code: str, window: str | None, reason: str, by: str | None) -> int:
    """Mark the open rows with a reason as given up; returns how many. Running it again finds none. DeclarationError: it is for
    others to decide."""
    adapter, live, now = bench.warehouse, TableName.parse(name), datetime.now(UTC)
    who = decider(bench, "discard", name, by)
    ops.prepare(adapter, [live])
    batch_key = batch_key_of(bench, name, window)

    def write(cursor: Cursor) -> int:
        count = discard(adapter, cursor, live, code, batch_key, who, now)
        if count:
            decisions.add(adapter, cursor, Decision(now, name, "discard", code, who, reason))
        return count

    return retried(adapter.address, f"discarding rows of {name}", write)
