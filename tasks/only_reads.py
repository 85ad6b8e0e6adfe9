"""What an analyst wrote, proven on the warehouse before it runs: one SELECT, of the inputs it declares, that only reads.

`check` says the same of the text, without a server and with lines. Here the server that will run it has the last word.
"""

from __future__ import annotations

import secrets
from typing import Literal

from psycopg2 import Error, errorcodes

from deployments.declarations.sql_text import place
from deployments.declarations.summary import Summary, statements
from deployments.errors import DeclarationError, HeadgateError
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter, Understood
from tasks.warehouses.session import explain, session

_NOT_ONE_SELECT = (errorcodes.INVALID_CURSOR_DEFINITION, errorcodes.FEATURE_NOT_SUPPORTED)


def prove_select(adapter: Adapter, summary: Summary) -> None:
    """Raise DeclarationError unless the SELECT reads nothing but its inputs, and calls nothing that makes no value of values."""
    _prove(adapter, summary, summary.sql, f"the SELECT of {summary.target}", None)


def prove_checks(
    adapter: Adapter, summary: Summary, where: Literal["inputs", "expectations"], own: TableName | None
) -> None:
    """The same of SQL in checks. `own`: the table that the expectations judge, which theirs may read."""
    for path, text, judged in statements(summary, None if own is None else str(own)):
        if path[0] == where:
            # Only for the proof: a query may give columns of one name, which a view can't have.
            text = f"SELECT 1 AS n FROM (\n{text}\n) q" if judged else text
            _prove(adapter, summary, text, f"{_code(summary, path)} of {summary.target}", own)


def _code(summary: Summary, path: tuple[int | str, ...]) -> str:
    n = int(path[1])
    return summary.inputs[n].checks[int(path[3])].code if path[0] == "inputs" else summary.expectations[n].code


def _prove(adapter: Adapter, summary: Summary, select: str, what: str, own: TableName | None) -> None:
    from deployments.declarations.sql_functions import CALLABLE

    live = TableName.parse(summary.target)
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            # All of it is rolled back; a schema that is still to be made is made for it.
            adapter.create_schema(cursor, live.schema)
            found = adapter.understood(cursor, TableName(live.schema, f"hg_{secrets.token_hex(6)}"), select, CALLABLE)
            connection.rollback()
    except Error as error:
        raise told(error, select, what) from None
    _refuse(summary, found, what, own)


def _refuse(summary: Summary, found: Understood, what: str, own: TableName | None) -> None:
    declared = [item.table for item in summary.inputs]
    more = [str(table) for table in found.relations if str(table) not in declared and table != own]
    if more:
        raise DeclarationError(
            f"{what} reads {', '.join(more)}; its inputs are {', '.join(declared)}; nothing was run",
            code="SUMMARY-READS", next_command="name it under inputs, or read something else; headgate check",
            tables=more,
        )  # fmt: skip
    if found.refused:
        raise DeclarationError(
            f"{what} uses {', '.join(found.refused)}, which a summary can't; nothing was run",
            code="SUMMARY-CALLS", next_command="use functions and types of docs/add-a-summary.md; headgate check",
            uses=list(found.refused),
        )  # fmt: skip


def told(error: Error, select: str, what: str) -> HeadgateError:
    """Our error for what the server says of a SELECT, with line and column where it tells them."""
    if error.pgcode in _NOT_ONE_SELECT:
        return DeclarationError(
            f"{what} isn't one SELECT that only reads; nothing was run",
            code="SUMMARY-SELECT", next_command="one SELECT (or WITH ... SELECT); headgate check",
        )  # fmt: skip
    at = error.diag.internal_position
    if at is not None and error.diag.internal_query == select:
        line, column = place(select, int(at) - 1)
        what += f" (its line {line + 1}, column {column})"
    return explain(error, what)
