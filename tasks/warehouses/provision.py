"""Schemas, groups, membership and grants as declared: the difference to the warehouse, and the SQL that closes it.

Only what is declared is looked at: groups that `warehouse.yaml` or a table names, in the schemas it names. No user is made
and no password is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.provisioning import CLOSED, Provisioning, usages, with_table_grants
from tasks.warehouses.access_lists import SCHEMA, TABLE, Rights
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.quoting import identifier
from tasks.warehouses.session import one

_ACCESS = {"read": "r", "all": "rawd"}


@dataclass(frozen=True, slots=True)
class Step:
    """One difference: what it is for people, and the statement that closes it; None: nobody but a person can."""

    what: str
    statement: sql.Composed | None


def difference(
    adapter: Adapter, cursor: Cursor, given: Provisioning, grants: Mapping[str, tuple[str, ...]]
) -> list[Step]:
    """What `provision` would do, in order; empty when the warehouse is as declared. `grants`: groups by table."""
    declared = with_table_grants(given, grants)
    return [
        *_schemas(adapter, cursor, declared),
        *_groups(adapter, cursor, declared),
        *_closed(adapter, cursor, declared),
        *_rights(adapter, cursor, declared, grants),
    ]


def _schemas(adapter: Adapter, cursor: Cursor, declared: Provisioning) -> Iterator[Step]:
    there = adapter.schemas(cursor)
    # Those of ours are made by the loader, or for it (`deployments/grants`): another login's it couldn't write to.
    for name in declared.schemas:
        if name not in there and name not in CLOSED:
            yield Step(f"schema {name}", sql.SQL("CREATE SCHEMA {}").format(identifier(name)))


def _groups(adapter: Adapter, cursor: Cursor, declared: Provisioning) -> Iterator[Step]:
    there, members = adapter.groups(cursor), adapter.members(cursor)
    users = adapter.users(cursor)
    me = str(one(cursor, "SELECT current_user")[0])
    for name, group in declared.groups.items():
        if name not in there:
            yield Step(f"group {name}", adapter.group_statement(name))
        if name == declared.summaries_as and not (name in there and adapter.may_act_as(cursor, name)):
            yield Step(f"{me} into group {name}: it builds summaries", adapter.member_statement(name, me, add=True))
        if group.members is None:
            continue
        now, wanted = members.get(name, set()), set(group.members)
        for user in sorted(wanted - now):
            known = user in users
            what = f"{user} into group {name}" + ("" if known else ": there is no such user; somebody has to make it")
            yield Step(what, adapter.member_statement(name, user, add=True) if known else None)
        for user in sorted(now - wanted - ({me} if name == declared.summaries_as else set())):
            yield Step(f"{user} out of group {name}", adapter.member_statement(name, user, add=False))


def _closed(adapter: Adapter, cursor: Cursor, declared: Provisioning) -> Iterator[Step]:
    """Nobody but the loader has business in ops and quarantine."""
    for (name, schema), letters in adapter.schema_rights(cursor, CLOSED).items():
        if letters and (not name or name in declared.groups):
            grantee = adapter.grantee(name) if name else sql.SQL("PUBLIC")
            revoke = sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(identifier(schema), grantee)
            yield Step(f"{name or 'everybody'} has no business in {schema}", revoke)


def _rights(
    adapter: Adapter, cursor: Cursor, declared: Provisioning, grants: Mapping[str, tuple[str, ...]]
) -> Iterator[Step]:
    open_schemas = tuple(name for name in declared.schemas if name not in CLOSED)
    wanted_use: Rights = {
        pair: {"U", "C"} if create else {"U"} for pair, create in usages(declared, grants).items()
    }  # fmt: skip
    wanted_new: Rights = {}
    for name, group in declared.groups.items():
        for schema, access in group.schemas.items():
            wanted_new[name, schema] = set(_ACCESS[access])
    wanted_tables: Rights = {}
    have_tables: Rights = {}
    for table, rights in adapter.table_rights(cursor, open_schemas).items():
        for name, group in declared.groups.items():
            letters = set(_ACCESS[group.schemas[table.schema]]) if table.schema in group.schemas else set()
            if name in grants.get(str(table), ()):
                letters.add("r")
            if letters:
                wanted_tables[name, str(table)] = letters
        have_tables |= {(name, str(table)): letters for name, letters in rights.items()}
    groups = set(declared.groups)
    # A schema that is still to be made has no rights yet.
    have_use, have_new = adapter.schema_rights(cursor, open_schemas), adapter.future_rights(cursor, open_schemas)
    for what, wanted, have, words in (
        ("SCHEMA", wanted_use, have_use, SCHEMA),
        ("TABLE", wanted_tables, have_tables, TABLE),
        ("new tables", wanted_new, have_new, TABLE),
    ):
        for name, subject in sorted({*wanted, *have}):
            if name not in groups:
                continue
            now, then = have.get((name, subject), set()), wanted.get((name, subject), set())
            for verb, letters in (("GRANT", then - now), ("REVOKE", now - then)):
                if letters:
                    yield _step(
                        adapter,
                        verb,
                        [word for letter, word in words.items() if letter in letters],
                        what,
                        subject,
                        name,
                    )


def _step(adapter: Adapter, verb: str, privileges: list[str], what: str, subject: str, group: str) -> Step:
    words = ", ".join(privileges)
    to = "TO" if verb == "GRANT" else "FROM"
    said = f"{verb.lower()} {words.lower()} on {'new tables in ' if what == 'new tables' else ''}{subject} {to.lower()} {group}"
    if what == "new tables":
        form = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{}} {verb} {words} ON TABLES {to} {{}}"
        return Step(said, sql.SQL(form).format(identifier(subject), adapter.grantee(group)))
    named = identifier(subject) if what == "SCHEMA" else identifier(*subject.split(".", 1))
    return Step(said, sql.SQL(f"{verb} {words} ON {what} {{}} {to} {{}}").format(named, adapter.grantee(group)))
