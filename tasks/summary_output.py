"""The contract of a summary held against its SELECT: what the warehouse says the columns are, and that no value changes.

Names, order and types are proven before the SELECT runs. A type that can't hold every value of what the SELECT makes is
filled all the same where a value that doesn't fit fails the build: the server refuses it by itself, or is made to.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.columns import Column, ColumnType, parse_type
from deployments.declarations.summary import Summary
from deployments.errors import DeclarationError, HeadgateError
from deployments.windows import Window
from tasks.driver_errors import said
from tasks.warehouses.changes import holds
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import explained, one, session
from tasks.warehouses.shapes import LiveColumn

_INTEGERS = ("smallint", "integer", "bigint")
TEXTS = ("text", "character varying", "unknown")
"""Spellings of a text of any length, such as of a literal."""
NUMBERS = ("numeric",)
"""Of a number of any size."""
_REFUSED = sql.SQL("CAST(repeat('x', length(CAST({column} AS varchar(64)))) AS bigint)")
"""No number: the server refuses it. It stands for a value that doesn't fit, and takes its length from it, so that no server
computes it beforehand."""
_Q = "q"


def described(adapter: Adapter, cursor: Cursor, schema: str, select: str) -> list[LiveColumn]:
    """Names and types of what a SELECT makes, as the warehouse says; nothing of it runs, and nothing is left."""
    view = TableName(schema, f"hg_{secrets.token_hex(6)}")
    cursor.execute(sql.SQL("CREATE VIEW {} AS\n").format(qualified(view)) + sql.SQL(select))
    found = adapter.columns(cursor, view)
    cursor.execute(sql.SQL("DROP VIEW {}").format(qualified(view)))
    return found


def prove_output(adapter: Adapter, summary: Summary) -> None:
    """DeclarationError where the columns of the SELECT aren't those of the contract; nothing runs, and nothing is left."""
    if not summary.columns:
        return
    with (
        explained(f"the SELECT of {summary.target}"),
        session(adapter.address) as connection,
        connection.cursor() as cursor,
    ):
        adapter.create_schema(cursor, summary.schema_name)
        select_of(summary, described(adapter, cursor, summary.schema_name, summary.statement()))
        connection.rollback()


def select_of(summary: Summary, made: Sequence[LiveColumn], window: Window | None = None) -> sql.Composed:
    """The SELECT with each value that would change in its declared column made one that the server refuses.

    DeclarationError where the columns aren't those of the contract. `made`: as `described` tells them.
    """
    wrong = _misfits(summary, made)
    if wrong:
        raise DeclarationError(
            f"the SELECT of {summary.target} doesn't make the columns that its contract says; nothing was run",
            listing=wrong,
            code="OUTPUT-COLUMNS",
            next_command=f"mend the SELECT or columns; headgate summary try {summary.target}",
        )
    listed = sql.SQL(", ").join(
        _guarded(column, there.type) for column, there in zip(summary.contract, made, strict=True)
    )
    return sql.SQL("SELECT {} FROM (\n{}\n) {}").format(listed, sql.SQL(summary.statement(window)), identifier(_Q))


def told_of_values(
    cursor: Cursor, summary: Summary, made: Sequence[LiveColumn], error: Error, window: Window | None
) -> HeadgateError | None:
    """Our error for a build whose values don't fit the contract: which columns, and by how much; None where all fit.

    Runs the SELECT once more, to be asked after it failed.
    """
    columns = summary.contract
    figures = [_figures(column, there.type) for column, there in zip(columns, made, strict=True)]
    statement = sql.SQL("SELECT {} FROM (\n{}\n) {}").format(
        sql.SQL(", ").join(part for parts in figures for part in parts),
        sql.SQL(summary.statement(window)),
        identifier(_Q),
    )
    row, width = one(cursor, statement), len(figures[0])
    wrong = [
        text
        for position, column in enumerate(columns)
        for text in _unfit(column, row[position * width : (position + 1) * width], masked=column.name in summary.masked)
    ]
    if not wrong:
        return None
    return DeclarationError(
        f"the SELECT of {summary.target} makes values that its columns don't hold; the table readers see is unchanged",
        listing=wrong,
        code="OUTPUT-VALUES",
        next_command=f"mend the SELECT or columns; headgate summary try {summary.target}",
        said=said(error),
    )


def _misfits(summary: Summary, made: Sequence[LiveColumn]) -> list[str]:
    declared, there = [column.name for column in summary.columns], [column.name for column in made]
    if declared != there:
        return [f"the contract has {', '.join(declared)}; the SELECT makes {', '.join(there)}"]
    return [
        f"{column.name} is {found.type} there, {column.type} in the contract: CAST(... AS {column.type}), or another type"
        for column, found in zip(summary.contract, made, strict=True)
        if not _may_fit(column.column_type, found.type)
    ]


