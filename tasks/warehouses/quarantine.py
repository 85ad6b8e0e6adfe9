"""Rows set aside, in one table per target: written by COPY in the same transaction as their batch's publish.

Loading a window again supersedes what was set aside of it. The schema is closed to everybody but the owner.
States: open; replayed (it went into the table, or a newer version of its key had); discarded (its owner gave it up);
undone (the load that set it aside was rolled back).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import zstandard
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.errors import RetryableError
from tasks.objects.protocol import ObjectStore
from tasks.warehouses import clock, names
from tasks.warehouses.moments import naive
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import one, rows

if TYPE_CHECKING:
    from tasks.batch import Batch, Staged

_TYPES = {
    "batch_key": "varchar(64) NOT NULL", "label": "varchar(64) NOT NULL", "run_id": "varchar(128) NOT NULL",
    "record": "bigint NOT NULL", "code": "varchar(64) NOT NULL", "column_name": "varchar(128)",
    "raw": "varchar(65535)", "raw_sha256": "varchar(64) NOT NULL", "withheld": "boolean NOT NULL",
    "stage_uri": "varchar(1024) NOT NULL", "state": "varchar(16) NOT NULL", "quarantined_at": "timestamp NOT NULL",
    "layout": "varchar(65535)", "resolved_by": "varchar(256)", "resolved_at": "timestamp",
}  # fmt: skip
COLUMNS = tuple(_TYPES)
"""`layout` is the source's delimiter and header as JSON: what `raw` can be read by. `resolved_by`: a run or a person."""


def quarantine_writer(
    adapter: Adapter, store: ObjectStore, batch: Batch, staged: Staged | None, layout: str | None = None
) -> Callable[[Cursor], None]:
    """What the publish transaction calls to replace the batch's quarantined rows."""

    def write(cursor: Cursor) -> None:
        table = names.quarantine(batch.live)
        there = adapter.exists(cursor, table)
        key = staged.quarantine_key if staged is not None else None
        if not there and key is None:
            return
        if not there:
            create(cursor, table)
            adapter.close(cursor, table)
        else:
            _complete(adapter, cursor, table)
        cursor.execute(
            sql.SQL("DELETE FROM {} WHERE batch_key = %s AND state = 'open'").format(_q(table)), (batch.batch_key,)
        )
        if key is not None and staged is not None:
            arrived = _arrived(batch, staged.uri, layout, _fetched(store, key), clock.read(adapter, cursor))
            adapter.copy_rows(cursor, store, f"{batch.stage_key}/quarantine-rows", table, COLUMNS, arrived)

    return write


def _fetched(store: ObjectStore, key: str) -> bytes:
    """The staged file of rows set aside. Its end and a checksum are part of its format."""
    try:
        return zstandard.decompress(store.get(key))
    except FileNotFoundError:
        problem, code = "is gone from the stage", "STAGE-LOST"
    except zstandard.ZstdError:
        problem, code = "holds other bytes than were staged", "STAGE-CORRUPT"
    raise RetryableError(f"{store.url(key)} {problem}", code=code, next_command="headgate retry RUN")


def create(cursor: Cursor, table: TableName) -> None:
    """Make a quarantine table."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(identifier(name), sql.SQL(kind)) for name, kind in _TYPES.items()
    )
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(_q(table), columns))


def _complete(adapter: Adapter, cursor: Cursor, table: TableName) -> None:
    """Add the columns that an older version's table lacks."""
    there = {column.name for column in adapter.columns(cursor, table)}
    for name in COLUMNS:
        if name not in there:
            cursor.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(_q(table), identifier(name), sql.SQL(_TYPES[name]))
            )


@dataclass(frozen=True, slots=True)
class SetAside:
    """An open row. `raw` is None where its bytes were withheld; `layout` as in COLUMNS."""

    record: int
    code: str
    raw: str | None
    raw_sha256: str
    layout: str | None


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch with open rows, and the run that set them aside."""

    batch_key: str
    label: str
    run_id: str
    rows: int


def open_batches(
    adapter: Adapter, cursor: Cursor, live: TableName, code: str | None = None, batch_key: str | None = None
) -> list[OpenBatch]:
    """Batches of a target with open rows, oldest first."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return []
    where, values = _where(code=code, batch_key=batch_key)
    statement = sql.SQL("SELECT batch_key, label, run_id, count(*) FROM {}").format(_q(table)) + where
    found = rows(cursor, statement + sql.SQL(" GROUP BY batch_key, label, run_id ORDER BY batch_key, run_id"), values)
    return [OpenBatch(str(key), str(label), str(run_id), int(count)) for key, label, run_id, count in found]


def set_aside(
    adapter: Adapter, cursor: Cursor, live: TableName, batch_key: str, run_id: str, code: str | None
) -> list[SetAside]:
    """The open rows of a batch in their order in the source."""
    table = names.quarantine(live)
    _complete(adapter, cursor, table)
    where, values = _where(code=code, batch_key=batch_key, run_id=run_id)
    statement = sql.SQL("SELECT record, code, {}, raw_sha256, withheld, layout FROM {}").format(
        identifier("raw"), _q(table)
    )
    found = rows(cursor, statement + where + sql.SQL(" ORDER BY record"), values)
    return [
        SetAside(int(record), str(reason), None if withheld else str(raw), str(digest), layout)
        for record, reason, raw, digest, withheld, layout in found
    ]


