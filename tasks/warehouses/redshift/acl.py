"""Grants on a table as the catalog spells them: `user=arw/owner`, `group readers=r/owner`, `=r/owner` for everybody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from psycopg2 import sql

from tasks.warehouses.quoting import identifier, unquoted

Kind = Literal["user", "group", "role", "public"]
_PRIVILEGES = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "x": "REFERENCES"}
# Shown by the catalog, but no GRANT of the service can give them.
_NOT_GRANTED = frozenset("Rt")


@dataclass(frozen=True, slots=True, order=True)
class Grantee:
    """Somebody who was granted something; a group and a user may share a name."""

    kind: Kind
    name: str

    def sql(self) -> sql.Composable:
        """As it stands after TO or FROM."""
        if self.kind == "public":
            return sql.SQL("PUBLIC")
        word = {"user": "", "group": "GROUP ", "role": "ROLE "}[self.kind]
        return sql.SQL(word) + identifier(self.name)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege of one grantee."""

    grantee: Grantee
    privilege: str
    grantable: bool = False


@dataclass(frozen=True, slots=True)
class Acl:
    """Everybody's grants but the owner's. `strange` holds letters that can't be replayed as a GRANT."""

    grants: tuple[Grant, ...]
    grantees: tuple[Grantee, ...]
    strange: str = ""


def parse_acl(items: Collection[str], owner: str, groups: Collection[str], users: Collection[str]) -> Acl:
    """The grants in the catalog's access list."""
    grants: list[Grant] = []
    grantees: list[Grantee] = []
    strange = ""
    for item in items:
        who, _, letters = item.rpartition("/")[0].rpartition("=")
        grantee = _grantee(who, groups, users)
        if grantee == Grantee("user", owner):
            continue
        grantees.append(grantee)
        for position, letter in enumerate(letters):
            if letter in _PRIVILEGES:
                grants.append(Grant(grantee, _PRIVILEGES[letter], letters[position + 1 : position + 2] == "*"))
            elif letter != "*" and letter not in _NOT_GRANTED:
                strange += letter
    return Acl(tuple(sorted(grants)), tuple(sorted(set(grantees))), strange)


def _grantee(who: str, groups: Collection[str], users: Collection[str]) -> Grantee:
    for word, kind in (("group ", "group"), ("role ", "role")):
        if who.startswith(word):
            return Grantee(kind, unquoted(who[len(word) :]))  # type: ignore[arg-type]
    name = unquoted(who)
    if not name:
        return Grantee("public", "")
    return Grantee("group" if name in groups and name not in users else "user", name)
