"""The text columns of a row joined as `expectations.contract.checksum` joins them, for both warehouses to hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import row_groups, text_groups
from tasks.warehouses.quoting import identifier

_BETWEEN = sql.SQL(" || chr(31) || ")


def joined_text(columns: Sequence[Column]) -> sql.Composed | None:
    """SQL of the text to hash; None where no column holds text."""
    return _joined(text_groups(columns), lambda column: identifier(column.name))


def joined_row(columns: Sequence[Column], text_of: Callable[[Column], sql.Composable]) -> sql.Composed:
    """SQL of the text to hash of a whole row. `text_of`: a value as text (`Adapter.value_text`)."""
    joined = _joined(row_groups(columns), text_of)
    assert joined is not None
    return joined


def _joined(groups: Sequence[Sequence[Column]], text_of: Callable[[Column], sql.Composable]) -> sql.Composed | None:
    joined = [
        _BETWEEN.join([sql.SQL("coalesce({}, chr(1))").format(text_of(column)) for column in group]) for group in groups
    ]
    if len(joined) > 1:
        return _BETWEEN.join([sql.SQL("md5({})").format(text) for text in joined])
    return joined[0] if joined else None
