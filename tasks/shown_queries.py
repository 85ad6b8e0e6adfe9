"""SELECTs on a live table that show a batch beside the windows before it: figures, values, rows.

They are plain enough for both warehouses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.declarations.columns import Column
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.quoting import identifier, literal

BEFORE = 14
"""Windows before the batch's own that it is shown beside."""
SHOWN = 20
NUMBERS = ("smallint", "integer", "bigint", "decimal", "double precision")
CLOCKS = ("timestamp", "timestamptz")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch's rows lie: in the table, and by which condition; with those before it where there are windows."""

    table: Table
    window: Window | None

    @property
    def live(self) -> str:
        return ".".join(map(identifier, self.table.table.split(".")))

    @property
    def inside(self) -> str:
        """True for the batch's rows; empty where they are all of the table."""
        return self._between(self.window)

    @property
    def around(self) -> str:
        if self.window is None:
            return ""
        start, end = self.window.start, self.window.end
        return self._between(Window(start - BEFORE * (end - start), end))

    @property
    def batch(self) -> str:
        """Which of the two a row is of; empty where there is but one."""
        return f"CASE WHEN {self.inside} THEN 'this batch' ELSE 'before' END" if self.inside else ""

    @property
    def unmasked(self) -> list[Column]:
        """The columns that may be shown by value."""
        return [column for column in self.table.columns if column.name not in self.table.masked]

    @property
    def key(self) -> list[str]:
        return [name for name in self.table.key if name not in self.table.masked]

    def column(self, name: str) -> Column | None:
        """A column that may be shown by value."""
        return next((one for one in self.unmasked if one.name == name), None)

    def _between(self, window: Window | None) -> str:
        by = self.table.compared_by
        if by is None or window is None:
            return ""
        low, high = (literal(str(bound)) for bound in by.bounds(window))
        return f"{identifier(by.name)} >= {low} AND {identifier(by.name)} < {high}"

    def where(self, condition: str = "", *, before: bool = False) -> str:
        told = [one for one in (self.around if before else self.inside, condition) if one]
        return f" WHERE {' AND '.join(told)}" if told else ""


def beside(place: Place, figures: str, by: str = "", condition: str = "") -> str:
    """Figures of the batch beside those of the windows before it, of the rows of each `by` apart."""
    groups = [f"{what} AS {called}" for what, called in ((place.batch, "batch"), (by, "of_rows")) if what]
    places = ", ".join(str(at + 1) for at in range(len(groups)))
    grouped = f" GROUP BY {places} ORDER BY {places}" if groups else ""
    return f"SELECT {', '.join([*groups, figures])} FROM {place.live}{place.where(condition, before=True)}{grouped}"


def counted(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END)"


def filled(column: Column) -> str:
    """The figures that say how many rows have a value, and no value."""
    return f"count(*) AS all_rows, count({identifier(column.name)}) AS with_a_value"


def is_value(column: Column, value: str) -> str | None:
    """The condition that a column holds a value out of the data; None where it can't be pasted: Redshift reads a backslash in a
    text as an escape, and writes no boolean as text."""
    name, number = identifier(column.name), _NUMBER.fullmatch(value)
    if column.column_type.kind in NUMBERS:
        return f"{name} = {value}" if number else None
    if column.column_type.kind == "boolean" or "\\" in value or not value.isprintable():
        return None
    return f"CAST({name} AS varchar) = {literal(value)}"


def by_kind(place: Place, column: Column) -> str:
    """The size of numbers; of other columns how many rows each value has, of clocks each hour."""
    name, kind = identifier(column.name), column.column_type.kind
    if kind in NUMBERS:
        return beside(
            place, f"count({name}) AS numbers, min({name}) AS least, avg({name}) AS mean, max({name}) AS most"
        )
    return by_value(place, column, f"EXTRACT(HOUR FROM {name})" if kind in CLOCKS else name)


def by_value(place: Place, column: Column, by: str = "") -> str:
    now = f"{counted(place.inside)} AS now_rows, " if place.inside else ""
    return (
        f"SELECT {by or identifier(column.name)} AS of_value, {now}count(*) AS all_rows FROM {place.live}"
        f"{place.where(before=True)} GROUP BY 1 ORDER BY 2 DESC LIMIT {SHOWN}"
    )


def new_values(place: Place, column: Column) -> str:
    """The commonest values that no window before had."""
    if not place.inside:
        return by_value(place, column)
    return (
        f"SELECT {identifier(column.name)} AS of_value, count(*) AS now_rows FROM {place.live}{place.where(before=True)} "
        f"GROUP BY 1 HAVING {counted(place.inside)} = count(*) ORDER BY 2 DESC LIMIT {SHOWN}"
    )


def by_day(place: Place) -> str:
    by = place.table.compared_by
    if by is None:
        return f"SELECT count(*) AS all_rows FROM {place.live}"
    day = f"CAST({identifier(by.name)} AS date) AS of_day"
    return f"SELECT {day}, count(*) AS all_rows FROM {place.live}{place.where(before=True)} GROUP BY 1 ORDER BY 1"


def rows_of(place: Place, columns: Sequence[str], condition: str = "", order: str = "") -> str:
    ordered = f" ORDER BY {order}" if order else ""
    # Where all columns are masked no row can be shown.
    listed = ", ".join(map(identifier, dict.fromkeys(columns)))
    if not listed:
        return f"SELECT count(*) AS all_rows FROM {place.live}{place.where(condition)}"
    return f"SELECT {listed} FROM {place.live}{place.where(condition)}{ordered} LIMIT {SHOWN}"
