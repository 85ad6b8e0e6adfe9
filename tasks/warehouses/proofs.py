"""Proofs of publish: one small table per target, locked first in every publish, so that lock and truth are one.

A proof commits in the same transaction as the data it proves. The last proof of a batch that isn't undone says what the
live table holds of it. `sequence` counts the publishes of a target and orders them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.modes import ModeFacts
from tasks.warehouses.moments import aware, naive
from tasks.warehouses.names import TableName, proof
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import rows

SOURCE_KEY = "source"
"""The batch key of a table without windows."""
SINCE_KEY = "since:"
"""What the batch key of a load begins with that appends what its source has since a publish, whose number stands behind it."""
Kind = Literal["publish", "empty", "replay", "override", "rollback"]
LOST = "lost"
"""The fingerprint of a rollback that only notes that somebody else has dropped the live table."""
ERASED = "erased"
"""The fingerprint of a rollback that took single rows out for good (`headgate erase`): of the batch's load that stood then."""
UNPLACED = "erased"
"""The batch of such a rollback where no column tells which batch a row came with."""
WHOLE: tuple[Kind, ...] = ("publish", "empty", "override")
"""Kinds that load a batch as a whole. A replay adds rows to one, a rollback takes one back."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a batch at each hand-over; see docs/accounting.md for what each mode makes of them."""

    extracted: int = 0
    quarantined: int = 0
    staged: int = 0
    copied: int = 0
    superseded: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def published(self) -> int:
        return self.inserted + self.updated + self.unchanged

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return (
            self.extracted == self.staged + self.quarantined
            and self.staged == self.copied
            and self.copied == self.published + self.superseded
        )

    @property
    def replay_balanced(self) -> bool:
        """Whether every row of a replay is accounted for. A row may also be set aside again after its COPY, when its
        key lives in the table already."""
        return (
            self.extracted == self.published + self.quarantined + self.superseded and self.staged == self.copied
        )  # fmt: skip

    def sentence(self) -> str:
        return (
            f"extracted {self.extracted:,} = published {self.published:,} + quarantined {self.quarantined:,} "
            f"+ superseded {self.superseded:,}"
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """One publish of one batch. `batch_key` is the window's key, or 'source' for a table without windows."""

    sequence: int
    batch_key: str
    kind: Kind
    run_id: str
    attempt_id: str
    fingerprint: str
    declaration_hash: str
    suite_hash: str
    stage_uri: str
    published_at: datetime
    counts: Counts
    undone_by: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What it tells of its run, as the run's record has it."""
        counts = {**asdict(self.counts), "published": self.counts.published}
        return {"counts": counts, "accounting": self.counts.sentence(), "sequence": self.sequence}


@dataclass(frozen=True, slots=True)
class Quiet:
    """Batches whose loads all stand as they were published: nothing of them was undone, replayed, erased or merged. Of ten
    thousand windows nearly all are so, and a plan needs no more of them than this. By batch key: whether its last load was
    made by the declaration that was asked for, and how many rows it published.
    """

    batches: dict[str, tuple[bool, int]] = field(default_factory=dict)
    newest: str = ""
    """The batch of the last of these loads."""

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.batches.values())


_COUNTS = tuple(item.name for item in fields(Counts))
_COLUMNS = ("sequence", "batch_key", "kind", "run_id", "attempt_id", "fingerprint", "declaration_hash", "suite_hash",
            "stage_uri", "published_at", "undone_by", *_COUNTS)  # fmt: skip


def is_whole(batch_key: str) -> bool:
    """Whether a batch is one of a table without windows, which people call by no name."""
    return batch_key == SOURCE_KEY or batch_key.startswith(SINCE_KEY)


def create(cursor: Cursor, live: TableName) -> None:
    """Make the proof table of a target unless it is there."""
    table = proof(live)
    cursor.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (sequence bigint NOT NULL, batch_key varchar(64) NOT NULL, "
            "kind varchar(16) NOT NULL, run_id varchar(128) NOT NULL, attempt_id varchar(64) NOT NULL, "
            "fingerprint varchar(128) NOT NULL, declaration_hash varchar(64) NOT NULL, suite_hash varchar(64) NOT NULL, "
            "stage_uri varchar(1024) NOT NULL, published_at timestamp NOT NULL, undone_by bigint, {})"
        ).format(
            qualified(table),
            sql.SQL(", ").join(sql.SQL("{} bigint NOT NULL").format(identifier(name)) for name in _COUNTS),
        )
    )


def read(cursor: Cursor, live: TableName, batch_key: str | None = None, *, and_newest: bool = False) -> list[Proof]:
    """Proofs of a target, oldest first; the table must exist. `batch_key`: of one batch, `and_newest` with the newest of all."""
    table = proof(live)
    source = qualified(table)
    statement = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(map(identifier, _COLUMNS)), source)
    if batch_key is not None:
        statement += sql.SQL(" WHERE batch_key = %s")
        if and_newest:
            statement += sql.SQL(" OR sequence = (SELECT max(sequence) FROM {})").format(source)
    found = rows(cursor, statement + sql.SQL(" ORDER BY sequence"), None if batch_key is None else (batch_key,))
    return [_proof(row) for row in found]


