"""Rows of one key out of the warehouse for good: the live table, the tables beside it, quarantine, what `ops` kept of them.

The rows go in one transaction with a proof that counts them, so that the sums of what is published stay true; a table beside
the live one that holds such a row goes as a whole, and with it the undo of that publish. Running it again finds nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from deployments.bounds import WindowColumn
from deployments.errors import RetryableError
from deployments.windows import Window
from expectations.erased import Erased, in_raw
from expectations.record import RunRecord
from tasks.warehouses import generations, key_changes, names, ops, proofs
from tasks.warehouses.exactly_once import committed
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts, Proof
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.publication import prove_ours
from tasks.warehouses.quoting import identifier
from tasks.warehouses.quoting import qualified as _q
from tasks.warehouses.session import one, retried, rows, session

READ_AT_ONCE = 2_000
_TEXTS = (("check_result", "message", "target"), ("alert", "message", "target"), ("fact", "message", "subject"),
          ("incident", "body", "scope"))  # fmt: skip
"""Tables of `ops`, the text in them, and the column that names the target."""
Key = Mapping[str, tuple[str, ...]]
"""Columns and the values a row may have there, as the warehouse has them: of a hashed column one hash for each key."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be erased from a target. `batches`: the column that tells windows apart; `whole`: it has no windows.

    `hash_keys`: names of the keys that hashed values were looked for with, None where none is hashed. What is hashed with
    another one can't be read, and goes as a whole.
    """

    live: TableName
    key: Key
    batches: WindowColumn | None
    whole: bool
    hash_keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row of quarantine by what names it."""

    batch_key: str
    run_id: str
    record: int


def matching(adapter: Adapter, cursor: Cursor, table: TableName, key: Key) -> int:
    """Rows of a table with this key; 0 where it isn't there or lacks a column. psycopg2.Error: a value doesn't fit its type."""
    if not key.keys() <= {column.name for column in adapter.columns(cursor, table)}:
        return 0
    return int(one(cursor, sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_q(table), _where(key)))[0])


def beside(adapter: Adapter, cursor: Cursor, wanted: Wanted) -> list[TableName]:
    """Candidates and generations that hold such a row. What else is kept for the undo of the same publish is of no use then."""
    side = adapter.side_tables(cursor, wanted.live)
    held = [
        table
        for table in side
        if matching(adapter, cursor, table, wanted.key) or _is_unreadable(adapter, cursor, wanted, table)
    ]
    undone = {sequence for table in held if (sequence := generations.sequence_of(table)) is not None}
    return [table for table in side if table in held or generations.sequence_of(table) in undone]


def _is_unreadable(adapter: Adapter, cursor: Cursor, wanted: Wanted, table: TableName) -> bool:
    """Whether a table beside the live one is hashed with a key that isn't known here; of what failed runs left nobody knows."""
    if wanted.hash_keys is None or not adapter.exists(cursor, key_changes.CHANGES):
        return False
    sequence = generations.sequence_of(table)
    if sequence is None:
        return True
    # What a publish put in has its own key, what it took out or replaced the one before.
    put_in = table == names.added(wanted.live, sequence)
    key = key_changes.before(cursor, str(wanted.live), sequence + put_in)
    return key is not None and key not in wanted.hash_keys


def _unreadable_runs(adapter: Adapter, cursor: Cursor, wanted: Wanted) -> set[str]:
    """Runs whose rows, those set aside as well, are hashed with a key that isn't known here."""
    if wanted.hash_keys is None or not adapter.exists(cursor, key_changes.CHANGES):
        return set()
    known = proofs.read(cursor, wanted.live) if adapter.exists(cursor, names.proof(wanted.live)) else []
    keys = {proof.run_id: key_changes.before(cursor, str(wanted.live), proof.sequence + 1) for proof in known}
    return {run_id for run_id, key in keys.items() if key is not None and key not in wanted.hash_keys}


def only_theirs(adapter: Adapter, cursor: Cursor, wanted: Wanted, texts: Sequence[str]) -> dict[str, frozenset[str]]:
    """Per text column the values that these rows have, here and beside, and no other row of the live table."""
    found: dict[str, set[str]] = {name: set() for name in texts}
    live = {column.name for column in adapter.columns(cursor, wanted.live)}
    for table in (wanted.live, *beside(adapter, cursor, wanted)):
        there = {column.name for column in adapter.columns(cursor, table)}
        if not wanted.key.keys() <= there & live:
            continue
        for name in found.keys() & there & live:
            column = identifier(name)
            statement = sql.SQL(
                "SELECT {c} FROM {t} WHERE {w} AND {c} <> '' EXCEPT SELECT {c} FROM {l} WHERE NOT coalesce({w}, false)"
            ).format(c=column, t=_q(table), l=_q(wanted.live), w=_where(wanted.key))
            found[name] |= {str(value) for (value,) in rows(cursor, statement)}
    return {name: frozenset(values) for name, values in found.items() if values}


