"""Incidents where they are kept: `ops.incident` for all machines, a mirror on local disk for while the warehouse is down.

A change is a function of all incidents, run under the table's lock, so that two watches can't tell the same thing twice.
It may be run again after a conflict: what it does beside must be safe to repeat.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from psycopg2.extensions import cursor as Cursor
from pydantic import TypeAdapter

from deployments.embedded.filelock import turn
from deployments.errors import HeadgateError
from tasks.incidents.model import Incident
from tasks.warehouses import names, ops
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import retried, rows, session
from tasks.workbench import Workbench

Change = Callable[[list[Incident]], list[Incident]]
REMEMBERED = timedelta(days=30)
_TABLE = TableName(names.OPS, "incident")
_INCIDENTS = TypeAdapter(list[Incident])
_TABLES_KEPT = 500
_TURN_SECONDS = 60.0


def change(bench: Workbench, work: Change, now: datetime) -> bool:
    """Apply a change and keep its outcome. False: the warehouse can't be reached, only the local mirror was changed."""
    mirror = _Mirror(bench.settings.state)
    with mirror.turn():
        local = mirror.read()
        try:
            ops.prepare(bench.warehouse, [])
            after = retried(bench.warehouse.address, "writing ops.incident", lambda cursor: _change(cursor, bench.warehouse,
                            local, work, now), attempts=3)  # fmt: skip
        except HeadgateError:
            mirror.write(work(_recent(local, now)))
            return False
        mirror.write(after)
        return True


def incidents(bench: Workbench, now: datetime) -> list[Incident]:
    """Every incident that is open or was lately; from the mirror while the warehouse is down."""
    local = _Mirror(bench.settings.state).read()
    try:
        with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
            known = _read(cursor, now) if bench.warehouse.exists(cursor, _TABLE) else []
    except HeadgateError:
        known = []
    return _newest(known, _recent(local, now))


def local_incidents(state: Path) -> list[Incident]:
    """The mirror alone: what this machine knew last."""
    return _Mirror(state).read()


class _Mirror:
    """The incidents as JSON below the state folder."""

    def __init__(self, state: Path) -> None:
        self._file = state / "incidents.json"

    def turn(self) -> AbstractContextManager[int]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return turn(self._file.with_suffix(".lock"), _TURN_SECONDS, lambda: None)

    def read(self) -> list[Incident]:
        try:
            return _INCIDENTS.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except ValueError:
            # Written by a later version or cut by a full disk: the warehouse has them, too.
            self._file.replace(self._file.with_suffix(".unreadable"))
            return []

    def write(self, found: Sequence[Incident]) -> None:
        fresh = self._file.with_name(f".incidents.{secrets.token_hex(4)}")
        fresh.write_bytes(_INCIDENTS.dump_json(list(found), indent=1))
        fresh.replace(self._file)


def is_done(adapter: Adapter, key: str) -> bool:
    """Whether some machine has noted that `key` was told."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        return bool(rows(cursor, "SELECT 1 FROM ops.fact WHERE fact_id = %s", (key[:128],)))


def done(adapter: Adapter, key: str, by: str, now: datetime) -> None:
    """Note for every machine that `key` was told. Noted after it is in the outbox: rather twice than never."""

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TableName(names.OPS, "fact"))
        cursor.execute("DELETE FROM ops.fact WHERE fact_id = %s", (key[:128],))
        _fact(cursor, key, "told", by, now)

    retried(adapter.address, "writing ops.fact", write)


def beat(adapter: Adapter, now: datetime, by: str) -> None:
    """Note that the watch is alive."""

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TableName(names.OPS, "fact"))
        cursor.execute("DELETE FROM ops.fact WHERE fact_id = 'watch'")
        _fact(cursor, "watch", "watch", by, now)

    retried(adapter.address, "writing ops.fact", write)


def last_beat(adapter: Adapter) -> datetime | None:
    """When a watch last looked, on any machine; None: never."""
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, "fact")):
            return None
        found = rows(cursor, "SELECT max(happened_at) FROM ops.fact WHERE fact_id = 'watch'")
    return aware(found[0][0]) if found[0][0] is not None else None


def _fact(cursor: Cursor, fact_id: str, kind: str, by: str, now: datetime) -> None:
    cursor.execute(
        "INSERT INTO ops.fact (fact_id, kind, subject, happened_at, told_by) VALUES (%s, %s, %s, %s, %s)",
        (fact_id[:128], kind, "", naive(now), by[:256]),
    )


def _change(cursor: Cursor, adapter: Adapter, local: Sequence[Incident], work: Change, now: datetime) -> list[Incident]:
    adapter.lock(cursor, _TABLE)
    known = _read(cursor, now)
    merged = _newest(known, _recent(local, now))
    after = work(merged)
    before = {item.incident_id: item for item in known}
    for item in after:
        if before.get(item.incident_id) != item:
            cursor.execute("DELETE FROM ops.incident WHERE incident_id = %s", (item.incident_id,))
            _insert(cursor, item)
    return after


def _read(cursor: Cursor, now: datetime) -> list[Incident]:
    found = rows(
        cursor,
        "SELECT body FROM ops.incident WHERE state IN ('open', 'acknowledged') OR closed_at > %s ORDER BY opened_at",
        (naive(now - REMEMBERED),),
    )
    return [Incident.model_validate_json(body) for (body,) in found]


def _insert(cursor: Cursor, item: Incident) -> None:
    trouble = item.trouble
    if len(trouble.tables) > _TABLES_KEPT:
        kept = item.model_copy(update={"trouble": trouble.model_copy(update={"tables": trouble.tables[:_TABLES_KEPT]})})
    else:
        kept = item
    cursor.execute(
        "INSERT INTO ops.incident (incident_id, scope, code, state, severity, family, tables, opened_at, closed_at, "
        "acknowledged_by, silenced_until, times, changed_at, body) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            item.incident_id, trouble.scope[:256], trouble.code[:64], item.state, trouble.severity, trouble.family,
            len(trouble.tables), naive(item.opened_at), naive(item.closed_at), item.acknowledged_by[:256] or None,
            naive(item.silenced_until), trouble.times, naive(item.changed_at), kept.model_dump_json(),
        ),
    )  # fmt: skip


def _newest(*lots: Iterable[Incident]) -> list[Incident]:
    """One of each incident, the one that was changed last."""
    found: dict[str, Incident] = {}
    for item in (item for lot in lots for item in lot):
        known = found.get(item.incident_id)
        if known is None or item.changed_at > known.changed_at:
            found[item.incident_id] = item
    return sorted(found.values(), key=lambda item: item.opened_at)


def _recent(found: Iterable[Incident], now: datetime) -> list[Incident]:
    return [item for item in found if item.active or (item.closed_at is not None and item.closed_at > now - REMEMBERED)]