_LOUD = "undone_by IS NOT NULL OR kind NOT IN %s OR updated + unchanged > 0"


def read_quiet(cursor: Cursor, live: TableName, declaration_hashes: Collection[str]) -> Quiet:
    """The quiet batches of a target; the table must exist."""
    statement = sql.SQL(
        f"SELECT batch_key, declaration_hash IN %s, inserted FROM {{0}} WHERE batch_key NOT IN "
        f"(SELECT batch_key FROM {{0}} WHERE {_LOUD}) ORDER BY sequence"
    ).format(qualified(proof(live)))
    found = rows(cursor, statement, (tuple(declaration_hashes), WHOLE))
    return Quiet({key: (as_declared, int(count)) for key, as_declared, count in found}, found[-1][0] if found else "")


def read_loud(cursor: Cursor, live: TableName, and_of: Collection[str]) -> list[Proof]:
    """Proofs of the batches that aren't quiet, and of these, oldest first; the table must exist."""
    statement = sql.SQL(
        f"SELECT {{1}} FROM {{0}} WHERE batch_key IN %s OR batch_key IN (SELECT batch_key FROM {{0}} WHERE {_LOUD}) "
        "ORDER BY sequence"
    ).format(qualified(proof(live)), sql.SQL(", ").join(map(identifier, _COLUMNS)))
    return [_proof(row) for row in rows(cursor, statement, (tuple(and_of) or ("",), WHOLE))]


def read_newest(cursor: Cursor, live: TableName, count: int, windows: int = 400) -> list[Proof]:
    """The newest proofs of a target, so many, with the first one, all of the batches that aren't quiet, and those of the last
    windows that stand; oldest first. The table must exist."""
    statement = sql.SQL(
        f"SELECT {{1}} FROM {{0}} WHERE sequence > (SELECT max(sequence) - %s FROM {{0}}) "
        f"OR sequence = (SELECT min(sequence) FROM {{0}}) OR batch_key IN (SELECT batch_key FROM {{0}} WHERE {_LOUD}) "
        "OR batch_key IN (SELECT DISTINCT batch_key FROM {0} WHERE batch_key LIKE '%%/%%' AND undone_by IS NULL "
        "AND kind <> 'rollback' ORDER BY batch_key DESC LIMIT %s) ORDER BY sequence"
    ).format(qualified(proof(live)), sql.SQL(", ").join(map(identifier, _COLUMNS)))
    return [_proof(row) for row in rows(cursor, statement, (count, WHOLE, windows))]


def newest(cursor: Cursor, live: TableName) -> tuple[datetime | None, str | None]:
    """When the newest of the loads that stand was published, and the last window's key among them; the table must exist."""
    table = proof(live)
    statement = sql.SQL(
        "SELECT max(published_at), max(CASE WHEN batch_key LIKE '%%/%%' THEN batch_key END) FROM {} "
        "WHERE undone_by IS NULL AND kind IN %s"
    ).format(qualified(table))
    ((at, key),) = rows(cursor, statement, (WHOLE,))
    return None if at is None else aware(at), key


def standing(proofs: Sequence[Proof]) -> dict[str, Proof]:
    """Per batch the load that stands: the last one that isn't undone."""
    return {item.batch_key: item for item in proofs if item.undone_by is None and item.kind in WHOLE}


def rows_expected(proofs: Sequence[Proof], mode: ModeFacts) -> int | None:
    """Rows that the live table must have by its proofs; None where no count tells (`merge`: rows of others are merged).

    Loads that took the rows of the one before them out are told by what stands of each batch; where some were merged before
    the mode was changed, or batches had other windows, by all that came and went.
    """
    if mode.merges:
        return None
    if not any(merged(item) for item in proofs) and not share_rows(item.batch_key for item in proofs):
        return _rows_standing(proofs)
    lost = max((item.sequence for item in proofs if item.fingerprint == LOST), default=0)
    return sum(item.counts.inserted - item.counts.deleted for item in proofs if item.sequence > lost)


def merged(proof: Proof) -> bool:
    """Whether a publish found rows of earlier ones to go on with, as only merges do: what mode it had isn't kept."""
    return proof.counts.updated + proof.counts.unchanged > 0


def share_rows(batch_keys: Iterable[str]) -> bool:
    """Whether one batch may have rows of another: their windows share a moment, or one is of the whole source. So it is where a
    table had another grid before, or none."""
    keys = set(batch_keys) - {UNPLACED}
    windows = sorted(key.split("/") for key in keys if "/" in key)
    whole = any(map(is_whole, keys))
    return (whole and len(windows) > 0) or any(one[1] > later[0] for one, later in pairwise(windows))