def set_aside(
    adapter: Adapter, cursor: Cursor, wanted: Wanted, erased: Erased, sources: Mapping[str, str]
) -> list[SetAside]:
    """Rows of quarantine, in whatever state, whose bytes hold the key, or hold hashes that can't be read here any more."""
    table, unreadable = names.quarantine(wanted.live), _unreadable_runs(adapter, cursor, wanted)
    if not adapter.exists(cursor, table):
        return []
    statement = sql.SQL("SELECT batch_key, run_id, record, layout, {} FROM {} WHERE NOT withheld").format(
        identifier("raw"), _q(table)
    )
    # By name it stays at the server: all rows at once would be as large as quarantine is.
    with cursor.connection.cursor(name="hg_aside") as kept:
        kept.itersize = READ_AT_ONCE
        kept.execute(statement)
        return [
            SetAside(str(batch), str(run), int(record))
            for batch, run, record, layout, raw in kept
            if run in unreadable or (raw is not None and in_raw(erased, sources, str(raw), layout))
        ]


def erase_rows(
    adapter: Adapter, wanted: Wanted, aside: Sequence[SetAside], run_id: str, attempt_id: str,
    note: Callable[[Cursor, int], None], now: datetime,
) -> int:  # fmt: skip
    """Take the rows out everywhere in one transaction; returns how many were live, which `note` is told before the commit."""

    def once(connection: Connection) -> int:
        with connection.cursor() as cursor:
            adapter.lock(cursor, names.proof(wanted.live))
            prove_ours(adapter, cursor, wanted.live)
            known = proofs.read(cursor, wanted.live)
            for table in beside(adapter, cursor, wanted):
                cursor.execute(sql.SQL("DROP TABLE {}").format(_q(table)))
            _delete_aside(cursor, wanted.live, aside)
            gone = _delete_live(adapter, cursor, wanted, known)
            sequence = max((proof.sequence for proof in known), default=0)
            for number, (batch_key, count) in enumerate(sorted(gone.items()), start=1):
                proofs.write(cursor, wanted.live, Proof(
                    sequence=sequence + number, batch_key=batch_key, kind="rollback", run_id=run_id, attempt_id=attempt_id,
                    fingerprint=proofs.ERASED, declaration_hash="", suite_hash="", stage_uri="",
                    published_at=now, counts=Counts(deleted=count),
                ))  # fmt: skip
            note(cursor, gone.total())
            connection.commit()
            return gone.total()

    def done(known: Sequence[Proof]) -> int | None:
        ours = [proof.counts.deleted for proof in known if proof.attempt_id == attempt_id]
        return sum(ours) if ours else None

    return committed(adapter, wanted.live, "erasing rows of", once, done)


def erase_from_books(adapter: Adapter, target: str, erased: Erased) -> int:
    """Take the values out of records, profiles and messages that `ops` keeps of a target; returns how many were changed."""
    changed = 0
    for table in ("run_record", "profile"):
        for run_id in _runs(adapter, table, target):
            work = partial(_rewrite, adapter, table, target, run_id, erased)
            changed += retried(adapter.address, f"erasing values in ops.{table}", work)
    for table, column, of in _TEXTS:
        changed += retried(
            adapter.address, f"erasing values in ops.{table}",
            partial(_reword, adapter, table, column, of, target, erased),
        )  # fmt: skip
    return changed


def erase_from_comparisons(adapter: Adapter, summaries: Iterable[str], erased: Erased) -> int:
    """Take the values out of examples of metrics that differed, of the summaries that were made of the rows."""
    return sum(
        retried(
            adapter.address, "erasing values in ops.metric_comparison",
            partial(_reword, adapter, "metric_comparison", "examples", of, name, erased),
        )
        for name in summaries for of in ("target", "other")
    )  # fmt: skip


def _runs(adapter: Adapter, table: str, target: str) -> list[str]:
    with session(adapter.address) as connection, connection.cursor() as cursor:
        if not adapter.exists(cursor, TableName(names.OPS, table)):
            return []
        statement = sql.SQL("SELECT DISTINCT run_id FROM {} WHERE target = %s").format(identifier(names.OPS, table))
        return [str(run_id) for (run_id,) in rows(cursor, statement, (target,))]


