"""The text columns of a row joined as `expectations.contract.checksum` joins them, for both warehouses to hash."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from deployments.declarations.columns import Column
from expectations.contract.checksum import text_groups

_BETWEEN = sql.SQL(" || chr(31) || ")


def joined_text(columns: Sequence[Column]) -> sql.Composed | None:
    """SQL of the text to hash; None where no column holds text."""
    groups = []
    for group in text_groups(columns):
        texts = [sql.SQL("coalesce({}, chr(1))").format(sql.Identifier(column.name)) for column in group]
        groups.append(_BETWEEN.join(texts))
    if len(groups) > 1:
        return _BETWEEN.join([sql.SQL("md5({})").format(joined) for joined in groups])
    return groups[0] if groups else None
