"""The condition that a column's value lies in a window, as SQL that sources and both warehouses read the same."""

from __future__ import annotations

from psycopg2 import sql

from deployments.bounds import Bound


def within(column: sql.Composable, bounds: tuple[Bound, Bound]) -> sql.Composed:
    """Half-open; false or NULL for what has no value."""
    low, high = map(sql.Literal, bounds)
    return sql.SQL("({c} >= {low} AND {c} < {high})").format(c=column, low=low, high=high)