def _rewrite(adapter: Adapter, table: str, target: str, run_id: str, erased: Erased, cursor: Cursor) -> bool:
    """One long JSON of a run, kept in pieces."""
    # The same locks, in the same order, as of those who write them.
    adapter.lock(cursor, TableName(names.OPS, "run"))
    adapter.lock(cursor, TableName(names.OPS, "profile"))
    kept = identifier(names.OPS, table)
    of_run = sql.SQL("FROM {} WHERE run_id = %s AND target = %s").format(kept)
    pieces = rows(cursor, sql.SQL("SELECT body ") + of_run + sql.SQL(" ORDER BY piece"), (run_id, target))
    body = "".join(piece for (piece,) in pieces)
    before = json.loads(body)
    after = erased.profile(before) if table == "profile" else erased.tree(before)
    if after == before:
        return False
    if table == "run_record":
        RunRecord.model_validate(after)
    first = rows(cursor, sql.SQL("SELECT * ") + of_run + sql.SQL(" ORDER BY piece LIMIT 1"), (run_id, target))[0]
    cursor.execute(sql.SQL("DELETE ") + of_run, (run_id, target))
    # Piece and body are the last two columns of both tables.
    ops.insert(cursor, table, [(*first[:-2], n, text) for n, text in ops.pieces(json.dumps(after))])
    return True


def _reword(adapter: Adapter, table: str, column: str, of: str, target: str, erased: Erased, cursor: Cursor) -> int:
    """A text of a target's rows: one UPDATE for each that is another without the values."""
    where, name = TableName(names.OPS, table), identifier(column)
    if not adapter.exists(cursor, where):
        return 0
    adapter.lock(cursor, where)
    of_target = sql.SQL("{} = %s").format(identifier(of))
    found = rows(cursor, sql.SQL("SELECT DISTINCT {} FROM {} WHERE ").format(name, _q(where)) + of_target, (target,))
    changed = 0
    for (text,) in found:
        clean = text if text is None else _clean(text, erased, is_json=column == "body")
        if clean != text:
            statement = sql.SQL("UPDATE {} SET {} = %s WHERE {} = %s AND ").format(_q(where), name, name) + of_target
            cursor.execute(statement, (clean, text, target))
            changed += 1
    return changed


def _clean(text: str, erased: Erased, *, is_json: bool) -> str:
    if not is_json:
        return erased.text(text)
    before = json.loads(text)
    after = erased.tree(before)
    return text if after == before else json.dumps(after)


def _delete_aside(cursor: Cursor, live: TableName, aside: Iterable[SetAside]) -> None:
    for row in aside:
        cursor.execute(
            sql.SQL("DELETE FROM {} WHERE batch_key = %s AND run_id = %s AND record = %s").format(
                _q(names.quarantine(live))
            ),
            (row.batch_key, row.run_id, row.record),
        )


def _delete_live(adapter: Adapter, cursor: Cursor, wanted: Wanted, known: Sequence[Proof]) -> Counter[str]:
    """Delete the rows; how many went of each batch."""
    if not matching(adapter, cursor, wanted.live, wanted.key):
        return Counter()
    adapter.guard_deletes(cursor, wanted.live)
    found = _by_batch(cursor, wanted, known)
    cursor.execute(sql.SQL("DELETE FROM {} WHERE {}").format(_q(wanted.live), _where(wanted.key)))
    if cursor.rowcount != found.total():
        raise RetryableError(
            f"{wanted.live}: somebody else changed rows of this key meanwhile; nothing was erased", code="CONFLICT",
            next_command=f"headgate erase {wanted.live} --key ...",
        )  # fmt: skip
    return found


def _by_batch(cursor: Cursor, wanted: Wanted, known: Sequence[Proof]) -> Counter[str]:
    column = wanted.batches
    if column is None:
        key = "source" if wanted.whole else proofs.UNPLACED
        statement = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_q(wanted.live), _where(wanted.key))
        return Counter({key: int(one(cursor, statement)[0])})
    bounds = {key: column.bounds(Window.from_key(key)) for key in proofs.standing(known) if "/" in key}
    statement = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        identifier(column.name), _q(wanted.live), _where(wanted.key)
    )
    return Counter(
        next((key for key, (low, high) in bounds.items() if value is not None and low <= value < high), proofs.UNPLACED)
        for (value,) in rows(cursor, statement)
    )


def _where(key: Key) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} IN {}").format(identifier(name), sql.Literal(values)) for name, values in key.items()
    )