def _may_fit(declared: ColumnType, made: str) -> bool:
    """Whether a value can go into the column as it is, all of them or those that fit."""
    found = _type_of(made)
    if found is not None and holds(declared, found):
        return True
    whole = made in NUMBERS or (found is not None and (found.kind in _INTEGERS or found.kind == "decimal"))
    if declared.kind in _INTEGERS or declared.kind == "decimal":
        return whole or made == "double precision"
    if declared.kind == "double precision":
        return found is not None and found.kind in _INTEGERS
    return declared.kind == "varchar" and (made in TEXTS or (found is not None and found.kind == "varchar"))


def _guarded(column: Column, made: str) -> sql.Composable:
    """The value; or, where the column can't hold it, one that the server refuses."""
    name, declared, found = identifier(_Q, column.name), column.column_type, _type_of(made)
    if found is not None and holds(declared, found):
        return name
    if declared.kind == "varchar":
        # PostgreSQL counts characters, and cuts blanks off the end without a word.
        form = "CASE WHEN octet_length({column}) > {length} THEN repeat('x', {more}) ELSE {column} END"
        length, more = sql.Literal(declared.length), sql.Literal(declared.length + 1)
        return sql.SQL(form).format(column=name, length=length, more=more)
    if found is not None and found.kind != "double precision" and _rounds_nothing(declared, found):
        return name
    return sql.SQL("CASE WHEN {changed} THEN {refused} ELSE {column} END").format(
        changed=_changed(column), refused=_REFUSED.format(column=name), column=name
    )


def _rounds_nothing(declared: ColumnType, found: ColumnType) -> bool:
    """Whether a value keeps all its digits behind the point; one that is too large is refused by the server itself."""
    if declared.kind == "double precision":
        return found.kind in ("smallint", "integer")
    return declared.kind in ("decimal", *_INTEGERS) and declared.scale >= found.scale


def _changed(column: Column) -> sql.Composed:
    """Whether a number isn't the same in its declared type."""
    there = "CAST({column} AS {type})"
    if column.column_type.kind == "double precision":
        # Compared as doubles, the two are one.
        there = f"CAST({there} AS bigint)"
    return sql.SQL("{column} <> " + there).format(column=identifier(_Q, column.name), type=sql.SQL(column.type))


def _figures(column: Column, made: str) -> tuple[sql.Composable, ...]:
    """Empty values; how far the values go (bytes of the longest text, the largest number); those with too many digits."""
    name, declared = identifier(_Q, column.name), column.column_type
    far: sql.Composable = sql.SQL("NULL")
    rounded: sql.Composable = sql.SQL("NULL")
    if declared.kind == "varchar":
        far = sql.SQL("max(octet_length({}))").format(name)
    elif declared.is_number:
        far = sql.SQL("max(abs({}))").format(name)
        number = sql.SQL("CAST({} AS decimal(38,15))").format(name) if made == "double precision" else name
        rounded = sql.SQL("count(CASE WHEN round({0}, {1}) <> {0} THEN 1 END)").format(
            number, sql.Literal(declared.scale)
        )
    return sql.SQL("count(CASE WHEN {} IS NULL THEN 1 END)").format(name), far, rounded


def _unfit(column: Column, figures: Sequence[Any], *, masked: bool) -> Iterator[str]:
    empty, far, rounded = figures
    declared = column.column_type
    if empty and not column.nullable:
        yield f"{column.name}: it is nullable: false; rows without a value: {empty:,}"
    if declared.kind == "varchar" and far is not None and far > declared.length:
        yield f"{column.name}: its longest text has {far:,} bytes, and it is {column.type}"
    limit = _limit(declared)
    if limit is not None and far is not None and far >= limit:
        yield f"{column.name}: {'a number' if masked else f'its largest number, {far:,},'} is beyond {column.type}"
    elif rounded and declared.kind != "double precision":
        digits = f"{declared.scale} digits" if declared.scale else "none"
        yield (
            f"{column.name}: rows with more than {digits} behind the point: {rounded:,}; ROUND(..., {declared.scale}) says what "
            "is to become of them"
        )


def _limit(declared: ColumnType) -> int | None:
    """The first whole number above 0 that a type of numbers doesn't hold exactly."""
    if declared.kind == "decimal":
        return int(10 ** (declared.precision - declared.scale))
    return {"smallint": 2**15, "integer": 2**31, "bigint": 2**63, "double precision": 2**53 + 1}.get(declared.kind)


def _type_of(text: str) -> ColumnType | None:
    try:
        return parse_type(text)
    except ValueError:
        return None
