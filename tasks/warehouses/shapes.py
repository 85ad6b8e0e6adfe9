"""What the warehouse's table has to look like, from its declaration."""

from __future__ import annotations

from collections.abc import Iterable

from deployments.declarations.table import Table
from tasks.warehouses.protocol import Shape


def shape_of(table: Table, readers: Iterable[str] = ()) -> Shape:
    """Columns, key, layout, comment and grants of a declared table. `readers`: groups that read the whole schema."""
    grants = tuple(dict.fromkeys([*table.grants, *readers]))
    return Shape(table.columns, table.key, table.physical, table.description, grants)
