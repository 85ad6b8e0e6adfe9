"""Trials that stay for some days: tables in the schema `adhoc` for whoever wrote the summary, and for nobody else.

When such a table goes stands in its name, so that whoever cleans up needs no memory of it; the mark in it is one that no declared
table has.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from getpass import getuser

from psycopg2 import Error, sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.summary import Summary
from deployments.errors import DeclarationError
from tasks.warehouses import attributes, names
from tasks.warehouses.names import TableName
from tasks.warehouses.quoting import identifier, listed, qualified
from tasks.warehouses.session import explain, rows, transaction
from tasks.workbench import Workbench

SCHEMA = "adhoc"
_UNTIL = "%y%m%d%H%M"
_OURS = re.compile(r".+__hg_a(?P<until>\d{10})[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Adhoc:
    """A table that was tried, and when it goes (UTC)."""

    table: str
    until: datetime

    @property
    def moment(self) -> str:
        return f"{self.until:%Y-%m-%d %H:%M} UTC"


def reader_of(bench: Workbench, cursor: Cursor, name: str | None) -> sql.Composable:
    """Who is to read it, as GRANT names them: a login or a group; DeclarationError for one that the warehouse doesn't have. The
    warehouse of the local stack has one login for everybody, so that without a name it is that one."""
    wanted = name or getuser()
    if wanted in bench.warehouse.users(cursor):
        return identifier(wanted)
    if wanted in bench.warehouse.groups(cursor):
        return bench.warehouse.grantee(wanted)
    if name is None and bench.settings.local_stack:
        return sql.SQL("CURRENT_USER")
    raise DeclarationError(
        f"the warehouse has no login and no group '{wanted}': nobody could read what is built; nothing was built",
        code="UNKNOWN-READER", next_command="the same command with --for LOGIN, your own login or a group you are in",
    )  # fmt: skip


def prove_reader(bench: Workbench, name: str | None) -> None:
    """DeclarationError where `reader_of` has one, before anything is built."""
    with transaction(bench.warehouse.address) as cursor:
        reader_of(bench, cursor, name)


def keep_for(
    bench: Workbench, summary: Summary, built: TableName, reader: str | None, days: int, now: datetime
) -> Adhoc:
    """Copy what a trial built into a table of its own, which `reader` may read for so many days. Columns whose values are never
    shown aren't in it."""
    until = (now + timedelta(days=days)).replace(second=0, microsecond=0)
    made = TableName(
        SCHEMA, f"{names.stem(TableName.parse(summary.target))}__hg_a{until:{_UNTIL}}{secrets.token_hex(2)}"
    )
    adapter = bench.warehouse
    found = Adhoc(str(made), until)
    try:
        with transaction(adapter.address) as cursor:
            who = reader_of(bench, cursor, reader)
            adapter.create_schema(cursor, SCHEMA)
            shown = [column.name for column in adapter.columns(cursor, built) if column.name not in summary.masked]
            select = sql.SQL("SELECT {} FROM {}").format(listed(shown), qualified(built))
            adapter.create_as(cursor, made, select, None)
            adapter.close(cursor, made)
            said = f"{summary.target} as it was tried on {now:%Y-%m-%d}; it goes on {found.moment} (headgate clean)"
            attributes.comment(cursor, "TABLE", made, None, said)
            cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(identifier(SCHEMA), who))
            cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(qualified(made), who))
    except Error as error:
        raise explain(error, f"building {made}") from None
    return found


def kept(cursor: Cursor) -> list[Adhoc]:
    """Every table of ours in that schema, the next to go first; none that somebody else made, whatever its name."""
    found = rows(
        cursor,
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = current_user",
        (SCHEMA,),
    )
    marked = [(str(name), _OURS.fullmatch(str(name))) for (name,) in found]
    made = [
        Adhoc(f"{SCHEMA}.{name}", datetime.strptime(match["until"], _UNTIL).replace(tzinfo=UTC))
        for name, match in marked
        if match is not None
    ]
    return sorted(made, key=lambda item: (item.until, item.table))