def overlapping(batch_key: str, others: Iterable[str]) -> list[str]:
    """Those of other batches that may have rows of this one, the earliest first."""
    return sorted(other for other in others if other != batch_key and share_rows((batch_key, other)))


def _rows_standing(proofs: Sequence[Proof]) -> int:
    by_batch: dict[str, list[Proof]] = {}
    for item in proofs:
        by_batch.setdefault(item.batch_key, []).append(item)
    found = sum(_rows_of_batch(by_batch[key], whole) for key, whole in standing(proofs).items())
    return found - sum(item.counts.deleted for item in by_batch.get(UNPLACED, ()))


def rows_since(proofs: Sequence[Proof], whole: Proof) -> int:
    """Rows of a table that publish `whole` made anew, with what was published on top of it."""
    later = [item for item in proofs if item.sequence > whole.sequence and item.undone_by is None]
    on_top = [item.counts for item in later if item.kind != "rollback"]
    found = whole.counts.inserted + sum(counts.inserted - counts.deleted for counts in on_top)
    return found - erased(proofs, whole)


def erased(proofs: Sequence[Proof], whole: Proof) -> int:
    """Rows of a load that were erased from the live table while it stood."""
    return sum(
        item.counts.deleted
        for item in proofs
        if item.fingerprint == ERASED and item.batch_key == whole.batch_key and _stood(proofs, item) == whole.sequence
    )


def erased_unplaced(proofs: Sequence[Proof], since: Proof) -> int:
    """Rows that were erased from the live table after a publish, and of which no column told the batch."""
    return sum(item.counts.deleted for item in proofs if item.batch_key == UNPLACED and item.sequence > since.sequence)


def _stood(proofs: Sequence[Proof], then: Proof) -> int:
    """The sequence of the load of a batch that stood just before `then`; 0: none."""
    return max(
        (
            item.sequence
            for item in proofs
            if item.batch_key == then.batch_key and item.kind in WHOLE and item.sequence < then.sequence
            and (item.undone_by is None or item.undone_by > then.sequence)
        ),
        default=0,
    )  # fmt: skip


def _rows_of_batch(of_batch: Sequence[Proof], whole: Proof) -> int:
    """Rows of a batch, of whose proofs `whole` is the load that stands."""
    replayed = sum(
        item.counts.inserted
        for item in of_batch
        if item.undone_by is None and item.kind == "replay" and item.sequence > whole.sequence
    )
    return whole.counts.published + replayed - erased(of_batch, whole)


def latest(proofs: Sequence[Proof], batch_key: str) -> int:
    """The sequence of the last thing that happened to a batch, replays and rollbacks included; 0: nothing."""
    return max((item.sequence for item in proofs if item.batch_key == batch_key), default=0)


def refused(proofs: Sequence[Proof], batch_key: str, declaration_hash: str, suite_hash: str) -> tuple[str, ...]:
    """Fingerprints of a batch's content that was rolled back and would be the same again under this declaration.

    The last load of a content counts: what was rolled back, and then loaded again on somebody's word, is refused no more;
    what had been loaded in peace before and was rolled back the last time is.
    """
    if all(item.undone_by is None for item in proofs):
        return ()
    last = {
        item.fingerprint: item
        for item in proofs
        if item.batch_key == batch_key
        and item.kind in WHOLE
        and (item.declaration_hash, item.suite_hash) == (declaration_hash, suite_hash)
    }
    lost = {item.sequence for item in proofs if item.kind == "rollback" and item.fingerprint == LOST}
    return tuple(
        sorted(content for content, item in last.items() if item.undone_by is not None and item.undone_by not in lost)
    )


def mark_undone(cursor: Cursor, live: TableName, sequences: Sequence[int], by: int) -> None:
    """Note which publishes the rollback `by` took back; in the transaction that takes them back."""
    table = proof(live)
    for sequence in sequences:
        cursor.execute(
            sql.SQL("UPDATE {} SET undone_by = %s WHERE sequence = %s").format(qualified(table)),
            (by, sequence),
        )


def write(cursor: Cursor, live: TableName, item: Proof) -> None:
    """Add a proof; the caller holds the table's lock and commits it together with the data."""
    table = proof(live)
    values = [*(getattr(item, name) for name in _COLUMNS[:9]), naive(item.published_at), item.undone_by]
    values += asdict(item.counts).values()
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            qualified(table),
            sql.SQL(", ").join(map(identifier, _COLUMNS)),
            sql.SQL(", ").join([sql.Placeholder()] * len(_COLUMNS)),
        ),
        values,
    )


def _proof(row: tuple[Any, ...]) -> Proof:
    published_at, undone_by, *counts = row[9:]
    values = (*row[:9], aware(published_at), Counts(*map(int, counts)), undone_by)
    return Proof(*values)
