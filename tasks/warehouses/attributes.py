"""Owner, comments and grants of a table or view: what readers know of it, and a CREATE doesn't carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, qualified


@dataclass(frozen=True, slots=True)
class Granted:
    """What was granted on a table or view, ready to stand in a GRANT."""

    privilege: sql.Composable
    grantee: sql.Composable
    grantable: bool


def grant(cursor: Cursor, relation: TableName, granted: Iterable[Granted]) -> None:
    """Grant it (again)."""
    for item in granted:
        tail = sql.SQL(" WITH GRANT OPTION" if item.grantable else "")
        statement = sql.SQL("GRANT {} ON {} TO {}").format(item.privilege, qualified(relation), item.grantee)
        cursor.execute(statement + tail)


def comment(cursor: Cursor, kind: Literal["TABLE", "VIEW"], relation: TableName, column: str | None, text: str) -> None:
    """Comment on it, or on one of its columns."""
    if column is None:
        target = sql.SQL(f"{kind} {{}}").format(qualified(relation))
    else:
        target = sql.SQL("COLUMN {}").format(identifier(relation.schema, relation.name, column))
    cursor.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))


def give_to(cursor: Cursor, relation: TableName, owner: str) -> None:
    """Change its owner."""
    cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(qualified(relation), identifier(owner)))
