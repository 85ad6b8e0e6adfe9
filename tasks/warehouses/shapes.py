"""What the warehouse's table has to look like, from its declaration."""

from __future__ import annotations

from deployments.declarations.table import Table
from tasks.warehouses.protocol import Shape


def shape_of(table: Table) -> Shape:
    """Columns, key, layout, comment and grants of a declared table."""
    return Shape(table.columns, table.key, table.physical, table.description, table.grants)
