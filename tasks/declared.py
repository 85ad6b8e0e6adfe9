"""How the columns of a table were declared when each batch of its history was loaded.

A column that is declared anew (its type, where it comes from, how its values are read) has other values from then on, and
somebody has said so: they are no drift. Its history begins with the first batch that was loaded as it is declared now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployments.declarations.columns import Column
from expectations.drift.acceptance import EVERY_KIND
from expectations.drift.model import Accepted
from tasks.watched import Watched

KEY = "declared"
"""Where a kept profile says how its columns were declared."""
_NO_BATCH = ""


def declared_columns(table: Watched) -> dict[str, str]:
    """Everything that decides which values a column holds, by its name."""
    return {column.name: f"{_said(column)} {table.pii.get(column.name) == 'hash'}" for column in table.columns}


def _said(column: Column) -> str:
    return column.model_dump_json(exclude={"nullable", "unit", "description", "encode"}, exclude_defaults=True)


def declared_anew(
    table: Watched, labels: Sequence[str], history: Sequence[Mapping[str, str] | None]
) -> tuple[Accepted, ...]:
    """Columns that batches of the history were loaded with by another declaration, each with the batch its level begins at.

    `history` has None for a batch of which it isn't known: it counts as declared like the one after it.
    """
    found, now = list[Accepted](), declared_columns(table)
    told = [item for item in history if item is not None]
    gone = {name for item in told for name in item} - now.keys()
    for name, said in now.items():
        other = [place for place, item in enumerate(history) if item is not None and item.get(name) != said]
        if other:
            first = max(other) + 1
            level = labels[first] if first < len(labels) else _NO_BATCH
            found.append(Accepted(name, EVERY_KIND, level_from=level))
    return (*found, *(Accepted(name, EVERY_KIND, level_from=_NO_BATCH) for name in sorted(gone)))
