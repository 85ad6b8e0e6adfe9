"""The figures of rows (`expectations.contract.checksum`), asked of the warehouse that holds them."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column
from expectations.contract.checksum import Checksum, Hash, beside, read_checksum
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import one

SUMMED_AT_ONCE = 400
"""Columns of one query: a select list has at most 1,664 items, and each column takes three."""


def figures_of(
    cursor: Cursor, adapter: Adapter, rows: sql.Composable, columns: Sequence[Column], hashed_by: Hash = "md5"
) -> Checksum:
    """The figures of rows (SQL that stands after FROM), computed by the warehouse with the hash that the checker had."""
    figures: list[Checksum] = []
    for start in range(0, len(columns), SUMMED_AT_ONCE):
        some = columns[start : start + SUMMED_AT_ONCE]
        listed = adapter.checksum_list(some, () if start else columns, hashed_by)
        row = one(cursor, sql.SQL("SELECT {} FROM {}").format(listed, rows))
        figures.append(read_checksum(row, len(some), hashed_by))
    return beside(figures, figures[0].text_hash, figures[0].json_hash, hashed_by)
