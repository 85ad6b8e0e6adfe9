"""SQL of summaries and rules, proven on the warehouse before it runs: one SELECT, of the inputs it declares, that only reads.

`check` says the same of the text, without a server and with lines. Here the server that will run it has the last word.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from psycopg2 import Error, errorcodes

from deployments.declarations.problems import KeyPath
from deployments.declarations.sql_text import place
from deployments.declarations.suite import Suite
from deployments.declarations.summary import Summary, statements
from deployments.errors import DeclarationError, HeadgateError
from tasks.driver_errors import said
from tasks.warehouses.names import TableName
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.session import explain, session
from tasks.warehouses.shapes import Understood

_OF_TEXT = ("42", "22")
"""Classes of SQLSTATE of what can't be read or computed."""
_NOT_ONE_SELECT = (errorcodes.INVALID_CURSOR_DEFINITION, errorcodes.FEATURE_NOT_SUPPORTED)


def prove_select(adapter: Adapter, summary: Summary) -> None:
    """Raise DeclarationError unless the SELECT reads nothing but its inputs, and calls nothing that makes no value of values."""
    _prove(adapter, _of_summary(summary, None), summary.statement(), f"the SELECT of {summary.target}")


def prove_checks(
    adapter: Adapter, summary: Summary, where: Literal["inputs", "expectations"], own: TableName | None
) -> None:
    """The same of SQL in checks. `own`: the table that the expectations judge, which theirs may read."""
    for path, text, judged in statements(
        summary, None if own is None else str(own), lambda sql: summary.with_moments(sql, None)
    ):
        # A figure of what was built can only be asked for afterwards.
        if ("expectations" if path[-1] == "here" else path[0]) == where:
            text = _as_view(text) if judged else text
            _prove(adapter, _of_summary(summary, own), text, f"{_code(summary, path)} of {summary.target}")


def prove_rules(adapter: Adapter, suite: Suite, own: TableName, declared: Collection[str]) -> None:
    """The same of SQL in a suite that is judged on `own`; it may read what is `declared` as well."""
    for position, text in suite.queries(str(own)):
        readable = Readable(
            TableName.parse(suite.table), own, declared, "RULE", "it may read {batch} and what is declared"
        )
        _prove(adapter, readable, _as_view(text), f"{suite.expectations[position].code} of {suite.table}")


@dataclass(frozen=True, slots=True)
class Readable:
    """What a SELECT may read: what is `declared`, and the table `own` that it judges. `said`: that in words."""

    live: TableName
    own: TableName | None
    declared: Collection[str]
    kind: Literal["SUMMARY", "RULE"]
    said: str


def _of_summary(summary: Summary, own: TableName | None) -> Readable:
    inputs = [item.table for item in summary.inputs]
    return Readable(TableName.parse(summary.target), own, inputs, "SUMMARY", f"its inputs are {', '.join(inputs)}")


def _as_view(query: str) -> str:
    """Only for the proof: a query may give columns of one name, which a view can't have."""
    return f"SELECT 1 AS n FROM (\n{query}\n) q"


def _code(summary: Summary, path: KeyPath) -> str:
    n = int(path[1])
    if path[0] != "inputs":
        return summary.expectations[n].code
    item, m = summary.inputs[n], int(path[3])
    return item.balances[m].code if path[2] == "balances" else item.checks[m].code


def _prove(adapter: Adapter, readable: Readable, select: str, what: str) -> None:
    from deployments.declarations.sql_functions import CALLABLE

    schema = readable.live.schema
    try:
        with session(adapter.address) as connection, connection.cursor() as cursor:
            # All of it is rolled back; a schema that is still to be made is made for it.
            adapter.create_schema(cursor, schema)
            found = adapter.understood(cursor, TableName(schema, f"hg_{secrets.token_hex(6)}"), select, CALLABLE)
            connection.rollback()
    except Error as error:
        raise told(error, select, what, readable.kind) from None
    _refuse(readable, found, what)


def _refuse(readable: Readable, found: Understood, what: str) -> None:
    more = [str(table) for table in found.relations if str(table) not in readable.declared and table != readable.own]
    if more:
        raise DeclarationError(
            f"{what} reads {', '.join(more)}; {readable.said}; nothing was run",
            code=f"{readable.kind}-READS", next_command="declare what it reads, or read something else; headgate check",
            tables=more,
        )  # fmt: skip
    if found.refused:
        raise DeclarationError(
            f"{what} uses {', '.join(found.refused)}, which it can't; nothing was run",
            code=f"{readable.kind}-CALLS", next_command="use functions and types of docs/add-a-summary.md; headgate check",
            uses=list(found.refused),
        )  # fmt: skip


def told(error: Error, select: str, what: str, kind: str = "SUMMARY") -> HeadgateError:
    """Our error for what the server says of a SELECT, with line and column where it tells them."""
    if error.pgcode in _NOT_ONE_SELECT:
        return DeclarationError(
            f"{what} isn't one SELECT that only reads; nothing was run",
            code=f"{kind}-SELECT", next_command="one SELECT (or WITH ... SELECT); headgate check",
        )  # fmt: skip
    at = error.diag.internal_position
    if at is not None and error.diag.internal_query == select:
        line, column = place(select, int(at) - 1)
        what += f" (its line {line + 1}, column {column})"
    if error.pgcode == errorcodes.UNDEFINED_FUNCTION:
        return DeclarationError(
            f"{what}: {said(error)}; nothing was run",
            code=f"{kind}-CALLS", next_command="functions that the warehouse has; for SQL of Redshift, in the header: "
            "written_for: redshift (docs/one-sql.md)",
        )  # fmt: skip
    if (error.pgcode or "").startswith(_OF_TEXT) and error.pgcode != errorcodes.INSUFFICIENT_PRIVILEGE:
        # What somebody wrote, or a value it makes, such as a division by 0.
        return DeclarationError(
            f"{what}: {said(error)}; nothing was published", code=f"SQL-{error.pgcode}",
            next_command="mend the SQL; then: headgate summary try NAME",
        )  # fmt: skip
    return explain(error, what)
