"""What shows an alarm to whoever doubts it: the SQL to type, and up to three keys of the rows it is about.

The statements are plain enough for both warehouses. Of a masked column nothing is asked by value, and masked keys are told by
their keyed hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployments.declarations.columns import Column
from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.quoting import identifier, literal
from expectations.record import DriftAlert, RunRecord
from expectations.suites.keys import shown_keys
from tasks.warehouses.session import explained, rows, session
from tasks.workbench import Workbench

BEFORE = 14
"""Windows before the batch's own that it is shown beside."""
SHOWN = 20
KEYS = 3
_NUMBERS = ("smallint", "integer", "bigint", "decimal", "double precision")
_CLOCKS = ("timestamp", "timestamptz")
_OF_COPIES = ("rows multiplied", "rows repeated", "one row ")
_STEPS = {
    "whole numbers": "1",
    "one decimal": "0.1",
    "two decimals": "0.01",
    "tens": "10",
    "hundreds": "100",
    "thousands": "1000",
}
_PADDED = {"padded with spaces": "{0} <> trim({0})", "padded with zeros": "{0} LIKE '0%'"}
_OF_A_VALUE = ("placeholder ", "text ", "all ")


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

    def _between(self, window: Window | None) -> str:
        by = self.table.compared_by
        if by is None or window is None:
            return ""
        low, high = (literal(str(bound)) for bound in by.bounds(window))
        return f"{identifier(by.name)} >= {low} AND {identifier(by.name)} < {high}"

    def where(self, condition: str = "", *, before: bool = False) -> str:
        told = [one for one in (self.around if before else self.inside, condition) if one]
        return f" WHERE {' AND '.join(told)}" if told else ""


def statement(table: Table, window: Window | None, alert: DriftAlert) -> str | None:
    """The SELECT that shows an alarm on the live table; None where the column isn't there any more."""
    place, cause = Place(table, window), alert.cause or ""
    if alert.column is None:
        return _of_the_table(place, cause)
    column = next((one for one in table.columns if one.name == alert.column), None)
    if column is None:
        return None
    broken = _broken(table, cause)
    if broken is not None:
        columns, condition = broken
        return f"SELECT {', '.join(map(identifier, columns))} FROM {place.live}{place.where(condition)} LIMIT {SHOWN}"
    if " next to " in cause:
        other = identifier(cause.partition(" next to ")[2])
        apart = (
            f"avg(EXTRACT(EPOCH FROM {identifier(column.name)}) - EXTRACT(EPOCH FROM {other})) / 60 AS minutes_apart"
        )
        return _beside(place, apart)
    if alert.kind == "completeness" or column.name in table.masked:
        return _beside(place, f"count(*) AS all_rows, count({identifier(column.name)}) AS with_a_value")
    step = _STEPS.get(cause.partition(" to ")[2]) if cause.startswith(("rounded to ", "cut to ")) else None
    if step is not None and column.column_type.kind in _NUMBERS:
        name = identifier(column.name)
        return _beside(
            place,
            f"count({name}) AS numbers, sum(CASE WHEN {name} = round({name} / {step}) * {step} THEN 1 ELSE 0 END) AS round",
        )
    if cause in _PADDED and column.column_type.kind == "varchar":
        padded = _PADDED[cause].format(identifier(column.name))
        return _beside(place, f"count(*) AS all_rows, sum(CASE WHEN {padded} THEN 1 ELSE 0 END) AS padded")
    return _by_kind(place, column)


def _by_kind(place: Place, column: Column) -> str:
    name, kind = identifier(column.name), column.column_type.kind
    if kind in _NUMBERS:
        return _beside(
            place, f"count({name}) AS numbers, min({name}) AS least, avg({name}) AS mean, max({name}) AS most"
        )
    by = f"EXTRACT(HOUR FROM {name})" if kind in _CLOCKS else name
    now = f"sum(CASE WHEN {place.inside} THEN 1 ELSE 0 END) AS now_rows, " if place.inside else ""
    return (
        f"SELECT {by} AS of_value, {now}count(*) AS all_rows FROM {place.live}{place.where(before=True)} "
        f"GROUP BY 1 ORDER BY 2 DESC LIMIT {SHOWN}"
    )


def _of_the_table(place: Place, cause: str) -> str:
    by = place.table.compared_by
    listed = ", ".join(identifier(column.name) for column in place.table.columns)
    if cause.startswith("values one column to"):
        return f"SELECT {listed} FROM {place.live}{place.where()} LIMIT {SHOWN}"
    if cause.startswith(_OF_COPIES):
        return (
            f"SELECT {listed}, count(*) AS times FROM {place.live}{place.where()} GROUP BY {listed} "
            f"HAVING count(*) > 1 LIMIT {SHOWN}"
        )
    if by is None:
        return f"SELECT count(*) AS all_rows FROM {place.live}"
    day = f"CAST({identifier(by.name)} AS date) AS of_day"
    return f"SELECT {day}, count(*) AS all_rows FROM {place.live}{place.where(before=True)} GROUP BY 1 ORDER BY 1"


