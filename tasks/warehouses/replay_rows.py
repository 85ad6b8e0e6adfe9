"""What a replay does to the live table: its rows are added or merged, nothing else goes, and they leave quarantine.

Run inside the publish transaction, after the proof table's lock. The candidate holds, beside the contract's columns,
`RECORD`: the place each row has in quarantine.
"""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import CodeError, RetryableError
from deployments.quantities import plural
from tasks.switches import reached
from tasks.warehouses import names
from tasks.warehouses.changes import apply_changes
from tasks.warehouses.dml import equal, insert_all, keep_added, merge
from tasks.warehouses.moments import naive
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publish_plan import Publication
from tasks.warehouses.quoting import identifier
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import count_rows

RECORD = "hg$record"


def add_rows(adapter: Adapter, cursor: Cursor, plan: Publication, source_run: str, sequence: int) -> Counts:
    """Add the candidate's rows and take them out of quarantine, all or nothing.

    With `merge` and `latest_by` a newer row replaces an older one. Otherwise a row whose key lives already stays in
    quarantine: which of the two is right, nobody here can know.
    """
    new = plan.candidate
    if new is None:
        raise CodeError("a replay without rows has nothing to publish", next_command=f"headgate show {plan.run_id}")
    if adapter.exists(cursor, plan.live):
        apply_changes(adapter, cursor, plan.live, plan.shape, plan.changes)
    else:
        _make_live(adapter, cursor, plan)
    refused = superseded = 0
    by_time = plan.does.merges and plan.latest_by is not None
    if plan.shape.key and not by_time:
        cursor.execute(
            sql.SQL("DELETE FROM {} USING {} {} WHERE {}").format(
                _q(new), _q(plan.live), identifier(names.LIVE), equal(plan.shape.key, names.LIVE, new.name)
            )
        )
        refused = int(cursor.rowcount)
    _leave_quarantine(cursor, plan, new, source_run)
    reached("replay-flipped")
    if by_time:
        superseded = _without_older(cursor, plan, new)
        effect = merge(adapter, cursor, plan, new, sequence)
        return effect + Counts(superseded=superseded, quarantined=refused)
    inserted = insert_all(cursor, plan, new)
    keep_added(cursor, plan, new, sequence)
    return Counts(inserted=inserted, quarantined=refused)


def _leave_quarantine(cursor: Cursor, plan: Publication, new: TableName, source_run: str) -> None:
    """Mark the rows replayed; somebody who changed the quarantine meanwhile wins, and nothing is published."""
    wanted = count_rows(cursor, new)
    cursor.execute(
        sql.SQL(
            "UPDATE {} SET state = 'replayed', resolved_by = %s, resolved_at = %s WHERE batch_key = %s AND run_id = %s "
            "AND state = 'open' AND record IN (SELECT {} FROM {})"
        ).format(_q(names.quarantine(plan.live)), identifier(RECORD), _q(new)),
        (plan.run_id, naive(datetime.now(UTC)), plan.batch_key, source_run),
    )
    if cursor.rowcount != wanted:
        raise RetryableError(
            f"{plan.live}: {plural(wanted, 'row')} to leave quarantine, but only {cursor.rowcount:,} of them open now; "
            "nothing was published",
            code="QUARANTINE-CHANGED",
            next_command=f"headgate quarantine replay {plan.live}",
        )


def _without_older(cursor: Cursor, plan: Publication, new: TableName) -> int:
    """Leave the latest row of each key in the candidate; returns how many went. Ties have been set aside before."""
    assert plan.latest_by is not None
    at, later = identifier(new.name, plan.latest_by), identifier(names.OTHER, plan.latest_by)
    cursor.execute(
        sql.SQL(
            "DELETE FROM {new} USING {new} {other} WHERE {key} AND ({later} > {at} OR ({at} IS NULL AND {later} IS NOT NULL) "
            "OR (({at} = {later} OR ({at} IS NULL AND {later} IS NULL)) AND {o_record} > {record}))"
        ).format(
            new=_q(new), other=identifier(names.OTHER), key=equal(plan.shape.key, new.name, names.OTHER), at=at, later=later,
            record=identifier(new.name, RECORD), o_record=identifier(names.OTHER, RECORD),
        )
    )  # fmt: skip
    return int(cursor.rowcount)


def _make_live(adapter: Adapter, cursor: Cursor, plan: Publication) -> None:
    """The table itself, empty, when every row of its first batch was set aside."""
    empty = names.candidate(plan.live, f"{plan.attempt_id}e")
    adapter.create_candidate(cursor, empty, plan.shape)
    adapter.finish_candidate(cursor, empty, plan.shape)
    adapter.adopt(cursor, plan.live, empty, plan.shape)
