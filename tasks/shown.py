"""What shows an alarm to whoever doubts it: the SQL to type, and up to three keys of the rows it is about.

The statements are plain enough for both warehouses. Of a masked column nothing is asked by value, and masked keys are told by
their keyed hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployments.declarations.table import Table
from deployments.windows import Window
from expectations.contract.quoting import identifier
from expectations.record import DriftAlert, RunRecord
from expectations.suites.keys import shown_keys
from tasks.shown_causes import PADDED, of_a_column, of_the_table
from tasks.shown_queries import Place, beside, filled, rows_of
from tasks.warehouses.session import explained, rows, session
from tasks.workbench import Workbench

KEYS = 3
_OF_A_VALUE = ("placeholder ", "text ", "all ", "new label ", "more rows with ")


def statement(table: Table, window: Window | None, alert: DriftAlert) -> str | None:
    """The SELECT that shows an alarm on the live table; None where the column isn't there any more."""
    place, cause = Place(table, window), alert.cause or ""
    if alert.column is None:
        return of_the_table(place, cause)
    column = next((one for one in table.columns if one.name == alert.column), None)
    if column is None:
        return None
    broken = _broken(table, cause)
    if broken is not None:
        return rows_of(place, *broken)
    if column.name in table.masked or (alert.kind == "completeness" and not cause):
        return beside(place, filled(column))
    return of_a_column(place, column, cause)


def _broken(table: Table, cause: str) -> tuple[list[str], str] | None:
    """The columns of a formula that no longer holds, and the condition of the rows in which it doesn't."""
    formula, said, _ = cause.partition(" no longer holds")
    target, equals, right = formula.partition(" = ")
    sign = " * " if " * " in right else " + "
    columns = [target, *right.split(sign)]
    if not said or not equals or any(name not in {c.name for c in table.columns} for name in columns):
        return None
    if not table.masked.isdisjoint(columns):
        return None
    made = sign.join(map(identifier, columns[1:]))
    return [
        *(name for name in table.key if name not in table.masked),
        *columns,
    ], f"abs({identifier(target)} - ({made})) > 0.01"


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
    if cause.startswith("padded with ") and column.column_type.kind == "varchar":
        return PADDED[cause].format(name), None
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
    about, value = found
    listed = ", ".join(map(identifier, table.key))
    select = f"SELECT {listed} FROM {place.live}{place.where(about)}{'' if value is None else ' = %s'}"
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
