"""Run the cases of a summary: its SELECT over small tables of the warehouse that nobody sees and that are gone afterwards.

All of a case happens in one transaction that is rolled back. The tables have the columns and types of the contracts; those of
a summary that is an input are made by its own SELECT over empty tables. Nothing of the live tables is read.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.problems import nearest
from deployments.declarations.select import in_other_schemas
from deployments.declarations.sql_functions import CALLABLE
from deployments.declarations.summary import Summary
from deployments.declarations.summary_cases import Case, Rows
from deployments.errors import DeclarationError
from deployments.windows import Window
from tasks.one_sql import as_read
from tasks.only_reads import told
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import rows, session
from tasks.workbench import Workbench

_DIGITS = 9
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: expected rows that didn't come out, and rows that came out and weren't expected."""

    summary: str
    case: str
    columns: tuple[str, ...]
    missing: tuple[Row, ...]
    unexpected: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        return not self.missing and not self.unexpected


@dataclass(frozen=True, slots=True)
class _Bench:
    """The tables of one case: schemas of the project by the ones that stand for them, and what was made."""

    bench: Workbench
    cursor: Cursor
    mark: str
    schemas: dict[str, str] = field(default_factory=dict)
    made: set[TableName] = field(default_factory=set)

    def place(self, name: str) -> TableName:
        """The table that stands for a declared one."""
        table = TableName.parse(name)
        if table.schema not in self.schemas:
            self.schemas[table.schema] = f"hg_{self.mark}_{len(self.schemas)}"
            self.cursor.execute(sql.SQL("CREATE SCHEMA {}").format(identifier(self.schemas[table.schema])))
        return TableName(self.schemas[table.schema], table.name)


def run_case(bench: Workbench, summary: Summary, case: Case) -> Outcome:
    """Run one case. DeclarationError where it names what isn't there, or where the SELECT can't run."""
    summary = as_read(bench, summary)
    names = [item.table for item in summary.inputs]
    for name in case.rows_given:
        if name not in names:
            raise _wrong(summary, case, f"gives rows of {name}, which isn't among the inputs", name, names)
    what = f"the SELECT of {summary.target}, case '{case.name}'"
    statement = summary.statement(_window(summary, case))
    try:
        with session(bench.warehouse.address) as connection, connection.cursor() as cursor:
            tables = _Bench(bench, cursor, secrets.token_hex(4))
            for name in names:
                _make(tables, name)
                _fill(tables, summary, case, tables.place(name), case.rows_given.get(name, ()))
            result = _run(tables, summary, statement, what)
            outcome = _compared(tables, summary, case, result)
            connection.rollback()
    except Error as error:
        raise told(error, statement, what) from None
    return outcome


def _make(tables: _Bench, name: str) -> None:
    """An empty table with the columns of a declared one, or of a summary."""
    place = tables.place(name)
    if place in tables.made:
        return
    project = tables.bench.project
    if name in project.tables:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(identifier(column.name), tables.bench.warehouse.type_of(column))
            for column in project.tables[name].columns
        )
        tables.cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(qualified(place), columns))
    else:
        inner = as_read(tables.bench, project.summaries[name])
        for item in inner.inputs:
            _make(tables, item.table)
        _create_as(tables, place, _rewritten(tables, inner, inner.statement()))
    tables.made.add(place)


def _fill(tables: _Bench, summary: Summary, case: Case, table: TableName, given: Rows) -> None:
    known = _columns(tables, table)
    for row in given:
        for name in row:
            if name not in known:
                raise _wrong(summary, case, f"{table.name} has no column '{name}'", name, known)
        tables.cursor.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                qualified(table), listed(list(row)), sql.SQL(", ").join(sql.Placeholder() * len(row))
            ),
            list(row.values()),
        )


def _window(summary: Summary, case: Case) -> Window | None:
    grid = summary.grid
    if (grid is None) != (case.window is None):
        told = (
            "the summary is built as a whole" if grid is None else "says no window, and the summary is built by windows"
        )
        raise _wrong(summary, case, told, "window", ["window: 2024-01-31" if grid is not None else "no window"])
    if grid is None or case.window is None:
        return None
    try:
        return grid.parse(case.window)
    except ValueError as error:
        raise _wrong(summary, case, str(error), case.window, [grid.label(grid.nth(0)), "..."]) from None


def _run(tables: _Bench, summary: Summary, statement: str, what: str) -> TableName:
    """The table of what the SELECT makes, once the server says that it reads the case's own tables only."""
    result = TableName(next(iter(tables.schemas.values())), f"hg_{tables.mark}")
    text = _rewritten(tables, summary, statement)
    found = tables.bench.warehouse.understood(
        tables.cursor, TableName(result.schema, f"{result.name}_v"), text, CALLABLE
    )
    if not set(found.relations) <= tables.made or found.refused:
        strange = [*(str(table) for table in found.relations if table not in tables.made), *found.refused]
        raise DeclarationError(
            f"{what} uses {', '.join(strange)}; nothing was run", code="SUMMARY-READS", next_command="headgate check"
        )
    _create_as(tables, result, text)
    return result


def _compared(tables: _Bench, summary: Summary, case: Case, result: TableName) -> Outcome:
    known = _columns(tables, result)
    columns = list(case.rows_expected[0]) if case.rows_expected else known
    for name in columns:
        if name not in known:
            raise _wrong(summary, case, f"expects a column '{name}', which the SELECT doesn't make", name, known)
    # By way of a table of the same types: 1, 1.0 and 1.00 are one number, and '2024-01-31' is a date.
    expected = TableName(result.schema, f"{result.name}_e")
    _create_as(tables, expected, f"SELECT * FROM {qualified(result).as_string(tables.cursor)} WHERE 1 = 0")
    _fill(tables, summary, case, expected, case.rows_expected)
    wanted, came = (_counted(tables, table, columns) for table in (expected, result))
    return Outcome(summary.target, case.name, tuple(columns), _listed(wanted - came), _listed(came - wanted))


def _counted(tables: _Bench, table: TableName, columns: Sequence[str]) -> Counter[Row]:
    found = rows(tables.cursor, sql.SQL("SELECT {} FROM {}").format(listed(columns), qualified(table)))
    return Counter(
        tuple(float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value for value in row) for row in found
    )


def _listed(counted: Mapping[Row, int]) -> tuple[Row, ...]:
    return tuple(sorted((row for row, times in counted.items() for _ in range(times)), key=str))


def _rewritten(tables: _Bench, summary: Summary, statement: str) -> str:
    return in_other_schemas(
        statement, {TableName.parse(item.table).schema: tables.place(item.table).schema for item in summary.inputs}
    )


def _create_as(tables: _Bench, table: TableName, select: str) -> None:
    tables.cursor.execute(sql.SQL("CREATE TABLE {} AS\n").format(qualified(table)) + sql.SQL(select))


def _columns(tables: _Bench, table: TableName) -> list[str]:
    return [column.name for column in tables.bench.warehouse.columns(tables.cursor, table)]


def _wrong(summary: Summary, case: Case, what: str, name: str, known: Sequence[str]) -> DeclarationError:
    meant = nearest(name, known)
    return DeclarationError(
        f"case '{case.name}' of {summary.target}: {what}" + (f"; did you mean '{meant}'?" if meant else "")
        + f"\n  allowed: {', '.join(known)}",
        code="DECLARATION", next_command="mend the case; headgate summary test",
    )  # fmt: skip