def _beside(place: Place, figures: str) -> str:
    """Figures of the batch beside those of the windows before it."""
    if not place.inside:
        return f"SELECT {figures} FROM {place.live}"
    batch = f"CASE WHEN {place.inside} THEN 'this batch' ELSE 'before' END"
    return f"SELECT {batch} AS batch, {figures} FROM {place.live}{place.where(before=True)} GROUP BY 1 ORDER BY 1"


def _broken(table: Table, cause: str) -> tuple[list[str], str] | None:
    """The columns of a formula that no longer holds, and the condition of the rows in which it doesn't."""
    formula, said, _ = cause.partition(" no longer holds")
    target, equals, right = formula.partition(" = ")
    sign = " * " if " * " in right else " + "
    columns = [target, *right.split(sign)]
    if not said or not equals or any(name not in {c.name for c in table.columns} for name in columns):
        return None
    made = sign.join(map(identifier, columns[1:]))
    return [*table.key, *columns], f"abs({identifier(target)} - ({made})) > 0.01"


def condition(table: Table, alert: DriftAlert) -> tuple[str, str | None] | None:
    """Which rows a named cause is about: a condition, or what equals a value; None where it is about all of them or tells no row
    from another. The value comes out of the data, and is bound: pasted, Redshift reads a backslash in it as an escape."""
    cause = alert.cause or ""
    column = next((one for one in table.columns if one.name == alert.column), None)
    if column is None:
        return None
    name, broken = identifier(column.name), _broken(table, cause)
    if broken is not None:
        return broken[1], None
    if cause in ("values missing", "empty instead of 0"):
        return f"{name} IS NULL", None
    if cause == "0 instead of empty":
        return f"{name} = 0", None
    if cause in ("negative numbers", "sign flipped"):
        return f"{name} < 0", None
    if cause.startswith("cut at "):
        return f"length({name}) = {int(cause.split()[2])}", None
    if cause in _PADDED and column.column_type.kind == "varchar":
        return _PADDED[cause].format(name), None
    # Redshift writes no boolean as text.
    if column.name in table.masked or column.column_type.kind == "boolean":
        return None
    value = cause.partition(" -> ")[2]
    for before in _OF_A_VALUE:
        if cause.startswith(before):
            value = cause.removeprefix(before).removesuffix(" instead of empty")
    return (f"CAST({name} AS varchar)", value) if value and "\0" not in value else None


def keys_of(bench: Workbench, table: Table, window: Window | None, alert: DriftAlert) -> tuple[dict[str, Any], ...]:
    """Up to three keys of live rows that a named cause is about, masked ones by their keyed hash."""
    found = condition(table, alert)
    place = Place(table, window)
    if found is None or not table.key or (window is not None and not place.inside):
        return ()
    rows_of, value = found
    listed = ", ".join(map(identifier, table.key))
    select = f"SELECT {listed} FROM {place.live}{place.where(rows_of)}{'' if value is None else ' = %s'}"
    doing = f"looking up rows of {table.table}"
    with explained(doing), session(bench.warehouse.address) as connection, connection.cursor() as cursor:
        told: Sequence[Sequence[object]] = rows(
            cursor, f"{select} ORDER BY {listed} LIMIT {KEYS}", None if value is None else (value,)
        )
    mask = bench.pii_key or b""
    return tuple(
        dict(one) for one in shown_keys([dict(zip(table.key, row, strict=True)) for row in told], table.masked, mask)
    )


@dataclass(frozen=True, slots=True)
class ShownBy:
    """How an alarm of a run can be looked at: what to type, and keys of rows it is about."""

    what: str
    keys: tuple[dict[str, Any], ...] = ()


def shown_by(bench: Workbench, record: RunRecord) -> dict[tuple[str | None, str], ShownBy]:
    """Of each alarm of a run by column and kind. The rows of a batch that was stopped are in no table: they are judged again."""
    table = bench.project.tables.get(record.table)
    if table is None or record.drift is None:
        return {}
    window = Window.from_key(record.batch_key) if "/" in record.batch_key else None
    if record.is_failure:
        which = f" --window {record.label}" if table.names_batches else ""
        again = ShownBy(f"headgate run {record.table}{which} --until judge")
        return {(alert.column, alert.kind): again for alert in record.drift.alerts}
    found = {}
    for alert in record.drift.alerts:
        what = statement(table, window, alert)
        if what is not None:
            found[alert.column, alert.kind] = ShownBy(what, keys_of(bench, table, window, alert))
    return found
