"""When the shape of a table changed, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.report.about import Column
from expectations.report.model import Line


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """The first run with a schema, and what it changed against the one before; `first` for the first one kept."""

    at: datetime
    run_id: str
    page: bool
    first: bool
    columns: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def schema_history(
    lines: Sequence[Line], schemas: Mapping[str, Sequence[Column]], pages: set[str]
) -> tuple[SchemaChange, ...]:
    """Changes of the contract's columns, newest first. Only runs that published count."""
    found: list[SchemaChange] = []
    current = ""
    for line in lines:
        if not line.published or not line.schema_hash or line.schema_hash == current:
            continue
        columns = schemas.get(line.schema_hash)
        if columns is None:
            continue
        old = {column.name: _shape(column) for column in schemas.get(current, ())}
        new = {column.name: _shape(column) for column in columns}
        found.append(
            SchemaChange(
                line.at, line.run_id, line.run_id in pages, not current, len(columns),
                added=tuple(name for name in new if current and name not in old),
                removed=tuple(name for name in old if name not in new),
                changed=tuple(f"{name} ({old[name]} → {new[name]})" for name in new if name in old and old[name] != new[name]),
            )
        )  # fmt: skip
        current = line.schema_hash
    return tuple(reversed(found))


def _shape(column: Column) -> str:
    return column.type if column.nullable else f"{column.type} not null"
