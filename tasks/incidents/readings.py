"""What the warehouse says about runs and publishes, as the watch needs it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from psycopg2.extensions import cursor as Cursor

from deployments.project import Project
from deployments.windows import Window
from expectations.freshness import GOOD_STATUSES
from tasks.incidents.causes import Failing
from tasks.incidents.freshness import Published
from tasks.warehouses import metric_comparisons, names, ops, proofs, reconciliations
from tasks.warehouses.metric_comparisons import Comparison
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.reconciliations import Differing
from tasks.warehouses.session import rows, session

LOOK_BACK = timedelta(days=14)
_ENDS_FAILURES = (*GOOD_STATUSES, "held")
"""A run that was held found nothing wrong; but readers don't have what the source has."""
_PACE_DAYS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Warned:
    """A run that published with warnings."""

    run_id: str
    target: str
    label: str
    owner: str


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything read in one look."""

    failing: tuple[Failing, ...]
    published: dict[str, Published]
    usual_seconds: dict[str, float]
    differing: tuple[Differing, ...] = ()
    compared: tuple[Comparison, ...] = ()


def read(adapter: Adapter, project: Project, now: datetime) -> Readings:
    """One look at runs and proofs. RetryableError when the warehouse can't be reached."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "run")):
            return Readings((), {}, {})
        failing = _failing(cursor, now)
        looked, tried = _looked(cursor), _tried(cursor)
        published = {
            name: _published(adapter, cursor, TableName.parse(name), looked.get(name), tried.get(name))
            for name in (*project.tables, *project.summaries)
        }
        usual = _usual(cursor, now)
        differing = tuple(reconciliations.differing(adapter, cursor))
        compared = tuple(metric_comparisons.read(adapter, cursor))
    found = []
    for run_id, since, times in failing:
        record = ops.record(adapter, run_id)
        if record is not None:
            found.append(Failing(record, since, times))
    return Readings(tuple(found), published, usual, differing, compared)


def warned_since(adapter: Adapter, since: datetime, until: datetime) -> list[Warned]:
    """Runs that published with warnings between two moments, oldest first."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "run")):
            return []
        found = rows(
            cursor,
            "SELECT run_id, target, label, owner FROM ops.run WHERE status = 'warned' AND finished_at >= %s "
            "AND finished_at < %s ORDER BY finished_at",
            (naive(since), naive(until)),
        )
    return [Warned(run_id, target, label, owner or "") for run_id, target, label, owner in found]


def _failing(cursor: Cursor, now: datetime) -> list[tuple[str, datetime, int]]:
    """(run, since, times) of each batch whose last run failed. A person's own Ctrl-C is no failure."""
    found = rows(
        cursor,
        "SELECT r.run_id, r.target, r.batch_key FROM ops.run r JOIN (SELECT target, batch_key, max(started_at) AS last "
        "FROM ops.run WHERE status NOT IN ('running', 'checked', 'waiting') AND started_at > %s GROUP BY target, batch_key) l "
        "ON l.target = r.target AND l.batch_key = r.batch_key AND l.last = r.started_at "
        "WHERE r.status = 'failed' AND r.started_at > %s AND coalesce(r.failure_code, '') <> 'INTERRUPTED'",
        (naive(now - LOOK_BACK),) * 2,
    )
    told = []
    for run_id, target, batch_key in found:
        since, times = _row_of_failures(cursor, target, batch_key)
        told.append((run_id, since, times))
    return told


def _row_of_failures(cursor: Cursor, target: str, batch_key: str) -> tuple[datetime, int]:
    """When the failures in a row began, and how many they are."""
    ((last_good,),) = rows(
        cursor,
        "SELECT max(started_at) FROM ops.run WHERE target = %s AND batch_key = %s AND status IN %s",
        (target, batch_key, _ENDS_FAILURES),
    )
    ((since, times),) = rows(
        cursor,
        "SELECT min(coalesce(finished_at, started_at)), count(*) FROM ops.run WHERE target = %s AND batch_key = %s "
        "AND status = 'failed' AND started_at > %s",
        (target, batch_key, last_good or datetime(1970, 1, 1)),
    )
    return aware(since), int(times)


def _looked(cursor: Cursor) -> dict[str, datetime]:
    found = rows(
        cursor,
        "SELECT target, max(finished_at) FROM ops.run WHERE status IN %s AND kind <> 'rollback' GROUP BY target",
        (GOOD_STATUSES,),
    )
    return {target: aware(at) for target, at in found if at is not None}


def _tried(cursor: Cursor) -> dict[str, datetime]:
    """When each target was tried first, ever."""
    found = rows(cursor, "SELECT target, min(started_at) FROM ops.run GROUP BY target")
    return {target: aware(at) for target, at in found}


def _published(
    adapter: Adapter, cursor: Cursor, live: TableName, looked: datetime | None, since: datetime | None
) -> Published:
    at, last = proofs.newest(cursor, live) if adapter.exists(cursor, names.proof(live)) else (None, None)
    if at is None:
        return Published(since=since)
    return Published(None if last is None else Window.from_key(last), at, max(looked or at, at), since)


def _usual(cursor: Cursor, now: datetime) -> dict[str, float]:
    """Usual seconds of a run that published, by target."""
    found: dict[str, list[float]] = {}
    for target, begun, ended in rows(
        cursor,
        "SELECT target, started_at, finished_at FROM ops.run WHERE status IN ('published', 'warned') "
        "AND kind IN ('ingest', 'summary') AND finished_at IS NOT NULL AND started_at > %s",
        (naive(now - _PACE_DAYS),),
    ):
        found.setdefault(target, []).append((ended - begun).total_seconds())
    return {target: median(seconds) for target, seconds in found.items()}
