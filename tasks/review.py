"""Read what a review is made of from the ops tables: runs, first publishes of batches, incidents."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from expectations.review.facts import Alarm, History, Opened, Publish, Run
from tasks.answers import ANSWERED
from tasks.warehouses import names
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import rows, session

EARLIER = timedelta(days=40)
"""Publishes this long before the span are read too: a window of a month is promised long after it begins."""


def read_history(adapter: Adapter, start: datetime, end: datetime) -> History:
    """What happened in `[start, end)`, with what came shortly before it; empty where nothing ever ran."""
    low, high = (naive(moment) for moment in (start - EARLIER, end))
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "run")):
            return History((), (), (), {})
        runs = rows(
            cursor,
            "SELECT target, kind, status, coalesce(tier, ''), started_at, finished_at, coalesce(published, 0), "
            "coalesce(quarantined, 0), failure_code FROM ops.run WHERE started_at >= %s AND started_at < %s",
            (low, high),
        )
        published = rows(
            cursor,
            "SELECT target, batch_key, min(published_at) FROM ops.ledger WHERE kind IN ('publish', 'empty', 'override') "
            "AND published_at < %s GROUP BY target, batch_key HAVING max(published_at) >= %s",
            (high, low),
        )
        since = rows(cursor, "SELECT target, min(started_at) FROM ops.run GROUP BY target")
        incidents = []
        if adapter.exists(cursor, TableName(names.OPS, "incident")):
            incidents = rows(
                cursor,
                "SELECT i.scope, i.code, i.severity, i.opened_at, i.closed_at, d.answered_at FROM ops.incident i "
                "LEFT JOIN (SELECT what, min(decided_at) AS answered_at FROM ops.decision WHERE kind = 'acknowledge' "
                "GROUP BY what) d ON d.what = i.incident_id "
                "WHERE i.opened_at < %s AND (i.closed_at IS NULL OR i.closed_at >= %s)",
                (high, low),
            )
        alarms = _alarms(adapter, cursor, low, high)
    return History(
        runs=[Run(target, kind, status, tier, aware(begun), aware(ended) if ended else None, int(rows_in), int(aside), code)
              for target, kind, status, tier, begun, ended, rows_in, aside, code in runs],
        publishes=[Publish(target, key, aware(at)) for target, key, at in published],
        incidents=[Opened(scope, code, severity, aware(opened), aware(closed) if closed else None,
                          aware(answered) if answered else None)
                   for scope, code, severity, opened, closed, answered in incidents],
        known_since={target: aware(at) for target, at in since}, alarms=alarms,
    )  # fmt: skip


def _alarms(adapter: Adapter, cursor: Cursor, low: datetime, high: datetime) -> list[Alarm]:
    """The batches that told a change of their data, with what was answered about them until now."""
    if not adapter.exists(cursor, TableName(names.OPS, "alert")):
        return []
    told = rows(
        cursor,
        "SELECT run_id, target, min(raised_at) FROM ops.alert WHERE raised_at >= %s AND raised_at < %s "
        "GROUP BY run_id, target ORDER BY run_id",
        (low, high),
    )
    said = rows(
        cursor,
        "SELECT run_id, kind FROM ops.decision WHERE kind IN ('accept-drift', 'reject-drift', 'mute-drift') "
        "AND run_id IS NOT NULL ORDER BY decided_at",
    )
    # Of several answers about one batch the last one counts.
    answers = {str(run): ANSWERED[kind] for run, kind in said}
    return [Alarm(target, aware(at), answers.get(str(run))) for run, target, at in told]
