"""From where the source of a target goes on, kept beside its proofs: one state for each publish.

A state is written in the transaction of the publish it belongs to, so neither is there without the other; the one that counts
is that of the last publish that stands, so a rollback brings back the one before.
"""

from __future__ import annotations

from collections.abc import Collection

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from tasks.warehouses.names import TableName, state
from tasks.warehouses.quoting import qualified
from tasks.warehouses.session import rows

PIECE_CHARACTERS = 16_000
"""A warehouse text holds 65,535 bytes, and a character may take four."""


def create(cursor: Cursor, live: TableName) -> None:
    """Make the state table of a target unless it is there."""
    cursor.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (sequence bigint NOT NULL, piece integer NOT NULL, body varchar(65535) NOT NULL)"
        ).format(qualified(state(live)))
    )


def read(cursor: Cursor, live: TableName, sequence: int) -> str | None:
    """The state that a publish left; None where it left none. The table must exist."""
    statement = sql.SQL("SELECT body FROM {} WHERE sequence = %s ORDER BY piece").format(qualified(state(live)))
    found = rows(cursor, statement, (sequence,))
    return "".join(body for (body,) in found) if found else None


def write(cursor: Cursor, live: TableName, sequence: int, body: str, keep: Collection[int]) -> None:
    """Add the state of a publish and drop those of all others but `keep`; the caller holds the lock of the proofs."""
    table = qualified(state(live))
    known = {number for (number,) in rows(cursor, sql.SQL("SELECT DISTINCT sequence FROM {}").format(table))}
    if gone := known - {*keep}:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE sequence IN %s").format(table), (tuple(sorted(gone)),))
    pieces = [body[start : start + PIECE_CHARACTERS] for start in range(0, len(body), PIECE_CHARACTERS)]
    statement = sql.SQL("INSERT INTO {} VALUES %s").format(table).as_string(cursor)
    execute_values(cursor, statement, [(sequence, piece, text) for piece, text in enumerate(pieces)])
