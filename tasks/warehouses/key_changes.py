"""When the key of a table's hashed columns changed: by which publish, and what it was before.

What is kept for an undo has the key of its time: a rollback brings it back with the rows, and an erasure has to know which of
them it can't read.
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from tasks.warehouses import names
from tasks.warehouses.names import TableName
from tasks.warehouses.session import rows

UNKNOWN = ""
"""The key of rows that were loaded by a version that noted none."""
CHANGES = TableName(names.OPS, "hash_key_change")


def current(cursor: Cursor, target: str) -> str | None:
    """The name of the key of a table's live rows; None where none was noted."""
    found = rows(cursor, "SELECT key_name FROM ops.hash_key WHERE target = %s", (target,))
    return str(found[0][0]) if found else None


def change(cursor: Cursor, target: str, sequence: int, key: str) -> None:
    """Note that from a publish (or rollback) of this number on the rows have another key. The caller holds the proof's lock."""
    before = current(cursor, target)
    cursor.execute(
        "INSERT INTO ops.hash_key_change (target, sequence, key_before) VALUES (%s, %s, %s)",
        (target, sequence, UNKNOWN if before is None else before),
    )
    cursor.execute("DELETE FROM ops.hash_key WHERE target = %s", (target,))
    if key != UNKNOWN:
        cursor.execute("INSERT INTO ops.hash_key (target, key_name) VALUES (%s, %s)", (target, key))


def before(cursor: Cursor, target: str, sequence: int) -> str | None:
    """The key of the rows as they were before a publish: that of today, unless it or a later one has changed it."""
    found = rows(
        cursor,
        "SELECT key_before FROM ops.hash_key_change WHERE target = %s AND sequence >= %s ORDER BY sequence LIMIT 1",
        (target, sequence),
    )
    return str(found[0][0]) if found else current(cursor, target)


def take_back(cursor: Cursor, target: str, sequence: int, own: int) -> None:
    """The key that a rollback leaves: the one of before publish `sequence`, whose rows came back by rollback `own`."""
    key = before(cursor, target, sequence)
    if key is not None and key != current(cursor, target):
        change(cursor, target, own, key)
