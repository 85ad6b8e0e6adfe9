"""What a table has to look like, from its declaration, and what it looks like in the words of one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deployments.declarations.columns import Column, parse_type
from deployments.declarations.summary import Summary
from deployments.declarations.table import Physical, Table
from tasks.warehouses.names import TableName


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column as the catalog has it; `type` is spelled as declarations spell it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table to be made has to look like."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    physical: Physical
    description: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """What the server understands a SELECT to read, and what of it a summary may not call or use."""

    relations: tuple[TableName, ...]
    refused: tuple[str, ...]


def shape_of(table: Table, readers: Iterable[str] = ()) -> Shape:
    """Columns, key, layout, comment and grants of a declared table. `readers`: groups that read the whole schema."""
    grants = tuple(dict.fromkeys([*table.grants, *readers]))
    return Shape(table.columns, table.key, table.physical, table.description, grants)


def shape_of_summary(summary: Summary, readers: Iterable[str] = ()) -> Shape:
    """The same of a summary; no columns where it has no contract."""
    columns = tuple(
        column.model_copy(update={"description": column.description or summary.metrics.get(column.name)})
        for column in summary.contract
    )
    grants = tuple(dict.fromkeys([*summary.grants, *readers]))
    return Shape(columns, summary.key, summary.physical, summary.description, grants)


def declared_type(text: str) -> str:
    """A catalog's spelling of a type as a declaration spells it; another type's name is left as it is."""
    try:
        # Redshift's type of bytes has a length; ours is one for all.
        return str(parse_type(re.sub(r"^(binary varying|varbyte)\(\d+\)$", r"\1", text)))
    except ValueError:
        return text
