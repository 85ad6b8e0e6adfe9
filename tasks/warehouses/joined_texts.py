"""The text of a row that is hashed by MD5: its values, one behind the other (`expectations.contract.checksum`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import row_groups

_BETWEEN = sql.SQL(" || chr(31) || ")


def joined_row(columns: Sequence[Column], text_of: Callable[[Column], sql.Composable]) -> sql.Composed:
    """SQL of the text to hash of a whole row. `text_of`: a value as text (`Adapter.value_text`)."""
    found = joined(row_groups(columns), text_of)
    assert found is not None
    return found


def joined(groups: Sequence[Sequence[Column]], text_of: Callable[[Column], sql.Composable]) -> sql.Composed | None:
    """SQL of the text to hash of groups of columns (`checksum.text_groups`); None where there is none."""
    found = [
        _BETWEEN.join([sql.SQL("coalesce({}, chr(1))").format(text_of(column)) for column in group]) for group in groups
    ]
    if len(found) > 1:
        return _BETWEEN.join([sql.SQL("md5({})").format(text) for text in found])
    return found[0] if found else None
