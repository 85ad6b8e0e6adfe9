"""The columns a rule names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployments.declarations.problems import KeyPath
from deployments.declarations.signatures import COLUMN_ARGUMENTS


def columns_named(kwargs: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Every column the arguments of a rule name, with its place within them."""
    for key in COLUMN_ARGUMENTS:
        value = kwargs.get(key)
        if isinstance(value, str):
            yield (key,), value
        elif isinstance(value, list | tuple):
            yield from (((key, position), name) for position, name in enumerate(value) if isinstance(name, str))
    condition = kwargs.get("row_condition")
    if isinstance(condition, Mapping):
        for name in condition_columns(condition):
            yield ("row_condition",), name


def condition_columns(condition: Mapping[str, Any], *, compared: bool = False) -> Iterator[str]:
    """Every column a row condition names; `compared`: only those whose values matter, not whether there is one."""
    column = condition.get("column")
    counts = not compared or condition.get("type") == "comparison"
    if counts and isinstance(column, Mapping) and isinstance(column.get("name"), str):
        yield column["name"]
    for part in condition.get("conditions") or ():
        if isinstance(part, Mapping):
            yield from condition_columns(part, compared=compared)
