"""What comparisons with the source found, window by window, in `ops.reconciliation`: the last one of each window counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from deployments.windows import Window
from tasks.warehouses import names, ops
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import retried, rows

if TYPE_CHECKING:
    from tasks.reconcile.compare import Finding

TABLE = TableName(names.OPS, "reconciliation")
_COUNTS = ("missing", "changed", "surplus", "doubled")
_COLUMNS = ("target", "batch_key", "label", "compared_at", "source_rows", "live_rows", *_COUNTS)
_DELETED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Differing:
    """A window that differed from its source when it was compared last, and hasn't been published since."""

    target: str
    label: str
    at: datetime
    counts: dict[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{rows:,} {what}" for what, rows in self.counts.items() if rows)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a table is known to agree with its source: of the compared windows the newest that follow each other. `until` None:
    not even the oldest of them does, or it has no windows (`since` ''): then `at` says when all of it did."""

    since: str
    until: str | None
    at: datetime
    differing: tuple[Differing, ...] = ()

    def sentence(self) -> str:
        """For people: 'reconciled up to 2026-11-20 (from 2026-10-20; looked at 2026-11-21 04:00 UTC)'."""
        when = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.until is not None:
            return f"reconciled up to {self.until} (from {self.since}; last looked at {when})"
        if self.differing:
            return f"differs from its source: {self.differing[0].label} (looked at {when})"
        return f"reconciled at {when}"


def save(adapter: Adapter, target: str, findings: Sequence[Finding], now: datetime) -> Coverage | None:
    """Keep what was found of each window in place of what was found before; how far the table is reconciled now."""
    ops.prepare(adapter, [])
    known = [item for item in findings if not item.unknown]

    def write(cursor: Cursor) -> None:
        adapter.lock(cursor, TABLE)
        for start in range(0, len(known), _DELETED_AT_ONCE):
            some = tuple(item.batch_key for item in known[start : start + _DELETED_AT_ONCE])
            cursor.execute("DELETE FROM ops.reconciliation WHERE target = %s AND batch_key IN %s", (target, some))
        if known:
            statement = sql.SQL("INSERT INTO ops.reconciliation ({}) VALUES %s").format(
                sql.SQL(", ").join(map(identifier, _COLUMNS))
            )
            values = [
                (target, item.batch_key, item.label, naive(item.at or now), item.source_rows, item.live_rows,
                 *(getattr(item.difference, name) for name in _COUNTS))
                for item in known
            ]  # fmt: skip
            execute_values(cursor, statement.as_string(cursor), values, page_size=200)

    retried(adapter.address, "writing ops.reconciliation", write)
    return coverage(adapter, [target]).get(target)


def coverage(adapter: Adapter, targets: Sequence[str]) -> dict[str, Coverage]:
    """How far each of these tables is reconciled; those that never were compared aren't in it."""

    def read(cursor: Cursor) -> list[tuple[object, ...]]:
        if not targets or not adapter.exists(cursor, TABLE):
            return []
        return rows(cursor, _known("r.target IN %s"), (tuple(targets),))

    found: dict[str, list[tuple[object, ...]]] = {}
    for row in retried(adapter.address, "reading ops.reconciliation", read):
        found.setdefault(str(row[0]), []).append(row)
    return {target: _coverage(target, windows) for target, windows in found.items()}


def differing(adapter: Adapter, cursor: Cursor) -> list[Differing]:
    """Every window of every table that differed, and hasn't been published since."""
    if not adapter.exists(cursor, TABLE):
        return []
    found = rows(cursor, _known("r.missing + r.changed + r.surplus + r.doubled > 0"))
    return [_differing(row) for row in found if not row[-1]]


def _known(condition: str) -> str:
    """What was found, and how often the window was published since: then it is no longer known. A join, since Redshift refuses
    a subquery that depends on a row by more than equality."""
    found = ", ".join(f"r.{name}" for name in _COLUMNS)
    return (
        f"SELECT {found}, count(l.sequence) FROM ops.reconciliation r LEFT JOIN ops.ledger l ON l.target = r.target "
        f"AND l.batch_key = r.batch_key AND l.published_at > r.compared_at WHERE {condition} GROUP BY {found} "
        "ORDER BY r.target, r.batch_key"
    )


def _coverage(target: str, windows: Sequence[tuple[object, ...]]) -> Coverage:
    open_ones = [_differing(row) for row in windows if _wrong(row) and not row[-1]]
    at = max(_moment(row[3]) for row in windows)
    until, since = None, ""
    stretch = _newest_stretch([row for row in windows if "/" in str(row[1])])
    if stretch:
        since = str(stretch[0][2])
    for row in stretch:
        if _wrong(row):
            break
        until = Window.from_key(str(row[1])).end
    return Coverage(since, None if until is None else f"{until:%Y-%m-%d %H:%M} UTC", at, tuple(open_ones))


def _newest_stretch(windows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The last windows that follow each other: nothing is known of one that was never compared."""
    found: list[tuple[object, ...]] = []
    for row in windows:
        if found and Window.from_key(str(found[-1][1])).end != Window.from_key(str(row[1])).start:
            found = []
        found.append(row)
    return found


def _differing(row: Sequence[object]) -> Differing:
    return Differing(
        str(row[0]), str(row[2]), _moment(row[3]), dict(zip(_COUNTS, map(_number, row[6:10]), strict=True))
    )


def _wrong(row: Sequence[object]) -> bool:
    return any(_number(rows) for rows in row[6:10])


def _number(value: object) -> int:
    return int(str(value))


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)
    return aware(value)
