"""The figures of `expectations.contract.native_hash`, computed by PostgreSQL with its own hash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock

import numpy as np
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from deployments.errors import HeadgateError
from expectations.contract import lookup3
from expectations.contract.checksum import NULL_IN_HASH
from expectations.contract.native_hash import LONGEST_TEXT, may_be_long
from tasks.warehouses.postgres import checksums
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import Address, DriverError, transaction

logger = logging.getLogger(__name__)
_known: dict[Address, bool] = {}
_guard = Lock()
_TIMES = {
    "timestamp": "timestamp_hash_extended({}, 0)",
    # It is UTC in our sessions, as the server keeps it.
    "timestamptz": "timestamp_hash_extended({}::timestamp, 0)",
    "time": "time_hash_extended({}, 0)",
}


def summed(column: Column) -> sql.Composed:
    """The sum of a column, 0 of no rows; of points in time that of their hashes."""
    form = _TIMES.get(column.column_type.kind)
    if form is None:
        return checksums.summed(column)
    return sql.SQL("coalesce(sum(" + form + "), 0)").format(identifier(column.name))


def hashed(columns: Sequence[Column]) -> sql.Composable:
    """The sum of the hashes of rows of texts, each text hashed with the hash of the one before."""
    found: sql.Composable = sql.SQL("0")
    for column in columns:
        text = checksums.value_text(column)
        taken = sql.SQL("coalesce({}, chr({}))").format(text, sql.Literal(ord(NULL_IN_HASH)))
        if may_be_long(column):
            taken = sql.SQL("CASE WHEN octet_length({0}) > {1} THEN md5({0}) ELSE {2} END").format(
                text, sql.Literal(LONGEST_TEXT), taken
            )
        found = sql.SQL('hashtextextended(({}) COLLATE "C", {})').format(taken, found)
    return sql.SQL("coalesce(sum({}), 0)").format(found) if columns else found


def are_known(address: Address) -> bool:
    """Whether the server's own hash is the one that we know: no page of its documentation promises that it stays.

    It is asked once in a process, since all parts of a batch are hashed alike. Of one that can't be reached then they aren't
    known: what is checked waits for no warehouse.
    """
    with _guard:
        if address not in _known:
            try:
                with transaction(address) as cursor:
                    _known[address] = _hashes_as_we_do(cursor)
            except (DriverError, HeadgateError) as error:
                logger.warning("rows are proven by MD5, since %s can't be asked for its hash: %s", address.place, error)
                _known[address] = False
        return _known[address]


def _hashes_as_we_do(cursor: Cursor) -> bool:
    texts = ["", "a", "twelve bytes", "한글 and what is longer than one block", "x" * LONGEST_TEXT]
    moments = [0, 1, -1, 700_000_000_123_456, -(2**50)]
    cursor.execute(
        'SELECT hashtextextended(t COLLATE "C", hashtextextended(t COLLATE "C", 0)), '
        "timestamp_hash_extended(timestamp '2000-01-01' + n * interval '1 microsecond', 0), "
        "time_hash_extended(time '00:00' + abs(n %% 1000000) * interval '1 microsecond', 0) "
        "FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY AS known(t, n, place) ORDER BY place",
        (texts, moments),
    )
    found = [tuple(map(int, row)) for row in cursor.fetchall()]
    return found == [
        (_twice(text), _once(moment), _once(abs(moment) % 1_000_000))
        for text, moment in zip(texts, moments, strict=True)
    ]


def _once(number: int) -> int:
    return lookup3.total(lookup3.of_integers(np.array([number])))


def _twice(text: str) -> int:
    blob, length = text.encode(), np.array([len(text.encode())])
    return lookup3.total(lookup3.of_texts(blob, length, lookup3.of_texts(blob, length)))