def discard(
    adapter: Adapter, cursor: Cursor, live: TableName, code: str, batch_key: str | None, by: str, at: datetime
) -> int:
    """Mark open rows as given up; they stay to be looked at until they are too old. Returns how many."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return 0
    # Not beside a publish or a replay of the same target, which would count on them.
    adapter.lock(cursor, names.proof(live))
    _complete(adapter, cursor, table)
    where, values = _where(code=code, batch_key=batch_key)
    cursor.execute(
        sql.SQL("UPDATE {} SET state = 'discarded', resolved_by = %s, resolved_at = %s").format(_q(table)) + where,
        (by[:256], naive(at), *values),
    )
    return int(cursor.rowcount)


def count_old(adapter: Adapter, cursor: Cursor, live: TableName, before: datetime) -> int:
    """Rows that `forget` would delete."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return 0
    _complete(adapter, cursor, table)
    statement = sql.SQL("SELECT count(*) FROM {} WHERE coalesce(resolved_at, quarantined_at) < %s").format(_q(table))
    return int(one(cursor, statement, (naive(before),))[0])


def forget(adapter: Adapter, cursor: Cursor, live: TableName, before: datetime) -> int:
    """Delete rows that were set aside, or settled, before a moment. Returns how many."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return 0
    _complete(adapter, cursor, table)
    cursor.execute(
        sql.SQL("DELETE FROM {} WHERE coalesce(resolved_at, quarantined_at) < %s").format(_q(table)),
        (naive(before),),
    )
    return int(cursor.rowcount)


def _where(**wanted: str | None) -> tuple[sql.Composable, tuple[str, ...]]:
    """The condition for open rows with these values; None: any."""
    given = {name: value for name, value in wanted.items() if value is not None}
    conditions: list[sql.Composable] = [sql.SQL("state = 'open'")]
    conditions += [sql.SQL("{} = %s").format(identifier(name)) for name in given]
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions), tuple(given.values())


def undo_quarantine(adapter: Adapter, cursor: Cursor, live: TableName, run_id: str) -> None:
    """A run was rolled back: what it had set aside is of no use, and what it had replayed is open again."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return
    cursor.execute(
        sql.SQL("UPDATE {} SET state = 'undone' WHERE run_id = %s AND state = 'open'").format(_q(table)), (run_id,)
    )
    cursor.execute(
        sql.SQL(
            "UPDATE {} SET state = 'open', resolved_by = NULL, resolved_at = NULL WHERE resolved_by = %s "
            "AND state = 'replayed'"
        ).format(_q(table)),
        (run_id,),
    )


def summary(adapter: Adapter, cursor: Cursor, live: TableName) -> list[tuple[str, str, int, str]]:
    """(code, state, rows, newest label) of a target's quarantine."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return []
    return [
        (str(code), str(state), int(count), str(label))
        for code, state, count, label in rows(
            cursor,
            sql.SQL(
                "SELECT code, state, count(*), max(label) FROM {} GROUP BY code, state ORDER BY count(*) DESC, code"
            ).format(_q(table)),
        )
    ]


def rows_of(
    adapter: Adapter, cursor: Cursor, live: TableName, code: str | None, limit: int | None, label: str | None = None
) -> list[dict[str, object]]:
    """Open rows of a target's quarantine, newest batch first; `raw` is None where the bytes were withheld."""
    table = names.quarantine(live)
    if not adapter.exists(cursor, table):
        return []
    asked = [(name, value) for name, value in (("code", code), ("label", label)) if value is not None]
    where = sql.SQL("").join(sql.SQL(" AND {} = %s").format(identifier(name)) for name, _ in asked)
    found = rows(
        cursor,
        sql.SQL(
            "SELECT batch_key, label, run_id, record, code, column_name, \"raw\", withheld FROM {} WHERE state = 'open'"
        ).format(_q(table))
        + where
        + sql.SQL(" ORDER BY batch_key DESC, record")
        + (sql.SQL("") if limit is None else sql.SQL(" LIMIT {}").format(sql.Literal(limit))),
        tuple(value for _, value in asked) or None,
    )
    keys = ("batch_key", "label", "run_id", "record", "code", "column", "raw", "withheld")
    return [{**dict(zip(keys, row, strict=True)), "raw": None if row[7] else row[6]} for row in found]


def _arrived(batch: Batch, uri: str, layout: str | None, data: bytes, at: datetime) -> Iterator[tuple[object, ...]]:
    """Rows of the quarantine table from the staged file of rows set aside."""
    now = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    text = io.StringIO(data.decode(errors="surrogatepass"), newline="")
    for record, code, column, raw, digest, withheld in csv.reader(text):
        hidden = withheld == "True"
        yield (batch.batch_key, batch.label, batch.run_id, int(record), code, column or None, None if hidden else raw,
               digest, hidden, uri, "open", now, layout, None, None)  # fmt: skip
