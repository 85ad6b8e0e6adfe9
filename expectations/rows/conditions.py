"""The row condition of a rule as SQL: which rows it is about. A row of which that can't be said isn't one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.contract.quoting import identifier
from expectations.rows.literals import Columns

_COMPARISONS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def condition_sql(condition: Mapping[str, Any], columns: Columns) -> str:
    """A boolean expression, never NULL. ValueError for a condition that isn't one of the library's."""
    kind = condition.get("type")
    if kind in ("and", "or"):
        parts = [condition_sql(part, columns) for part in condition["conditions"]]
        return "(" + f" {kind.upper()} ".join(parts) + ")"
    name = condition["column"]["name"]
    if kind == "nullity":
        return f"(NOT {columns.present(name)})" if condition["is_null"] else columns.present(name)
    return f"({columns.present(name)} AND {_comparison(name, condition, columns)})"


def _comparison(name: str, condition: Mapping[str, Any], columns: Columns) -> str:
    operator, value = str(condition["operator"]), condition["parameter"]
    if operator in ("IN", "NOT_IN"):
        values = ", ".join(columns.literal(name, item) for item in value)
        return f"{identifier(name)} {operator.replace('_', ' ')} ({values})"
    return f"{identifier(name)} {_COMPARISONS[operator]} {columns.literal(name, value)}"
