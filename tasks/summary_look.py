"""A look at what a SELECT makes: its columns as the warehouse says, and how far their values go. Nothing is left of it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import Error, sql

from deployments.declarations.columns import MAX_PRECISION, MAX_VARCHAR_BYTES, parse_type
from deployments.declarations.summary import Summary
from deployments.errors import DeclarationError
from tasks.one_sql import as_read
from tasks.only_reads import prove_select, told
from tasks.provision import declared
from tasks.summary_output import NUMBERS, TEXTS, described
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import one, session
from tasks.warehouses.shapes import LiveColumn
from tasks.workbench import Workbench

_USUAL_PRECISION, _MOST_DIGITS, _DIGITS = 18, 6, 4
_Q = "q"


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column with the type a contract may give it; `decide`: what a person has to say of that."""

    name: str
    type: str
    empty: int
    decide: str | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a SELECT gives now."""

    rows: int
    columns: tuple[SeenColumn, ...]


def look_at(bench: Workbench, summary: Summary) -> Looked:
    """Run the SELECT once, with the rights of summaries. DeclarationError for a type that no contract has."""
    adapter, role, summary = bench.warehouse, declared(bench).summaries_as, as_read(bench, summary)
    prove_select(adapter, summary)
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            adapter.create_schema(cursor, summary.schema_name)
            made = described(adapter, cursor, summary.schema_name, summary.statement())
            if role is not None:
                adapter.act_as(cursor, role)
            listed = sql.SQL(", ").join([sql.SQL("count(*)"), *(part for column in made for part in _figures(column))])
            select = sql.SQL("SELECT {} FROM (\n{}\n) {}").format(listed, sql.SQL(summary.statement()), identifier(_Q))
            row = one(cursor, select)
            connection.rollback()
    except Error as error:
        raise told(error, summary.statement(), f"the SELECT of {summary.target}") from None
    seen = []
    for position, column in enumerate(made):
        empty, far, digits = row[1 + 3 * position : 4 + 3 * position]
        kind, decide = _type_for(summary, column, int(far or 0), int(digits or 0))
        seen.append(SeenColumn(column.name, kind, int(empty), decide))
    return Looked(int(row[0]), tuple(seen))


def _figures(column: LiveColumn) -> tuple[sql.Composable, ...]:
    """Empty values; bytes of the longest text, or digits before the point; digits behind it."""
    name = identifier(_Q, column.name)
    far: sql.Composable = sql.SQL("NULL")
    digits: sql.Composable = sql.SQL("NULL")
    if column.type in TEXTS:
        far = sql.SQL("max(octet_length({}))").format(name)
    elif column.type in NUMBERS:
        text = sql.SQL("CAST(abs({}) AS varchar(128))").format(name)
        point = sql.SQL("position('.' in {})").format(text)
        far = sql.SQL("max(CASE WHEN {0} > 0 THEN {0} - 1 ELSE length({1}) END)").format(point, text)
        digits = sql.SQL("max(CASE WHEN {0} > 0 THEN length({1}) - {0} ELSE 0 END)").format(point, text)
    return sql.SQL("count(CASE WHEN {} IS NULL THEN 1 END)").format(name), far, digits


def _type_for(summary: Summary, column: LiveColumn, far: int, digits: int) -> tuple[str, str | None]:
    if column.type in TEXTS:
        length = 16
        while length < 2 * far:
            length *= 2
        return f"varchar({min(length, MAX_VARCHAR_BYTES)})", f"the longest has {far} bytes; how long may it get?"
    if column.type in NUMBERS:
        said = None
        if digits > _MOST_DIGITS:
            said, digits = (
                f"ROUND(..., {_DIGITS}) in the SELECT: it has up to {digits} digits behind the point",
                _DIGITS,
            )
        return f"decimal({_USUAL_PRECISION if far + digits < _USUAL_PRECISION else MAX_PRECISION},{digits})", said
    try:
        return str(parse_type(column.type)), None
    except ValueError as error:
        raise DeclarationError(
            f"{column.name} of {summary.target} is {column.type}: {error}",
            code="OUTPUT-COLUMNS",
            next_command=f"CAST({column.name} AS ...) in the SELECT; headgate summary new FILE",
        ) from None
