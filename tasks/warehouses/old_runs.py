"""What is kept of runs: their lines in `ops.run` for good, the details (record, results, alarms, figures, profile) for a time.

A line takes about 0.3 kB, the details 16 kB. Books of many years stay small, and still tell every run there was.
"""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses import names
from tasks.warehouses.moments import naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import one, retried, rows

DETAILS = ("run_record", "check_result", "alert", "figure", "profile")
ALWAYS = 400
"""The newest publishes of a table keep their details, however old: the next batch is held against them, the report shows them."""
AT_ONCE = 2_000
_OLD = """\
FROM ops.run r WHERE r.target = %s AND r.started_at < %s
AND EXISTS (SELECT 1 FROM ops.run_record d WHERE d.run_id = r.run_id)
AND r.run_id NOT IN (SELECT run_id FROM ops.run WHERE target = %s AND status IN ('published', 'warned')
ORDER BY started_at DESC LIMIT %s)"""


def count(adapter: Adapter, cursor: Cursor, target: str, before: datetime) -> int:
    """Runs of a target that began before a moment and whose details may go."""
    if not adapter.exists(cursor, TableName(names.OPS, "run_record")):
        return 0
    return int(one(cursor, f"SELECT count(*) {_OLD}", (target, naive(before), target, ALWAYS))[0])


def forget(adapter: Adapter, target: str, before: datetime) -> int:
    """Remove those details; returns of how many runs. A transaction for each AT_ONCE runs: whoever writes meanwhile waits
    for one of them only. Doing it again does nothing."""

    def some(cursor: Cursor) -> int:
        adapter.lock(cursor, TableName(names.OPS, "run"))
        adapter.lock(cursor, TableName(names.OPS, "profile"))
        found = rows(cursor, f"SELECT r.run_id {_OLD} LIMIT {AT_ONCE}", (target, naive(before), target, ALWAYS))
        if found:
            for table in DETAILS:
                statement = f"DELETE FROM ops.{table} WHERE target = %s AND run_id IN %s"
                cursor.execute(statement, (target, tuple(run_id for (run_id,) in found)))
        return len(found)

    gone = 0
    while removed := retried(adapter.address, f"removing old details of runs of {target}", some):
        gone += removed
    return gone
