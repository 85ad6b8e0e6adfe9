"""A query that somebody declared: proven to be one SELECT before it runs, and put into parentheses so that it stays one."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor


def inside(query: str) -> sql.Composed:
    """The query in parentheses. On lines of its own: it may end in a comment."""
    return sql.SQL("(\n{}\n)").format(sql.SQL(query))


def one_row(
    cursor: Cursor, statement: sql.Composable | str, parameters: tuple[object, ...] | None = None
) -> tuple[Any, ...]:
    """The only row of a question that always has one."""
    cursor.execute(statement, parameters)
    row = cursor.fetchone()
    assert row is not None
    return row


def prove_one_select(cursor: Cursor, query: str) -> None:
    """Let the server read the query as a value and open it as a cursor; nothing of it runs.

    The driver sends a text with several statements as it is, and one of them could end the read-only transaction. A cursor
    takes one statement that returns rows. What is read so is read alike inside parentheses: a text that would leave them
    doesn't parse by itself. psycopg2.Error: it is no such statement.
    """
    body = sql.SQL("DECLARE opened refcursor; BEGIN OPEN opened FOR EXECUTE {}; CLOSE opened; END").format(
        sql.Literal(query)
    )
    cursor.execute(sql.SQL("DO LANGUAGE plpgsql {}").format(sql.Literal(body.as_string(cursor))))
